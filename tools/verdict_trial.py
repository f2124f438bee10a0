"""Does the verdict notice what it should? `python -m tools.verdict_trial --runs 20 --out FILE`.

Quick calibrations in turn in three situations: alone, with a process that computes and with one
that streams through memory, each pinned to the last core; `noise_probe.py` runs beside each. Every
run is a JSON line in FILE as soon as it is made, its record lies in FILE.records; begun again
with the same FILE, what is there counts. A load ends with its run, and by itself when this process
dies. The table is printed last.
"""

import argparse
import ctypes
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from roofline.physics.noise import verdict
from roofline.physics.steady import NOISY, RANGE
from roofline.records import Calibration, Ceiling
from roofline.store.schema import loads_as

ROOT = Path(__file__).resolve().parents[1]
PATIENCE = 300
LOADS = {
    "alone": None,
    "compute": "while True:\n for _ in range(100000): pass",
    "memory": "import numpy as np\na, b = np.ones(1 << 25), np.ones(1 << 25)\n"
    "while True: np.copyto(a, b)",
}
# Pinned, one thread, gone with its parent however that ends (prctl's 1 is PR_SET_PDEATHSIG).
_PRELUDE = """import ctypes, os, signal, sys
os.sched_setaffinity(0, {int(sys.argv[1])})
ctypes.CDLL(None).prctl(1, signal.SIGKILL)
if os.getppid() != int(sys.argv[2]): sys.exit()
print("ready", flush=True)
"""


@contextmanager
def load(situation: str) -> Iterator[None]:
    """Keep a load on the last core while the block runs."""
    work = LOADS[situation]
    if work is None:
        yield
        return
    core = str(max(os.sched_getaffinity(0)))
    process = subprocess.Popen(
        [sys.executable, "-c", _PRELUDE + work, core, str(os.getpid())],
        stdout=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )
    try:
        if process.stdout is None or not process.stdout.readline():
            raise RuntimeError(f"the {situation} load did not start")
        yield
    finally:
        process.kill()
        process.wait()


def one_run(situation: str, options: Sequence[str], results: Path) -> dict[str, Any]:
    """Make a quick calibration in a situation, with the probe beside it."""
    with load(situation):
        command = [sys.executable, "-m", "calibrate", "--quick", "--quiet", "--json"]
        measuring = subprocess.Popen(
            [*command, "--results", str(results), *options],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=_end_with_us,
        )
        probe = subprocess.Popen(
            [sys.executable, str(ROOT / "tools/noise_probe.py"), str(measuring.pid)],
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=_end_with_us,
        )
        try:
            text = measuring.communicate(timeout=PATIENCE)[0]
            witness = probe.communicate(timeout=PATIENCE)[0]
        finally:
            for process in (measuring, probe):
                process.kill()
                process.wait()
    record = loads_as(Calibration, text)
    return {"situation": situation, "options": [*options], **_seen(record, json.loads(witness))}


def _end_with_us() -> None:
    # The signal that ends whoever lost its parent; a load must never outlive its trial.
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def _seen(record: Calibration, witness: dict[str, Any]) -> dict[str, Any]:
    judged = verdict(record)
    return {
        "started": record.started,
        "valid": record.valid,
        "verdict": judged.word,
        "text": judged.text,
        "causes": [one.cause for one in judged.evidence],
        "findings": [f.what for f in record.findings if f.severity in ("invalid", "warning")],
        "noisy": {f"{c.name} {c.threads}T": str(c.evidence["verdict"]) for c in _noisy(record)},
        "unbacked": [f"{c.name} {c.threads}T" for c in _noisy(record) if not backed(c)],
        "figures": len(record.ceilings),
        "rounds": [[r.others, r.stolen, r.switches, r.dropped] for r in record.rounds],
        "probe": witness,
    }


def _noisy(record: Calibration) -> Iterator[Ceiling]:
    for ceiling in record.ceilings:
        if str(ceiling.evidence.get("verdict", "")).startswith("noisy"):
            yield ceiling


def backed(ceiling: Ceiling) -> bool:
    """Whether the record's own figures show the rounds of a noisy figure to differ."""
    limit = NOISY[ceiling.kind]
    apart = max(abs(end / ceiling.typical - 1) for end in (ceiling.low, ceiling.high))
    return (ceiling.spread or 0.0) > limit or apart > RANGE * limit


def table(runs: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield a line a situation, and a line for each run alone."""
    for situation in LOADS:
        those = [run for run in runs if run["situation"] == situation]
        noticed = sum("others" in run["causes"] for run in those)
        noisy = sum(run["verdict"] == "noisy" for run in those)
        agree = sum(run["verdict"] == run["probe"]["verdict"] for run in those)
        proved = sum(not run["unbacked"] for run in those)
        yield (
            f"{situation:8} runs {len(those):3}  noisy {noisy:3}  others noticed {noticed:3}  "
            f"probe agrees {agree:3}  noisy figures backed {proved:3}"
        )
    for run in runs:
        probe = run["probe"]
        yield (
            f"{run['situation']:8} {run['started']}  {run['text']}  | probe {probe['verdict']} "
            f"{'; '.join(probe['reasons'])} (others {probe.get('others_median')}, "
            f"stolen {probe.get('stolen_mean')}, cost {probe.get('cost_cpus')})"
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Make what runs are missing and print the table; exit 1 when a load went unnoticed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=2, metavar="K", help="of each situation")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="JSON lines")
    parser.add_argument("--only", choices=LOADS, action="append", help="these situations only")
    parser.add_argument("--threads", metavar="N", help="handed to the calibration")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    handed = ["--threads", options.threads] if options.threads else []
    runs, results = (
        made(options.out),
        options.out.absolute().with_name(f"{options.out.name}.records"),
    )
    for number in range(options.runs):
        for situation in options.only or LOADS:
            if sum(run["situation"] == situation for run in runs) <= number:
                runs.append(one_run(situation, handed, results))
                with options.out.open("a", encoding="utf-8") as lines:
                    lines.write(json.dumps(runs[-1]) + "\n")
                print(f"{situation}: {runs[-1]['text']}", file=sys.stderr, flush=True)
    print("\n".join(table(runs)))
    loaded = [run for run in runs if run["situation"] != "alone"]
    return 0 if all("others" in run["causes"] for run in loaded) else 1


def made(path: Path) -> list[dict[str, Any]]:
    """Return the runs that a file holds."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]


if __name__ == "__main__":
    sys.exit(main())
