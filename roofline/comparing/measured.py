"""A sweep measured here and now: everything checked first, then one child, then the store."""

import functools
import platform
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import roofline
from roofline import shapes
from roofline.comparing import subjects
from roofline.comparing.calibrated import described, newest, now
from roofline.comparing.names import chosen
from roofline.comparing.runner import Runner
from roofline.comparing.session import ROUNDS, Job, measure
from roofline.comparing.tuning import tuned
from roofline.comparing.unprepared import Unprepared
from roofline.errors import CANNOT_MEASURE, RooflineError
from roofline.folders import config_home
from roofline.host import subjects as registry
from roofline.host.checkout import checkout, revision
from roofline.host.child import OpenChild, Progress
from roofline.host.machine import (
    memory_available,
    node_id,
    read_machine,
    team_cpus,
)
from roofline.host.worker import Worker
from roofline.physics import isa
from roofline.records import Layer, Software, Sweep
from roofline.store.files import Store, open_store

SYSTEM = Path("/")
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a user asked to be measured.

    Attributes:
        shapes: a CSV file of layers.
        random: how many layers to draw instead, from `seed`.
        threads: None for every usable core.
        site: where in the results the sweep is kept; None keeps it nowhere.
        quiet: whether a calibration that has to be made shows no progress.
        named: layers that will be asked about, beside those of a waterfall.
        waterfall: layers that are also run unpinned, and on untouched memory.
        layers: these, where no list is named.
        rounds: how often each is measured, each time on fresh memory.
        tune: whether our kernels try other ways to run a layer before.

    """

    shapes: Path | None = None
    random: int | None = None
    seed: int | None = None
    subject: str = "ours"
    threads: int | None = None
    isa_cap: str | None = None
    cold: bool = False
    relu: bool = False
    results: str | None = None
    site: str | None = "local"
    quiet: bool = False
    named: tuple[str, ...] = ()
    waterfall: tuple[str, ...] = ()
    layers: tuple[Layer, ...] = ()
    rounds: int = ROUNDS
    tune: bool = True


def measured(
    wish: Wish, say: Say, progress: Progress = lambda _done, _total, _what: None
) -> tuple[Sweep, Runner]:
    """Return the sweep and the runner that it is compared with.

    Raises:
        RooflineError: something is asked for that can't be run, or can't be measured here.

    """
    subjects.check(wish.subject, cold=wish.cold, isa_cap=wish.isa_cap, relu=wish.relu)
    layers = wanted_layers(wish)
    names = [layer.name for layer in layers]
    chosen(wish.named, names, ())
    beside = chosen(wish.waterfall, names, None)
    if wish.cold or wish.subject != registry.OURS:
        # Only our kernels alone, on tensors that stay, are run unprepared.
        beside = []
    if platform.system() != "Linux":
        raise RooflineError("measuring needs Linux; --measured works anywhere.", CANNOT_MEASURE)
    # A wheel has nothing to measure with: better said before anything is looked for.
    checkout()
    subjects.check_installed(wish.subject)
    everything, cpus = team_cpus(SYSTEM, None), team_cpus(SYSTEM, wish.threads)
    store = open_store(wish.results)
    job = _job(wish, layers, store, len(everything), len(cpus), say)
    open_child = functools.partial(Worker, cpus, isa.target_environment(wish.isa_cap))
    open_library = _open_library(wish.subject, cpus)
    if wish.tune:
        job = _tuned(job, open_child, say, progress)
    unprepared = Unprepared(job.operators, [one for one in layers if one.name in beside])
    child = unprepared.beside(open_child)
    outcome = unprepared.noted(
        measure(job, child, open_library, rounds=wish.rounds, progress=progress)
    )
    if wish.site is not None:
        say(f"sweep: {store.shown(store.put(outcome.sweep, outcome.samples, wish.site))}")
    return outcome.sweep, subjects.runner_of(outcome.sweep, job.operators.calibration)


def _tuned(job: Job, open_child: OpenChild, say: Say, progress: Progress) -> Job:
    """Return the job with layers run as is best here; a library's as it is."""
    if not job.operators.tunable:
        return job
    with open_child() as child:
        tuning = tuned(job.operators, job.layers, child, job.node, progress)
    if tuning.sentence is not None:
        say(tuning.sentence)
    return replace(job, operators=tuning.operators)


def _open_library(name: str, cpus: Sequence[int]) -> OpenChild | None:
    """Return what starts a library's own child; None for our kernels, whose child is ours."""
    subject = registry.find(name)
    if subject.ours:
        return None
    return functools.partial(Worker, cpus, registry.environment(subject, cpus), subject=name)


def wanted_layers(wish: Wish) -> tuple[Layer, ...]:
    """Return the layers of the list that was asked for.

    Raises:
        RooflineError: two lists were asked for, or the file is no list of shapes.

    """
    if wish.shapes and wish.random:
        raise RooflineError("--shapes and --random are two lists: give one of them.")
    if wish.seed is not None and not wish.random:
        raise RooflineError("--seed belongs to --random N: give both.")
    if wish.shapes:
        return shapes.read_shapes(wish.shapes)
    if wish.random:
        return shapes.draw(wish.random, 1 if wish.seed is None else wish.seed)
    return wish.layers or shapes.default_sweep()


def host() -> tuple[str, str]:
    """Return this host's opaque name and its type of machine."""
    return node_id(SYSTEM, config_home()), read_machine(SYSTEM).id


def _job(
    wish: Wish, layers: tuple[Layer, ...], store: Store, cores: int, threads: int, say: Say
) -> Job:
    """Find the calibration and refuse whatever can't be run or predicted."""
    machine, free = read_machine(SYSTEM), memory_available(SYSTEM)
    vector = isa.vectors(machine, wish.isa_cap)[0]
    subjects.check_layers(wish.subject, layers, vector, free)
    if wish.site is not None:
        store.check_writable(wish.site, machine.id)
    # From here on something may be written: a key that names this host, a calibration.
    node = node_id(SYSTEM, config_home())
    found = newest(
        store,
        node,
        usable_cores=cores,
        isa_cap=wish.isa_cap,
        machine_id=machine.id,
        say=say,
        quiet=wish.quiet,
    )
    operators = subjects.runner(wish.subject, found.record, threads, cold=wish.cold, relu=wish.relu)
    operators.check(layers, free)
    # A prediction that can't be made should cost no measurement.
    for layer in layers:
        operators.predict(layer)
    say(f"calibration: {described(found, now())}")
    commit, dirty = revision(checkout())
    return Job(
        operators=operators,
        layers=layers,
        calibration_name=found.entry.path.name,
        subject=wish.subject,
        machine=machine,
        node=node,
        software=Software(
            python=sys.version.split()[0],
            suite_version=roofline.__version__,
            git_revision=commit,
            git_dirty=dirty,
        ),
        cores=cores,
    )
