"""Sweeps read back: the record that `--measured` names, and the calibration that it names."""

from pathlib import Path

from roofline.errors import RooflineError
from roofline.physics.workload import check
from roofline.records import Calibration, Sweep
from roofline.store.files import Store
from roofline.store.schema import RecordT, loads_as

LATEST = "latest"


def sweep_of(text: str, store: Store, node: str, machine_id: str) -> tuple[Sweep, Path]:
    """Return the sweep that a user named, and its file.

    Raises:
        RooflineError: there is none, or the file is no sweep, or no machine could have made it.

    """
    if text == LATEST:
        found = store.latest_sweep(node, machine_id=machine_id)
        if found is None:
            raise RooflineError(
                f"no sweep of this host in {store.address}: run `python -m roofline.compare` first."
            )
        return possible(found.record, found.entry.path), found.entry.path
    path = Path(text)
    return possible(_read(Sweep, path), path), path


def calibration_of(sweep: Sweep, path: Path, store: Store) -> Calibration:
    """Return the calibration that a sweep names: from beside it, else from the store.

    Raises:
        RooflineError: it isn't there.

    """
    beside = path.parent / sweep.calibration
    if Path(sweep.calibration).name == sweep.calibration and beside.is_file():
        return _read(Calibration, beside)
    entry = store.named(sweep.calibration)
    if entry is None or not isinstance(entry.record, Calibration):
        raise RooflineError(
            f"the calibration {sweep.calibration} that {path.name} was measured with is neither "
            f"beside it nor in {store.address}: copy it there, or name its folder with --results."
        )
    return entry.record


def _read(wanted: type[RecordT], path: Path) -> RecordT:
    try:
        return loads_as(wanted, path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise RooflineError(f"cannot read {path}: {problem.strerror}.") from problem
    except UnicodeDecodeError as problem:
        raise RooflineError(f"cannot read {path}: it is no JSON record.") from problem
    except RooflineError as problem:
        raise RooflineError(f"{path}: {problem}", problem.exit_code) from problem


def possible(sweep: Sweep, path: Path) -> Sweep:
    """Return a sweep of convolutions that took time: a file can state anything."""
    for timing in sweep.timings:
        try:
            check(timing.shape)
        except RooflineError as problem:
            raise RooflineError(f"{path}: layer {timing.name!r}: {problem}") from problem
        samples = [one for seconds in timing.seconds for one in seconds]
        if min(samples, default=0.0) <= 0:
            raise RooflineError(f"{path}: layer {timing.name!r} took no time: measure it again.")
    for anchor in sweep.anchors:
        if min(anchor.rates, default=1.0) <= 0:
            raise RooflineError(f"{path}: {anchor.ceiling} has a rate of 0 or less: measure again.")
    return sweep
