"""`manage.py exchange` end to end: starts, restarts what dies, drains, keeps its data (A-30)."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from exchange_site.embedded import free_port

ROOT = Path(__file__).resolve().parents[2]


def await_until(condition: Callable[[], Any], seconds: float, what: str) -> Any:
    """The condition's first true value."""
    until = time.monotonic() + seconds
    gate = threading.Event()
    while time.monotonic() < until:
        value = condition()
        if value:
            return value
        gate.wait(0.05)
    raise AssertionError(f"waited {seconds} s for {what}")


class Site:
    """A running `manage.py exchange` in a directory of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = free_port()
        self.output = directory / "console.txt"
        self.process: subprocess.Popen[bytes] | None = None

    def environment(self) -> dict[str, str]:
        drop = ("EXCHANGE_", "DATABASE_URL", "REDIS_URL", "CACHE_URL", "PROJECTOR_DATABASE_URL")
        env = {name: value for name, value in os.environ.items() if not name.startswith(drop)}
        return env | {"DATA_DIR": str(self.directory / "data"), "PORT": str(self.port), "ROBOTS": "0"}

    def command(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """A management command in a shell of its own, which knows DATA_DIR alone."""
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT, env=self.environment(), capture_output=True, text=True, check=False,
        )  # fmt: skip

    def start(self, **variables: str) -> None:
        env = self.environment()
        with self.output.open("ab") as console:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "exchange"],
                cwd=ROOT,
                env=env | variables,
                stdout=console,
                stderr=console,
            )

    def await_open(self, times: int = 1) -> None:
        def is_open() -> bool:
            assert self.process is not None and self.process.poll() is None, self.console()
            return self.console().count("The exchange is open") >= times

        await_until(is_open, 90, "the exchange to open")

    def console(self) -> str:
        return self.output.read_text() if self.output.exists() else ""

    def health(self) -> dict[str, Any]:
        """The body of /health whatever its status; {} while nothing answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=5) as answer:
                return dict(json.load(answer))
        except urllib.error.HTTPError as error:
            return dict(json.load(error))
        except OSError:
            return {}

    def await_healthy(self) -> dict[str, Any]:
        """The report once every part that runs has come up."""

        def is_healthy() -> dict[str, Any] | None:
            body = self.health()
            states = {part["status"] for part in body.get("parts", {}).values()}
            return body if states == {"ok", "off"} else None

        return dict(await_until(is_healthy, 60, f"health: {self.health()}"))

    def pid_of(self, words: str) -> int:
        """Process id of the child whose command line holds the words."""
        assert self.process is not None
        if words == "valkey-log":  # Valkey shows its address in place of its arguments
            words = ":" + (self.directory / "data" / "valkey-log" / "port").read_text()
        listing = subprocess.run(
            ["ps", "-ww", "--ppid", str(self.process.pid), "-o", "pid=,args="],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        found = [int(line.split()[0]) for line in listing.splitlines() if words in line]
        return found[0] if found else 0

    def stop(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    directory = Path(tempfile.mkdtemp(prefix="exchange-site-", dir="/tmp"))
    directory.chmod(0o755)
    running = Site(directory)
    running.start()
    running.await_open()
    yield running
    if running.process is not None and running.process.poll() is None:
        running.process.kill()
        running.process.wait()
    shutil.rmtree(directory, ignore_errors=True)


def test_it_opens_and_says_where(site: Site) -> None:
    text = site.console()
    assert f"http://127.0.0.1:{site.port}/admin/" in text
    assert re.search(r"open after \d+\.\d s", text)
    assert "demo / " in text
    assert site.await_healthy()["venue_mode"] == "always"


def test_the_tables_hold_the_seed_when_it_says_it_is_open(site: Site) -> None:
    assert site.health()["parts"]["projector"]["status"] == "ok"
    with urllib.request.urlopen(f"http://127.0.0.1:{site.port}/api/market/instruments", timeout=5) as answer:
        assert len(json.load(answer)["data"]["items"]) > 50


@pytest.mark.parametrize("words", ["run_matching", "run_projector", "daphne", "valkey-log", "bin/postgres"])
def test_what_is_killed_comes_back(site: Site, words: str) -> None:
    before = site.pid_of(words)
    assert before
    sequence = site.await_healthy()["parts"]["worker"]["event_seq"]
    os.kill(before, signal.SIGKILL)
    await_until(lambda: site.pid_of(words) not in (0, before), 45, f"{words} to start again")
    after = site.await_healthy()["parts"]["worker"]
    assert after["event_seq"] >= sequence


def test_a_second_one_on_the_same_port_says_which_port_is_taken(site: Site) -> None:
    other = Site(site.directory / "other")
    other.directory.mkdir()
    other.port = site.port
    other.start()
    assert other.process is not None
    assert other.process.wait(60) != 0
    assert f"port {site.port} on 127.0.0.1 is taken" in other.console()


def test_a_second_one_on_the_same_data_is_refused(site: Site) -> None:
    other = Site(site.directory)
    other.output = site.directory / "second.txt"
    other.start()
    assert other.process is not None
    assert other.process.wait(60) != 0
    assert "an exchange already runs on" in other.console()


def test_a_start_right_after_a_kill_of_the_supervisor_keeps_everything(site: Site) -> None:
    sequence = site.await_healthy()["parts"]["worker"]["event_seq"]
    assert site.process is not None
    site.process.kill()
    site.process.wait()
    site.start()
    site.await_open(times=2)
    assert site.await_healthy()["parts"]["worker"]["event_seq"] >= sequence


def test_commands_of_another_shell_find_the_running_exchange(site: Site) -> None:
    done = site.command("audit_ledger")
    assert done.returncode == 0, done.stderr
    kept = site.directory / "data" / "servers.json"
    assert kept.stat().st_mode & 0o077 == 0


def test_every_line_of_a_process_carries_its_name(site: Site) -> None:
    assert re.search(r"^ +worker \| .*worker_started", site.console(), re.MULTILINE)


def test_the_administrators_password_is_for_this_user_alone(site: Site) -> None:
    path = site.directory / "data" / "admin_password"
    assert path.stat().st_mode & 0o077 == 0
    assert f"admin / {path.read_text().strip()}" in site.console()


def test_one_server_of_ones_own_without_the_other_is_refused(site: Site) -> None:
    other = Site(site.directory / "half")
    other.directory.mkdir()
    other.start(DATABASE_URL="postgresql://u:p@127.0.0.1/x", EXCHANGE_SECRET_KEY="k")
    assert other.process is not None
    assert other.process.wait(60) != 0
    assert "REDIS_URL is missing" in other.console()


def test_it_drains_and_its_second_start_keeps_everything(site: Site) -> None:
    sequence = site.await_healthy()["parts"]["worker"]["event_seq"]
    assert site.stop() == 0
    assert site.console().rstrip().endswith("stopped")
    assert "worker_drained" in (site.directory / "data" / "logs" / "worker.log").read_text()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", site.port)) != 0
    site.start()
    site.await_open(times=3)
    assert site.await_healthy()["parts"]["worker"]["event_seq"] >= sequence
    assert "nothing to do" in site.console()
    assert site.stop() == 0
    done = site.command("audit_ledger")
    assert done.returncode != 0
    assert "no exchange runs on" in done.stderr
