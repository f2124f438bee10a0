"""What physics forbids a divide, a square root or an exponential to be: no pipes are theirs alone.

Their cycles are no whole number of anything, but each needs at least what it is made of, and
nothing is quicker in double precision.
"""

from collections.abc import Iterator, Sequence

from roofline.records import Ceiling, Finding

# Two figures of one core, each a 95th percentile, agree to this.
SLACK = 0.05
# Instructions of a mix in a multiply-add's worth of operations.
_PER_PIPE = {"fma": 1, "mul": 2}
_AGAIN = "make calibrate, with nothing else running; if it stays, report it"


def judge(ceilings: Sequence[Ceiling]) -> Iterator[Finding]:
    """Yield an objection to each operation that is quicker than it can be."""
    cycles = {
        (c.mix, c.dtype, c.bits, c.threads): value
        for c in ceilings
        if c.kind == "operation" and (value := _number(c, "cycles"))
    }
    for ceiling in ceilings:
        if ceiling.kind == "operation" and (own := _number(ceiling, "cycles")):
            least = _least(ceiling, ceilings)
            if own < least * (1 - SLACK):
                yield _invalid(
                    f"{ceiling.name} takes {own:.2f} cycles a vector, "
                    f"the multiplications in it alone {least:.2f}",
                    "nothing is quicker than a part of it: more results were counted than made",
                )
            single = cycles.get((ceiling.mix, "float32", ceiling.bits, ceiling.threads))
            if ceiling.dtype == "float64" and single and own < single * (1 - SLACK):
                yield _invalid(
                    f"{ceiling.name} takes {own:.2f} cycles a vector and {single:.2f} in float32",
                    "more digits can't take less time: one of the two is miscounted",
                )


def _least(ceiling: Ceiling, ceilings: Sequence[Ceiling]) -> float:
    """Return the cycles that its multiplications take on the pipes that were measured, else 0."""
    rates = [
        _PER_PIPE[c.mix] * pipes
        for c in ceilings
        if c.kind == "compute" and c.mix in _PER_PIPE
        if (c.dtype, c.bits, c.threads) == (ceiling.dtype, ceiling.bits, ceiling.threads)
        if (pipes := _number(c, "pipes"))
    ]
    return (_number(ceiling, "multiplications") or 0.0) / max(rates) if rates else 0.0


def _number(ceiling: Ceiling, name: str) -> float | None:
    value = ceiling.evidence.get(name)
    return float(value) if isinstance(value, int | float) else None


def _invalid(what: str, why: str) -> Finding:
    return Finding(severity="invalid", what=what, why_it_matters=why, command=_AGAIN)
