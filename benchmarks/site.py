"""A whole site of its own for a benchmark or drill: servers, environment, processes.

Every server and process is started here, in a folder and on ports of its own, and ended here.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis

from exchange_site.embedded import EmbeddedServers

ROOT = Path(__file__).resolve().parent.parent
READY_S = 30.0


def wait_until(holds: Callable[[], Any], seconds: float, what: str) -> Any:
    """Wait for a condition and return what it gave; TimeoutError names what did not come."""
    until = time.monotonic() + seconds
    while not (found := holds()):
        if time.monotonic() > until:
            raise TimeoutError(f"not within {seconds} s: {what}")
        time.sleep(0.01)
    return found


def end(process: "subprocess.Popen[bytes] | None", number: int, seconds: float = 20) -> None:
    """Send a process a signal and wait for its end; kill it when it does not come."""
    if process is None or process.poll() is not None:
        return
    process.send_signal(number)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Site:
    """Embedded servers and the processes started with `spawn`."""

    def __init__(self, folder: Path, *, fsync: str = "always", database: bool = False) -> None:
        self.folder = folder
        self.servers = EmbeddedServers(folder, fsync=fsync)
        self.log = self.servers.log
        self.cache = self.servers.cache
        self.has_database = database
        self.processes: list[subprocess.Popen[bytes]] = []
        self.output = (folder / "processes.log").open("ab")

    def start(self) -> None:
        """Start the servers."""
        self.log.start()
        self.cache.start()
        if self.has_database:
            self.servers.postgres.start()

    @property
    def environment(self) -> dict[str, str]:
        """What the site's processes see."""
        kept = {name: text for name, text in os.environ.items() if not name.startswith("EXCHANGE_")}
        return kept | self.variables

    @property
    def variables(self) -> dict[str, str]:
        """The site's own variables."""
        return {
            **self.servers.variables(),
            "DATA_DIR": str(self.folder / "data"),
            "DJANGO_SETTINGS_MODULE": os.environ.get("DJANGO_SETTINGS_MODULE", "exchange_site.settings"),
            "EXCHANGE_LOG_FSYNC": self.log.fsync,
            "EXCHANGE_LOG_LEVEL": "WARNING",
        }

    def adopt(self) -> None:
        """Make this process one of the site's, before Django is loaded."""
        os.environ.update(self.variables)
        import django

        django.setup()

    def manage(self, *arguments: str) -> str:
        """Run a management command to its end; what it printed. RuntimeError if it failed."""
        return self.run_python(str(ROOT / "manage.py"), *arguments)

    def run_python(self, *arguments: str) -> str:
        """Run a Python process of the site to its end; what it printed. RuntimeError if it failed."""
        done = subprocess.run(
            [sys.executable, *arguments],
            env=self.environment, cwd=ROOT, check=False, capture_output=True, text=True,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"{arguments}: {done.stdout}{done.stderr}\n{self.printed()}")
        return done.stdout

    def spawn(self, *arguments: str) -> "subprocess.Popen[bytes]":
        """Start a management command."""
        return self.spawn_python(str(ROOT / "manage.py"), *arguments)

    def spawn_python(self, *arguments: str) -> "subprocess.Popen[bytes]":
        """Start a Python process of the site."""
        process = subprocess.Popen(
            [sys.executable, *arguments],
            env=self.environment, cwd=ROOT, stdout=self.output, stderr=self.output,
        )  # fmt: skip
        self.processes.append(process)
        return process

    def printed(self) -> str:
        """The last lines the processes wrote."""
        self.output.flush()
        return (self.folder / "processes.log").read_text(errors="replace")[-4_000:]

    def stop(self) -> None:
        """End every process and server."""
        for process in reversed(self.processes):
            end(process, signal.SIGTERM)
        self.servers.stop()
        self.output.close()


@contextmanager
def running_site(*, fsync: str = "always", database: bool = False) -> Iterator[Site]:
    """A site in a folder of its own, gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="exchange-site-"))
    folder.chmod(0o755)
    site = Site(folder, fsync=fsync, database=database)
    try:
        site.start()
        yield site
    finally:
        site.stop()
        shutil.rmtree(folder, ignore_errors=True)


def wait_for_worker(site: Site, venue: str, seconds: float = READY_S) -> None:
    """Wait until a worker holds the venue's lease."""
    client = redis.Redis.from_url(site.log.url)
    try:
        wait_until(lambda: client.exists(f"x:{{{venue}}}:lease"), seconds, f"worker of {venue}")
    except TimeoutError as error:
        raise TimeoutError(f"{error}\n{site.printed()}") from error
    finally:
        client.close()
