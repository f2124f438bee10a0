"""In-core time from counted instructions: by hand, by port, by thread, and above the bound."""

import itertools
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.conv.layout import Layout
from benchmarks.conv.schedule import units as scheduled
from benchmarks.conv.tables import share
from roofline.physics import datasheet, pressure
from roofline.physics.cores import CORES, Core, core_of
from roofline.physics.cropped import cropped
from roofline.physics.dealing import dealt
from roofline.physics.isa import Vector
from roofline.physics.owners import owners
from roofline.physics.pressure import (
    Rates,
    beside,
    core_seconds,
    loads,
    rates,
)
from roofline.physics.tally import Counted, counted
from roofline.physics.tiling import Tiling, lanes_of
from roofline.physics.workload import conv_work
from roofline.records import ConvShape
from tests import roof_builders as build
from tests.builders import make_machine
from tests.reference import reference
from tests.tilings import AVX2, AVX512, chosen, conv, legal

# As if ports never got in each other's way, so that the busiest one alone can be counted.
ZEN4, ZEN5 = CORES["Zen 4", 512], replace(CORES["Zen 5", 512], ports=math.inf)
# A clock of one hertz: seconds are cycles.
HALF, FULL = Rates(multiplies=1, loads=1, hertz=1), Rates(multiplies=2, loads=2, hertz=1)
FREE = Core(
    latency=0,
    broadcasts=1e9,
    stores=1e9,
    permutes=1e9,
    arithmetic=1e9,
    call=0,
    short_call=0,
    source="",
    window=0,
)
EASY = Rates(multiplies=1e9, loads=1e9, hertz=1)
CALL = 25
# The same on Zen 5 where tiles end no loop: half of the branches that end a call are foreseen.
SHORT_CALL = 17
# The mispredicted end of a broadcast tile's loops; that of a call's last tile is the call's.
EXIT = 16


def row_of(width: int, **more: Any) -> ConvShape:
    """Build one row of a depthwise 3x3 of 16 channels, no padding."""
    return conv(16, 16, 3, padding=(0, 0), width=width, groups=16, **more)


LANES = Tiling(strategy="lanewise", lanes=16, columns=14, taps=3)


def unit_seconds(unit: Counted, core: Core, rates: Rates) -> float:
    """Return how long one thread takes for a unit."""
    return pressure._seconds(unit, pressure._costs(core, rates))


def test_a_depthwise_tile_by_hand() -> None:
    """Three rows of 14 x 3 multiply-adds, 16 + 3 loads; 14 sums stored, each over two cycles.

    Where work overlaps, sums come and go beside the multiply-adds.
    """
    assert core_seconds(row_of(16), LANES, ZEN4, HALF, 1) == 3 * 42 + 14 * 2 + CALL
    assert core_seconds(row_of(16), LANES, ZEN5, FULL, 1) == 3 * 21 + SHORT_CALL


@pytest.mark.parametrize(
    ("width", "more", "inputs"),
    [
        (4, {}, 4),
        (5, {"stride": (1, 2)}, 5),
        (6, {"dilation": (1, 2)}, 6),
        (9, {"stride": (1, 6)}, 6),
    ],
)
def test_stride_and_dilation_decide_how_many_inputs_a_tile_loads(
    width: int, more: dict[str, Any], inputs: int
) -> None:
    """Two columns of three taps: each input is loaded once, whatever it is used for."""
    slow = Rates(multiplies=1e9, loads=1, hertz=1)
    tile = replace(LANES, columns=2)
    shape = row_of(width, **more)
    assert core_seconds(shape, tile, FREE, slow, 1) == pytest.approx(3 * (inputs + 3) + 2)


