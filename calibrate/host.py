"""The part of a fleet's calibration that runs on a host: standard library only, sent by value.

It starts the node program in a process of its own, so that Dask's threads and environment are in no
figure, and brings back the files that it left.
"""

import os
import signal
import subprocess
import tempfile
from pathlib import Path

_TOLD = 2000


def calibrate_here(command: list[str], folder: str, seconds: float) -> dict[str, object]:
    """Run the node program in a folder; return its status, its last words and its files.

    Args:
        command: the program; where its records go is added.
        folder: of the checkout on this host.
        seconds: after which it counts as hung and is ended with all that it started.

    """
    with tempfile.TemporaryDirectory(prefix="calibrate-") as results:
        try:
            process = subprocess.Popen(
                [*command, "--results", results, "--site", "fleet", "--quiet"],
                cwd=folder if Path(folder).is_dir() else None,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            return {"status": None, "words": f"cannot start {command[0]}: {error.strerror}"}
        try:
            _, told = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return {"status": None, "words": f"hung: ended after {seconds:.0f} s"}
        files = {
            path.name: path.read_bytes() for path in Path(results).rglob("*Z-*") if path.is_file()
        }
        words = told.decode(errors="replace").strip()[-_TOLD:]
        return {"status": process.returncode, "words": words, "files": files}
