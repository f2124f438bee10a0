"""Hosts of one type: the slow are told from the noisy and the few, and no host is named unasked."""

import dataclasses
import json
import random
from pathlib import Path

import pytest

from roofline.fleet import main, records_of
from roofline.physics.fleet import Group, groups
from roofline.records import Calibration, Ceiling
from roofline.store.files import Store
from tests.reference import reference


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def like(draw: random.Random, scale: float = 1.0, kinds: tuple[str, ...] = ()) -> Calibration:
    """Return the reference as a like host might give it: 0.5 % of noise, one kind scaled."""

    def one(ceiling: Ceiling) -> Ceiling:
        worse = scale if ceiling.unit != "s" else 1 / scale
        factor = draw.gauss(1, 0.005) * (worse if ceiling.kind in kinds else 1.0)
        low, high = ceiling.interval or (ceiling.typical, ceiling.typical)
        return dataclasses.replace(
            ceiling,
            typical=factor * ceiling.typical,
            low=factor * ceiling.low,
            high=factor * ceiling.high,
            # As narrow as it is on a quiet host.
            interval=(0.995 * factor * ceiling.typical, 1.005 * factor * ceiling.typical),
            evidence={"was": low <= high},
        )

    base = reference()
    return dataclasses.replace(base, ceilings=tuple(map(one, base.ceilings)), measurements=())


def fleet(hosts: int, *slow: Calibration, seed: int = 1) -> Group:
    draw = random.Random(seed)
    records = {f"{number:016x}": [like(draw)] for number in range(hosts)}
    if slow:
        records["f" * 16] = list(slow)
    (group,) = groups(records)
    return group


def test_twenty_equal_hosts_are_fine_whatever_the_noise() -> None:
    for seed in range(5):
        assert {host.verdict for host in fleet(20, seed=seed).hosts} == {"fine"}


@pytest.mark.parametrize(
    ("kinds", "cause"),
    [
        (("clock", "compute"), "power cap"),
        (("compute",), "the core does less"),
        (("bandwidth", "latency"), "memory is slower"),
    ],
)
def test_a_slow_host_is_first_and_its_cause_told(kinds: tuple[str, ...], cause: str) -> None:
    draw = random.Random(9)
    group = fleet(8, *(like(draw, 0.9, kinds) for _ in range(2)))
    worst = group.hosts[0]
    assert (worst.node, worst.verdict) == ("f" * 16, "slow")
    assert worst.marks[0].kind in kinds
    assert worst.worst == pytest.approx(0.1, abs=0.03)
    assert any(cause in one for one in worst.causes)
    assert {host.verdict for host in group.hosts[1:]} == {"fine"}


def test_one_bad_run_makes_a_suspect_and_a_second_acquits() -> None:
    draw = random.Random(9)
    bad = like(draw, 0.9, ("compute",))
    assert fleet(8, bad).hosts[0].verdict == "suspect"
    assert fleet(8, bad, like(draw)).hosts[0].verdict == "suspect"
    assert {host.verdict for host in fleet(8, like(draw), bad).hosts} == {"fine"}


def test_a_loss_below_the_floor_is_none() -> None:
    draw = random.Random(9)
    group = fleet(8, *(like(draw, 0.97, ("compute",)) for _ in range(2)))
    assert {host.verdict for host in group.hosts} == {"fine"}


def test_fewer_than_five_get_a_ranking_and_no_verdict() -> None:
    draw = random.Random(9)
    group = fleet(3, *(like(draw, 0.8, ("compute",)) for _ in range(2)))
    assert {host.verdict for host in group.hosts} == {"no verdict"}
    assert group.hosts[0].node == "f" * 16


def test_other_machines_and_caps_are_other_groups() -> None:
    draw = random.Random(1)
    one, other = like(draw), dataclasses.replace(like(draw), isa_cap="avx2")
    assert len(groups({"a" * 16: [one], "b" * 16: [other]})) == 2


def test_the_command_names_hosts_by_a_private_map_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    draw, store = random.Random(4), Store(tmp_path / "store")
    for number in range(6):
        slow = (0.85, ("bandwidth",)) if number == 2 else (1.0, ())
        for day in (1, 2):
            record = dataclasses.replace(
                like(draw, *slow), node=f"{number:016x}", started=f"2026-11-0{day}T00:00:00Z"
            )
            store.put(record, None, "lab")
    arguments = ["--results", str(tmp_path / "store")]
    assert main(arguments) == 1
    assert "0000000000000002         slow" in capsys.readouterr().out
    labels = tmp_path / "labels.json"
    labels.write_text(json.dumps({f"{2:016x}": "rack3-n17"}))
    assert main([*arguments, "--labels", str(labels), "--json"]) == 1
    (group,) = json.loads(capsys.readouterr().out)
    assert group["hosts"][0]["label"] == "rack3-n17"
    labels.write_text("[]")
    assert main([*arguments, "--labels", str(labels)]) == 2
    assert main(["--results", str(tmp_path / "nothing")]) == 2


def test_only_what_a_verdict_rests_on_is_read(tmp_path: Path) -> None:
    store, node = Store(tmp_path / "store"), "a" * 16
    for day in range(1, 6):
        for cores in (1, 2):
            record = dataclasses.replace(
                reference(), node=node, usable_cores=cores, started=f"2026-11-0{day}T00:00:00Z"
            )
            store.put(record, None, "lab")
    read = records_of(store)
    days = [one.started[8:10] for one in read[node]]
    assert days == ["05", "05", "04", "04"]
    assert sorted(one.usable_cores for one in read[node]) == [1, 1, 2, 2]
    assert records_of(store, "no-such-machine") == {}