def test_a_broadcast_tile_by_hand() -> None:
    """Six columns of four blocks: 24 multiply-adds a channel, 4 loads, 6 broadcasts."""
    tile = Tiling(strategy="broadcast", lanes=16, columns=6, blocks=4, chunk=2)
    shape = conv(32, 64, 1, 1, height=1, width=6)
    assert core_seconds(shape, tile, ZEN4, HALF, 1) == 32 * 24 + 24 * 2 + CALL
    assert core_seconds(shape, tile, ZEN5, FULL, 1) == 32 * 12 + CALL


def test_each_tile_of_a_call_but_the_last_ends_with_a_branch_of_its_own() -> None:
    """Three tiles side by side; a single channel has no loop whose end could be missed."""
    tile = Tiling(strategy="broadcast", lanes=16, columns=6, blocks=4, chunk=2, rows=3)
    for channels, exits in ((32, 2), (1, 0)):
        shape = conv(channels, 64, 1, 1, height=1, width=18)
        one = core_seconds(replace(shape, width=6), replace(tile, rows=1), ZEN4, HALF, 1)
        three = core_seconds(shape, tile, ZEN4, HALF, 1)
        assert three == 3 * (one - CALL) + CALL + exits * EXIT


def test_a_narrow_broadcast_tile_is_fed_by_loads_on_zen_4() -> None:
    """One block of 14 columns: 14 multiply-adds, 15 loads, and one of either a cycle."""
    tile = Tiling(strategy="broadcast", lanes=16, columns=14)
    shape = conv(16, 16, 14, 1, height=1)
    assert core_seconds(shape, tile, ZEN4, HALF, 1) == 16 * 15 + 14 * 2 + CALL


def test_what_is_left_of_the_output_channels_is_a_narrower_tile() -> None:
    """Three vectors by two: the single one waits for its inputs, seven a channel, two a cycle."""
    tile = Tiling(strategy="broadcast", lanes=16, columns=6, blocks=2, rows=1)
    shape = conv(16, 48, 1, 1, height=1, width=6)
    found = [unit_seconds(unit, ZEN5, FULL) for unit in counted(shape, tile)]
    # Six sums are loaded beside the inputs, two a cycle.
    assert found == [16 * 6 + CALL, 16 * 3.5 + 3 + CALL]


def test_chunks_of_channels_start_and_end_every_tile_again() -> None:
    shape = conv(64, 64, 1, 1, height=1, width=6)
    whole = Tiling(strategy="broadcast", lanes=16, columns=6, blocks=4, chunk=4)
    one, four = (core_seconds(shape, t, ZEN4, HALF, 1) for t in (whole, replace(whole, chunk=1)))
    assert four - one == 3 * (24 * 2 + CALL)


def test_a_permute_tile_by_hand() -> None:
    """Groups of four: a row of a channel is 16 permutations beside 42 multiply-adds."""
    shape = conv(16, 16, 3, padding=(0, 0), width=16, groups=4)
    tile = replace(LANES, strategy="permute")
    rows = 3 * 4
    assert core_seconds(shape, tile, ZEN4, HALF, 1) == rows * 42 + 28 + CALL
    # Half of the permutations take one of the two pipes of multiply-adds.
    assert core_seconds(shape, tile, ZEN5, FULL, 1) == rows * (42 + 8) / 2 + SHORT_CALL
    slower = replace(ZEN5, arithmetic=2)
    assert core_seconds(shape, tile, slower, FULL, 1) == rows * (42 + 16) / 2 + SHORT_CALL


PERMUTE = (conv(16, 16, 3, padding=(0, 0), width=16, groups=4), replace(LANES, strategy="permute"))
TWICE = (replace(PERMUTE[0], batch=2), PERMUTE[1])
SPREAD = (conv(1, 16, 3, padding=(0, 0), width=16), replace(LANES, strategy="spread"))
BROADCAST = (
    conv(32, 64, 1, 1, height=1, width=6),
    Tiling(strategy="broadcast", lanes=16, columns=6, blocks=4, chunk=2),
)
# Without a loop over the channels of a block.
WHOLE = (
    conv(16, 16, 1, 1, height=1, width=6),
    Tiling(strategy="broadcast", lanes=8, columns=6, blocks=2, chunk=2),
)
BROAD = (replace(BROADCAST[0], width=12), replace(BROADCAST[1], rows=2))


