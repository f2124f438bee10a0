"""What a dependent load costs in each level, and in memory while other cores read from it."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from benchmarks import cases
from calibrate.summary import short, summarise
from roofline.records import Ceiling, Measurement

NAMES = {True: "", False: "-4k"}


def ceilings(measurements: Sequence[Measurement], hertz: float | None) -> Iterator[Ceiling]:
    """Yield the latency of each level in seconds, in cycles of the light-load clock beside it.

    Args:
        measurements: every case's.
        hertz: that clock, or None where it isn't known.

    """
    for one in measurements:
        if one.case.benchmark == "latency":
            yield _ceiling(one, hertz)
        elif one.case.benchmark == "loaded-latency":
            load = summarise(one.steps_per_second[cases.LOAD])
            plain = _ceiling(one, hertz)
            evidence = {
                **plain.evidence,
                "loaders": one.case.threads - 1,
                "load_bandwidth": short(load.typical),
            }
            yield replace(plain, name=f"{plain.name}-loaded", evidence=evidence)


def _ceiling(one: Measurement, hertz: float | None) -> Ceiling:
    level = str(one.case.parameters["level"])
    summary = summarise(one.seconds, lambda seconds: seconds / cases.CHASE_STEPS)
    cycles = {"cycles": short(summary.typical * hertz, 3)} if hertz else {}
    huge = one.case.parameters.get("huge") is not False
    return Ceiling(
        kind="latency",
        name=f"{level.lower()}-latency{NAMES[huge]}",
        unit="s",
        typical=summary.typical,
        # The best round waits least.
        high=summary.low,
        low=summary.high,
        interval=summary.interval,
        spread=summary.spread,
        threads=one.case.threads,
        level=level,
        direction="read",
        evidence={
            "verdict": summary.verdict("latency"),
            "working_set": one.case.working_set_bytes,
            **cycles,
        },
    )
