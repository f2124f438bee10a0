"""The rounds of a plan as they are made: one child after the other, what each saw, what others did.

The planned rounds are made first. `go_on` adds more, a fresh child for every few, until somebody
says that it is enough or the patience ends.
"""

import dataclasses
import time
from collections.abc import Callable, Mapping
from typing import Any

from benchmarks import cases
from calibrate.turns import Plan, Step, Visit
from roofline.host.activity import Lookout
from roofline.host.child import Child, OpenChild, Progress, described
from roofline.records import Conditions, Measurement, Round, Software

# Children of planned rounds make two or three; a record holds a number for each case and round.
A_CHILD = 3
MOST_ROUNDS = 40


class Rounds:
    """What the children answered, by case and round.

    Args:
        plan: what a round runs.
        open_child: starts a measuring process.
        software: what is known of it before a child tells its own.
        progress: told how many cases of how many are done, and which is next.
        clock: seconds.
        lookout: tells what others do; must go by the same clock.

    """

    def __init__(
        self,
        plan: Plan,
        open_child: OpenChild,
        software: Software,
        *,
        progress: Progress = lambda _done, _total, _what: None,
        clock: Callable[[], float] = time.monotonic,
        lookout: Lookout | None = None,
    ) -> None:
        self._plan, self._open_child, self._clock = plan, open_child, clock
        self._progress, self._lookout = progress, lookout or Lookout(clock=clock)
        self._answers: dict[str, list[dict[str, Any]]] = {s.case.key: [] for s in plan.steps}
        self._seen: list[Mapping[str, Any]] = []
        self._made: list[Round] = []
        self._start_seconds = 0.0
        self.software = software
        self.compile_seconds = 0.0

    def make_planned(self) -> None:
        """Make the rounds of the plan."""
        for count in self._plan.rounds:
            self._make(count)

    def go_on(self, patience: float, enough: Callable[[], bool]) -> None:
        """Add rounds until it is enough, so many seconds are over, or a record could hold no more.

        No round is begun that would probably end late.
        """
        begin = self._clock()
        shown = self._progress

        def show(_done: int, _total: int, what: str) -> None:
            shown(int(min(patience, self._clock() - begin)), max(1, int(patience)), what)

        self._progress = show
        while not enough() and self._has_time(begin + patience, starting=True):
            self._make(A_CHILD, begin + patience)
        self._progress = shown

    @property
    def made(self) -> tuple[Round, ...]:
        """Every round so far, with what others did meanwhile."""
        return tuple(self._made)

    @property
    def conditions(self) -> Conditions:
        """What it was like: counts added over the children, shares averaged, the rest as first."""
        return _merged(self._seen)

    def measurements(self) -> tuple[Measurement, ...]:
        """Return every case's measurement with all its samples."""
        return tuple(self._measurement(step) for step in self._plan.steps)

    def _make(self, count: int, until: float | None = None) -> None:
        begin = self._clock()
        with self._open_child() as child:
            self.software = described(self.software, child.ask("describe"))
            compiled = self._prepare(child)
            self._start_seconds = self._clock() - begin - compiled
            for _ in range(count):
                if self._has_time(until):
                    self._round(child)
            self._seen.append(child.ask("conditions"))

    def _has_time(self, until: float | None, *, starting: bool = False) -> bool:
        if until is None:
            return True
        longest = max((one.seconds for one in self._made), default=0.0)
        needed = longest + (self._start_seconds if starting else 0.0)
        return len(self._made) < MOST_ROUNDS and self._clock() + needed <= until

    def _prepare(self, child: Child) -> float:
        """Compile what the plan needs; return the seconds it took beyond reading the cache."""
        request = [dataclasses.asdict(step.case) for step in self._plan.steps]
        compiled = float(child.ask("prepare", cases=request)["compile_seconds"])
        self.compile_seconds += compiled
        return compiled

    def _round(self, child: Child) -> None:
        child.ask("begin_round")
        self._lookout.begin()
        number, visits = len(self._made), self._plan.visits
        total, dropped = visits * sum(self._plan.rounds), 0
        for place, visit in enumerate(self._plan.in_round(number)):
            self._progress(number * visits + place, total, visit.step.case.benchmark)
            dropped += self._run(child, visit)
        ended = child.ask("end_round")
        besides = self._lookout.end(float(ended["cpu_seconds"]))
        self._made.append(
            Round(
                child=len(self._seen),
                seconds=_short(besides.seconds),
                others=None if besides.others is None else _short(besides.others),
                stolen=None if besides.stolen is None else _short(besides.stolen),
                switches=int(ended["switches"]),
                dropped=dropped,
            )
        )

    def _run(self, child: Child, visit: Visit) -> int:
        """Run a case; several visits in a round make one round's samples."""
        case, samples = visit.step.case, visit.step.samples
        own = {"own": True} if visit.again else {}
        answer = child.ask("run", case=dataclasses.asdict(case), samples=samples, **own)
        answers = self._answers[case.key]
        answers.append(_joined(answers.pop(), answer) if visit.again else answer)
        return int(answer["dropped"])

    def _measurement(self, step: Step) -> Measurement:
        answers = self._answers[step.case.key]
        chains = answers[0]["steps_per_second"]
        return Measurement(
            case=step.case,
            work=cases.work(step.case),
            seconds=tuple(tuple(answer["seconds"]) for answer in answers),
            steps_per_second={
                name: tuple(tuple(answer["steps_per_second"][name]) for answer in answers)
                for name in chains
            },
            loops=tuple(answer["loops"] for answer in answers),
            checked=all(answer["checked"] for answer in answers),
            kernel_digest=answers[0]["kernel_digest"],
            dropped=sum(answer["dropped"] for answer in answers),
        )


def _joined(answer: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Return two visits to a case as one answer."""
    chains, others = answer["steps_per_second"], other["steps_per_second"]
    return answer | {
        "seconds": [*answer["seconds"], *other["seconds"]],
        "steps_per_second": {name: [*chains[name], *others[name]] for name in chains},
        "checked": answer["checked"] and other["checked"],
        "dropped": answer["dropped"] + other["dropped"],
    }


def _short(value: float) -> float:
    # A hundredth of a tick's share: more would only fill the record.
    return round(value, 4)


def _merged(seen: list[Mapping[str, Any]]) -> Conditions:
    merged = dict(seen[0])
    for name in ("involuntary_switches", "migrations", "page_faults"):
        counted = [one[name] for one in seen if one[name] is not None]
        merged[name] = sum(counted) if counted else None
    for name in ("steal_fraction", "huge_page_fraction"):
        known = [one[name] for one in seen if one[name] is not None]
        merged[name] = sum(known) / len(known) if known else None
    merged["affinity"] = tuple(merged["affinity"])
    return Conditions(**merged)
