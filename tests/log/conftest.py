"""A worker of one's own for each test, in a thread or as a process that can be killed."""

import itertools
import os
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from django.conf import settings

from exchange_site.streams import Keys, log_client
from trading.commands import Outcome, send_many
from trading.engine.hashing import full_hash
from trading.engine.messages import PlaceOrder
from trading.loadgen import (
    OrderFlow,
    account_commands,
    make_contracts,
    make_traders,
    venue_commands,
)
from trading.worker import Worker

ROOT = Path(__file__).resolve().parents[2]
ALICE, BOB, CHARLIE = make_traders(3, "cast")
CONTRACTS = make_contracts(4)
_numbers = itertools.count(1)


def await_until(condition: Callable[[], Any], seconds: float = 30.0) -> Any:
    """The condition's first true value; AssertionError when it never is."""
    until = time.monotonic() + seconds
    gate = threading.Event()
    while time.monotonic() < until:
        value = condition()
        if value:
            return value
        gate.wait(0.01)
    raise AssertionError(f"waited {seconds} s for {condition}")


def order(trader: Any = ALICE, **changes: Any) -> PlaceOrder:
    """A resting buy of one lot in the first contract."""
    contract = CONTRACTS[0]
    price = contract.middle - 10 * contract.price_tick
    command = PlaceOrder(trader.account_id, f"o{next(_numbers)}", contract.symbol, 0, 0, 1, 0, price)
    return command._replace(**changes)


class RecordingWorker(Worker):
    """Remembers the hash of the state it recovered."""

    recovered_hash = ""

    def _warm(self) -> None:
        self.recovered_hash = full_hash(self.state)
        super()._warm()


class RunningWorker:
    """A worker in a thread of this process."""

    def __init__(self, venue: str, **options: Any) -> None:
        self.worker = RecordingWorker(venue, **options)
        self.error: BaseException | None = None
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        await_until(lambda: self.error or self.worker.ready)
        if self.error:
            raise self.error

    def _run(self) -> None:
        try:
            self.worker.run()
        except BaseException as error:  # noqa: BLE001  told to the test
            self.error = error

    def stop(self) -> None:
        self.worker.stop()
        self.join()
        if self.error:
            raise self.error

    def join(self) -> None:
        self.thread.join(60)
        assert not self.thread.is_alive()


class WorkerProcess:
    """`manage.py run_matching`, to be killed."""

    def __init__(self, venue: str, *arguments: str, **environment: str) -> None:
        self.keys = Keys(venue)
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "run_matching", "--venue", venue, *arguments],
            cwd=ROOT, env={**os.environ, **environment}, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def await_lease(self) -> None:
        pid = f":{self.process.pid}:".encode()

        def leads() -> bool:
            with log_client() as client:
                return pid in (client.get(self.keys.lease) or b"")

        await_until(lambda: leads() or self.process.poll() is not None, 90)
        assert self.process.poll() is None, self.output()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def output(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.read()


@pytest.fixture
def log() -> Iterator[redis.Redis]:
    with log_client() as client:
        yield client


@pytest.fixture
def name() -> str:
    """A venue that nobody has used."""
    return f"t{uuid.uuid4().hex[:12]}"


@pytest.fixture
def keys(name: str) -> Keys:
    return Keys(name)


@pytest.fixture
def data_dir() -> Path:
    return Path(settings.DATA_DIR)


@pytest.fixture
def start(name: str) -> Iterator[Callable[..., RunningWorker]]:
    """Starts workers of the test's venue; those still running are stopped at the end."""
    started: list[RunningWorker] = []

    def begin(**options: Any) -> RunningWorker:
        running = RunningWorker(name, **options)
        started.append(running)
        return running

    yield begin
    for running in started:
        running.worker.stop()
        running.thread.join(60)


@pytest.fixture
def spawn(name: str) -> Iterator[Callable[..., WorkerProcess]]:
    """Starts worker processes of the test's venue; those alive at the end are killed."""
    started: list[WorkerProcess] = []

    def begin(*arguments: str, **environment: str) -> WorkerProcess:
        worker = WorkerProcess(name, *arguments, **environment)
        started.append(worker)
        return worker

    yield begin
    for worker in started:
        if worker.process.poll() is None:
            worker.kill()
        if worker.process.stdout:
            worker.process.stdout.close()


def open_venue(name: str) -> list[Outcome]:
    """Create the venue with four contracts and the cast's accounts."""
    now_ns = time.time_ns()
    commands = [
        *venue_commands(name, now_ns, CONTRACTS),
        *account_commands([ALICE, BOB, CHARLIE]),
    ]
    outcomes = send_many(name, commands, wait_s=10)
    assert all(outcome.ok for outcome in outcomes), outcomes
    return outcomes


@pytest.fixture
def venue(name: str, start: Callable[..., RunningWorker]) -> str:
    """A venue with a running worker."""
    start()
    open_venue(name)
    return name


def flow(seed: int = 1) -> OrderFlow:
    return OrderFlow(seed, [ALICE, BOB], CONTRACTS)
