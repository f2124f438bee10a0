"""A core's part of each cache level."""

from roofline.physics.cache_shares import shares
from roofline.records import Cache
from tests.builders import make_machine

KIB = 1024


def cache(level: int, size: int, shared_by: int, kind: str = "unified") -> Cache:
    return Cache(level=level, kind=kind, size_bytes=size, shared_by=shared_by)


def test_near_levels_are_shared_among_cores_and_the_third_is_whole() -> None:
    caches = (cache(1, 64 * KIB, 2, "data"), cache(2, 4096 * KIB, 4), cache(3, 32 << 20, 8))
    host = make_machine(caches=caches, cores=8, threads=8)
    assert shares(host) == {1: 32 * KIB, 2: 1024 * KIB, 3: 32 << 20}


def test_hardware_threads_of_a_core_share_its_part() -> None:
    host = make_machine(caches=(cache(1, 48 * KIB, 2, "data"),), cores=4, threads=8)
    assert shares(host)[1] == 48 * KIB


def test_instructions_have_no_part_and_unknown_levels_are_small() -> None:
    host = make_machine(caches=(cache(1, 64 * KIB, 1, "instruction"),))
    assert shares(host) == {1: 32 * KIB, 2: 256 * KIB, 3: 8192 * KIB}
