"""The rig's programs own all memory that they name by address."""

import gc
import os
from pathlib import Path

import pytest

from benchmarks import cases, clock
from benchmarks.kernels import KernelCache, cache_folder
from benchmarks.rig import Rig
from calibrate import arithmetic
from roofline.physics.isa import Vector


@pytest.fixture(scope="module")
def rig(cache_home: Path) -> Rig:
    """Return a rig of one thread."""
    kernels = KernelCache(cache_folder({"XDG_CACHE_HOME": str(cache_home)}))
    return Rig(sorted(os.sched_getaffinity(0))[:1], kernels)


def test_chains_beside_a_load_keep_their_operands(rig: Rig, widest: Vector) -> None:
    """A chain writes its result where its operands lie: into freed memory, were they gone."""
    case = next(arithmetic.roofs([widest], 1, quick=True))
    rig.prepare([case])
    tasks = rig._tasks(case, rig._memory(case))
    programs = rig._programs(case, tasks, 1)
    gc.collect()
    chains = [s for s in programs[0] if isinstance(s.keep, clock.ChainTask)]
    assert cases.benchmark(case).clocked
    assert len(chains) == 4
    for segment in chains:
        assert isinstance(segment.keep, clock.ChainTask)
        assert segment.block[clock.OPERANDS] == segment.keep.operands.ctypes.data
