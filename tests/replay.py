"""A node program for tests: instead of measuring it replays a kept calibration, with noise.

FLEET_WORKER numbers the host; host 3 is 12 % slow in memory, host 5 ends its worker; where
FLEET_TROUBLE is set, host 4 hangs and host 6 returns junk.
"""

import argparse
import dataclasses
import hashlib
import os
import random
import signal
import sys
import time
from pathlib import Path

import psutil

from roofline.records import Ceiling
from roofline.store.files import Store
from tests.reference import reference

SLOW, HUNG, DEAD, JUNK = 3, 4, 5, 6


def main() -> None:
    """Write one record as `python -m calibrate` would."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--results", type=Path)
    parser.add_argument("--site")
    parser.add_argument("--quiet", action="store_true")
    options = parser.parse_args()
    number = int(os.environ.get("FLEET_WORKER", "0"))
    if number == DEAD:
        for process in psutil.Process().parents()[:1]:
            os.kill(process.pid, signal.SIGKILL)
        sys.exit(1)
    trouble = bool(os.environ.get("FLEET_TROUBLE"))
    if number == HUNG and trouble:
        time.sleep(600)
    base = reference()
    slow = {"DRAM": 0.88} if number == SLOW else {}
    draw = random.Random(time.time_ns())
    ceilings = tuple(_scaled(one, slow.get(one.level or "", 1.0)) for one in base.ceilings)
    record = dataclasses.replace(
        base,
        node=hashlib.sha256(f"host {number}".encode()).hexdigest()[:16],
        ceilings=ceilings,
        measurements=(),
        seconds_taken=round(60 + draw.random(), 4),
        started=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        samples=None,
    )
    path = Store(options.results).put(record, None, options.site)
    if number == JUNK and trouble:
        path.write_text(path.read_text().replace("2", "3", 1))


def _scaled(one: Ceiling, scale: float) -> Ceiling:
    if one.kind != "bandwidth" or scale == 1.0:
        return one
    interval = one.interval and tuple(scale * x for x in one.interval)
    figures = {name: scale * getattr(one, name) for name in ("typical", "low", "high")}
    return dataclasses.replace(one, interval=interval, **figures)


if __name__ == "__main__":
    main()
