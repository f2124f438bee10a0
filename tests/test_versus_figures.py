"""Both sides run the same thing: cases, working sets, and each rival's word for them."""

import dataclasses

import pytest

from calibrate.plan import Resources, draw_up
from roofline.errors import RooflineError
from roofline.physics.isa import Vector
from tests.builders import make_calibration, make_ceiling
from tests.versus_fakes import KIB, MACHINE, MIB, VECTORS, host
from versus.figures import Figure, chosen, figures
from versus.sizes import array_bytes, half


def by_name(**changes: object) -> dict[str, Figure]:
    """Return the figures of a host."""
    return {figure.name: figure for figure in figures(host(**changes))}


def test_names_are_unique_and_every_group_is_there() -> None:
    every = figures(host())
    assert len({figure.name for figure in every}) == len(every)
    assert {figure.group for figure in every} == {"compute", "cache", "memory"}


def test_compute_cases_are_those_of_a_calibration() -> None:
    resources = Resources(
        machine=MACHINE, threads=2, vectors=VECTORS, memory_available=8 << 30, huge_pages=True
    )
    planned = {step.case.key for step in draw_up(resources, quick=False).steps}
    compute = [figure for figure in figures(host()) if figure.group == "compute"]
    assert [figure.name for figure in compute if figure.case.key not in planned] == []


def test_cache_figures_lie_at_half_of_what_is_reported() -> None:
    found = by_name()
    assert found["l1-load"].case.working_set_bytes == 16 * KIB
    assert found["l2-load"].case.working_set_bytes == 512 * KIB
    # Three arrays, each a whole number of turns.
    assert found["l1-triad"].case.working_set_bytes == 10 * 3 * 512


def test_a_found_capacity_wins_over_a_reported_one() -> None:
    ceiling = make_ceiling(
        kind="capacity", name="l2-capacity", unit="B", typical=600.0 * KIB, level="L2", threads=1
    )
    seen = host(calibration=make_calibration(ceilings=(ceiling,)))
    assert half(seen, "L2") == 300 * KIB
    assert half(seen, "L1") == 16 * KIB


def test_dram_arrays_are_four_times_the_last_level() -> None:
    assert array_bytes(host()) == 128 * MIB
    triad = by_name()["dram-triad-nt"].case.working_set_bytes
    assert triad == pytest.approx(3 * 128 * MIB, rel=1e-4)


def test_too_little_memory_is_said_in_a_sentence() -> None:
    with pytest.raises(RooflineError, match="768 MiB on both sides together"):
        figures(host(memory_available=1 << 30))


def test_rivals_are_asked_for_the_same() -> None:
    found = by_name()
    assert found["fma-fp32-512"].equivalents == {
        "c-reference": "fma-float32",
        "likwid-bench": "peakflops_sp_avx512_fma",
    }
    assert found["l2-triad"].equivalents["likwid-bench"] == "stream_avx512_fma"
    assert found["dram-triad-nt"].equivalents["likwid-bench"] == "stream_mem_avx512"
    assert found["dram-triad"].equivalents["stream"] == "Triad"
    assert "stream" not in found["dram-triad-nt"].equivalents
    # likwid has no fused test in 128-bit registers.
    assert list(found["fma-fp32-128"].equivalents) == ["c-reference"]


def test_a_host_without_fused_instructions_has_nothing_to_compare_with_the_c_program() -> None:
    sse = Vector(isa="sse2", bits=128, fused=False, registers=16)
    found = by_name(vectors=(sse,))
    assert found["mul+add-fp64-128"].equivalents == {"likwid-bench": "peakflops_sse"}
    assert found["l1-triad"].equivalents == {"likwid-bench": "stream_sse"}


def test_one_core_has_no_figures_of_all_cores() -> None:
    assert not [name for name in by_name(cores=1) if name.endswith("-all")]
    together = by_name()["dram-triad-nt-all"].case
    assert (together.threads, together.working_set_bytes % (2 * 3 * 512)) == (2, 0)


def test_only_what_was_promised_has_a_goal() -> None:
    goals = {name: (figure.goal, figure.reaching) for name, figure in by_name().items()}
    assert goals["fma-fp32-512"] == (0.99, None)
    assert goals["l3-triad"] == (0.97, None)
    assert goals["dram-triad-nt"] == (0.98, 1.0)
    assert goals["dram-triad"] == (None, None)


def test_figures_are_chosen_by_name_and_a_wrong_one_lists_them_all() -> None:
    known = figures(host())
    assert [figure.name for figure in chosen(known, ["l1-load"])] == ["l1-load"]
    assert chosen(known, []) == known
    with pytest.raises(RooflineError, match="no figure 'l9-load': choose from fma-fp32-512, "):
        chosen(known, ["l9-load"])


def test_caches_that_nobody_reports_are_the_usual_ones() -> None:
    silent = dataclasses.replace(MACHINE, caches=())
    assert by_name(machine=silent)["l1-load"].case.working_set_bytes == 16 * KIB
