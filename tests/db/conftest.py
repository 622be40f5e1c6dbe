"""Fixtures of the tables' tests: the log's server and a venue name of one's own."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
import redis

from exchange_site.streams import log_client


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
