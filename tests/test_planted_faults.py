"""Planted faults through the whole command: exit 1, kept as invalid, never found as the latest.

Neighbours in the middle of it all excuse none of them.
"""

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from calibrate import command
from calibrate.__main__ import parser
from roofline.records import Case
from roofline.store.files import Store
from roofline.store.schema import loads
from tests.builders import make_machine
from tests.fake_child import FakeChild, Planted
from tests.noisy_child import NoisyChild

NODE = "0123456789abcdef"
AVX512 = ("avx2", "avx512bw", "avx512dq", "avx512f", "avx512vl", "fma", "sse2")


@dataclass(frozen=True, slots=True)
class OneFastChain(Planted):
    """A machine one of whose chains is counted wrong by a twentieth."""

    def steps_per_second(self, case: Case) -> dict[str, float]:
        """Return a step in twenty too many of one chain."""
        rates = Planted.steps_per_second(self, case)
        return rates | {"imul": 1.05 * rates["imul"]} if "imul" in rates else rates


@dataclass(frozen=True, slots=True)
class FastClock(Planted):
    """A machine whose clock, as the chains beside the load read it, is off by 1.4."""

    def steps_per_second(self, case: Case) -> dict[str, float]:
        """Return 1.4 x the steps that there were."""
        return {chain: 1.4 * rate for chain, rate in Planted.steps_per_second(self, case).items()}


FAULTS = {
    "half of the work done": Planted(pipes={512: 4.0, 256: 4.0, 128: 4.0}),
    "a kernel that spills, at 30 % of peak": Planted(pipes={512: 0.6, 256: 2.0, 128: 2.0}),
    "a clock off by 1.4": FastClock(),
    "a chain off by 1.05": OneFastChain(),
    "a kernel that loses an eighth": Planted(pipes={512: 2.0, 256: 1.75, 128: 2.0}),
    "memory faster than the second-level cache": Planted(memory=(200e9, 400e9)),
}


def calibrated(
    planted: Planted,
    results: Path,
    monkeypatch: pytest.MonkeyPatch,
    child: type[FakeChild] = FakeChild,
) -> int:
    """Run the command on a planted machine, a guest, and return its exit status."""
    seeds = itertools.count()
    monkeypatch.setattr(command, "Worker", lambda *_: child(planted=planted, seed=next(seeds)))
    machine = make_machine(features=AVX512, hypervisor="KVM")
    replaced: dict[str, Any] = {
        "read_machine": machine,
        "team_cpus": (0, 1),
        "memory_available": 8 << 30,
        "busy_cpus": 0.0,
        "node_id": NODE,
    }
    for name, answer in replaced.items():
        monkeypatch.setattr(command, name, lambda *_, answer=answer, **__: answer)
    arguments = ["--quick", "--quiet", "--json", "--results", str(results)]
    return command.run(parser().parse_args(arguments))


@pytest.mark.parametrize("child", [FakeChild, NoisyChild], ids=["alone", "neighbours"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_ends_in_exit_1_and_a_record_that_is_never_used(
    fault: str,
    child: type[FakeChild],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert calibrated(FAULTS[fault], tmp_path, monkeypatch, child) == 1
    printed = loads(capsys.readouterr().out)
    assert not printed.valid
    (entry,), skipped = Store(tmp_path).all()
    assert (entry.record, skipped) == (printed, [])
    assert Store(tmp_path).latest(NODE, usable_cores=2, isa_cap=None) is None


@pytest.mark.parametrize("child", [FakeChild, NoisyChild], ids=["alone", "neighbours"])
def test_the_same_machine_without_a_fault_is_used(
    child: type[FakeChild], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert calibrated(Planted(), tmp_path, monkeypatch, child) == 0
    found = Store(tmp_path).latest(NODE, usable_cores=2, isa_cap=None)
    assert found is not None
    assert found.record.valid
    told = [one for one in found.record.findings if one.what.startswith("set apart")]
    assert [one.severity for one in told] == (["warning"] if child is NoisyChild else [])


def test_pipes_that_neighbours_keep_a_little_from_being_whole_are_doubted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = Planted(pipes={512: 1.87, 256: 2.0, 128: 2.0})
    assert calibrated(planted, tmp_path / "guest", monkeypatch, NoisyChild) == 0
    (entry,), _ = Store(tmp_path / "guest").all()
    doubts = [one.what for one in entry.record.findings if "1.87 pipes" in one.what]
    assert any(what.endswith("noisy") for what in doubts)
    assert calibrated(planted, tmp_path / "quiet", monkeypatch) == 1
