"""`python -m tools.archive_scale FOLDER --records N`: how long asking N records takes.

Records are the repository's own with another host, time and length of run: of real size. Each
question is asked in processes of its own; those called "archive" are commands as a user types them.
"""

import argparse
import datetime
import hashlib
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from roofline.store.schema import loads

ROOT = Path(__file__).resolve().parents[1]
HOSTS_OF_A_TYPE = 500
QUESTIONS = ("latest", "list", "frame", "long", "archive list", "archive list --all --json")
_BEGIN = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)


def generate(folder: Path, records: int) -> list[int]:
    """Write records beside those that are there; return their sizes in bytes."""
    draw = random.Random(records)
    templates = []
    for path in sorted((ROOT / "results" / "reference").rglob("*Z-????????????.json")):
        text = path.read_text(encoding="utf-8")
        record = loads(text)
        templates.append((text, record.machine.id, record.node, record.started))
    sizes = []
    for number in range(records):
        text, machine, node, started = templates[number % len(templates)]
        host = hashlib.sha256(str(draw.randrange(HOSTS_OF_A_TYPE)).encode()).hexdigest()[:16]
        when = _BEGIN + datetime.timedelta(seconds=draw.randrange(90_000_000))
        stamp = f"{when:%Y-%m-%dT%H:%M:%SZ}"
        made = text.replace(node, host).replace(started, stamp)
        data = made.replace('"seconds_taken":', f'"seconds_taken":{number + 1}', 1).encode()
        name = f"{when:%Y%m%dT%H%M%SZ}-{hashlib.sha256(data).hexdigest()[:12]}.json"
        place = folder / f"site{number % 7}" / machine / f"{when:%Y}"
        place.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(data)
        sizes.append(len(data))
    return sizes


def ask(folder: Path, what: str) -> None:
    """Time one question in this process, and print it as JSON."""
    import roofline
    from roofline.store.catalogue import catalogue_of
    from roofline.store.files import Store

    host = hashlib.sha256(b"7").hexdigest()[:16]
    store = Store(folder)
    archive = roofline.open_archive(str(folder))
    questions: dict[str, Callable[[], object]] = {
        "index": lambda: catalogue_of(folder),
        "latest": lambda: store.latest(host, usable_cores=2, isa_cap=None),
        "list": archive.lines,
        "frame": archive.frame,
        "long": lambda: archive.frame(long=True),
    }
    if what in ("frame", "long"):
        import pandas  # noqa: F401 # its import isn't the archive's
    begun = time.perf_counter()
    answer = questions[what]()
    taken = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    found = len(answer) if hasattr(answer, "__len__") else answer is not None
    print(json.dumps({"seconds": taken, "peak_mib": peak, "answer": found}))


def main() -> int:
    """Generate records, time each question in fresh processes, print all runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--records", type=int, default=0)
    parser.add_argument("--ask", default=None)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    if options.ask:
        ask(options.folder, options.ask)
        return 0
    if options.records:
        sizes = generate(options.folder, options.records)
        print(f"{len(sizes)} records, median {statistics.median(sizes):.0f} bytes", flush=True)
    for what in ("index", *QUESTIONS * options.runs):
        print(what, json.dumps(timed(what, options.folder)), flush=True)
    return 0


def timed(what: str, folder: Path) -> dict[str, object]:
    """Ask in a process of its own: what it says, and what it took from its start to its end."""
    if what.startswith("archive"):
        command = [sys.executable, "-m", f"roofline.{what.split()[0]}", *what.split()[1:]]
        command += ["--results", str(folder)]
    else:
        command = [sys.executable, "-m", "tools.archive_scale", str(folder), "--ask", what]
    with tempfile.TemporaryFile() as output:
        begun = time.perf_counter()
        process = subprocess.Popen(command, cwd=ROOT, stdout=output)
        _, status, usage = os.wait4(process.pid, 0)
        taken = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        told = output.read()
    if process.returncode:
        raise SystemExit(f"{what} ended with status {process.returncode}")
    answer: dict[str, object] = {"process_seconds": taken, "process_mib": usage.ru_maxrss / 1024}
    said = {"lines": told.count(b"\n")} if what.startswith("archive") else json.loads(told)
    return answer | said


if __name__ == "__main__":
    sys.exit(main())
