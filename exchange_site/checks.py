"""What must hold before a site serves: sockets, log, fsync, connections (A-48, R2.10, R6.1).

Those that ask a server carry Django's `database` tag: `manage.py prepare`, `migrate` and
`check --database default` run them, other commands do not wait for servers.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import PurePath
from typing import Any

import redis
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import DatabaseError, connection

from exchange_site.streams import cache_client, log_client

DAPHNE_VALUES: dict[str, Any] = {
    "websocket_timeout": -1,
    "ping_interval": 20,
    "ping_timeout": 60,
    "websocket_max_message_size": 524_288,
    "server_name": "",
}
"""A-48. Daphne's own would close every socket after a day with code 1000."""

OTHER_SESSIONS = 12
"""Projector, archive, settlement, robots, supervisor's commands and an operator's psql."""


class BadServerOptions(SystemExit):
    """The web process must not serve with these options; the text names them."""


def is_daphne(arguments: Sequence[str]) -> bool:
    """Is this process Daphne, by its script or as `python -m daphne`?"""
    return bool(arguments) and "daphne" in PurePath(arguments[0]).parts[-2:]


def daphne_faults(arguments: Sequence[str]) -> list[str]:
    """The options of A-48 that a Daphne command line does not give as they must be."""
    from daphne.cli import CommandLineInterface

    given = vars(CommandLineInterface().parser.parse_args(list(arguments)))
    return [
        f"--{name.replace('_', '-')} must be {value!r}, not {given[name]!r}"
        for name, value in DAPHNE_VALUES.items()
        if given[name] != value
    ]


def refuse_other_server_options(arguments: Sequence[str]) -> None:
    """Raise BadServerOptions when this is a Daphne started otherwise than A-48 says."""
    faults = daphne_faults(arguments[1:]) if is_daphne(arguments) else []
    if faults:
        raise BadServerOptions("Daphne: " + "; ".join(faults))


def _asked(question: Callable[[], Iterator[CheckMessage]], what: str, code: str) -> list[CheckMessage]:
    """The findings of a question to a server; that it does not answer is one too."""
    try:
        return list(question())
    except (redis.RedisError, DatabaseError, OSError) as error:
        return [Error(f"{what} does not answer: {error}", id=code)]


@register(Tags.database)
def check_log(**_: Any) -> list[CheckMessage]:
    """The log instance keeps everything it is given."""
    return _asked(_log_findings, "the log server (REDIS_URL)", "exchange.E001")


def _log_findings() -> Iterator[CheckMessage]:
    with log_client() as client:
        settings_of_server: Any = client.config_get("maxmemory-policy", "appendonly", "appendfsync")
    found = {name: str(value) for name, value in settings_of_server.items()}
    if found.get("maxmemory-policy") != "noeviction":
        yield Error(
            f"the log server has maxmemory-policy {found.get('maxmemory-policy')}; it would drop orders",
            hint="CONFIG SET maxmemory-policy noeviction",
            id="exchange.E002",
        )
    if found.get("appendonly") != "yes":
        yield Error("the log server keeps nothing on disk", hint="appendonly yes", id="exchange.E003")
    if found.get("appendfsync") != settings.LOG_FSYNC:
        yield Warning(
            f"EXCHANGE_LOG_FSYNC is {settings.LOG_FSYNC}, the log server's appendfsync "
            f"{found.get('appendfsync')}",
            id="exchange.W004",
        )
    if settings.LOG_FSYNC != "always":
        yield Warning(
            f"with EXCHANGE_LOG_FSYNC={settings.LOG_FSYNC} acknowledged orders can be lost "
            "when the host crashes",
            id="exchange.W005",
        )


@register(Tags.database)
def check_cache(**_: Any) -> list[CheckMessage]:
    """The cache is a second instance: one would share its fsync and its event loop."""
    return _asked(_cache_findings, "the cache server (CACHE_URL)", "exchange.E006")


def _cache_findings() -> Iterator[CheckMessage]:
    with log_client() as log, cache_client() as cache:
        runs: list[Any] = [client.info("server") for client in (log, cache)]
    if runs[0]["run_id"] == runs[1]["run_id"]:
        yield Warning("CACHE_URL names the log server; give the cache one of its own", id="exchange.W007")


@register(Tags.database)
def check_connections(**_: Any) -> list[CheckMessage]:
    """Every pool full at once still leaves PostgreSQL room for the other processes."""
    return _asked(_connection_findings, "PostgreSQL (DATABASE_URL)", "exchange.E008")


def _connection_findings() -> Iterator[CheckMessage]:
    with connection.cursor() as cursor:
        cursor.execute("SHOW max_connections")
        allowed = int(cursor.fetchone()[0])
    needed = settings.WEB_PROCESSES * settings.DB_POOL + OTHER_SESSIONS
    if needed >= allowed:
        yield Error(
            f"{settings.WEB_PROCESSES} web processes with EXCHANGE_DB_POOL={settings.DB_POOL} and the other "
            f"processes may open {needed} connections; PostgreSQL allows {allowed}",
            id="exchange.E009",
        )
