"""Waterfalls of layers that were measured: from the time on paper to the measured one."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from roofline.comparing.names import chosen, slower
from roofline.comparing.unprepared import timed
from roofline.errors import RooflineError
from roofline.physics.waterfall import Machine, waterfall
from roofline.records import Calibration, Report, Sweep, Waterfall


def fallen(report: Report, sweep: Sweep, calibration: Calibration, names: Sequence[str]) -> Report:
    """Return the report with the waterfalls of the layers that were asked about.

    Raises:
        RooflineError: there is no such layer, or the calibration knows no roof.

    """
    wanted = chosen(names, [row.name for row in report.rows], slower(report))
    return replace(report, waterfalls=tuple(_waterfalls(report, sweep, calibration, wanted)))


def _waterfalls(
    report: Report, sweep: Sweep, calibration: Calibration, wanted: Sequence[str]
) -> Iterator[Waterfall]:
    details = {timing.name: timing.details for timing in sweep.timings}
    for row in report.rows:
        if row.name not in wanted or row.measured is None:
            continue
        machine = Machine(
            calibration=calibration,
            threads=report.threads,
            dtype=row.shape.dtype,
            cold=report.cache == "cold",
        )
        seen = timed(row.measured.seconds, details[row.name])
        found = waterfall(row.name, row.prediction.work, machine, seen)
        if found is None:
            raise RooflineError(
                f"the calibration has no roof that {row.name} could fall from: calibrate again."
            )
        yield found
