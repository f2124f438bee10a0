"""Where pages lie is asked for and looked up by the kernel's own calls, or honestly unknown."""

import platform

import pytest

from benchmarks import placement
from benchmarks.buffers import PAGE, Buffer

NOWHERE = 900


def told() -> bool:
    """Whether this system, or container, tells where pages lie."""
    buffer = Buffer(PAGE, huge=None)
    buffer.fill("float64")
    return placement.node_of(buffer.address) is not None


TELLS = pytest.mark.skipif(not told(), reason="this system doesn't tell where pages lie")


@TELLS
def test_pages_lie_on_the_node_that_was_asked_for() -> None:
    buffer = Buffer(4 << 20, huge=True)
    assert placement.bind(buffer, 0)
    buffer.fill("float64")
    assert placement.share_on([buffer], 0) == 1.0
    assert placement.share_on([buffer], 1) == 0.0


@TELLS
def test_a_node_that_is_not_there_is_refused_and_memory_comes_from_elsewhere() -> None:
    buffer = Buffer(PAGE, huge=None)
    assert not placement.bind(buffer, NOWHERE)
    buffer.fill("float64")
    assert placement.share_on([buffer], NOWHERE) == 0.0


@pytest.mark.parametrize("node", [-1, 1024])
def test_a_number_that_no_node_has_is_not_asked_for(node: int) -> None:
    assert not placement.bind(Buffer(PAGE, huge=None), node)


def test_where_the_calls_are_unknown_nothing_is_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    buffer = Buffer(PAGE, huge=None)
    buffer.fill("float64")
    assert not placement.bind(buffer, 0)
    assert placement.node_of(buffer.address) is None
    assert placement.share_on([buffer], 0) is None


def test_where_the_container_forbids_them_nothing_is_claimed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(placement, "_call", lambda *_: -1)
    buffer = Buffer(PAGE, huge=None)
    assert not placement.bind(buffer, 0)
    assert placement.share_on([buffer], 0) is None
