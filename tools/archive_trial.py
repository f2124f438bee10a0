"""`python -m tools.archive_trial WHERE`: many writers and killed ones, beside a reader that checks.

20 processes put 50 records each (every second one the same for all, so that they race for names)
while a reader verifies the hash of every file that appears; then all files are verified again, and
50 writers are killed at random moments.
"""

import argparse
import json
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from roofline.archiving.transfer import samples_of
from roofline.store.files import open_store
from roofline.store.shelf import Address, Shelf, agrees, is_record

ROOT = Path(__file__).resolve().parents[1]
WRITERS, RECORDS, KILLED = 20, 50, 50
_WRITER = """
import sys
from roofline.store.files import open_store
from tests.builders import make_calibration
store, writer, count = open_store(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
print("ready", flush=True)
sys.stdin.readline()
for k in range(count):
    taken = float(k) if k % 2 else 1000.0 * writer + k
    record = make_calibration(seconds_taken=taken)
    store.put(record, {"k": [taken] * 2000}, "lab")
    if k == 0:
        print("put", flush=True)
"""


def start(where: str, writer: int, count: int) -> subprocess.Popen[str]:
    """Start a writer; it is ready, and waits for a line, when this returns."""
    command = [sys.executable, "-c", _WRITER, where, str(writer), str(count)]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True)
    _line(process)
    return process


def go(process: subprocess.Popen[str]) -> None:
    """Let a writer begin."""
    if process.stdin is not None:
        process.stdin.write("go\n")
        process.stdin.flush()


def _line(process: subprocess.Popen[str]) -> None:
    if process.stdout is not None:
        process.stdout.readline()


class Reader:
    """Somebody who verifies what appears, each look what is new since the one before."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self.seen: set[Address] = set()
        self.faults: list[str] = []
        self.looks = self.verified = 0

    def look(self) -> None:
        """Verify every file that was not there at the last look."""
        there = set(self.shelf.places())
        new = sorted(there - self.seen, key=lambda place: place.text)
        self.faults += [f"vanished: {place.text}" for place in self.seen - there]
        wanted: set[Address] = set()
        with ThreadPoolExecutor(8) as pool:
            for place, data in zip(new, pool.map(self.shelf.read, new), strict=True):
                if not agrees(place, data):
                    self.faults.append(f"torn: {place.text}")
                elif is_record(place) and (named := samples_of(data, place)):
                    wanted.add(named[0])
        # A list may miss what appears while it is made, and have what appears a moment later.
        if missing := wanted - there:
            missing -= set(self.shelf.places())
            self.faults += [f"named, and not there: {place.text}" for place in missing]
        self.seen |= there
        self.looks += 1
        self.verified += len(new)

    def records(self) -> int:
        """Return how many records have been seen."""
        return sum(map(is_record, self.seen))


def beside(where: str, shelf: Shelf, together: int) -> dict[str, Any]:
    """Let writers race beside a reader."""
    reader, last = Reader(shelf), Reader(shelf)
    writers = [start(where, number, RECORDS) for number in range(together)]
    for one in writers:
        go(one)
    while any(one.poll() is None for one in writers):
        reader.look()
    last.look()
    return {
        "records": last.records(),
        "expected": together * -(-RECORDS // 2) + RECORDS // 2,
        "failed writers": sum(one.returncode != 0 for one in writers),
        "looks meanwhile": reader.looks,
        "files verified meanwhile": reader.verified,
        "files verified at the end": last.verified,
        "faults beside writers": reader.faults + last.faults,
    }


def killed(where: str, shelf: Shelf) -> dict[str, Any]:
    """Kill writers in the midst of their work, and look after each."""
    reader, last, draw = Reader(shelf), Reader(shelf), random.Random(1)
    reader.look()
    before = reader.records()
    for number in range(KILLED):
        one = start(where, 100 + number, 1000)
        go(one)
        _line(one)
        time.sleep(draw.uniform(0, 0.3))
        one.send_signal(signal.SIGKILL)
        one.wait()
        reader.look()
    last.look()
    return {
        "killed": KILLED,
        "records of the killed": last.records() - before,
        "faults beside kills": reader.faults + last.faults,
    }


def main() -> int:
    """Run both trials and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("where")
    parser.add_argument("--writers", type=int, default=WRITERS, help="beside each other (20)")
    options = parser.parse_args()
    shelf = open_store(options.where).shelf
    answer = beside(options.where, shelf, options.writers) if options.writers else {}
    answer |= killed(options.where, shelf)
    print(json.dumps(answer, indent=1))
    faults = [*answer.get("faults beside writers", ()), *answer["faults beside kills"]]
    lost = answer.get("records") != answer.get("expected") or answer.get("failed writers")
    return 1 if faults or lost else 0


if __name__ == "__main__":
    sys.exit(main())
