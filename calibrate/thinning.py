"""A full plan made to fit its time: fewer rounds, then without cases whose likes remain."""

from collections.abc import Sequence
from dataclasses import replace

from calibrate import budget
from calibrate.turns import Plan, Step
from roofline.records import Finding

ROUNDS = (3, 2, 2)
_MIB = 1 << 20
# Beyond these a round's further visits cost seconds.
_LONG_VISIT, _LARGE_TEAM = 64 * _MIB, 8
_GREATEST_READ = 640 * _MIB


def thinned(steps: Sequence[Step], findings: tuple[Finding, ...]) -> Plan:
    """Return a plan of fewer rounds, and of fewer cases, whose likes remain, until it fits."""
    kept, left = tuple(steps), list[str]()
    for words, spare in _SPARED:
        if budget.seconds(kept, sum(ROUNDS)) <= budget.LONGEST:
            break
        kept, left = tuple(filter(None, map(spare, kept))), [*left, words]
    kinds = f", without {'; '.join(left)}" if left else ""
    note = Finding(
        severity="note",
        what=f"a thinned plan of {sum(ROUNDS)} rounds{kinds}",
        why_it_matters="with so many cores and such caches the whole would take minutes",
        command="--patience SECONDS adds rounds",
    )
    return Plan(steps=kept, rounds=ROUNDS, findings=(*findings, note))


def _once(step: Step) -> Step:
    """Return the step with one visit a round where it is long, or its team large."""
    long = step.case.working_set_bytes > _LONG_VISIT or step.case.threads > _LARGE_TEAM
    return replace(step, visits=1) if long else step


def _without_alike(step: Step) -> Step | None:
    return None if step.case.benchmark in ("scale", "add") else step


def _without_great_triads(step: Step) -> Step | None:
    great = step.case.working_set_bytes > _LONG_VISIT
    return None if great and step.case.benchmark == "triad-curve" else step


def _without_team_levels(step: Step) -> Step | None:
    inside = step.case.benchmark in ("write-curve", "copy-curve", "update-curve")
    return None if inside and step.case.threads > 1 else step


def _without_great_reads(step: Step) -> Step | None:
    great = step.case.working_set_bytes > _GREATEST_READ
    return None if great and step.case.benchmark == "read-curve" else step


def _without_node_triads(step: Step) -> Step | None:
    return None if step.case.benchmark == "node-triad" else step


def _without_far_nodes(step: Step) -> Step | None:
    node, memory = (step.case.parameters.get(name) for name in ("node", "memory"))
    return step if node in (None, 0, memory) else None


def _without_four_arrays(step: Step) -> Step | None:
    return None if step.case.benchmark == "schoenauer" else step


# What may go, in this order, where time is short.
_SPARED = (
    ("further visits to large sizes and teams", _once),
    ("scale and add, which move what copy and triad do", _without_alike),
    ("the triad's curve beyond 64 MiB", _without_great_triads),
    ("writes, copies and updates inside of all cores' caches", _without_team_levels),
    ("the reads' curve beyond 640 MiB", _without_great_reads),
    ("three reads with a write", _without_four_arrays),
    ("triads by node", _without_node_triads),
    ("nodes but each one's own memory and what node 0 sees", _without_far_nodes),
)
