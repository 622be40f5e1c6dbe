"""What must hold before the site serves (A-48, R2.10, R6.1)."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from django.core.management import call_command
from django.core.management.base import SystemCheckError

from exchange_site import checks
from exchange_site.streams import log_client
from exchange_site.supervisor import DAPHNE

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def log_server() -> Iterator["redis.Redis"]:
    """The log server, its settings put back afterwards."""
    with log_client() as client:
        before: Any = client.config_get("maxmemory-policy", "appendonly")
        yield client
        for name, value in before.items():
            client.config_set(name, value)


def ids(found: list[Any]) -> list[str]:
    return [message.id for message in found]


def test_the_supervisor_starts_daphne_as_it_must_be() -> None:
    assert checks.daphne_faults([*DAPHNE, "exchange_site.asgi:application"]) == []


@pytest.mark.parametrize(
    "left_out", ["--websocket_timeout", "--ping-timeout", "--websocket-max-message-size"]
)
def test_another_option_is_refused_by_name(left_out: str) -> None:
    at = DAPHNE.index(left_out)
    with pytest.raises(checks.BadServerOptions, match=left_out.replace("_", "-")):
        checks.refuse_other_server_options(["/usr/bin/daphne", *DAPHNE[:at], *DAPHNE[at + 2 :], "a:b"])


def test_daphne_with_its_own_defaults_does_not_serve() -> None:
    command = [sys.executable, "-m", "daphne", "-p", "0", "exchange_site.asgi:application"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert "--websocket-timeout must be -1, not 86400" in done.stderr


def test_other_commands_may_have_other_options() -> None:
    checks.refuse_other_server_options(["manage.py", "migrate"])


@pytest.mark.django_db
def test_the_embedded_servers_pass(settings: Any) -> None:
    assert checks.check_log() == checks.check_cache() == checks.check_connections() == []


@pytest.mark.django_db
def test_a_log_that_evicts_is_an_error(log_server: "redis.Redis") -> None:
    log_server.config_set("maxmemory-policy", "allkeys-lru")
    assert ids(checks.check_log()) == ["exchange.E002"]
    with pytest.raises(SystemCheckError, match="noeviction"):
        call_command("check", tags=["database"], databases=["default"])


def test_a_log_in_memory_alone_is_an_error(log_server: "redis.Redis") -> None:
    log_server.config_set("appendonly", "no")
    assert ids(checks.check_log()) == ["exchange.E003"]


def test_a_lazy_fsync_is_told(settings: Any) -> None:
    settings.LOG_FSYNC = "everysec"
    assert ids(checks.check_log()) == ["exchange.W004", "exchange.W005"]


def test_one_server_for_log_and_cache_is_told(settings: Any) -> None:
    settings.CACHE_URL = settings.REDIS_URL
    assert ids(checks.check_cache()) == ["exchange.W007"]


def test_servers_that_are_away_are_named(settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert ids(checks.check_log()) == ["exchange.E001"]
    assert ids(checks.check_cache()) == ["exchange.E006"]


@pytest.mark.django_db
def test_pools_beyond_the_connections_of_the_database_are_an_error(settings: Any) -> None:
    settings.WEB_PROCESSES = 12
    found = checks.check_connections()
    assert ids(found) == ["exchange.E009"]
    assert "108 connections; PostgreSQL allows 100" in found[0].msg
