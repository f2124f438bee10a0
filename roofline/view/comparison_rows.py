"""A comparison as rows of words: what its tables print, without their borders."""

from collections.abc import Iterator, Mapping

from roofline.physics.cross import COVERAGE
from roofline.physics.judge import coverage
from roofline.physics.lessons import Exchange, Ladder, Pace, beyond_memory, exchanges, ladders, pace
from roofline.records import RUNG_MEANINGS, RUNGS, Comparison, Errors, Report, Verdict
from roofline.units import duration, rate, significant
from roofline.view.rows import Row, Section

NOTHING = "\N{EN DASH}"
BEST = 5
CLOSE = 0.6
COLUMNS = (
    *("layer", ">FLOP/B", "bound by", ">paper", ">roof", ">predicted", ">measured"),
    *(">ratio", "verdict"),
)
VERDICTS: Mapping[Verdict, str] = {
    "within": "within",
    "slower": "slower",
    "faster": "faster",
    "faster-than-roof": "faster than roof",
    "fewer-operations-than-counted": "fewer FLOPs than counted",
}
ERRORS = (
    *("layers", "rung", "predicts from", ">median\nAPE", ">within\n10 %", ">within\n25 %"),
    ">bias",
)


def conditions(report: Report) -> Iterator[Row]:
    """Yield what was compared with what, and how it ended."""
    cores = "1 core" if report.threads == 1 else f"{report.threads} cores"
    yield "machine", report.machine
    yield "calibration", report.calibration
    yield "subject", f"{report.subject}, {cores}, {report.cache} caches"
    if report.fit:
        yield "fit", f"{report.fit}{_intervals(report)}"
    if report.libraries:
        yield "library", _library(report)
    if words := _rung(report):
        yield "prediction", words
    if verdicts := ", ".join(_counts(report)):
        yield "verdicts", verdicts
    if whole := report.summary.get("all"):
        yield "errors", _errors_words(whole)


def layer(row: Comparison) -> Row:
    """Return one layer in the order of `COLUMNS`; its name stands above its shape if it differs."""
    intensity = row.prediction.work.intensity
    shape = "" if row.shape.text == row.name else f"\n{row.shape.text}"
    return (
        row.name + shape,
        NOTHING if intensity is None else significant(intensity),
        row.bound.bound_by,
        _time(row.prediction.rungs.get("a")),
        _time(row.bound.seconds),
        _time(row.prediction.seconds),
        _time(row.measured.seconds if row.measured else None),
        NOTHING if row.ratio is None else _ratio(row.ratio),
        NOTHING if row.verdict is None else VERDICTS[row.verdict],
    )


def lessons(report: Report) -> Iterator[str]:
    """Yield what the rows teach, a sentence each; only what these rows show."""
    if found := pace(report.rows):
        yield _pace(found)
    yield from map(_exchange, exchanges(report.rows))
    if skipped := sum(row.verdict == "fewer-operations-than-counted" for row in report.rows):
        yield _skipped(skipped, report.subject)
    beaten, known = beyond_memory(report.rows)
    if beaten:
        why = "their data stay in caches" if report.cache == "warm" else "padding isn't computed"
        yield (
            f"{beaten} of {known} layers beat the roof of cold data (rung b): {why}, so that roof "
            "is none for them."
        )


def _library(report: Report) -> str:
    """Name what ran the operators, and what it did with memory that it freed."""
    versions = ", ".join(f"{name} {version}" for name, version in report.libraries.items())
    kept = "trim_threshold" in report.environment.get("GLIBC_TUNABLES", "")
    return f"{versions}; freed memory is {'kept' if kept else 'given back as malloc does'}"


def _skipped(count: int, subject: str) -> str:
    layers, take = ("1 layer", "takes") if count == 1 else (f"{count} layers", "take")
    return (
        f"{layers} of {subject} {take} less time than all counted operations need at the peak: a "
        "library may choose an algorithm with fewer of them (Winograd), so that bound is none "
        "for it."
    )


def sections(report: Report) -> tuple[Section, ...]:
    """Return the tables below the layers in reading order, empty ones left out."""
    made = (
        *map(_ladder, ladders(report.rows)),
        Section(title="Errors of each rung", columns=ERRORS, rows=tuple(_errors(report))),
        Section(
            title="How close to the roof (bound / measured)",
            columns=("class", "best", ">at 60 % or more"),
            rows=tuple(_tightness(report)),
        ),
        Section(
            title="Drift",
            columns=("ceiling", ">now / calibration"),
            rows=tuple((name, f"{ratio:.3f}") for name, ratio in report.drift.items()),
        ),
    )
    return tuple(section for section in made if section.rows)


def undrifted(report: Report) -> str:
    """Return how well rung d holds at the rates that the machine had in this sweep."""
    found = report.undrifted
    if found is None:
        return ""
    return (
        "With drift taken out (each part of rung d at the rate that its ceiling has now): median "
        f"{percent(found.median_ape)}, {percent(found.within_10)} within 10 %, "
        f"{percent(found.within_25)} within 25 %, bias {100 * found.bias:+.1f} %."
    )


