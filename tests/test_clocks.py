"""The core clock from synthetic chains: cycles derived whole, windows turned into hertz."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from benchmarks import cases
from calibrate import clocks
from roofline.records import Case, Measurement, Work
from tests.fake_child import Planted, measured

HERTZ = 3.0e9
X86: Mapping[str, int] = {"add": 2, "imul": 4, "fma": 4, "mul+add": 8}


def chain(name: str, *, dtype: str = "float64", bits: int = 512, fused: bool = True) -> Case:
    if name != "vector":
        return Case(benchmark="chain", parameters={"chain": name, "fused": False})
    return Case(
        benchmark="chain",
        parameters={"chain": name, "fused": fused},
        dtype=dtype,
        isa="avx512",
        bits=bits,
    )


def fma(*, dtype: str = "float64", bits: int = 512, threads: int = 1, mix: str = "fma") -> Case:
    return Case(
        benchmark=mix,
        parameters={"accumulators": 24},
        dtype=dtype,
        isa="avx512",
        bits=bits,
        threads=threads,
    )


ALONE = [chain("add"), chain("imul"), chain("vector")]


def seconds_of(name: str, cycles: float, windows: tuple[float, ...] = (1.0,)) -> Measurement:
    """Return a chain whose step takes that many cycles, stretched in each window by a factor."""
    case = chain(name)
    seconds = cases.chain_steps(case) * cycles / HERTZ
    return Measurement(
        case=case, work=Work(), seconds=(tuple(seconds * factor for factor in windows),)
    )


@pytest.mark.parametrize("vector", [3, 4, 5, 6, 9])
@pytest.mark.parametrize("imul", [3, 4, 5])
def test_cycles_of_a_step_are_derived_from_the_add_chain(imul: int, vector: int) -> None:
    planted = Planted(latency={**X86, "imul": imul, "fma": vector})
    found = clocks.derive(measured(planted, ALONE))
    assert found.cycles == {"add": 2, "imul": imul, "vector:fma:float64:512": vector}
    assert found.findings == ()


@pytest.mark.parametrize("hertz", [0.8e9, 2.0e9, 3.69e9, 5.7e9])
def test_the_light_clock_is_the_add_chains(hertz: float) -> None:
    found = clocks.derive(measured(Planted(hertz=hertz), ALONE))
    assert found.light is not None
    assert found.light.typical == pytest.approx(hertz, rel=0.01)
    assert found.light.low <= found.light.typical <= found.light.high


def test_each_dtype_and_width_has_a_chain_of_its_own() -> None:
    vectors = [chain("vector", dtype=d, bits=b) for d in ("float32", "float64") for b in (128, 256)]
    found = clocks.derive(measured(Planted(), [chain("add"), *vectors]))
    assert set(found.cycles) == {
        "add",
        "vector:fma:float32:128",
        "vector:fma:float32:256",
        "vector:fma:float64:128",
        "vector:fma:float64:256",
    }


def test_a_chain_without_fma_is_another_chain() -> None:
    plain = chain("vector", fused=False, bits=128)
    found = clocks.derive(measured(Planted(), [chain("add"), plain]))
    assert found.cycles == {"add": 2, "vector:mul+add:float64:128": 8}


@pytest.mark.parametrize("seed", range(8))
def test_noisy_windows_do_not_change_whole_cycles(seed: int) -> None:
    found = clocks.derive(measured(Planted(noise=0.03), ALONE, samples=7, seed=seed))
    assert found.cycles == {"add": 2, "imul": 4, "vector:fma:float64:512": 4}


def test_windows_that_were_interrupted_do_not_count() -> None:
    windows = (1.0, 1.0, 3.0, 1.0, 1.7, 1.0, 40.0, 1.0)
    found = clocks.derive([seconds_of("add", 2, windows), seconds_of("imul", 4, windows[::-1])])
    assert found.cycles == {"add": 2, "imul": 4}
    assert found.findings == ()


@pytest.mark.parametrize(("cycles", "doubted"), [(4.0, False), (4.15, False), (4.3, True)])
def test_a_chain_off_a_whole_number_is_a_finding(cycles: float, doubted: bool) -> None:
    found = clocks.derive([seconds_of("add", 2), seconds_of("imul", cycles)])
    assert found.cycles["imul"] == 4
    assert bool(found.findings) is doubted
    for finding in found.findings:
        assert finding.severity == "warning"
        assert "imul chain takes 4.30 cycles" in finding.what
        assert finding.why_it_matters
        assert finding.command


def test_a_step_takes_a_cycle_at_least_and_less_is_doubted() -> None:
    found = clocks.derive([seconds_of("add", 2), seconds_of("imul", 0.3)])
    assert found.cycles["imul"] == 1
    assert len(found.findings) == 1


def test_without_the_add_chain_nothing_is_assumed() -> None:
    found = clocks.derive(measured(Planted(), [chain("imul"), chain("vector")]))
    assert found == clocks.Chains({}, (), None)


def test_every_window_beside_a_load_has_a_clock_by_each_chain() -> None:
    measurements = measured(Planted(noise=0.0), [*ALONE, fma()], rounds=2, samples=3)
    seen = clocks.window_hertz(measurements[-1], clocks.derive(measurements))
    assert set(seen) == {"imul", "vector"}
    for hertz in seen.values():
        assert hertz == pytest.approx([HERTZ] * 6)


def test_a_chain_of_unknown_cycles_gives_no_clock() -> None:
    measurements = measured(Planted(), [chain("add"), chain("imul"), fma()])
    assert set(clocks.window_hertz(measurements[-1], clocks.derive(measurements))) == {"imul"}
    assert clocks.window_hertz(measurements[-1], clocks.Chains({}, (), None)) == {}


def test_a_load_of_another_width_does_not_borrow_a_chain() -> None:
    measurements = measured(Planted(), [*ALONE, fma(bits=256)])
    assert set(clocks.window_hertz(measurements[-1], clocks.derive(measurements))) == {"imul"}


def test_loads_without_fma_read_the_chain_without_fma() -> None:
    wanted = [chain("add"), chain("vector", fused=False), fma(mix="mul+add")]
    measurements = measured(Planted(), wanted)
    seen = clocks.window_hertz(measurements[-1], clocks.derive(measurements))
    assert seen["vector"] == pytest.approx([HERTZ] * 21, rel=0.02)


def test_the_light_clock_and_the_clock_under_each_load_are_ceilings() -> None:
    wanted = [*ALONE, fma(), fma(threads=2)]
    measurements = measured(Planted(), wanted)
    found = clocks.derive(measurements)
    made = list(clocks.ceilings(found, measurements[3:]))
    assert [(c.name, c.threads) for c in made] == [
        ("clock-light", 1),
        ("clock-float64-512", 1),
        ("clock-float64-512", 2),
    ]
    assert {(c.kind, c.unit) for c in made} == {("clock", "Hz")}
    assert [c.typical for c in made] == pytest.approx([HERTZ] * 3, rel=0.01)


def test_no_chain_is_no_clock() -> None:
    measurements = measured(Planted(), [fma()])
    assert list(clocks.ceilings(clocks.derive(measurements), measurements)) == []


def test_the_upper_end_is_the_95th_percentile() -> None:
    assert clocks.upper([float(n) for n in range(101)]) == pytest.approx(95.0)


def test_operations_are_counted_by_the_mean_clock_of_each_window() -> None:
    (one,) = measured(Planted(), [fma(threads=2)], rounds=1, samples=2)
    one = replace(one, seconds=((1e-3, 2e-3),))
    seen = {"imul": [3e9, 1.0e9], "vector": [3e9, 2.0e9]}
    flops = one.work.flops / 2
    assert clocks.per_cycle(one, seen) == pytest.approx([flops / 3e6, flops / 3e6])


def test_chains_are_compared_within_each_window() -> None:
    """A clock that rises for some windows is the same for both chains there."""
    seen = {"imul": [3e9, 3e9, 3.6e9], "vector": [3e9, 3e9, 3.6e9]}
    assert clocks.agreement(seen) == {"clock_agreement": 1.0}
    assert clocks.agreement({**seen, "vector": [2e9, 2e9, 3.6e9]}) == {"clock_agreement": 1.5}
    assert clocks.agreement({"imul": [3e9]}) == {}
