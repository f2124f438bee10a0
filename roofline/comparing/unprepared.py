"""What the operating system costs a layer: unprepared runs beside the sweep's own, in each round.

The sweep pins threads and touches memory beforehand. Right after such a run of a layer that was
asked about, the same child runs it unpinned, and then unpinned with outputs in memory that nobody
has touched: three times of one layer within a moment, paired by round.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any

from roofline.comparing.runner import Runner
from roofline.comparing.session import SAMPLES, Outcome
from roofline.host.child import Child, OpenChild
from roofline.physics.robust import median, median_interval
from roofline.physics.waterfall import Timed
from roofline.records import Case, Layer, Scalar, Timing

# How a case says that it is run so; the words by which a record keeps its time.
VARIANTS: Mapping[str, Mapping[str, Scalar]] = {
    "unpinned": {"pinned": False},
    "unprepared": {"pinned": False, "prefaulted": False},
}


class Unprepared:
    """Runs of some layers that nobody prepared.

    Args:
        operators: how layers run.
        layers: those that were asked about.

    """

    def __init__(self, operators: Runner, layers: Sequence[Layer]) -> None:
        # Layers of one shape are one case.
        self._names: dict[str, list[str]] = {}
        for layer in layers:
            self._names.setdefault(operators.case(layer).key, []).append(layer.name)
        self._seconds: dict[str, dict[str, list[list[float]]]] = {
            name: {variant: [] for variant in VARIANTS} for name in (layer.name for layer in layers)
        }

    def beside(self, open_child: OpenChild) -> OpenChild:
        """Return what opens the same child, with those runs after the sweep's own."""
        return lambda: self._opened(open_child())

    def noted(self, outcome: Outcome) -> Outcome:
        """Return the outcome with what these runs took, in its record and its samples."""
        timings = tuple(map(self._noted, outcome.sweep.timings))
        more = {name: {**outcome.samples[name], **self._seconds[name]} for name in self._seconds}
        return replace(
            outcome,
            sweep=replace(outcome.sweep, timings=timings),
            samples={**outcome.samples, **more},
        )

    @contextmanager
    def _opened(self, opened: AbstractContextManager[Child]) -> Iterator[Child]:
        with opened as child:
            yield _Beside(child, self)

    def variants(self, case: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """Return the cases that are run beside this one, as requests; none for most."""
        if Case(**case).key not in self._names:
            return {}
        return {
            name: {**case, "parameters": {**case["parameters"], **switches}}
            for name, switches in VARIANTS.items()
        }

    def keep(self, case: Mapping[str, Any], taken: Mapping[str, list[float]]) -> None:
        """Keep what the variants of a case took, for the layer whose turn it is."""
        names = self._names[Case(**case).key]
        turn = min((self._seconds[name] for name in names), key=lambda one: len(one["unprepared"]))
        for variant, seconds in taken.items():
            turn[variant].append(seconds)

    def _noted(self, timing: Timing) -> Timing:
        found = self._seconds.get(timing.name)
        if not found:
            return timing
        rounds = {name: [median(one) for one in seconds] for name, seconds in found.items()}
        return replace(timing, details={**timing.details, **_figures(timing, rounds)})


class _Beside:
    """A child that is asked for more than its caller knows."""

    def __init__(self, child: Child, unprepared: Unprepared) -> None:
        self._child, self._unprepared = child, unprepared

    def ask(self, verb: str, **arguments: Any) -> Any:
        """Send a request and return its answer; after a run, run that case otherwise, too."""
        if verb == "prepare":
            more = [self._unprepared.variants(case).values() for case in arguments["cases"]]
            arguments["cases"] = [*arguments["cases"], *(one for some in more for one in some)]
        answer = self._child.ask(verb, **arguments)
        variants = self._unprepared.variants(arguments["case"]) if verb == "run" else {}
        if variants:
            taken = {
                name: self._child.ask("run", case=one, samples=SAMPLES)["seconds"]
                for name, one in variants.items()
            }
            self._unprepared.keep(arguments["case"], taken)
        return answer


def _figures(timing: Timing, rounds: Mapping[str, Sequence[float]]) -> dict[str, Scalar]:
    pinned = [median(samples) for samples in timing.seconds]
    differences = [a - b for a, b in zip(rounds["unprepared"], pinned, strict=True)]
    low, high = median_interval(differences) or (min(differences), max(differences))
    medians: dict[str, Scalar] = {f"{name}_seconds": median(one) for name, one in rounds.items()}
    return {**medians, "unprepared_low": low, "unprepared_high": high}


def timed(seconds: float, details: Mapping[str, Scalar]) -> Timed:
    """Return how long a layer took each way, as far as its record tells."""
    names = (*(f"{name}_seconds" for name in VARIANTS), "unprepared_low", "unprepared_high")
    told = [details.get(name) for name in names]
    unpinned, unprepared, low, high = (
        float(one) if isinstance(one, int | float) else None for one in told
    )
    return Timed(
        pinned=seconds,
        unpinned=unpinned,
        unprepared=unprepared,
        interval=None if low is None or high is None else (low, high),
    )
