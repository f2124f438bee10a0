"""Lists of CPUs are written as the kernel does, and read back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roofline.records.nodes import cpu_numbers, cpu_text


@pytest.mark.parametrize(
    ("cpus", "text"),
    [((), ""), ((3,), "3"), ((0, 1), "0-1"), ((8, 0, 1, 2), "0-2,8"), ((0, 2, 4), "0,2,4")],
)
def test_neighbours_are_a_span(cpus: tuple[int, ...], text: str) -> None:
    assert cpu_text(cpus) == text
    assert cpu_numbers(text) == tuple(sorted(cpus))


@given(st.sets(st.integers(0, 300)))
def test_what_is_written_is_read(cpus: set[int]) -> None:
    assert cpu_numbers(cpu_text(cpus)) == tuple(sorted(cpus))


def test_what_is_no_list_is_refused() -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        cpu_numbers("0-x")
