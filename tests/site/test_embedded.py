"""Embedded servers come back after a kill -9 with what they had acknowledged (A-30)."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from exchange_site.embedded import Postgres, ServerFailed, Valkey


@pytest.fixture
def directory() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="exchange-embedded-", dir="/tmp"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


def test_the_log_keeps_every_acknowledged_entry_over_a_kill(directory: Path) -> None:
    server = Valkey(directory, durable=True)
    server.start()
    last = redis.Redis(port=server.port).xadd("s", {"a": 1})
    server.kill()
    again = Valkey(directory, durable=True)
    assert again.port == server.port
    again.start()
    client = redis.Redis(port=again.port)
    try:
        assert client.xinfo_stream("s")["last-generated-id"] == last
        assert client.config_get("appendfsync")["appendfsync"] == "always"
        assert client.config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"
    finally:
        client.close()
        again.stop()


def test_postgres_keeps_a_commit_over_a_kill_and_starts_beside_a_left_over(directory: Path) -> None:
    server = Postgres(directory)
    server.start()
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("CREATE TABLE t (a int)")
        connection.execute("INSERT INTO t VALUES (1)")
    server.kill()
    second = Postgres(directory)
    second.start()
    third = Postgres(directory)  # the second still runs, as after a killed supervisor
    third.start()
    try:
        with psycopg.connect(third.url) as connection:
            assert connection.execute("SELECT a FROM t").fetchall() == [(1,)]
        assert not second.is_alive()
    finally:
        third.stop()


def test_a_server_that_cannot_start_says_why(directory: Path) -> None:
    first = Valkey(directory / "one", durable=False)
    first.start()
    try:
        with pytest.raises(ServerFailed, match="valkey-cache did not start"):
            Valkey(directory / "two", durable=False, port=first.port).start()
    finally:
        first.stop()
