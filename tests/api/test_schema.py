"""The OpenAPI schema: clean, complete, served; and every operation tried by what it says (H-3, R-3)."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.conf import settings
from django.core.management import call_command
from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, Phase, given, seed
from hypothesis import settings as search
from hypothesis import strategies as st

from exchange_site.streams import cache_client
from tests.api.conftest import COPPER, Answer, Api, Person, make_user

SCHEMA: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
STAFF = ("/api/admin", "/api/management")
ENDS_ITSELF = ("/api/auth/logout", "/api/auth/logoutall", "/api/auth/password")
EXAMPLES = 8
METHODS = ("get", "post", "put", "patch", "delete")
MISSING = "ACC_" + "0" * 32


class Operation:
    """One method of one path of the schema."""

    def __init__(self, path: str, method: str, spec: dict[str, Any]) -> None:
        self.path, self.method, self.spec = path, method.upper(), spec
        self.name = f"{self.method} {path}"
        self.is_public = spec.get("security") is None
        self.is_staff = path.startswith(STAFF)

    def sent(self) -> dict[str, Any]:
        """The body of the schema's own example; empty where none is sent."""
        content = self.spec.get("requestBody", {}).get("content", {}).get("application/json", {})
        for example in content.get("examples", {}).values():
            return dict(example["value"])
        return {}

    def url(self, account_id: str) -> str:
        """The path with ids in it."""
        known = {"account_id": account_id, "instrument_id": COPPER.symbol, "user_id": "0" * 32}
        return re.sub(r"{(\w+)}", lambda found: known.get(found[1], "x"), self.path.removeprefix("/api/"))

    def names_an_account(self) -> bool:
        return "{account_id}" in self.path or "account_id" in self.sent()

    def call(self, caller: Api, account_id: str) -> Answer:
        body = self.sent()
        if "account_id" in body:
            body["account_id"] = account_id
        return caller.call(self.method, self.url(account_id), body)


OPERATIONS = [
    Operation(path, method, spec)
    for path, methods in SCHEMA["paths"].items()
    for method, spec in methods.items()
    if method in METHODS
]
PRIVATE = [operation for operation in OPERATIONS if not operation.is_public]


def names(operations: list[Operation]) -> list[str]:
    return [operation.name for operation in operations]


# --------------------------------------------------------------------- the schema


def test_it_is_made_without_a_warning_and_is_valid(site, tmp_path):
    call_command("spectacular", "--fail-on-warn", "--validate", "--file", str(tmp_path / "schema.yaml"))
    assert (tmp_path / "schema.yaml").stat().st_size > 10_000


@pytest.mark.parametrize("operation", OPERATIONS, ids=names(OPERATIONS))
def test_every_operation_shows_request_answer_and_errors(operation):
    assert operation.spec.get("summary")
    if "requestBody" in operation.spec:
        assert operation.sent() or operation.spec["requestBody"].get("required") is not True
    for status, response in operation.spec["responses"].items():
        content = response["content"]["application/json"]
        for example in content["examples"].values():
            assert example["value"]["success"] is (int(status) < 300)
            assert (example["value"]["error"] is None) is (int(status) < 300)
    assert any(status >= "400" for status in operation.spec["responses"])


def test_the_schema_and_its_pages_are_served_from_here(site, nobody):
    client = Client()
    assert client.get("/api/schema").status_code == 200
    page = client.get("/api/docs")
    assert page.status_code == 200
    assert not re.search(rb"(src|href)=[\"']?(https?:)?//", page.content)
    script = re.search(rb'src="([^"]+swagger-ui-bundle\.js)"', page.content)
    assert script and script[1].decode().startswith(settings.STATIC_URL)


def test_an_unknown_path_is_9007_in_the_envelope(nobody, charlie):
    for caller in (nobody, charlie):
        answer = caller.get("nonsense/%00/x")
        assert (answer.status, answer.code) == (404, 9007)
    assert nobody.chinese().get("nonsense").error["message"].startswith("未找到")


def test_a_request_id_goes_in_and_out(nobody):
    assert nobody.get("market/instruments", x_request_id="mine-1").headers["X-Request-ID"] == "mine-1"
    made = nobody.get("market/instruments", x_request_id="no spaces allowed").headers["X-Request-ID"]
    assert re.fullmatch("[0-9a-f]{32}", made)


# -------------------------------------------------------------------- who may what


@pytest.mark.parametrize("operation", PRIVATE, ids=names(PRIVATE))
def test_without_a_token_it_is_9002(nobody, operation):
    answer = operation.call(nobody, MISSING)
    assert (answer.status, answer.code) == (401, 9002), answer.text


