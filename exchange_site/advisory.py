"""Advisory locks on a session connection of their own, outside pool and pooler (A-48)."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import connection
from psycopg.conninfo import make_conninfo

from exchange_site.env import environment

_KNOWN = ("dbname", "user", "password", "host", "port", "sslmode")


def session_dsn() -> str:
    """Where a session connection goes: past poolers, `PROJECTOR_DATABASE_URL` first."""
    own = environment().PROJECTOR_DATABASE_URL
    if own:
        return own
    params = connection.get_connection_params()
    return make_conninfo("", **{name: str(params[name]) for name in _KNOWN if params.get(name)})


def key_of(name: str) -> int:
    """The 63-bit key of a named lock."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big") >> 1


def hold(name: str) -> "psycopg.Connection[Any]":
    """Wait for the lock; it is held until the returned connection is closed or lost."""
    session = psycopg.connect(session_dsn(), autocommit=True)
    session.execute("SELECT pg_advisory_lock(%s)", [key_of(name)])
    return session


@contextmanager
def try_lock(name: str) -> Iterator[bool]:
    """Whether the lock could be had; it is given back at the end of the block."""
    with psycopg.connect(session_dsn(), autocommit=True) as session:
        row = session.execute("SELECT pg_try_advisory_lock(%s)", [key_of(name)]).fetchone()
        yield bool(row and row[0])