@pytest.mark.parametrize(
    ("case", "core", "fast", "cycles"),
    [
        (BROADCAST, FREE, Rates(multiplies=1, loads=1e9, hertz=1), 32 * 24),
        (BROADCAST, FREE, Rates(multiplies=1e9, loads=1, hertz=1), 32 * 4 + 24),
        (BROADCAST, replace(FREE, broadcasts=1), EASY, 32 * 6),
        (BROADCAST, replace(FREE, latency=5), EASY, 32 * 5),
        (BROADCAST, replace(FREE, stores=1), EASY, 24),
        (BROADCAST, replace(FREE, call=7), EASY, 7),
        (BROADCAST, replace(FREE, short_call=7), EASY, 0),
        (PERMUTE, replace(FREE, call=7), EASY, 0),
        (PERMUTE, replace(FREE, short_call=7), EASY, 7),
        (BROADCAST, replace(FREE, exit=7), EASY, 0),
        (BROAD, replace(FREE, exit=7), EASY, 7),
        (PERMUTE, replace(FREE, exit=7), EASY, 0),
        (BROADCAST, replace(FREE, arithmetic=1), Rates(1, 1e9, 1), 32 * 24),
        (PERMUTE, replace(FREE, permutes=1), EASY, 12 * 16),
        (PERMUTE, replace(FREE, stolen=0.5), Rates(1, 1e9, 1), 12 * (42 + 8)),
        (PERMUTE, replace(FREE, arithmetic=1), Rates(1, 1e9, 1), 12 * (42 + 16)),
        (PERMUTE, FREE, Rates(multiplies=1e9, loads=1, hertz=1), 12 * (16 + 3 + 1) + 14),
        (PERMUTE, replace(FREE, latency=5), EASY, 12 * 3 * 5),
        # A single tile's sums wait alone, those of two run beside each other.
        (PERMUTE, replace(FREE, latency=5, window=12 * 72), EASY, 12 * 3 * 5),
        (TWICE, replace(FREE, latency=5, window=12 * 72), EASY, 12 * 3 * 5),
        (PERMUTE, FREE, replace(EASY, starts=1), 12 * (42 + 16 + 3 + 1 + 10) + 3 * 14),
        (SPREAD, replace(FREE, broadcasts=1), EASY, 3 * 16),
        (SPREAD, FREE, Rates(multiplies=1e9, loads=1, hertz=1), 3 * 3 + 14),
        (SPREAD, FREE, replace(EASY, starts=1), 3 * (42 + 16 + 3 + 5) + 3 * 14),
        (BROADCAST, FREE, replace(EASY, starts=1), 32 * 34 + 2 * (4 * 5 + 31) + 3 * 24 + 4 + 4),
        (WHOLE, FREE, replace(EASY, starts=1), 16 * 20 + 2 * (5 + 3) + 3 * 12 + 4 + 4),
    ],
)
def test_each_port_can_bind(
    case: tuple[ConvShape, Tiling], core: Core, fast: Rates, cycles: float
) -> None:
    """All others are as good as free; tiles overlap as far as the core looks ahead."""
    assert core_seconds(*case, core, fast, 1) == pytest.approx(cycles, rel=1e-5, abs=1e-4)


def test_only_taps_with_an_input_are_loaded_and_wait_for_each_other() -> None:
    """One column of seven taps, six of them on padding: one load of weights, a chain of one."""
    shape = conv(1, 16, 7, 7, padding=(0, 3), width=1)
    tile = replace(LANES, strategy="spread", columns=1, taps=7)
    slow = Rates(multiplies=1e9, loads=1, hertz=1)
    assert core_seconds(shape, tile, FREE, slow, 1) == pytest.approx(7 * 1 + 1)
    assert core_seconds(shape, tile, replace(FREE, latency=5), EASY, 1) == pytest.approx(7 * 5)


