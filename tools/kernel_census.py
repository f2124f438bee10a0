"""Which micro-kernels do drawn layers need? `python -m tools.kernel_census --layers 2000 --seed 1`.

Layers of the stated domain are cut by the chooser for this host, for one core and for a team, at
each of its vector widths. Counted are the distinct kernels, by emitter; with `--verify` so many of
them, spread over all, are compiled, their assembly is judged, and the layer that wants them is run
once against a float64 reference.
"""

import argparse
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.conv.operator import plan, prepare, train
from benchmarks.kernels import KernelCache, Recipe
from benchmarks.team import Team
from roofline import shapes
from roofline.host.machine import read_machine
from roofline.physics import choice, isa
from roofline.physics.isa import Vector
from roofline.records import Case, ConvShape, Layer, MachineSpec


def main(arguments: Sequence[str] | None = None) -> int:
    """Count, and verify if asked; 1 where something is wrong."""
    asked = _parser().parse_args(arguments)
    machine = read_machine()
    layers = shapes.draw(asked.layers, asked.seed)
    bad = 0
    for vector in isa.vectors(machine):
        found = {
            recipe: case for case in _cases(layers, machine, vector) for recipe in needed(case)
        }
        print(f"{vector.bits} bit: {len(found)} kernels for {len(layers)} layers")
        for factory, count in Counter(one.factory for one in found).most_common():
            print(f"  {factory:<16} {count}")
        bad += _verified(found, asked.verify) if asked.verify else 0
    return 1 if bad else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m tools.kernel_census")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--layers", type=int, default=1000, help="to draw (1000)")
    parser.add_argument("--seed", type=int, default=1, help="of the draw (1)")
    parser.add_argument("--verify", type=int, default=0, metavar="N", help="kernels to compile")
    return parser


def _cases(layers: tuple[Layer, ...], machine: MachineSpec, vector: Vector) -> Iterator[Case]:
    for layer in layers:
        for threads in (1, 2):
            yield case_of(layer.shape, machine, vector, threads)


def case_of(shape: ConvShape, machine: MachineSpec, vector: Vector, threads: int) -> Case:
    """Return the case of a shape, cut as chosen."""
    cut = choice.choose(shape, vector, machine, threads)
    fused = {} if vector.fused else {"fused": False}
    return Case(
        benchmark="conv",
        parameters={**shape.parameters, **cut.parameters, **fused},
        dtype=shape.dtype,
        isa=vector.isa,
        bits=vector.bits,
        threads=threads,
    )


def needed(case: Case) -> tuple[Recipe, ...]:
    """Return the micro-kernels that a case runs."""
    return tuple(plan(case).recipes.values())


def _verified(found: dict[Recipe, Case], most: int) -> int:
    """Compile some of them, say what came of it, and return how many were wrong."""
    chosen = list(found.items())[:: max(1, len(found) // most)]
    wrong, otherwise = 0, 0
    with tempfile.TemporaryDirectory() as folder:
        kernels = KernelCache(Path(folder))
        team = Team(sorted(os.sched_getaffinity(0))[:2], kernels)
        for recipe, case in chosen:
            # What can't be made at all ends here, with its reason.
            otherwise += kernels.get(recipe).verdict.problem is not None
            wrong += not _right(case, team, kernels)
    print(f"  compiled {len(chosen)}: all hold what they should, {wrong} compute a wrong answer")
    return wrong + otherwise


def _right(case: Case, team: Team, kernels: KernelCache) -> bool:
    trained = train(plan(case).layout)
    operator = prepare(case, trained, team, kernels)
    operator.reset()
    team.time(operator.programs(1), 1)
    return operator.correct(trained)


if __name__ == "__main__":
    sys.exit(main())
