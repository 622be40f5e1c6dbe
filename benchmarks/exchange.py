"""The whole exchange as `make run` starts it, for the browser: a port and a folder of its own."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import psutil

from benchmarks.site import ROOT, end, wait_until

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
READY_S = 300
SERVERS = ("DATABASE_URL", "PROJECTOR_DATABASE_URL", "REDIS_URL", "CACHE_URL", "DATA_DIR")


class Exchange:
    """A running `manage.py exchange` on a port and in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        kept = {k: v for k, v in os.environ.items() if k not in SERVERS and not k.startswith("EXCHANGE_")}
        self.output = (folder / "exchange.log").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "exchange"],
            cwd=ROOT, stdout=self.output, stderr=self.output,
            env={**kept, "PORT": str(self.port), "DATA_DIR": str(folder / "data"), "EXCHANGE_JOBS": "0"},
        )  # fmt: skip
        self.said = folder / "exchange.log"

    def wait(self) -> None:
        wait_until(lambda: "open after" in self.said.read_text(), READY_S, "the exchange opens")

    def is_up(self) -> bool:
        try:
            with urlopen(f"{self.url}/health/live", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def kill_web(self) -> None:
        """SIGKILL the web process; the supervisor starts another."""
        children = psutil.Process(self.process.pid).children(recursive=True)
        web = next(child for child in children if "daphne" in " ".join(child.cmdline()))
        web.kill()

    def stop(self) -> None:
        end(self.process, signal.SIGTERM, 60)
        self.output.close()


@contextmanager
def running_exchange(prefix: str) -> Iterator[Exchange]:
    """An open exchange; its processes and its folder are gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir="/tmp"))
    folder.chmod(0o755)
    running = Exchange(folder)
    try:
        running.wait()
        yield running
    finally:
        running.stop()
        shutil.rmtree(folder, ignore_errors=True)
