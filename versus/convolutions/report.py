"""What turns say, as a section with tables for people and as an object for programs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from roofline.host.subjects import END_TO_END, OURS
from roofline.physics.robust import median
from roofline.units import duration, significant
from versus.convolutions import ratios
from versus.convolutions.layers import Listed
from versus.convolutions.ratios import ClassRatio, Ratio
from versus.convolutions.turns import BOTH, Seen

_BEST = "best kernel"
_CLASS_HEADS = ("class", "layers", "ours", "against", "times as fast (95 %)", "worst")
_TOTAL_HEADS = ("subject", "all convolutions", "ours is faster (95 %)", "end to end (95 %)")
_ALONE, _WHOLE = "kernel alone", "end to end"
_ABOUT = """All run each layer once a round, in turn and in the opposite order in the next round,
each in a process of its own on the same CPUs, on memory just mapped; answers are checked before. A
time is the median of a turn's samples, a ratio their time / ours in the same round (above 1, ours
is faster): the median over rounds with its distribution-free 95 % interval; of a class, the
geometric mean over its layers, by round. "worst" is the layer with the least median; "best kernel"
the library's kernel alone that takes least at each layer. Ours and kernels alone get tensors in the
layout that they want; end to end counts copies between layouts, of ours, too, which then takes and
gives planes of channels (NCHW) as those libraries do, its weights packed once. A library is called
from Python, as its users do; ours is called by compiled code, which tells in microseconds. The peak
is our multiply-add kernel's, timed beside each of our runs; executed operations leave out taps on
padding and the bias."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All turns with their circumstances.

    Attributes:
        players: what each subject is, by name, ours first.
        kernels: the subjects that are a kernel alone.
        planes: those that run end to end on planes of channels, as ours does, too.
        versions: of every library.
        absent: why a subject isn't there.

    """

    date: str
    machine: str
    software: str
    cpus: tuple[int, ...]
    listed: Listed
    players: Mapping[str, str]
    kernels: tuple[str, ...]
    planes: tuple[str, ...]
    versions: Mapping[str, str]
    absent: tuple[str, ...]
    seen: tuple[Seen, ...]
    conditions: Mapping[str, Any]

    @property
    def rivals(self) -> list[str]:
        """The subjects that ours is compared with."""
        return [name for name in self.players if name not in BOTH]


def markdown(report: Report) -> str:
    """Return the section."""
    lines = [f"### {report.listed.title}", "", _circumstances(report), "", _ABOUT, ""]
    lines += _table(_CLASS_HEADS, _classes(report))
    if report.listed.network:
        lines += _table(_TOTAL_HEADS, _totals(report))
    lines += _table(("class", "layers", "of the peak", "least", "most"), _peaks(report))
    others = [name for name in report.players if name != OURS]
    lines += _table(("layer", "times", "ours", "of the peak", *others), _layers(report, others))
    lines += [f"- {sentence}" for sentence in (*report.absent, *_left(report))]
    return "\n".join([*lines, "", *_runs(report)]).rstrip() + "\n"


def as_dict(report: Report) -> dict[str, Any]:
    """Return everything, each round's times included, for JSON."""
    return {
        "date": report.date,
        "machine": report.machine,
        "software": report.software,
        "cpus": list(report.cpus),
        "list": report.listed.title,
        "subjects": dict(report.players),
        "versions": dict(report.versions),
        "absent": list(report.absent),
        "classes": [
            {"class": kind, "ours": ours, "against": name, **_class_dict(found)}
            for kind, ours, name, found in _class_ratios(report)
        ],
        "layers": [_layer_dict(seen) for seen in report.seen],
        "conditions": dict(report.conditions),
    }


def _circumstances(report: Report) -> str:
    steal = report.conditions.get("steal_fraction")
    stolen = "" if steal is None else f"; time stolen by other guests: {100 * steal:.1f} %"
    cpus = ", ".join(map(str, report.cpus))
    versions = ", ".join(f"{name} {version}" for name, version in report.versions.items())
    threads = "one thread" if len(report.cpus) == 1 else f"{len(report.cpus)} threads"
    rounds = len(report.seen[0].peaks)
    peak = median([one for seen in report.seen for one in seen.peaks])
    return (
        f"{report.date}, {report.machine}, CPUs {cpus} ({threads}), {rounds} rounds; "
        f"{report.software}; {versions or 'no library'}; the peak beside: "
        f"{significant(peak / 1e9, 3)} GFLOP/s (median){stolen}."
    )


