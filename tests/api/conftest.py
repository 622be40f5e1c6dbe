"""A venue with worker and projector for each file, its cast, and a client that speaks JSON.

The tables are not emptied between the tests of a file: every test makes users and accounts
of its own, as the venue's one log would have it.
"""

import itertools
import json
import os
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.test import Client

from accounts import authentication
from accounts import selectors as account_selectors
from accounts.groups import seed_groups
from accounts.models import AuthToken, User
from exchange_site.streams import Keys, cache_client, last_stream_id, log_client, stream_id
from trading import backpressure, commands, selectors
from trading.engine.messages import OpenAccount
from trading.engine.units import SCALE
from trading.loadgen import Contract, make_contracts, venue_commands
from trading.projector_process import ProjectorProcess

ROOT = Path(__file__).resolve().parents[2]
CASH = 1_000_000
PASSWORD = "correct horse battery"
CONTRACTS: list[Contract] = make_contracts(4)
COPPER = CONTRACTS[0]
_numbers = itertools.count(1)


def await_until(condition: Callable[[], Any], seconds: float = 15.0) -> Any:
    """The condition's first true value; AssertionError when it never is."""
    until = time.monotonic() + seconds
    gate = threading.Event()
    while time.monotonic() < until:
        value = condition()
        if value:
            return value
        gate.wait(0.005)
    raise AssertionError(f"waited {seconds} s for {condition}")


@dataclass
class Answer:
    """An answer of the API, unpacked."""

    status: int
    data: Any
    error: dict[str, Any] | None
    headers: Any
    text: str

    @property
    def code(self) -> int:
        return 0 if self.error is None else self.error["code"]


