"""An independent witness: `python tools/noise_probe.py PID` watches a host while PID measures.

It shares no code with the suite. Twice a second it reads what CPU time the hypervisor took and what
processes other than PID, its descendants and the probe itself used. Ten times a second it times a
short spin on whatever core it wakes on. When PID has ended, or on SIGTERM, it prints one JSON
object: a verdict, quiet or noisy, the reasons, and what it cost. Exit 0; 2 when PID is unknown from
the beginning.
"""

import argparse
import json
import os
import signal
import statistics
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
INTERVAL, SPINS = 0.5, 5
# A process at work, or a busy neighbour, in more than a quarter of the intervals.
OTHERS_CPUS, STOLEN_SHARE, TIME_SHARE = 0.1, 0.02, 0.25
# Spins against the run's best tenth: the clock wanders by a few percent, a neighbour on the core's
# other hardware thread costs tens. A core that slept takes a moment to be as fast as it can.
SPIN_TURNS, AWAKE, SLOW = 2500, 0.003, 1.15


@dataclass(frozen=True)
class Reading:
    """CPU seconds so far: the machine's work, what was stolen, the measuring processes', ours."""

    at: float
    busy: float
    stolen: float
    total: float
    watched: float
    own: float


@dataclass(frozen=True)
class Interval:
    """What an interval showed."""

    others: float
    stolen: float
    spin: float


def machine(proc: Path, tick: float) -> tuple[float, float, float]:
    """Return busy, stolen and total CPU seconds of the machine."""
    words = (proc / "stat").read_text().split("\n", 1)[0].split()[1:9]
    user, nice, system, idle, wait, irq, softirq, steal = (int(word) * tick for word in words)
    busy = user + nice + system + irq + softirq
    return busy, steal, busy + idle + wait + steal


def tree(proc: Path, pid: int, tick: float) -> float:
    """Return the CPU seconds of a process, its living descendants and the dead ones it reaped."""
    try:
        fields = (proc / f"{pid}/stat").read_text().rsplit(")", 1)[1].split()
        children = (proc / f"{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return 0.0
    used = sum(int(word) for word in fields[11:15]) * tick
    return used + sum(tree(proc, int(child), tick) for child in children)


def read(proc: Path, pid: int, tick: float) -> Reading:
    """Read everything at once; the watched first, so that it is never counted as another's."""
    watched = tree(proc, pid, tick)
    busy, stolen, total = machine(proc, tick)
    return Reading(time.monotonic(), busy, stolen, total, watched, time.process_time())


def alive(proc: Path, pid: int) -> bool:
    """Whether a process is there and not merely waiting to be reaped."""
    try:
        return (proc / f"{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def spin(known: float) -> float:
    """Return the CPU seconds of the fastest short loop, of as many as it takes.

    They end when one is about as fast as the fastest `known`, or after the time to wake a core.
    """
    fastest, first = float("inf"), time.thread_time()
    while fastest > SLOW * known:
        begin = time.thread_time()
        for _ in range(SPIN_TURNS):
            pass
        ended = time.thread_time()
        fastest = min(fastest, ended - begin)
        if ended - first > AWAKE:
            break
    return fastest


def between(before: Reading, after: Reading, spun: float) -> Interval:
    """Return what two readings say of the time between them."""
    seconds = after.at - before.at
    ours = after.watched - before.watched + after.own - before.own
    passed = max(after.total - before.total, 1e-9)
    others = max(0.0, (after.busy - before.busy - ours) / seconds)
    return Interval(others, (after.stolen - before.stolen) / passed, spun)


def report(seen: Sequence[Interval], cost: float) -> dict[str, object]:
    """Return the verdict on these intervals, with its reasons and figures."""
    if len(seen) < 2:
        return {"verdict": "quiet", "reasons": ["too short to tell"], "intervals": len(seen)}
    others = [one.others for one in seen]
    stolen = [one.stolen for one in seen]
    spins = [one.spin for one in seen]
    best = sorted(spins)[len(spins) // 10]
    shares = {
        "other processes work": share(one > OTHERS_CPUS for one in others),
        "time is stolen": share(one > STOLEN_SHARE for one in stolen),
        "cores are slow": share(one > SLOW * best for one in spins),
    }
    return {
        "verdict": "noisy" if max(shares.values()) > TIME_SHARE else "quiet",
        "reasons": [name for name, part in shares.items() if part > TIME_SHARE],
        "intervals": len(seen),
        "others_median": round(statistics.median(others), 3),
        "others_mean": round(statistics.fmean(others), 3),
        "others_share": round(shares["other processes work"], 3),
        "stolen_mean": round(statistics.fmean(stolen), 4),
        "stolen_share": round(shares["time is stolen"], 3),
        "spin_over_best": [round(one / best, 2) for one in statistics.quantiles(spins, n=10)],
        "slow_share": round(shares["cores are slow"], 3),
        "cost_cpus": round(cost, 4),
    }


def share(truths: Iterable[bool]) -> float:
    """Return the part of some truths that hold."""
    held = list(truths)
    return sum(held) / len(held)


def watch(pid: int, proc: Path = PROC) -> dict[str, object]:
    """Watch until the process has ended or we are told to stop."""
    stop: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stop.append(number))
    tick = 1 / os.sysconf("SC_CLK_TCK")
    begin = before = read(proc, pid, tick)
    seen: list[Interval] = []
    known, spins = spin(0.0), list[float]()
    while not stop:
        time.sleep(INTERVAL / SPINS)
        if not alive(proc, pid):
            break
        spins.append(spin(known))
        known = min(known, spins[-1])
        if len(spins) == SPINS:
            after = read(proc, pid, tick)
            seen.append(between(before, after, statistics.median(spins)))
            before, spins = after, []
    return report(seen, (time.process_time() - begin.own) / max(time.monotonic() - begin.at, 1e-9))


def main(arguments: Sequence[str] | None = None) -> int:
    """Watch, and print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pid", type=int, help="the measuring process; it and its own don't count")
    options = parser.parse_args(arguments)
    if not alive(PROC, options.pid):
        print(f"error: there is no process {options.pid}.", file=sys.stderr)
        return 2
    print(json.dumps(watch(options.pid)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
