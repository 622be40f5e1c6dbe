"""`/health` names what is not at work (A-33)."""

from typing import Any

import pytest
from django.test import Client

from exchange_site import health

NOW_MS = 1_763_700_000_000


@pytest.fixture
def at_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health.time, "time", lambda: NOW_MS / 1_000)


def status(**fields: Any) -> dict[bytes, bytes]:
    return {name.encode(): str(value).encode() for name, value in fields.items()}


def test_the_process_alone_is_live() -> None:
    assert Client().get("/health/live").json() == {"status": "ok"}


@pytest.mark.django_db
def test_without_a_worker_it_is_503_and_says_so(settings: Any) -> None:
    settings.VENUE = "nobody-runs-this"
    answer = Client().get("/health")
    body = answer.json()
    assert answer.status_code == 503
    assert body["status"] == "failed"
    assert set(body["failed"]) == {"worker", "projector"}
    assert body["log_fsync"] == "always"
    assert body["parts"]["database"]["status"] == body["parts"]["log"]["status"] == "ok"


def test_a_worker_that_reports_is_ok(at_now: None) -> None:
    part = health._worker(b"1", status(time_ms=NOW_MS - 900, clock="ok", event_seq=7))
    assert (part["status"], part["event_seq"], part["report_age_ms"]) == ("ok", 7, 900)


@pytest.mark.parametrize("fields", [{"time_ms": NOW_MS - 6_000}, {"time_ms": NOW_MS, "clock": "held"}, {}])
def test_a_silent_or_held_worker_has_failed(at_now: None, fields: dict[str, Any]) -> None:
    assert health._worker(b"1", status(**fields))["status"] == "failed"


def test_a_projector_in_step_is_ok(at_now: None) -> None:
    assert health._projector(10, {b"projector": b"10"}, {})["status"] == "ok"


@pytest.mark.parametrize(("events", "projected_s"), [(300_010, NOW_MS // 1_000), (11, NOW_MS // 1_000 - 61)])
def test_a_projector_far_behind_has_failed(at_now: None, events: int, projected_s: int) -> None:
    progress = status(time_ns=projected_s * 10**9)
    part = health._projector(events, {b"projector": b"10"}, progress)
    assert (part["status"], part["events_behind"]) == ("failed", events - 10)
