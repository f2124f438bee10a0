"""A full plan made to fit its time: fewer rounds, then without cases whose likes remain."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from calibrate import budget
from calibrate.turns import Plan, Step
from roofline.records import Finding
from roofline.units import capacity

# Rounds of a thinned plan, and the fewest that give a median an interval.
ROUNDS, FEWEST = (3, 2, 2), (2, 2, 2)
_MIB = 1 << 20
# Beyond these a round's further visits cost seconds.
_LONG_VISIT, _LARGE_TEAM = 64 * _MIB, 8
_GREATEST_READ = 640 * _MIB
_SWITCHES = ("pinned", "huge", "prefaulted")
_MIXES = ("fp-add", "fp-mul", "mul+add")
_NODES = ("node-read", "node-triad", "node-latency")


def thinned(steps: Sequence[Step], findings: tuple[Finding, ...]) -> Plan:
    """Return a plan of fewer rounds, and of fewer cases, whose likes remain, until it fits."""
    kept, left = tuple(steps), list[str]()
    whole = _Whole.of(kept)
    for words, spare in _SPARED:
        if budget.seconds(kept, sum(ROUNDS)) <= budget.LONGEST:
            break
        fewer = tuple(one for step in kept if (one := spare(step, whole)))
        kept, left = fewer, [*left, words] if fewer != kept else left
    fits = budget.seconds(kept, sum(ROUNDS)) <= budget.LONGEST
    rounds = ROUNDS if fits else FEWEST
    kinds = f", without {'; '.join(left)}" if left else ""
    note = Finding(
        severity="note",
        what=f"a thinned plan of {sum(rounds)} rounds{kinds}",
        why_it_matters="with so many cores and such caches the whole would take minutes",
        command="--patience SECONDS adds rounds",
    )
    return Plan(steps=kept, rounds=rounds, findings=(*findings, note))


def smaller(wanted: int, size: int, alone: int) -> Iterator[Finding]:
    """Yield what is said of arrays smaller than were wanted, and of one core's own."""
    if size < wanted:
        why = "the last-level caches hold a larger share of them"
        yield Finding(severity="note", what=f"arrays of {capacity(size)}", why_it_matters=why)
    if alone < size:
        why = (
            "no more is in the reach of one core's caches, and all cores' arrays would take minutes"
        )
        what = f"arrays of {capacity(alone)} for one core"
        yield Finding(severity="note", what=what, why_it_matters=why)


@dataclass(frozen=True, slots=True)
class _Whole:
    """What a plan as a whole is about: its largest team, its widest vectors."""

    threads: int
    bits: int

    @classmethod
    def of(cls, steps: Sequence[Step]) -> "_Whole":
        """Return that of a plan's steps."""
        cases = [step.case for step in steps]
        return cls(
            max((c.threads for c in cases), default=1), max((c.bits for c in cases), default=0)
        )

    def between(self, step: Step) -> bool:
        """Whether a step's team is neither one core nor all, and stands for teams of its size."""
        own = step.case.benchmark in ("loaded-latency", *_NODES)
        return 1 < step.case.threads < self.threads and not own


def _once(step: Step, _whole: _Whole) -> Step:
    """Return the step with one visit a round where it is long, or its team large."""
    long = step.case.working_set_bytes > _LONG_VISIT or step.case.threads > _LARGE_TEAM
    return replace(step, visits=1) if long else step


def _without_alike(step: Step, _whole: _Whole) -> Step | None:
    return None if step.case.benchmark in ("scale", "add") else step


def _without_great_triads(step: Step, _whole: _Whole) -> Step | None:
    great = step.case.working_set_bytes > _LONG_VISIT
    return None if great and step.case.benchmark == "triad-curve" else step


def _without_team_levels(step: Step, _whole: _Whole) -> Step | None:
    inside = step.case.benchmark in ("write-curve", "copy-curve", "update-curve")
    return None if inside and step.case.threads > 1 else step


def _without_great_reads(step: Step, _whole: _Whole) -> Step | None:
    great = step.case.working_set_bytes > _GREATEST_READ
    return None if great and step.case.benchmark == "read-curve" else step


def _without_node_triads(step: Step, _whole: _Whole) -> Step | None:
    return None if step.case.benchmark == "node-triad" else step


def _without_far_nodes(step: Step, _whole: _Whole) -> Step | None:
    node, memory = (step.case.parameters.get(name) for name in ("node", "memory"))
    return step if node in (None, 0, memory) else None


def _without_four_arrays(step: Step, _whole: _Whole) -> Step | None:
    return None if step.case.benchmark == "schoenauer" else step


def _without_team_mixes(step: Step, _whole: _Whole) -> Step | None:
    return None if step.case.benchmark in _MIXES and step.case.threads > 1 else step


def _without_narrow_teams(step: Step, whole: _Whole) -> Step | None:
    narrow = step.case.benchmark in ("fma", "mul+add") and step.case.bits < whole.bits
    return None if narrow and whole.between(step) else step


def _by_fours(step: Step, whole: _Whole) -> Step | None:
    odd = step.case.threads.bit_length() % 2 == 0
    return None if odd and whole.between(step) else step


def _without_teams(step: Step, whole: _Whole) -> Step | None:
    few = step.case.benchmark == "loaded-latency" and 2 < step.case.threads < whole.threads // 2
    return None if few or whole.between(step) else step


def _without_team_losses(step: Step, _whole: _Whole) -> Step | None:
    switched = any(step.case.parameters.get(name) is False for name in _SWITCHES)
    return None if switched and step.case.threads > 1 else step


def _all_once(step: Step, _whole: _Whole) -> Step:
    return replace(step, visits=1)


def _without_narrow(step: Step, whole: _Whole) -> Step | None:
    narrow = step.case.benchmark in ("fma", "mul+add") and step.case.bits < whole.bits
    return None if narrow and step.case.threads > 1 else step


def _without_team_triads(step: Step, _whole: _Whole) -> Step | None:
    return None if step.case.benchmark == "triad-curve" and step.case.threads > 1 else step


def _from_first_node(step: Step, _whole: _Whole) -> Step | None:
    return step if step.case.parameters.get("node") in (None, 0) else None


def _without_losses(step: Step, _whole: _Whole) -> Step | None:
    switched = any(step.case.parameters.get(name) is False for name in _SWITCHES)
    return None if switched and not _waits(step) else step


def _without_stores_of_one(step: Step, _whole: _Whole) -> Step | None:
    ordinary = step.case.parameters.get("store") == "ordinary"
    alone = step.case.threads == 1 and step.case.benchmark in ("write", "copy")
    return None if ordinary and alone else step


def _without_small_pages(step: Step, _whole: _Whole) -> Step | None:
    return None if step.case.parameters.get("huge") is False and _waits(step) else step


def _waits(step: Step) -> bool:
    return step.case.benchmark == "latency"


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
    ("add, mul and both on more than one core", _without_team_mixes),
    ("narrower vectors on teams between one core and all", _without_narrow_teams),
    ("teams of 2, 8, 32 cores", _by_fours),
    ("teams between one core and all", _without_teams),
    ("what pinning and pages are worth to all cores", _without_team_losses),
    ("further visits", _all_once),
    ("narrower vectors on all cores", _without_narrow),
    ("triads inside of all cores' caches", _without_team_triads),
    ("nodes but what node 0 sees", _from_first_node),
    ("what pinning and pages are worth", _without_losses),
    ("one core's ordinary stores past the caches, but triads", _without_stores_of_one),
    ("latency with small pages", _without_small_pages),
)
