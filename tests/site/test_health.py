"""`/health` names what is not at work (A-33)."""

import time
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


@pytest.fixture
def grown_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process has been looking for longer than anything takes to start."""
    monkeypatch.setattr(health, "STARTED", time.monotonic() - health.STARTING_S - 1)


@pytest.mark.django_db
def test_what_is_on_its_way_is_starting(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "STARTED", time.monotonic())
    monkeypatch.setattr(health, "_seen", set())
    settings.VENUE = "nobody-runs-this"
    answer = Client().get("/health")
    assert answer.status_code == 200
    assert answer.json()["parts"]["worker"]["status"] == "starting"


@pytest.mark.django_db
def test_what_was_there_before_is_missed_at_once(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "STARTED", time.monotonic())
    monkeypatch.setattr(health, "_seen", {"worker"})
    settings.VENUE = "nobody-runs-this"
    assert Client().get("/health").json()["failed"] == ["worker"]


@pytest.mark.django_db
def test_parts_that_are_not_configured_are_off() -> None:
    parts = Client().get("/health").json()["parts"]
    assert {parts[name]["status"] for name in ("market_data", "feed", "beat", "celery")} == {"off"}


@pytest.mark.django_db
def test_a_log_that_is_away_is_503_and_named(settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    answer = Client().get("/health")
    assert answer.status_code == 503
    assert {"log", "worker", "projector"} <= set(answer.json()["failed"])


@pytest.mark.django_db
def test_a_cache_that_is_away_is_503_and_named(settings: Any) -> None:
    settings.CACHE_URL = "redis://127.0.0.1:1/0"
    assert "cache" in Client().get("/health").json()["failed"]


@pytest.mark.django_db
def test_without_a_worker_it_is_503_and_says_so(settings: Any, grown_up: None) -> None:
    settings.VENUE = "nobody-runs-this"
    answer = Client().get("/health")
    body = answer.json()
    assert answer.status_code == 503
    assert body["status"] == "failed"
    assert set(body["failed"]) == {"worker", "projector"}
    assert body["log_fsync"] == "always"
    assert body["parts"]["database"]["status"] == body["parts"]["log"]["status"] == "ok"


def test_a_worker_that_reports_is_ok(at_now: None) -> None:
    report = status(time_ms=NOW_MS - 900, clock="ok", event_seq=7, command_id=f"{NOW_MS}-0")
    part = health._worker(b"1", report, f"{NOW_MS + 40}-3")
    assert (part["status"], part["event_seq"], part["report_age_ms"]) == ("ok", 7, 900)
    assert part["lag_ms"] == 40


@pytest.mark.parametrize("fields", [{"time_ms": NOW_MS - 6_000}, {"time_ms": NOW_MS, "clock": "held"}, {}])
def test_a_silent_or_held_worker_has_failed(at_now: None, fields: dict[str, Any]) -> None:
    assert health._worker(b"1", status(**fields), "0-0")["status"] == "failed"


def test_a_worker_that_does_not_keep_up_has_failed(at_now: None) -> None:
    report = status(time_ms=NOW_MS, command_id=f"{NOW_MS - 6_000}-0")
    assert health._worker(b"1", report, f"{NOW_MS}-0")["status"] == "failed"


def test_a_projector_in_step_is_ok(at_now: None) -> None:
    assert health._projector(10, {b"projector": b"10"}, 0)["status"] == "ok"


def test_one_new_event_after_a_quiet_hour_is_no_delay(at_now: None) -> None:
    part = health._projector(11, {b"projector": b"10"}, NOW_MS * 10**6)
    assert (part["status"], part["events_behind"], part["seconds_behind"]) == ("ok", 1, 0.0)


@pytest.mark.parametrize(("events", "waiting_s"), [(300_010, NOW_MS // 1_000), (11, NOW_MS // 1_000 - 61)])
def test_a_projector_far_behind_has_failed(at_now: None, events: int, waiting_s: int) -> None:
    part = health._projector(events, {b"projector": b"10"}, waiting_s * 10**9)
    assert (part["status"], part["events_behind"]) == ("failed", events - 10)


def test_market_data_is_off_until_it_was_recorded_once_and_late_when_it_stays_behind(at_now: None) -> None:
    late_ns = NOW_MS * 10**6 - (health.PROJECTOR_STALL_S + 1) * 10**9
    assert health._market_data(10, {}, 0)["status"] == "off"
    assert health._market_data(11, {b"marketdata": b"10"}, NOW_MS * 10**6)["status"] == "ok"
    assert health._market_data(11, {b"marketdata": b"10"}, late_ns)["status"] == "failed"
