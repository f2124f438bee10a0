"""A measuring process that measures nothing: it answers from the model of a planted machine."""

import json
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from types import TracebackType
from typing import Any, Self

from benchmarks import cases
from roofline.records import Case, Conditions, Measurement

KIB, MIB = 1 << 10, 1 << 20
SLOW = {
    **{("divide", "float32"): 5.0, ("divide", "float64"): 8.0},
    **{("sqrt", "float32"): 6.5, ("sqrt", "float64"): 9.0},
    **{("exp", "float32"): 10.0, ("exp", "float64"): 16.0},
}


@dataclass(frozen=True, slots=True)
class Level:
    """A cache: its bytes, what one core reads of it in B/s, whether all cores share it.

    `wait` is what a dependent load of it takes, in seconds.
    """

    capacity: int
    bandwidth: float
    shared: bool = False
    wait: float = 4e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """The machine that the child pretends to run on.

    Attributes:
        pipes: FMA instructions a cycle by register width; scalar ones go as the narrowest.
        adders: pipes that only add; without any, additions take those of multiply-adds.
        latency: cycles of a step of each dependent chain.
        slow: cycles from one vector of results to the next, by operation and dtype.
        share: of a core's FLOP/cycle that is left when all cores compute.
        memory: B/s that one core gets, and all cores together.
        memory_wait: seconds of a dependent load; on 4-KiB pages a third more.
        farther: by how much longer another node's memory takes.
        placed: the share of pages that lie on the node that was asked for.
        losses: factor on the time of cases with that switch turned off.
        noise: standard deviation of a round and, a third of it, of a sample.

    """

    hertz: float = 3.0e9
    pipes: Mapping[int, float] = field(default_factory=lambda: {512: 2.0, 256: 2.0, 128: 2.0})
    adders: float = 2.0
    latency: Mapping[str, int] = field(
        default_factory=lambda: {"add": 2, "imul": 4, "fma": 4, "mul+add": 8}
    )
    share: float = 1.0
    slow: Mapping[tuple[str, str], float] = field(default_factory=lambda: dict(SLOW))
    caches: tuple[Level, ...] = (
        Level(32 * KIB, 300e9, wait=1.5e-9),
        Level(1 * MIB, 120e9),
        Level(32 * MIB, 60e9, shared=True, wait=14e-9),
    )
    memory: tuple[float, float] = (15e9, 22e9)
    memory_wait: float = 9e-8
    farther: float = 1.8
    placed: float = 1.0
    losses: Mapping[str, float] = field(default_factory=dict)
    page_seconds: float = 2.5e-7
    huge_page_seconds: float = 6e-5
    barrier_seconds: float = 1.5e-7
    timer_seconds: float = 2.5e-8
    call_seconds: float = 2.5e-9
    migration_seconds: float = 3e-5
    noise: float = 0.003

    def bandwidth(self, case: Case) -> float:
        """Return the nominal B/s of a stream: each byte comes from the level that still holds it.

        A cache smaller than what is walked through keeps ever less of it, down to nothing at
        twice its size. An ordinary store first reads what it overwrites.
        """
        alone = case.threads == 1
        seconds = 1 / (self.memory[0] if alone else self.memory[1])
        for level in reversed(self.caches):
            size = case.working_set_bytes / (1 if level.shared else case.threads)
            held = min(1.0, max(0.0, 2 - size / level.capacity))
            seconds = held / (level.bandwidth * case.threads) + (1 - held) * seconds
        return 1 / seconds / cases.moved_over_nominal(case)

    def seconds(self, case: Case) -> float:
        """Return what one repetition takes, without noise."""
        loss = math.prod(
            self.losses.get(name, 1.0)
            for name in ("pinned", "huge", "prefaulted")
            if case.parameters.get(name) is False
        )
        match cases.benchmark(case).family:
            case "fma" | "dot":
                per_cycle = self.operations(case) * cases.lanes(case) * case.threads
                share = self.share if case.threads > 1 else 1.0
                return loss * cases.work(case).flops / (per_cycle * share * self.hertz)
            case "division" | "exponential":
                vectors = cases.work(case).flops / (cases.lanes(case) * case.threads)
                return vectors * self.slow[case.benchmark, case.dtype] / self.hertz
            case "latency":
                return cases.CHASE_STEPS * self.wait(case)
            case "loaded":
                # A queue: each that reads beside makes the wait longer by as much.
                return cases.CHASE_STEPS * self.memory_wait * case.threads
            case "node":
                return self.far(case) * self.beside(case)
            case "stream":
                return loss * cases.work(case).bytes_touched.total / self.bandwidth(case)
            case "clock":
                return cases.chain_steps(case) * self.cycles(case) / self.hertz
            case "pagefault":
                huge = case.parameters["huge"]
                return self.huge_page_seconds if huge else self.page_seconds
        costs: Mapping[str, float] = {
            "timer": self.timer_seconds,
            "call": self.call_seconds,
            "migration": self.migration_seconds,
        }
        return costs.get(case.benchmark, self.barrier_seconds)

    def far(self, case: Case) -> float:
        """Return by how much memory is slower for the cores of another node."""
        return 1.0 if case.parameters["node"] == case.parameters["memory"] else self.farther

    def beside(self, case: Case) -> float:
        """Return what a node's own cores take for a case in its memory."""
        if case.benchmark == "node-latency":
            return cases.CHASE_STEPS * self.memory_wait
        return cases.work(case).bytes_touched.total / self.memory[1]

    def operations(self, case: Case) -> float:
        """Return the operations a lane and cycle of a case's instructions, one a lane each."""
        pipes = self.pipes.get(case.bits, self.pipes[min(self.pipes)])
        # One of each of two kinds: on pipes of their own, or one after the other.
        pairs = min(pipes, self.adders) if self.adders else pipes / 2
        return {
            "fp-mul": pipes,
            "fp-add": self.adders or pipes,
            "mul+add": 2 * pairs,
            "fma+add": 3 * pairs,
        }.get(case.benchmark, 2 * pipes)

    def wait(self, case: Case) -> float:
        """Return what a load takes: each comes from the nearest level that holds the walk."""
        for level in self.caches:
            if case.working_set_bytes <= level.capacity:
                return level.wait
        return self.memory_wait * (4 / 3 if case.parameters.get("huge") is False else 1.0)

    def cycles(self, case: Case) -> int:
        """Return the cycles of a step of the chain that a case runs."""
        chain = str(case.parameters["chain"])
        vector = "fma" if case.parameters["fused"] else "mul+add"
        return self.latency[vector if chain == "vector" else chain]

    def steps_per_second(self, case: Case) -> dict[str, float]:
        """Return the steps a second of the chains beside a case's work, or bytes of its load."""
        if cases.benchmark(case).family == "loaded":
            return {cases.LOAD: self.memory[0]}
        if cases.benchmark(case).family == "node":
            return {cases.PLACED: self.placed}
        if not cases.benchmark(case).clocked:
            return {}
        names = {"imul": "imul", "vector": "fma" if cases.fused(case) else "mul+add"}
        return {chain: self.hertz / self.latency[name] for chain, name in names.items()}


