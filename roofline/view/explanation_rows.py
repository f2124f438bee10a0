"""Explanations as rows of words: where a layer's time goes, and what would change it."""

from collections.abc import Iterator

from roofline.records import Change, Explanation
from roofline.units import duration, significant
from roofline.view.cells import three
from roofline.view.comparison_rows import percent
from roofline.view.rows import Row, Section

CHANGES = ("instead", "shape", ">FLOPs", ">time", ">x time", ">x time\na FLOP", "verdict")
# What a prediction can't tell apart.
EQUAL = 0.02


def heading(one: Explanation) -> str:
    """Return what is explained, in one line."""
    measured = "not measured" if one.measured is None else f"measured {duration(one.measured)}"
    return (
        f"Where the time of {one.name} goes ({one.shape.text}; predicted "
        f"{duration(one.predicted)}, {measured})"
    )


def parts(one: Explanation) -> Section:
    """Return the table of parts, their sum, and what they don't explain."""
    return Section(
        title=heading(one),
        columns=("part", ">time", ">share", "what it is"),
        rows=tuple(_parts(one)),
    )


def ports(one: Explanation) -> str:
    """Return what each port would need alone, the busiest first; "" where it isn't known."""
    if not one.ports:
        return ""
    least = one.ports[0].seconds
    busier = [p for p in one.ports[1:] if p.seconds > (1 + EQUAL) * least]
    if not busier:
        return "In the innermost loops the multiply-adds bind: no other port is busier."
    ranked = sorted(busier, key=lambda port: -port.seconds)
    words = [
        f"with {port.about} they take {significant(port.seconds / least)} x as long"
        for port in ranked
    ]
    return f"In the innermost loops more than the multiply-adds binds: {'; '.join(words)}."


def changes(one: Explanation) -> Section:
    """Return what the same model says of other shapes."""
    return Section(
        title=f"What would change the time of {one.name} (predicted by the same rung)",
        columns=CHANGES,
        rows=tuple(_change(change, one.shape.text) for change in one.changes),
    )


def notes(one: Explanation) -> Iterator[str]:
    """Yield the sentences below the parts."""
    yield one.binds
    if words := ports(one):
        yield words
    yield from one.beside
    known = [(name, seconds) for name, seconds in one.rungs.items() if seconds is not None]
    told = ", ".join(f"{name} {duration(seconds)}" for name, seconds in known)
    yield f"Rungs of the ladder: {told}."


def _parts(one: Explanation) -> Iterator[Row]:
    for part in one.parts:
        if not part.about:
            continue
        seconds = _rounded(part.seconds)
        yield part.name, duration(seconds), percent(seconds / one.predicted), part.about
    yield "predicted", duration(one.predicted), "100 %", f"by rung {one.rung}"
    if one.measured is not None and one.unexplained is not None:
        share = percent(one.unexplained / one.predicted)
        yield (
            "unexplained",
            duration(one.unexplained),
            share,
            "measured - predicted: what the model doesn't know",
        )
        yield "measured", duration(one.measured), percent(one.measured / one.predicted), ""


def _rounded(seconds: float) -> float:
    # Rounding leaves a difference of equals a hair from nothing.
    return 0.0 if abs(seconds) < 1e-15 else seconds


def _change(change: Change, before: str) -> Row:
    shape = "" if change.shape.text == before else change.shape.text
    return (
        change.what,
        shape,
        f"x {significant(change.flops)}",
        duration(change.seconds),
        three(change.ratio),
        three(change.ratio / change.flops),
        _verdict(change),
    )


def _verdict(change: Change) -> str:
    if abs(change.ratio - 1) > EQUAL:
        return "slower" if change.ratio > 1 else "faster"
    if abs(change.flops - 1) <= EQUAL:
        return "the same"
    return "no slower" if change.flops > 1 else "no faster"
