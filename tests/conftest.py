"""What tests of the measuring half share: this host, its vectors, kernels in a folder of their own.

The kernels are compiled once for the whole run, and never into the user's own cache.
"""

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import settings

from roofline.host.machine import read_machine, usable_cpus
from roofline.physics.isa import Vector, vectors
from roofline.records import MachineSpec
from tests.conv_builders import Bench, bench_on
from tests.reference import FOLDER as REFERENCE

# How long an example takes on a busy machine says nothing about the code.
settings.register_profile("usual", deadline=None)
settings.load_profile("usual")
# For `pytest --hypothesis-profile=long`: instead of what is drawn usually.
settings.register_profile("long", max_examples=1000, deadline=None)


@pytest.fixture(scope="session")
def host() -> MachineSpec:
    """Return the machine that runs the tests."""
    return read_machine()


@pytest.fixture(scope="session")
def widest(host: MachineSpec) -> Vector:
    """Return its widest vector."""
    return vectors(host)[0]


@pytest.fixture(scope="session")
def cpu() -> int:
    """Return a CPU to measure on."""
    return usable_cpus(Path("/"), os.sched_getaffinity(0))[0]


@pytest.fixture(scope="module")
def bench(cache_home: Path, cpu: int) -> Bench:
    """Return a bench of one CPU, unless a module has its own."""
    return bench_on([cpu], cache_home)


@pytest.fixture(scope="session")
def two_cpus() -> tuple[int, int]:
    """Return two CPUs, wherever there are two."""
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        pytest.skip("this process may use one CPU only")
    return allowed[0], allowed[1]


@pytest.fixture(scope="session")
def cache_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an XDG_CACHE_HOME that all tests share: each kernel is compiled once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a store of the records that the repository carries, and of no others.

    The folder `results` holds this host's own, too, once somebody has calibrated.
    """
    store = tmp_path_factory.mktemp("kept")
    shutil.copytree(REFERENCE, store / REFERENCE.name)
    return store