def test_ports_that_are_equally_busy_get_in_each_other_s_way() -> None:
    """Two vectors by two columns: four multiply-adds a channel, four loads; sums beside them."""
    tile = Tiling(strategy="broadcast", lanes=16, columns=2, blocks=2, chunk=64)
    shape = conv(1024, 32, 1, 1, height=1, width=2)
    core = replace(FREE, overlap=3)
    fast = Rates(multiplies=1, loads=1, hertz=1)
    alone = core_seconds(shape, tile, core, fast, 1)
    even = core_seconds(shape, tile, replace(core, broadcasts=1, ports=8), fast, 1)
    assert even == pytest.approx(4 * 1024 * 2 ** (1 / 8), rel=1e-3)
    # One that is busy for half as long hardly does.
    half = core_seconds(shape, tile, replace(core, broadcasts=1e9, ports=8), fast, 1)
    assert alone == 4 * 1024
    assert alone < half < 1.001 * alone


def test_arithmetic_and_loads_are_told_apart() -> None:
    """Six columns of four blocks: 24 multiply-adds a channel, a call; ten loads, and sums."""
    tile = Tiling(strategy="broadcast", lanes=16, columns=6, blocks=4, chunk=2)
    shape = conv(32, 64, 1, 1, height=1, width=6)
    arithmetic, loading = beside(shape, tile, ZEN5, FULL, 1)
    assert arithmetic == 32 * 12 + CALL
    assert loading == ZEN5.taken * (32 * 10 + 24) / 2


def test_outputs_without_a_tap_are_stored_and_no_more() -> None:
    """A 1x1 over two rows of padding on each side: four rows of three columns, a call a column."""
    shape = conv(32, 16, 1, 1, padding=(2, 0), height=1, width=3)
    tile = Tiling(strategy="broadcast", lanes=16, columns=3, rows=5)
    alone = conv(32, 16, 1, 1, height=1, width=3)
    reached = core_seconds(alone, replace(tile, rows=1), ZEN4, HALF, 1)
    filled = 4 * 3 * 2 + 2 * 3 * CALL
    assert core_seconds(shape, tile, ZEN4, HALF, 1) == reached + filled


@given(case=chosen(), core=st.sampled_from([*CORES.values()]), pace=st.sampled_from((HALF, FULL)))
def test_no_core_is_faster_than_its_peak(
    case: tuple[ConvShape, Vector, Tiling], core: Core, pace: Rates
) -> None:
    """Executed operations, the bias among them, at the peak of all threads together."""
    shape, _, tile = case
    executed = conv_work(shape).flops_executed
    assert executed is not None
    for threads in (1, 2, 7):
        peak = 2 * tile.lanes * pace.multiplies * threads
        assert core_seconds(shape, tile, core, pace, threads) >= executed / peak * (1 - 1e-9)


@given(case=legal())
def test_more_threads_cost_no_more_than_one_unit(case: tuple[ConvShape, Tiling]) -> None:
    each = [unit_seconds(unit, ZEN4, HALF) for unit in counted(*case)]
    times = [max(loads(*case, ZEN4, HALF, threads)) for threads in (1, 2, 3, 8)]
    for fewer, more in itertools.pairwise(times):
        assert more <= fewer + max(each)
    assert times[0] == pytest.approx(case[0].batch * math.fsum(each))


def test_one_unit_on_two_threads_takes_as_long_as_on_one() -> None:
    one, two = (core_seconds(row_of(16), LANES, ZEN4, HALF, n) for n in (1, 2))
    assert one == two


def test_three_equal_units_on_two_threads_take_as_long_as_two() -> None:
    shape = row_of(16, batch=3)
    unit = core_seconds(replace(shape, batch=1), LANES, ZEN4, HALF, 1)
    assert sorted(loads(shape, LANES, ZEN4, HALF, 2)) == [unit, 2 * unit]
    assert sorted(times for part in dealt(shape, LANES, 2) for _, times in part) == [1, 2]
    assert list(owners([0, 0], 2)) == [0, 0]


