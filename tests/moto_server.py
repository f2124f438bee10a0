"""An S3 server of this machine for tests, where moto is installed."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """Yield the URL of an empty bucket; the environment leads s3fs to it, children included."""
    pytest.importorskip("moto", reason="the extra [test-extras] brings moto, an S3 server")
    s3fs = pytest.importorskip("s3fs", reason="the extra [cloud] brings s3fs")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in KEYS.items():
            patch.setenv(name, value)
        patch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        try:
            _wait(port)
            # Connections are kept by their arguments: those of another server, too.
            s3fs.S3FileSystem.clear_instance_cache()
            s3fs.S3FileSystem().mkdir("archive")
            yield "s3://archive/team"
        finally:
            server.terminate()
            server.wait(10)


def _wait(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    pytest.fail(f"no S3 server came up (pid {os.getpid()})")
