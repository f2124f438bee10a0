"""Sweeps read back: the record that `--measured` names, and the calibration that it names."""

from pathlib import Path

from roofline.errors import RooflineError
from roofline.records import Calibration, Sweep
from roofline.store.files import Store
from roofline.store.schema import loads_as

LATEST = "latest"


def sweep_of(text: str, store: Store, node: str, machine_id: str) -> tuple[Sweep, Path]:
    """Return the sweep that a user named, and its file.

    Raises:
        RooflineError: there is none, or the file is no sweep.

    """
    if text == LATEST:
        found = store.latest_sweep(node, machine_id=machine_id)
        if found is None:
            raise RooflineError(
                f"no sweep of this host in {store.root}: run `python -m roofline.compare` first."
            )
        return found.record, found.entry.path
    path = Path(text)
    try:
        return loads_as(Sweep, path.read_text(encoding="utf-8")), path
    except OSError as problem:
        raise RooflineError(f"cannot read {path}: {problem.strerror}.") from problem
    except UnicodeDecodeError as problem:
        raise RooflineError(f"cannot read {path}: it is no JSON record.") from problem
    except RooflineError as problem:
        raise RooflineError(f"{path}: {problem}", problem.exit_code) from problem


def calibration_of(sweep: Sweep, path: Path, store: Store) -> Calibration:
    """Return the calibration that a sweep names: from beside it, else from the store.

    Raises:
        RooflineError: it isn't there.

    """
    beside = path.parent / sweep.calibration
    if Path(sweep.calibration).name == sweep.calibration and beside.is_file():
        return loads_as(Calibration, beside.read_text(encoding="utf-8"))
    entry = store.named(sweep.calibration)
    if entry is None or not isinstance(entry.record, Calibration):
        raise RooflineError(
            f"the calibration {sweep.calibration} that {path.name} was measured with is neither "
            f"beside it nor in {store.root}: copy it there, or name its folder with --results."
        )
    return entry.record
