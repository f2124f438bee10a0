"""What a subject is fitted to without measuring: a kept sweep, or the layers within a kept fit."""

from pathlib import Path

from calibrate.fitting.conclude import REPEATED
from roofline.comparing.archived import possible
from roofline.errors import RooflineError
from roofline.records import Efficiency, Sweep
from roofline.store.reading import record_at


def sweep_behind(path: Path) -> Sweep:
    """Return the sweep that a file is, or that its fit was made from.

    Raises:
        RooflineError: it is neither, or can't be read.

    """
    record = record_at(path)
    if isinstance(record, Efficiency):
        record = _within(record)
    if not isinstance(record, Sweep):
        raise RooflineError(f"{path} is neither a sweep nor a fit: give one of these.")
    return possible(record, path)


def _within(record: Efficiency) -> Sweep:
    return Sweep(**{name: getattr(record, name) for name in REPEATED})