def _class_ratios(report: Report) -> Iterator[tuple[str, str, str, ClassRatio]]:
    for kind, some in ratios.classes(report.seen).items():
        for name in report.rivals:
            if found := ratios.over(some, [name] * len(some)):
                yield kind, _ALONE, name, found
            whole = ratios.over(some, [name] * len(some), END_TO_END)
            if whole and name in report.planes:
                yield kind, _WHOLE, name, whole
        best = ratios.over(some, [ratios.best_kernel(seen, report.kernels) for seen in some])
        if best is not None:
            yield kind, _ALONE, _BEST, best


def _classes(report: Report) -> Iterator[Sequence[str]]:
    for kind, ours, name, found in _class_ratios(report):
        yield kind, str(found.layers), ours, name, _words(found.mean), f"{found.worst:.2f}"


def _totals(report: Report) -> Iterator[Sequence[str]]:
    alone, whole = (ratios.totals(report.seen, name) or [] for name in BOTH)
    for name in report.players:
        theirs = ratios.totals(report.seen, name)
        if theirs is None:
            yield name, "a layer is missing", "", ""
            continue
        against = (alone if name != OURS else [], whole if name in report.planes else [])
        faster = ([b / a for a, b in zip(own, theirs, strict=bool(own))] for own in against)
        words = (_words(ratios.of_rounds(one)) if one else "" for one in faster)
        yield name, duration(median(theirs)), *words


def _peaks(report: Report) -> Iterator[Sequence[str]]:
    for kind, some in ratios.classes(report.seen).items():
        shares = [median(ratios.efficiencies(seen)) for seen in some]
        yield kind, str(len(some)), *map(_share, (median(shares), min(shares), max(shares)))
    if report.listed.network:
        whole = ratios.total_efficiency(report.seen)
        span = "" if whole.interval is None else " - ".join(map(_share, whole.interval))
        count = sum(seen.item.times for seen in report.seen)
        yield "the network, by time", str(count), _share(whole.value), span, ""


def _layers(report: Report, others: Sequence[str]) -> Iterator[Sequence[str]]:
    for seen in report.seen:
        against = [ratios.layer_ratios(seen, name) for name in others]
        yield (
            seen.item.layer.shape.text,
            str(seen.item.times),
            duration(median(seen.seconds[OURS])),
            _share(median(ratios.efficiencies(seen))),
            *(_words(ratios.of_rounds(one)) if one else "" for one in against),
        )


def _left(report: Report) -> Iterator[str]:
    reasons: dict[tuple[str, str], int] = {}
    for seen in report.seen:
        for name, reason in seen.left.items():
            key = (name, reason.rstrip("."))
            reasons[key] = reasons.get(key, 0) + 1
    for (name, reason), count in reasons.items():
        yield f"{name} isn't compared in {count} of {len(report.seen)} layers: {reason}."


def _runs(report: Report) -> Iterator[str]:
    yield "<details><summary>All runs: microseconds by round, the peak in GFLOP/s</summary>"
    yield ""
    yield "```"
    for seen in report.seen:
        yield seen.item.layer.shape.text
        for name, times in seen.seconds.items():
            yield f"  {name}: {' '.join(significant(one * 1e6, 4) for one in times)}"
        yield f"  peak: {' '.join(significant(one / 1e9, 4) for one in seen.peaks)}"
    yield "```"
    yield ""
    yield "</details>"


def _words(ratio: Ratio) -> str:
    span = "" if ratio.interval is None else f" ({ratio.interval[0]:.2f} - {ratio.interval[1]:.2f})"
    return f"{ratio.value:.2f}{span}"


def _share(value: float) -> str:
    return f"{100 * value:.0f} %"


def _table(heads: Sequence[str], rows: Iterator[Sequence[str]]) -> list[str]:
    """Return a table's lines, padded so that they can be read as they are."""
    cells = [list(heads), *map(list, rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    cells.insert(1, ["-" * width for width in widths])
    padded = ([one.ljust(width) for one, width in zip(line, widths, strict=True)] for line in cells)
    return [*(f"| {' | '.join(line)} |" for line in padded), ""]


def _class_dict(found: ClassRatio) -> dict[str, Any]:
    return {
        "layers": found.layers,
        "ratio": found.mean.value,
        "interval": found.mean.interval,
        "worst": found.worst,
    }


def _layer_dict(seen: Seen) -> dict[str, Any]:
    return {
        "shape": seen.item.layer.shape.text,
        "times": seen.item.times,
        "seconds": {name: list(times) for name, times in seen.seconds.items()},
        "peak": list(seen.peaks),
        "of_the_peak": ratios.efficiencies(seen),
        "details": {name: dict(told) for name, told in seen.details.items()},
        "left": dict(seen.left),
    }
