"""Arrays of one thread lie apart from each other and start at different places in their pages."""

from itertools import pairwise

import numpy as np
import pytest

from benchmarks.arena import NEAR, Place, map_place
from benchmarks.buffers import ALIAS, HUGE_PAGE, PAGE, STAGGER, Buffer

SIZES = [512, 4096, 4096 * 21, NEAR, NEAR + 512, 1 << 20]


def mapped(size: int, arrays: int = 3) -> Place:
    return map_place(arrays * size, size, huge=None)


def starts(place: Place, size: int, arrays: int = 3) -> list[int]:
    """Return where an output and its inputs begin."""
    found = [place.output_array(size), *(place.input_array(i, size) for i in range(arrays))]
    return [buffer.address + skip for buffer, skip in found]


@pytest.mark.parametrize("arrays", [1, 2, 3])
@pytest.mark.parametrize("size", SIZES)
def test_arrays_lie_apart_and_each_within_its_buffer(arrays: int, size: int) -> None:
    place = mapped(size, arrays)
    begins = sorted(starts(place, size, arrays))
    assert all(one + size <= next_one for one, next_one in pairwise(begins))
    for buffer, skip in (place.output_array(size), place.input_array(arrays - 1, size)):
        assert skip + size <= buffer.size


def test_smaller_arrays_of_another_case_fit_into_the_same_place() -> None:
    place = mapped(SIZES[-1])
    for size in SIZES:
        begins = sorted(starts(place, size))
        assert all(one + size <= next_one for one, next_one in pairwise(begins))


@pytest.mark.parametrize("size", SIZES)
def test_no_load_seems_to_follow_a_store_not_long_past(size: int) -> None:
    output, *inputs = starts(mapped(size), size)
    # An input at the output's place and a little behind is read where a store is yet to come; what
    # was stored there before is nearly a whole range of low bits ago.
    for address in inputs:
        assert STAGGER <= (address - output) % ALIAS <= 3 * STAGGER
    for one, other in pairwise(inputs):
        # Not within two of the widest vectors: they would still seem to depend on each other.
        assert 128 <= (other - one) % PAGE <= PAGE - 128


def test_small_arrays_share_a_huge_page() -> None:
    place = mapped(NEAR)
    pages = {address // HUGE_PAGE for address in starts(place, NEAR)}
    ends = {(address + NEAR - 1) // HUGE_PAGE for address in starts(place, NEAR)}
    assert len(pages | ends) == 1
    assert place.output_array(NEAR + 512)[0] is place.output
    assert place.input_array(0, NEAR + 512)[0] is place.inputs


def test_an_output_of_its_own_is_used_whatever_the_size() -> None:
    place = Place(Buffer(1 << 20, huge=None), Buffer(4096, huge=None))
    assert place.output_array(4096)[0] is place.output
    assert place.input_array(0, 4096)[0] is place.inputs


@pytest.mark.parametrize("size", SIZES)
def test_every_array_starts_on_a_cache_line(size: int) -> None:
    assert all(address % 64 == 0 for address in starts(mapped(size), size))
    assert STAGGER % 64 == 0


def test_inputs_and_output_are_filled_with_different_numbers() -> None:
    place = map_place(8192, 8192, huge=None)
    inputs, output = place.inputs.view()[:1024], place.output.view()
    assert (inputs != 0).all()
    assert (output != 0).all()
    assert (inputs != output).all()
    for buffer in place.buffers:
        assert np.isfinite(buffer.view()).all()


def test_a_place_knows_what_it_holds() -> None:
    place = map_place(8192, 4096, huge=None)
    assert place.holds(8192, 4096)
    assert place.holds(0, 0)
    assert not place.holds(8193, 4096)
    assert not place.holds(8192, 4097)
    assert place.resident >= 8192 + 4096 + HUGE_PAGE


def test_a_place_without_arrays_holds_nothing() -> None:
    nowhere = Place(Buffer(0, huge=None), Buffer(0, huge=None))
    assert not nowhere.holds(1, 0)
    assert not nowhere.holds(0, 1)
