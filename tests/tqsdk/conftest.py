"""TqSdk itself, unmodified, against a web process on loopback; worker and projector beside it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import tqsdk.connect
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.db import connection
from tqsdk import TqAccount, TqApi, TqAuth

from exchange_site.embedded import free_port
from exchange_site.supervisor import DAPHNE
from tests.api.conftest import (  # noqa: F401  the same venue and cast
    CONTRACTS,
    COPPER,
    PASSWORD,
    Person,
    Site,
    alice,
    await_until,
    bob,
    charlie,
    db,
    forget_limits,
    site,
)

ROOT = Path(__file__).resolve().parents[2]
SYMBOL = COPPER.symbol
MIDDLE = COPPER.middle / 10_000
TICK = COPPER.price_tick / 10_000
WAIT_S = 30.0


class Web:
    """A Daphne of the venue, with the options of the product; can be killed and started again."""

    def __init__(self, venue: str) -> None:
        self.port = free_port()
        self.venue = venue
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        base, _, query = os.environ["DATABASE_URL"].partition("?")
        url = f"{base.rpartition('/')[0]}/{connection.settings_dict['NAME']}" + (f"?{query}" if query else "")
        own = {"DATABASE_URL": url, "EXCHANGE_VENUE": self.venue, "EXCHANGE_EMBEDDED": "1"}
        return {**os.environ, **own, "DJANGO_SETTINGS_MODULE": "exchange_site.settings"}

    def start(self) -> None:
        where = ("-b", "127.0.0.1", "-p", str(self.port))
        command = [sys.executable, "-m", "daphne", *DAPHNE, *where, "exchange_site.asgi:application"]
        self.process = subprocess.Popen(command, cwd=ROOT, env=self.environment)
        await_until(self._answers, 60)

    def _answers(self) -> bool:
        import socket

        assert self.process is not None
        assert self.process.poll() is None, "the web process ended"
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def kill(self, number: int = signal.SIGKILL) -> None:
        assert self.process is not None
        self.process.send_signal(number)
        self.process.wait(30)

    @property
    def socket(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws/diff"

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture(scope="module")
def web(site: Site) -> Iterator[Web]:  # noqa: F811
    """The web process, and the three variables that point TqSdk at it."""
    made = Web(site.venue)
    made.start()
    before = dict(os.environ)
    closed = f"http://127.0.0.1:{free_port()}"
    os.environ.update(
        TQ_AUTH_URL=made.base,
        TQ_MD_URL=made.socket,
        TQ_TD_URL=made.socket,
        HTTP_PROXY=closed,
        HTTPS_PROXY=closed,
        NO_PROXY="127.0.0.1,localhost",
    )
    yield made
    os.environ.clear()
    os.environ.update(before)
    made.kill(signal.SIGTERM)


def known_here(person: Person) -> Person:
    """Give them a password that the web process's own hasher knows."""
    if not person.user.password.startswith("pbkdf2"):
        person.user.password = PBKDF2PasswordHasher().encode(PASSWORD, "saltsaltsaltsaltsaltsa")
        person.user.save()
    return person


Opener = Callable[..., TqApi]


@pytest.fixture(autouse=True)
def outside_the_hour_of_maintenance(monkeypatch: pytest.MonkeyPatch) -> None:
    """From 19:00 to 19:30 in Shanghai TqSdk gives up where it reconnects at any other time."""
    now = tqsdk.connect._cst_now
    monkeypatch.setattr(tqsdk.connect, "_cst_now", lambda: now().replace(hour=12))


@pytest.fixture(autouse=True)
def own_downloads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """TqSdk keeps downloaded bars in the user's home; those of another venue must not mix in."""
    monkeypatch.setattr("tqsdk.data_series.CACHE_DIR", str(tmp_path))


@pytest.fixture
def tq(web: Web) -> Iterator[Opener]:
    """Opens TqApis as a user of the site would; all are closed at the end."""
    opened: list[TqApi] = []

    def open_api(person: Person, account: Any = None, user_name: str = "", **options: Any) -> TqApi:
        known_here(person)
        name = person.user.username
        account = account or TqAccount("exchange", user_name or name, PASSWORD)
        api = TqApi(account, auth=TqAuth(name, PASSWORD), disable_print=True, debug=False, **options)
        opened.append(api)
        return api

    yield open_api
    for api in opened:
        api.close()


def until(api: TqApi, condition: Callable[[], Any], seconds: float = WAIT_S) -> Any:
    """Let TqSdk work until it is so."""
    deadline = time.time() + seconds
    while not (found := condition()):
        assert api.wait_update(deadline=deadline) or condition(), f"not within {seconds} s"
    return found
