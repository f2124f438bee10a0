"""A host's name is stable, opaque, and kept where the system has no machine-id."""

import hashlib
import json
import secrets
import stat
from pathlib import Path

import pytest

from roofline.errors import CANNOT_MEASURE, RooflineError
from roofline.host import nodeid
from roofline.host.machine import node_id
from tests.machine_trees import MACHINES, expand, put


def tree(tmp_path: Path, name: str) -> Path:
    return expand(name, tmp_path / name)


def test_a_node_keeps_its_name_and_other_nodes_have_others(tmp_path: Path) -> None:
    first, second = tree(tmp_path, "small-vm"), tree(tmp_path, "hybrid")
    name = node_id(first, tmp_path / "config")
    assert name == node_id(first, tmp_path / "other-config")
    assert name != node_id(second, tmp_path / "config")
    assert len(name) == 16
    assert int(name, 16) >= 0
    assert not (tmp_path / "config").exists()


def test_a_node_name_is_no_plain_hash_of_the_machine_id(tmp_path: Path) -> None:
    root = tree(tmp_path, "small-vm")
    secret = json.loads((MACHINES / "small-vm.json").read_text(encoding="utf-8"))["etc/machine-id"]
    name = node_id(root, tmp_path)
    plain = [hashlib.new(kind, secret.encode()).hexdigest() for kind in ("sha256", "sha1", "md5")]
    assert not any(name in digest for digest in plain)
    assert name not in secret


@pytest.mark.parametrize("content", [None, "", "uninitialized", "0" * 32, "0123"])
def test_without_a_machine_id_a_random_key_is_kept(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        put(tmp_path, "etc/machine-id", content)
    config = tmp_path / "deep" / "config"
    name = node_id(tmp_path, config)
    assert name == node_id(tmp_path, config)
    assert name != node_id(tmp_path, tmp_path / "another")
    key = config / nodeid.KEY_FILE
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert list(config.iterdir()) == [key]
    assert name not in key.read_text(encoding="ascii")


def test_the_first_of_two_processes_names_the_node(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = tmp_path / nodeid.KEY_FILE
    first = "ab" * 32

    def late(_: int) -> str:
        key.write_text(first, encoding="ascii")
        return "cd" * 32

    monkeypatch.setattr(secrets, "token_hex", late)
    node_id(tmp_path, tmp_path)
    assert key.read_text(encoding="ascii") == first


def test_a_damaged_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / nodeid.KEY_FILE).write_text("torn", encoding="ascii")
    with pytest.raises(RooflineError, match="damaged: delete it"):
        node_id(tmp_path, tmp_path)


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("a file, not a folder", encoding="ascii")
    with pytest.raises(RooflineError, match="make it writable") as refusal:
        node_id(tmp_path, tmp_path / "config")
    assert refusal.value.exit_code == CANNOT_MEASURE