OWN = [operation for operation in PRIVATE if operation.names_an_account() and not operation.is_staff]


@pytest.mark.parametrize("operation", OWN, ids=names(OWN))
def test_alices_account_is_to_charlie_as_one_that_is_not_there(alice, charlie, operation):
    hers, none = operation.call(charlie, alice.account_id), operation.call(charlie, MISSING)
    assert hers.status == none.status, (hers.text, none.text)
    assert _without_ids(hers.text, alice) == _without_ids(none.text, alice)
    if hers.status == 200:  # a batch answers each of its orders
        assert hers.data["success_count"] == 0
    else:
        assert (hers.status, hers.code) == (404, 1006)


def _without_ids(text: str, person: Person) -> str:
    text = text.replace(person.account_id, MISSING)
    return re.sub(r'"(uid|event_seq|command_id|incident_id)": ?"?\w+"?', r'"\1":0', text)


STAFF_ONLY = [operation for operation in PRIVATE if operation.is_staff]


@pytest.mark.parametrize("operation", STAFF_ONLY, ids=names(STAFF_ONLY))
def test_charlie_is_no_staff_whatever_his_token_says(alice, operation):
    charlie = make_user("charlie", scopes=("read", "trade", "admin"))
    answer = operation.call(charlie, alice.account_id)
    assert (answer.status, answer.code) == (403, 9006)
    assert alice.account_id not in answer.text and alice.user.username not in answer.text


WRITES = [operation for operation in STAFF_ONLY if operation.method != "GET"]


@pytest.mark.parametrize("operation", WRITES, ids=names(WRITES))
def test_an_auditor_changes_nothing(alice, operation):
    auditor = make_user("auditor", groups=("auditor",), scopes=("read", "trade", "admin"))
    assert operation.call(auditor, alice.account_id).code == 9006


# ------------------------------------------------------------------- schemathesis

LOADED = schemathesis.openapi.from_dict(SCHEMA)


@pytest.fixture
def somebody(site: Any) -> Iterator[Any]:
    """A trader, and an operator for what only staff may do."""

    def make(operation: Operation) -> Person:
        if operation.is_staff:
            return site.person("bob", groups=("operator",), scopes=("read", "trade", "admin"))
        return site.person("alice")

    return make


def refill() -> None:
    with cache_client() as client:
        keys = client.keys("limit:*")
        if keys:
            client.delete(*keys)


@pytest.mark.parametrize("operation", OPERATIONS, ids=names(OPERATIONS))
def test_no_request_the_schema_allows_makes_the_server_fail(somebody, charlie, operation):
    person = somebody(operation)
    cases = LOADED[operation.path][operation.method].as_strategy()
    tried: list[int] = []

    @seed(20261121)
    @search(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases, own=st.booleans())
    def attempt(case: Any, own: bool) -> None:
        refill()
        caller = make_user("alice") if operation.path in ENDS_ITSELF else person
        body = case.body if isinstance(case.body, dict | list) else None
        if own and isinstance(body, dict) and "account_id" in body:
            body = {**body, "account_id": person.account_id, "instrument_id": COPPER.symbol}
        answer = send(caller, case, body)
        tried.append(answer.status)
        assert answer.status < 500 or answer.code in (9005, 4001), (body, answer.text)
        assert answer.status in allowed(operation), (body, answer.text)
        assert operation.is_staff or charlie.account_id not in answer.text

    attempt()
    assert tried


def allowed(operation: Operation) -> set[int]:
    """Statuses that the schema names, and those that any request can get."""
    return {*map(int, operation.spec["responses"]), 400, 404, 406, 413, 415}


def send(caller: Api, case: Any, body: Any) -> Answer:
    """Send a generated case through the whole of Django."""
    query = "&".join(f"{name}={_text(value)}" for name, value in (case.query or {}).items())
    path = case.formatted_path.removeprefix("/api/")
    given = {name.lower().replace("-", "_"): str(value) for name, value in (case.headers or {}).items()}
    headers = {name: value for name, value in given.items() if name == "idempotency_key" and value.isascii()}
    raw = None if body is None else json.dumps(body).encode("utf-8", "surrogatepass")
    return caller.call(operation_method(case), f"{path}?{query}" if query else path, raw=raw, **headers)


def operation_method(case: Any) -> str:
    return str(case.method).upper()


def _text(value: Any) -> str:
    from urllib.parse import quote

    return quote(str(value), safe="", errors="replace")
