"""Lines of the log: one JSON object an event, with ids, never with a secret (O-31)."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from exchange_site import logs

TOKEN = "9f" * 32
PASSWORD = "correct horse battery"


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What the production formatter writes.

    tqsdk, which other tests import, makes every new logger one of its own that loses
    structlog's members; no process of the exchange imports it.
    """
    monkeypatch.setattr(logging.Logger.manager, "loggerClass", logging.Logger)
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.formatter(is_json=True))
    root = logging.getLogger()
    root.addHandler(handler)
    logs.unbind()
    yield stream
    root.removeHandler(handler)
    logs.unbind()


def events(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_json_line_with_the_ids_of_its_request(lines: io.StringIO) -> None:
    logs.bind(request_id="r-1", user_id="u-1", account_id="")
    structlog.get_logger("exchange.test").warning("order_refused", order_id="o-1", event_seq=7, code=1001)
    logging.getLogger("exchange.test").warning("plain\ntext")
    first, second = events(lines)
    assert (first["event"], first["request_id"], first["user_id"]) == ("order_refused", "r-1", "u-1")
    assert (first["order_id"], first["event_seq"], first["level"]) == ("o-1", 7, "warning")
    assert "account_id" not in first and first["timestamp"].endswith("Z")
    assert (second["event"], second["request_id"]) == ("plain\ntext", "r-1")


@pytest.mark.parametrize(
    "told",
    [
        {"password": PASSWORD},
        {"body": {"user": "alice", "bank": [{"fund_password": PASSWORD}]}},
        {"headers": {"Authorization": f"Token {TOKEN}"}},
        {"text": f"Authorization: Token {TOKEN}"},
        {"text": f"Bearer {TOKEN}"},
        {"reason": f"knox {TOKEN} has ended"},
        {"url": f"?token={TOKEN}&x=1"},
        {"url": "redis://:correct-horse@host:6379/0"},
        {"EXCHANGE_SECRET_KEY": PASSWORD},
        {"text": '{"new_password": "correct-horse"}'},
        {"cookie": f"sessionid={TOKEN}"},
    ],
)
def test_secrets_are_never_written(lines: io.StringIO, told: dict[str, Any]) -> None:
    structlog.get_logger("exchange.test").error("event", **told)
    logging.getLogger("exchange.test").error("told: %s", json.dumps(told))
    written = lines.getvalue()
    assert len(events(lines)) == 2 and logs.HIDDEN in written
    for secret in (TOKEN, "correct-horse", PASSWORD, "horse battery"):
        assert secret not in written


def test_a_trace_is_part_of_its_line_and_is_cleaned_too(lines: io.StringIO) -> None:
    try:
        raise ValueError(f"bad token {TOKEN}")
    except ValueError:
        structlog.get_logger("exchange.test").exception("failed")
    (event,) = events(lines)
    assert "ValueError" in event["exception"] and TOKEN not in event["exception"]


def test_what_is_no_secret_stays(lines: io.StringIO) -> None:
    structlog.get_logger("exchange.test").warning("replay", account_id="ACC_" + "0" * 32, hash="ab" * 16)
    (event,) = events(lines)
    assert event["account_id"] == "ACC_" + "0" * 32 and event["hash"] == "ab" * 16