class Api:
    """One caller: a token, or nobody."""

    def __init__(self, token: str = "", language: str = "en", client: Client | None = None) -> None:
        self.client = client or Client(raise_request_exception=True)
        self.token = token
        self.language = language

    def call(
        self, method: str, path: str, body: Any = None, raw: bytes | None = None, **headers: str
    ) -> Answer:
        names = {f"HTTP_{name.upper()}": value for name, value in headers.items()}
        names.setdefault("HTTP_ACCEPT_LANGUAGE", self.language)
        if self.token:
            names["HTTP_AUTHORIZATION"] = f"Token {self.token}"
        data = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        kind = "application/json"
        response = self.client.generic(method, f"/api/{path}", data, content_type=kind, **names)
        text = response.content.decode()
        is_json = response.headers.get("Content-Type", "").startswith("application/json")
        found = json.loads(text) if is_json else {"data": None, "error": None}
        return Answer(response.status_code, found["data"], found["error"], response.headers, text)

    def get(self, path: str, **headers: str) -> Answer:
        return self.call("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Answer:
        return self.call("POST", path, {} if body is None else body, **headers)

    def put(self, path: str, body: Any = None, **headers: str) -> Answer:
        return self.call("PUT", path, {} if body is None else body, **headers)

    def delete(self, path: str, body: Any = None, **headers: str) -> Answer:
        return self.call("DELETE", path, body, **headers)

    def chinese(self) -> "Api":
        return Api(self.token, "zh-hans")


@dataclass
class Person(Api):
    """A user with an account and a token."""

    user: Any = None
    account_id: str = ""
    token: str = ""
    language: str = "en"
    client: Client = field(default_factory=Client)

    @property
    def user_id(self) -> str:
        return str(self.user.pk.hex)


def make_user(
    name: str, *, groups: tuple[str, ...] = (), scopes: tuple[str, ...] = ("read", "trade")
) -> Person:
    """A user with a token; in groups they are staff."""
    user = User(username=f"{name}{next(_numbers)}_{uuid.uuid4().hex[:6]}", is_staff=bool(groups))
    user.set_password(PASSWORD)
    user.save()
    user.groups.set(Group.objects.filter(name__in=groups))
    _, token = AuthToken.objects.create(user, None, name="test", scopes=list(scopes))
    return Person(user=user, token=token)


@dataclass
class Site:
    """The running venue."""

    venue: str

    def open_account(self, person: Person, cash: int = CASH) -> str:
        account_id = f"ACC_{uuid.uuid4().hex}"
        command = OpenAccount(account_id, person.user_id, "", "individual", init_cash=cash * SCALE)
        outcome = commands.send(self.venue, command, wait_s=10)
        assert outcome.ok, outcome
        assert selectors.wait_for_projector(self.venue, outcome.last_seq, 10) == 0
        return account_id

    def person(self, name: str, cash: int = CASH, **options: Any) -> Person:
        person = make_user(name, **options)
        person.account_id = self.open_account(person, cash)
        return person

    def settle_tables(self) -> None:
        """Wait until the tables hold everything the worker said."""
        with log_client() as client:
            last = stream_id(last_stream_id(client, Keys(self.venue).events))[0]
        assert selectors.wait_for_projector(self.venue, last, 10) == 0


def start_worker(venue: str) -> "subprocess.Popen[bytes]":
    """A worker process of the venue that holds its lease."""
    command = [sys.executable, "manage.py", "run_matching", "--venue", venue]
    process = subprocess.Popen(command, cwd=ROOT, env=dict(os.environ))
    with log_client() as client:
        await_until(lambda: client.get(Keys(venue).lease) or process.poll() is not None, 30)
    assert process.poll() is None
    return process


@pytest.fixture(scope="module")
def site(django_db_setup: None, django_db_blocker: Any) -> Iterator[Site]:
    """A venue with worker and projector; the tables are emptied afterwards."""
    name = f"r{uuid.uuid4().hex[:12]}"
    hashers = settings.PASSWORD_HASHERS
    before = settings.EXCHANGE_VENUE
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.EXCHANGE_VENUE = settings.VENUE = name
    with django_db_blocker.unblock():
        seed_groups()
        worker = start_worker(name)
        outcomes = commands.send_many(name, venue_commands(name, time.time_ns(), CONTRACTS), wait_s=10)
        assert all(outcome.ok for outcome in outcomes), outcomes
        projector = ProjectorProcess(name, archive=False)
        thread = threading.Thread(target=projector.session, daemon=True)
        thread.start()
        await_until(lambda: selectors.venue_number(name))
        yield Site(name)
        projector.stop()
        thread.join(20)
        worker.terminate()
        worker.wait(20)
        call_command("flush", interactive=False, verbosity=0)
    settings.EXCHANGE_VENUE = settings.VENUE = before
    settings.PASSWORD_HASHERS = hashers


@pytest.fixture
def db(site: Site) -> None:
    """In place of pytest-django's, which would empty the tables after every test."""


@pytest.fixture(autouse=True)
def forget_limits(site: Site, db: None) -> None:
    """Every test starts with full buckets and nothing remembered."""
    with cache_client() as client:
        keys = client.keys("limit:*")
        if keys:
            client.delete(*keys)
    authentication.forget()
    backpressure.forget()
    account_selectors._settings.clear()


@pytest.fixture
def alice(site: Site) -> Person:
    """A trader."""
    return site.person("alice")


@pytest.fixture
def bob(site: Site) -> Person:
    """Alice's risk manager, and the other side of her trades: an operator with an account."""
    return site.person("bob", groups=("operator", "risk"), scopes=("read", "trade", "admin"))


@pytest.fixture
def charlie(site: Site) -> Person:
    """A stranger with an account of his own."""
    return site.person("charlie")


@pytest.fixture
def nobody() -> Api:
    return Api()


def price(ticks: int = 0, contract: Contract = COPPER) -> float:
    """A price so many ticks from the contract's middle, in yuan."""
    return (contract.middle + ticks * contract.price_tick) / SCALE


def order_body(person: Person, **changes: Any) -> dict[str, Any]:
    """A resting buy of one lot."""
    body = {
        "account_id": person.account_id,
        "order_id": f"o{next(_numbers)}",
        "instrument_id": COPPER.symbol,
        "direction": "BUY",
        "offset": "OPEN",
        "volume": 1,
        "order_type": "LIMIT",
        "price": price(-10),
    }
    body.update(changes)
    return {name: value for name, value in body.items() if value is not ...}