@given(case=legal())
def test_the_model_counts_what_the_kernels_run(case: tuple[ConvShape, Tiling]) -> None:
    """The same units in the same order, as many calls in each, dealt to the same threads."""
    shape, tile = case
    calls_only = replace(FREE, call=1, short_call=1)
    pace = replace(EASY, multiplies=1e30, loads=1e30)
    model = counted(shape, tile) * shape.batch
    real = list(scheduled(Layout(cropped(shape), tile)))
    assert [unit.cost for unit in model] == [unit.cost for unit in real]
    calls = [round(unit_seconds(unit, calls_only, pace)) for unit in model]
    assert calls == [len(unit.calls) for unit in real]
    for threads in (2, 3):
        shared = [len(part) for part in share(real, threads)]
        found = loads(shape, tile, calls_only, pace, threads)
        assert [round(seconds) for seconds in found] == shared


def test_an_unknown_core_is_taken_for_an_ordinary_one() -> None:
    for name in (None, "", "zen5", "Neoverse V2"):
        found = core_of(make_machine(microarchitecture=name), AVX512)
        assert found not in CORES.values()
        assert "not known" in found.source
        assert found.latency == 4
    assert core_of(make_machine(microarchitecture="Zen 4"), AVX2) == CORES["Zen 4", 256]
    narrow = replace(AVX2, bits=128)
    assert "not known" in core_of(make_machine(microarchitecture="Zen 4"), narrow).source


def test_every_row_is_cited_and_names_a_core_that_is_recognized() -> None:
    known = {sheet.microarchitecture for sheet in datasheet.SHEETS}
    for (name, bits), core in CORES.items():
        assert name in known
        assert bits in (256, 512)
        assert "pub. " in core.source or "order 248966" in core.source
        assert min(core.latency, core.broadcasts, core.stores, core.permutes) > 0


def test_rates_are_the_calibration_s() -> None:
    """Per thread: a multiply-add is two operations a lane, a load a whole vector."""
    calibration = build.calibration()
    for threads in (1, 2):
        found = rates(calibration, threads, AVX512, "float32", "typical")
        assert found is not None
        compute = calibration.ceiling("fma-float32-512", threads)
        assert compute is not None
        assert found.multiplies == pytest.approx(compute.typical / (32 * threads))
        assert found.loads == pytest.approx(441e9 / 64)
    best, worst = (rates(calibration, 1, AVX512, "float64", pick) for pick in ("high", "low"))
    assert best is not None
    assert worst is not None
    assert best.multiplies > worst.multiplies


def test_without_a_clock_or_a_first_level_rates_are_careful() -> None:
    """One multiply-add and one load a cycle; without a compute roof there are none."""
    calibration = build.one_thread_no_caches()
    found = rates(calibration, 1, AVX512, "float32", "typical")
    assert found is not None
    assert found.hertz == found.loads == found.multiplies
    assert rates(calibration, 2, AVX512, "float32", "typical") is None
    assert rates(calibration, 1, AVX512, "float64", "typical") is None


def test_on_the_reference_machine_ordinary_layers_come_near_the_peak() -> None:
    """A dense 3x3 is bound by multiply-adds, edges and ends cost little."""
    calibration = reference()
    found = rates(calibration, 1, AVX512, "float32", "typical")
    assert found is not None
    core, shape = core_of(calibration.machine, AVX512), conv(64, 64, 56)
    tile = Tiling(strategy="broadcast", lanes=lanes_of(AVX512, "float32"), columns=14, blocks=2)
    executed = conv_work(shape).flops_executed
    assert executed is not None
    peak = 2 * 16 * found.multiplies
    assert 1 <= core_seconds(shape, tile, core, found, 1) * peak / executed < 1.2
