"""Arrays of one thread lie apart from each other and start at different places in their pages."""

from itertools import pairwise

import numpy as np
import pytest

from benchmarks.arena import Place, map_place
from benchmarks.buffers import PAGE, STAGGER, Buffer

SIZES = [512, 4096, 4096 * 21, 1 << 20]


def spans(place: Place, arrays: int, size: int) -> list[tuple[int, int]]:
    """Return where the inputs lie, and the buffer's own bounds at both ends."""
    begin, end = place.inputs.address, place.inputs.address + place.inputs.size
    starts = [place.input_address(index, size) for index in range(arrays)]
    return [(begin, begin), *((start, start + size) for start in starts), (end, end)]


@pytest.mark.parametrize("arrays", [1, 2])
@pytest.mark.parametrize("size", SIZES)
def test_input_arrays_lie_apart_and_within_their_buffer(arrays: int, size: int) -> None:
    place = map_place(arrays * size, size, huge=None)
    assert all(end <= start for (_, end), (start, _) in pairwise(spans(place, arrays, size)))


def test_smaller_arrays_of_another_case_fit_into_the_same_place() -> None:
    place = map_place(2 * SIZES[-1], SIZES[-1], huge=None)
    for size in SIZES:
        assert all(end <= start for (_, end), (start, _) in pairwise(spans(place, 2, size)))


@pytest.mark.parametrize("size", SIZES)
def test_no_two_arrays_start_at_the_same_place_of_a_page(size: int) -> None:
    place = map_place(2 * size, size, huge=None)
    addresses = [place.output.address, *(place.input_address(i, size) for i in (0, 1))]
    assert len({address % PAGE for address in addresses}) == 3
    for one, other in ((0, 1), (0, 2), (1, 2)):
        apart = (addresses[one] - addresses[other]) % PAGE
        # Not within two of the widest vectors: they would still seem to depend on each other.
        assert 128 <= apart <= PAGE - 128


@pytest.mark.parametrize("size", SIZES)
def test_every_array_starts_on_a_cache_line(size: int) -> None:
    place = map_place(2 * size, size, huge=None)
    assert place.output.address % 64 == 0
    assert all(place.input_address(index, size) % 64 == 0 for index in (0, 1))
    assert STAGGER % 64 == 0


def test_inputs_and_output_are_filled_with_different_numbers() -> None:
    place = map_place(8192, 8192, huge=None)
    inputs, output = place.inputs.view()[:1024], place.output.view()
    assert (inputs != 0).all()
    assert (output != 0).all()
    assert (inputs != output).all()
    assert np.isfinite(place.inputs.view()).all()


def test_a_place_knows_what_it_holds() -> None:
    place = map_place(8192, 4096, huge=None)
    assert place.holds(8192, 4096)
    assert place.holds(0, 0)
    assert not place.holds(8193, 4096)
    assert not place.holds(8192, 4097)
    assert place.resident >= 8192 + 4096


def test_a_place_without_arrays_holds_nothing() -> None:
    nowhere = Place(Buffer(0, huge=None), Buffer(0, huge=None))
    assert not nowhere.holds(1, 0)
    assert not nowhere.holds(0, 1)
