"""What the operating system costs: first touch of a page, and losses that pinning avoids."""

from collections.abc import Iterator, Mapping, Sequence

from benchmarks import cases
from calibrate.summary import summarise
from roofline.physics import robust
from roofline.records import Case, Ceiling, Measurement, Scalar

# A variant's parameters that differ from its base, its base's, and the effect's name.
_VARIANTS: Sequence[tuple[str, str, Mapping[str, Scalar], Mapping[str, Scalar]]] = (
    ("unpinned-fma", "fma", {"pinned": False}, {}),
    ("unpinned-fma", "mul+add", {"pinned": False}, {}),
    ("unpinned-triad", "triad", {"pinned": False}, {}),
    ("small-pages-triad", "triad", {"huge": False}, {}),
    ("unprefaulted-triad", "triad", {"huge": False, "prefaulted": False}, {"huge": False}),
)
_SWITCHES = ("pinned", "huge", "prefaulted")


def overheads(measurements: Sequence[Measurement]) -> Iterator[Ceiling]:
    """Yield the cost of a page's first touch, and of the instrument's own doings."""
    for one in measurements:
        name = _overhead_name(one.case)
        if name is not None:
            summary = summarise(one.seconds)
            yield Ceiling(
                kind="overhead",
                name=name,
                unit="s",
                typical=summary.typical,
                # The best round costs least.
                high=summary.low,
                low=summary.high,
                interval=summary.interval,
                spread=summary.spread,
                threads=one.case.threads,
                evidence={"verdict": summary.verdict("overhead")},
            )


def _overhead_name(case: Case) -> str | None:
    if case.benchmark == "first-touch":
        return "first-touch-huge" if case.parameters.get("huge") else "first-touch-4k"
    return case.benchmark if cases.benchmark(case).family == "instrument" else None


def effects(measurements: Sequence[Measurement]) -> Iterator[Ceiling]:
    """Yield each variant's time over its base's, paired by round, with an interval."""
    for name, benchmark, differs, base in _VARIANTS:
        for one in measurements:
            if one.case.benchmark == benchmark and _switched(one.case) == differs:
                pair = [m for m in measurements if _is_base(m.case, one.case, base)]
                if pair:
                    yield _effect(name, one, pair[0])


def _switched(case: Case) -> dict[str, Scalar]:
    return {name: case.parameters[name] for name in _SWITCHES if name in case.parameters}


def _is_base(candidate: Case, variant: Case, base: Mapping[str, Scalar]) -> bool:
    alike = ("benchmark", "dtype", "bits", "threads", "working_set_bytes")
    return _switched(candidate) == base and all(
        getattr(candidate, name) == getattr(variant, name) for name in alike
    )


def _effect(name: str, variant: Measurement, base: Measurement) -> Ceiling:
    ratios = [
        robust.median(with_loss) / robust.median(without)
        for with_loss, without in zip(variant.seconds, base.seconds, strict=True)
    ]
    return Ceiling(
        kind="effect",
        name=name,
        unit="1",
        typical=robust.median(ratios),
        high=max(ratios),
        low=min(ratios),
        interval=robust.median_interval(ratios),
        spread=round(robust.spread(ratios), 4),
        threads=variant.case.threads,
    )
