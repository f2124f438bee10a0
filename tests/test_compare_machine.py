"""A few tiny layers measured for real, against a calibration that is made to be of this host."""

import dataclasses
from pathlib import Path

import pytest

from roofline.comparing import measured as measuring
from roofline.comparing.measured import Wish, measured
from roofline.comparing.operators import Operators
from roofline.comparing.reporting import report
from roofline.errors import RooflineError
from roofline.host.machine import team_cpus
from roofline.physics import isa
from roofline.records import MachineSpec, Sweep
from roofline.store.files import Store
from roofline.store.schema import loads_as
from tests.reference import reference

NODE = "0123456789abcdef"
LIST = """name,in_channels,height,width,out_channels,kernel,padding,groups,bias,dtype
dense,16,12,12,16,3,1,1,1,float32
depthwise,24,9,9,24,3,1,24,0,float32
pointwise,8,6,6,20,1,0,1,0,float64
"""


@pytest.fixture(scope="module")
def made(
    tmp_path_factory: pytest.TempPathFactory, cache_home: Path, host: MachineSpec
) -> tuple[Sweep, Operators, Path]:
    """Return a real sweep of one thread, its operators, and the store that keeps it."""
    folder = tmp_path_factory.mktemp("measured")
    results, shapes = folder / "results", folder / "shapes.csv"
    shapes.write_text(LIST)
    calibration = dataclasses.replace(
        reference(), node=NODE, machine=host, usable_cores=len(team_cpus())
    )
    Store(results).put(calibration, None, "local")
    wish = Wish(shapes=shapes, threads=1, results=str(results))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(cache_home))
        patch.setattr(measuring, "node_id", lambda *_: NODE)
        try:
            isa.vectors(host, "avx512")
        except RooflineError:
            pytest.skip("the reference calibration's kernels need AVX-512")
        return *measured(wish, lambda _: None), results


@pytest.mark.machine
def test_what_was_really_measured_is_right_and_took_time(
    made: tuple[Sweep, Operators, Path],
) -> None:
    timings = made[0].timings
    assert [timing.name for timing in timings] == ["dense", "depthwise", "pointwise"]
    for timing in timings:
        assert timing.checked
        assert timing.kernel_digest
        assert len(timing.seconds) == len(timing.loops) > 1
        assert min(min(samples) for samples in timing.seconds) > 0
        assert min(timing.loops) >= 1


@pytest.mark.machine
def test_anchors_were_really_visited(made: tuple[Sweep, Operators, Path]) -> None:
    anchors = made[0].anchors
    assert {"fma-float32-512", "fma-float64-512", "dram-read"} <= {a.ceiling for a in anchors}
    for anchor in anchors:
        assert len(anchor.rates) > 1
        assert min(anchor.rates) > 0


@pytest.mark.machine
def test_the_record_is_valid_and_kept_with_its_samples(
    made: tuple[Sweep, Operators, Path],
) -> None:
    sweep, _, results = made
    found = Store(results).latest_sweep(NODE)
    assert found is not None
    assert found.record.valid
    assert loads_as(Sweep, found.entry.path.read_text()) == found.record
    assert found.record.started == sweep.started
    assert [one.shape for one in found.record.timings] == [one.shape for one in sweep.timings]
    assert found.record.samples is not None
    assert (found.entry.path.parent / found.record.samples.name).is_file()
    assert len(sweep.conditions.affinity) == 1
    assert sweep.software.numba


@pytest.mark.machine
def test_what_was_really_measured_is_judged(made: tuple[Sweep, Operators, Path]) -> None:
    """The calibration is another run's, so that no verdict is asked for: only that there is one."""
    answer = report(made[0], made[1])
    assert {row.verdict is not None for row in answer.rows} == {True}
    assert answer.noise_floor is not None
    assert all(ratio > 0 for ratio in answer.drift.values())
    assert all(row.bound.seconds > 0 for row in answer.rows)