class Watch:
    """A clock that only the child moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Return the seconds."""
        return self.now


CONDITIONS = Conditions(
    affinity=(0, 1),
    load=0.25,
    steal_fraction=0.01,
    involuntary_switches=3,
    migrations=0,
    page_faults=7,
    huge_pages="madvise",
    huge_page_fraction=0.9,
)


@dataclass(slots=True, kw_only=True)
class FakeChild:
    """What `roofline.host.worker.Worker` is to a session, without a process.

    Attributes:
        seed: of the noise.
        compile_seconds: what `prepare` says it took; the watch moves by as much.
        cpu_seconds: what it says it used in each round.
        fails: raised by the first request for that verb.
        asked: every request, in order.
        ended: whether the session has let go of it.

    """

    planted: Planted = field(default_factory=Planted)
    seed: int = 0
    watch: Watch = field(default_factory=Watch)
    compile_seconds: float = 0.0
    conditions: Conditions = CONDITIONS
    wrong: str = ""
    cpu_seconds: float = 0.0
    fails: Mapping[str, Exception] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    ended: bool = False
    _prepared: set[str] = field(default_factory=set)
    _drift: float = 1.0

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End."""
        self.ended = True

    def ask(self, verb: str, **arguments: Any) -> Any:
        """Answer as through a pipe: only what JSON carries gets here and back."""
        self.asked.append(verb)
        if verb in self.fails:
            raise self.fails[verb]
        request = json.loads(json.dumps(arguments))
        return json.loads(json.dumps(getattr(self, f"_{verb}")(**request)))

    def _describe(self) -> dict[str, Any]:
        versions = {"python": "3.11.9", "numpy": "2.1.0", "numba": "0.62.1", "llvm": "20.1"}
        return {"pid": 42, "llvm_cpu": "znver4", "clock_cost": 2e-8, **versions}

    def _prepare(self, cases: list[dict[str, Any]]) -> dict[str, Any]:
        self._prepared = {Case(**case).key for case in cases}
        self.watch.now += self.compile_seconds
        return {"compile_seconds": self.compile_seconds}

    def _begin_round(self) -> None:
        number = self.asked.count("begin_round")
        self._drift = 1 + random.Random(f"{self.seed} {number}").gauss(0, self.planted.noise)

    def _end_round(self) -> dict[str, Any]:
        return {"cpu_seconds": self.cpu_seconds, "switches": 2}

    def _run(self, case: dict[str, Any], samples: int, own: bool = False) -> dict[str, Any]:
        wanted = Case(**case)
        assert wanted.key in self._prepared
        self.watch.now += 0.02 if own else 0.01
        dice = random.Random(f"{self.seed} {len(self.asked)}")
        slower = [self._drift * (1 + dice.gauss(0, self.planted.noise / 3)) for _ in range(samples)]
        seconds, steps = self.planted.seconds(wanted), self.planted.steps_per_second(wanted)
        return {
            "seconds": [seconds * factor for factor in slower],
            # The clock is read inside the window that it slows down.
            "steps_per_second": {
                name: [rate / factor for factor in slower] for name, rate in steps.items()
            },
            "loops": 3,
            "checked": wanted.benchmark != self.wrong,
            "kernel_digest": "0123456789abcdef",
            "dropped": 1 if wanted.benchmark == "barrier" else 0,
        }

    def _conditions(self) -> dict[str, Any]:
        return asdict(self.conditions)


def measured(
    planted: Planted,
    wanted: Sequence[Case],
    *,
    rounds: int = 7,
    samples: int = 3,
    seed: int = 0,
) -> tuple[Measurement, ...]:
    """Return what a session would have seen of these cases on a planted machine."""
    child = FakeChild(planted=planted, seed=seed)
    child.ask("prepare", cases=[asdict(case) for case in wanted])
    answers: dict[str, list[dict[str, Any]]] = {case.key: [] for case in wanted}
    for _ in range(rounds):
        child.ask("begin_round")
        for case in wanted:
            answers[case.key].append(child.ask("run", case=asdict(case), samples=samples))
    return tuple(
        Measurement(
            case=case,
            work=cases.work(case),
            seconds=tuple(tuple(one["seconds"]) for one in answers[case.key]),
            steps_per_second={
                chain: tuple(tuple(one["steps_per_second"][chain]) for one in answers[case.key])
                for chain in answers[case.key][0]["steps_per_second"]
            },
            checked=True,
        )
        for case in wanted
    )
