"""Fixtures of the tables' tests: the log's server and a venue name of one's own."""

import threading
import time
from collections.abc import Iterator
from uuid import uuid4

import pytest
import redis

from exchange_site.streams import Keys, log_client

PAUSE = threading.Event()  # never set: a pause between looks at a condition


@pytest.fixture
def stream_server() -> Iterator[redis.Redis]:
    """A client of the log's server."""
    client = log_client()
    yield client
    client.close()


@pytest.fixture
def name(stream_server: redis.Redis) -> Iterator[str]:
    """A venue of its own; its keys are removed afterwards."""
    venue = f"t{uuid4().hex[:12]}"
    yield venue
    keys = stream_server.keys(f"x:{{{venue}}}:*")
    if keys:
        stream_server.delete(*keys)


@pytest.fixture
def worker(name: str, stream_server: redis.Redis) -> Iterator[str]:
    """The name of a venue whose matching worker runs."""
    from tests.db.support import start_worker  # models load only after the settings

    process = start_worker(name)
    deadline = time.monotonic() + 30
    while not stream_server.exists(Keys(name).lease):
        assert process.poll() is None and time.monotonic() < deadline, "no worker"
        PAUSE.wait(0.02)
    yield name
    process.terminate()
    process.wait(timeout=20)
