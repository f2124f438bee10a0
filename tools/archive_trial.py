"""`python -m tools.archive_trial WHERE`: many writers and killed ones, beside a reader that checks.

20 processes put 50 records each (every second one the same for all, so that they race for names),
while a reader verifies every hash; then 50 writers are killed at random moments.
"""

import argparse
import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from roofline.archiving.transfer import samples_of
from roofline.store.files import open_store
from roofline.store.shelf import Shelf, agrees, digest_of, is_record

ROOT = Path(__file__).resolve().parents[1]
WRITERS, RECORDS, KILLED = 20, 50, 50
_WRITER = """
import sys
from roofline.store.files import open_store
from tests.builders import make_calibration
store, writer, count = open_store(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
print("ready", flush=True)
for k in range(count):
    taken = float(k) if k % 2 else 1000.0 * writer + k
    record = make_calibration(seconds_taken=taken)
    store.put(record, {"k": [taken] * 2000}, "lab")
    if k == 0:
        print("put", flush=True)
"""


def start(where: str, writer: int, count: int, lines: int = 1) -> subprocess.Popen[str]:
    """Start a writer; it has begun when this returns, after two lines has put its first record."""
    command = [sys.executable, "-c", _WRITER, where, str(writer), str(count)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    if process.stdout is not None:
        for _ in range(lines):
            process.stdout.readline()
    return process


def wrong(shelf: Shelf) -> tuple[int, list[str]]:
    """Return how many records there are, and what is wrong with any file of them."""
    places = shelf.places()
    faults, there = [], {*places}
    records = [place for place in places if is_record(place)]
    for place in records:
        data = shelf.read(place)
        if not agrees(place, data):
            faults.append(f"torn: {place.text}")
            continue
        named = samples_of(data, place)
        if named and named[0] not in there:
            faults.append(f"without samples: {place.text}")
        elif named and not named[1].startswith(digest_of(shelf.read(named[0]))):
            faults.append(f"torn samples: {place.text}")
    return len(records), faults


def main() -> int:
    """Run both trials and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("where")
    parser.add_argument("--writers", type=int, default=WRITERS, help="beside each other (20)")
    options = parser.parse_args()
    where, together = options.where, options.writers
    shelf, faults, looks = open_store(where).shelf, [], 0
    writers = [start(where, number, RECORDS) for number in range(together)]
    while any(one.poll() is None for one in writers):
        faults += wrong(shelf)[1]
        looks += 1
    count, last = wrong(shelf)
    failed = sum(one.returncode != 0 for one in writers)
    expected = together * -(-RECORDS // 2) + RECORDS // 2 * (together > 0)
    draw = random.Random(1)
    for number in range(KILLED):
        one = start(where, 100 + number, 1000, lines=2)
        time.sleep(draw.uniform(0, 0.3))
        one.send_signal(signal.SIGKILL)
        one.wait()
        faults += wrong(shelf)[1] if number % 10 == 9 else []
    after, end = wrong(shelf)
    answer = {
        "records": count,
        "expected": expected,
        "failed writers": failed,
        "looks meanwhile": looks,
        "records after the kills": after,
        "faults": [*faults, *last, *end],
    }
    print(json.dumps(answer, indent=1))
    return 1 if answer["faults"] or failed or count != expected else 0


if __name__ == "__main__":
    sys.exit(main())