def noise_floor(report: Report) -> str:
    """Return how much of an error no prediction could avoid."""
    if report.noise_floor is None:
        return "Noise floor unknown: nothing was measured twice."
    return (
        f"Noise floor: the same layer measured twice differs by {percent(report.noise_floor)} "
        "(median); no prediction can do better."
    )


def percent(share: float) -> str:
    """Format a share as percent: whole from ten on, else with one decimal."""
    whole = share == 0 or abs(share) >= 0.0995
    return f"{100 * share:.{0 if whole else 1}f} %"


def _intervals(report: Report) -> str:
    """Say how the intervals of fitted rungs held, and which layers lie beyond all fitted ones."""
    words, found = "", coverage(report.rows)
    if found:
        held, width = percent(found[0]), percent(found[1])
        words = f"; {held} of times lie in their interval ({COVERAGE:.0%} should), ±{width}"
    beyond = sum(bool(row.prediction.extrapolated) for row in report.rows)
    return words + (f"; {beyond} layers are extrapolated" if beyond else "")


def _rung(report: Report) -> str:
    """Name the rung that was asked for, where it isn't the best there is."""
    found = {row.prediction.rung for row in report.rows}
    best = {row.prediction.best_rung for row in report.rows}
    asked = found.pop() if len(found) == 1 and found != best else None
    return f"rung {asked}: {RUNG_MEANINGS[asked]}" if asked else ""


def _counts(report: Report) -> Iterator[str]:
    for verdict, words in VERDICTS.items():
        if count := sum(row.verdict == verdict for row in report.rows):
            yield f"{count} {words}"
    if count := sum(row.measured is None for row in report.rows):
        yield f"{count} not measured"


def _errors_words(errors: Errors) -> str:
    return (
        f"median {percent(errors.median_ape)}; {percent(errors.within_10)} of layers within 10 %, "
        f"{percent(errors.within_25)} within 25 %; bias {_signed(errors.bias)}"
    )


def _time(seconds: float | None) -> str:
    return NOTHING if seconds is None else duration(seconds)


def _pace(found: Pace) -> str:
    return (
        f"Time isn't proportional to FLOPs: the fastest layer, {found.fastest}, reaches "
        f"{rate(found.fastest_rate, 'FLOP/s')}, the slowest, {found.slowest}, "
        f"{rate(found.slowest_rate, 'FLOP/s')}; an operation costs {_times(found.spread)} as much "
        "there."
    )


def _exchange(found: Exchange) -> str:
    gain = found.less_time
    time = f"{_times(gain)} less time" if gain >= 1 else f"{_times(1 / gain)} more time"
    return (
        f"{found.depthwise} instead of {found.dense}: {_times(found.fewer_flops)} fewer FLOPs, "
        f"{time}."
    )


def _ladder(found: Ladder) -> Section:
    return Section(
        title=f"Groups of {found.shape.text}",
        columns=(">groups", ">channels a group", ">FLOPs", ">time", ">time a FLOP"),
        rows=tuple(
            (
                str(step.groups),
                str(step.channels),
                _share(step.flops),
                _share(step.seconds),
                f"x {_three(step.seconds_per_flop)}",
            )
            for step in found.steps
        ),
    )


def _errors(report: Report) -> Iterator[Row]:
    names = dict.fromkeys(name for by_class in report.rung_errors.values() for name in by_class)
    for place, name in enumerate(names):
        if place:
            yield ("",) * len(ERRORS)
        yield from _block(name, report.rung_errors)


def _block(name: str, rungs: Mapping[str, Mapping[str, Errors]]) -> Iterator[Row]:
    """Yield one class's errors, a row a rung; the class is named once."""
    found = [(rung, rungs[rung][name]) for rung in RUNGS if name in rungs.get(rung, {})]
    label = f"{name} ({found[0][1].n})"
    for rung, errors in found:
        shares = (errors.median_ape, errors.within_10, errors.within_25)
        yield label, rung, RUNG_MEANINGS[rung], *map(percent, shares), _signed(errors.bias)
        label = ""


def _tightness(report: Report) -> Iterator[Row]:
    for name, shares in report.tightness.items():
        close = sum(share >= CLOSE for share in shares)
        yield name, "  ".join(map(percent, shares[:BEST])), f"{close} of {len(shares)}"


def _ratio(value: float) -> str:
    return f"{value:.2f}" if value < 100 else f"{value:.0f}"


def _signed(share: float) -> str:
    return f"{'+' if share >= 0 else '-'}{percent(abs(share))}"


def _share(value: float) -> str:
    return f"{100 * value:#.3g} %" if value < 1 else "100 %" if value == 1 else f"x {_three(value)}"


def _three(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:#.3g}"


def _times(value: float) -> str:
    return f"{significant(value, 2) if value < 100 else f'{value:.0f}'} times"
