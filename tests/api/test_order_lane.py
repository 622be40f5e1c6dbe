"""The short way of orders answers what the long way answers."""

import asyncio
import json
from typing import Any

from django.test.utils import override_settings

from exchange_site.asgi import application
from tests.api.conftest import order_body


def ask(
    person: Any, path: str, body: bytes, token: str | None = None, **headers: str
) -> tuple[int, dict[str, str], Any]:
    """One POST through the ASGI application: status, headers, answer."""
    given = {"content-type": "application/json", "host": "localhost", **headers}
    if token != "":
        given["authorization"] = f"Token {token or person.token}"
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST",
        "scheme": "http", "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
        "client": ["127.0.0.1", 1], "server": ["localhost", 80],
    }  # fmt: skip
    sent: list[dict[str, Any]] = []
    parts = [body[n : n + 65536] for n in range(0, len(body), 65536)] or [b""]
    queue = [
        {"type": "http.request", "body": part, "more_body": n + 1 < len(parts)}
        for n, part in enumerate(parts)
    ]

    async def run() -> None:
        async def receive() -> dict[str, Any]:
            if queue:
                return queue.pop(0)
            await asyncio.Event().wait()
            raise AssertionError

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        await application(scope, receive, send)

    asyncio.run(run())
    found = {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}
    text = b"".join(message.get("body", b"") for message in sent[1:])
    return sent[0]["status"], found, json.loads(text) if text else None


def submit(person: Any, body: Any, **options: Any) -> tuple[int, dict[str, str], Any]:
    return ask(person, "/api/order/submit", json.dumps(body).encode(), **options)


def test_it_places_an_order_and_carries_the_request_id(alice):
    headers = {"x-request-id": "my-request"}
    status, found, answer = submit(alice, order_body(alice), **headers)
    assert status == 200 and answer["data"]["status"] == "Submitted", answer
    assert found["x-request-id"] == "my-request" and found["x-event-seq"]
    assert found["content-type"] == "application/json"


def test_it_refuses_in_the_callers_language(alice):
    body = order_body(alice, offset="CLOSE")
    chinese = submit(alice, body, **{"accept-language": "zh-CN,zh;q=0.9"})[2]
    english = submit(alice, {**body, "order_id": "e"}, **{"accept-language": "en"})[2]
    assert chinese["error"]["message"].startswith("持仓不足")
    assert english["error"]["message"].startswith("insufficient position")


def test_charlie_and_unknown_tokens_are_refused_as_on_the_long_way(alice, charlie):
    assert submit(charlie, order_body(alice))[2]["error"]["code"] == 1006
    assert submit(alice, order_body(alice), token="0" * 64)[2]["error"]["code"] == 9001
    status, _, answer = submit(alice, order_body(alice), token="")
    assert (status, answer["error"]["code"]) == (401, 9002)


def test_it_refuses_large_and_broken_bodies(alice):
    path = "/api/order/submit"
    status, _, answer = ask(alice, path, b'{"a":"' + b"x" * (1 << 20) + b'"}')
    assert (status, answer["error"]["code"]) == (413, 9003)
    assert ask(alice, path, b"{")[0] == 400


@override_settings(ALLOWED_HOSTS=["exchange.example"])
def test_it_answers_no_foreign_host(alice):
    assert submit(alice, order_body(alice), host="evil.example")[0] == 400
