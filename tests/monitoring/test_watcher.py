"""The watcher opens, repeats, closes; people acknowledge (O-33)."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from uuid import uuid4

import pytest
from django.core import mail

from exchange_site.env import environment
from exchange_site.metrics.endpoint import Endpoint
from exchange_site.metrics.meter import Meter
from monitoring import services
from monitoring.models import Alert, AlertState
from monitoring.promql import Expression
from monitoring.rules import Firing, Rule, load_rules
from monitoring.watcher import Watcher, keep_alerts, last_look, watching_meter
from tests.log.conftest import await_until

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)
RULE = Rule("Late", Expression("exchange_worker_lag_seconds > 1"), 0.0, "warning", "late")


def firing(value: float = 2.0, target: str = "part=x") -> Firing:
    return Firing(RULE, target, value, f"{value} s late")


@pytest.fixture
def venue() -> str:
    return f"t{uuid4().hex[:12]}"


class Hook(BaseHTTPRequestHandler):
    """A webhook that keeps what it is sent."""

    bodies: list[dict[str, Any]]
    status = 200

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.bodies.append(json.loads(body))
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Hook]]:
    """Alerts go to this webhook and to two mail addresses."""
    kind = type("OwnHook", (Hook,), {"bodies": []})
    server = HTTPServer(("127.0.0.1", 0), kind)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("EXCHANGE_ALERT_WEBHOOK", f"http://127.0.0.1:{server.server_port}/x")
    monkeypatch.setenv("EXCHANGE_ALERT_EMAIL", "ops@example.com, night@example.com")
    environment.cache_clear()
    yield kind
    monkeypatch.undo()
    environment.cache_clear()
    server.shutdown()
    server.server_close()


def test_an_alert_opens_once_is_renewed_and_closes_by_itself(venue: str) -> None:
    keep_alerts(venue, [firing(2.0)], NOW)
    keep_alerts(venue, [firing(3.0)], NOW + timedelta(seconds=15))
    alert = Alert.objects.get(venue=venue)
    assert (alert.state, alert.value, alert.opened_at) == ("open", 3.0, NOW)
    assert alert.seen_at == NOW + timedelta(seconds=15)
    keep_alerts(venue, [], NOW + timedelta(seconds=30))
    alert.refresh_from_db()
    assert (alert.state, alert.closed_at) == ("closed", NOW + timedelta(seconds=30))
    keep_alerts(venue, [firing()], NOW + timedelta(seconds=45))
    assert Alert.objects.filter(venue=venue).count() == 2


def test_an_alert_is_told_once_an_hour_and_its_end_too(venue: str, hook: type[Hook]) -> None:
    for minutes in (0, 1, 59, 60, 61):
        keep_alerts(venue, [firing()], NOW + timedelta(minutes=minutes))
    keep_alerts(venue, [], NOW + timedelta(minutes=62))
    assert [body["status"] for body in hook.bodies] == ["firing", "firing", "resolved"]
    assert hook.bodies[0]["alerts"][0]["labels"]["alertname"] == "Late"
    assert [message.to for message in mail.outbox] == [["ops@example.com", "night@example.com"]] * 3
    assert "2.0 s late" in mail.outbox[0].body


def test_what_somebody_sees_to_is_not_told_again(venue: str, hook: type[Hook]) -> None:
    keep_alerts(venue, [firing()], NOW)
    alert = Alert.objects.get(venue=venue)
    assert services.acknowledge(alert=alert, username="olga", note="on it")
    assert not services.acknowledge(alert=alert, username="paul", note="me too")
    keep_alerts(venue, [firing()], NOW + timedelta(hours=3))
    alert.refresh_from_db()
    assert (alert.state, alert.acknowledged_by, alert.note) == (AlertState.ACKNOWLEDGED, "olga", "on it")
    assert len(hook.bodies) == 1


def test_a_webhook_that_fails_is_tried_again_at_the_next_look(venue: str, hook: type[Hook]) -> None:
    hook.status = 500
    keep_alerts(venue, [firing()], NOW)
    assert Alert.objects.get(venue=venue).told == 0
    hook.status = 200
    keep_alerts(venue, [firing()], NOW + timedelta(seconds=15))
    assert Alert.objects.get(venue=venue).told == 1
    assert len(hook.bodies) == 2


def test_a_look_reads_the_running_processes_and_finds_what_is_down(venue: str) -> None:
    web = Meter("web", venue)
    web.read_from(lambda: [("exchange_sockets", {"part": "diff"}, 90), ("exchange_socket_limit", {}, 100)])
    endpoint = Endpoint(web)
    try:
        await_until(lambda: endpoint.meter.venue and endpoint.url)
        watcher = Watcher(venue, load_rules(), watching_meter(venue))

        def sees() -> bool:
            found = {one.rule.name: one for one in watcher.look(1_000.0)}
            return "Sockets" in found and found["Sockets"].value == pytest.approx(0.9)

        assert await_until(sees)
        assert Alert.objects.filter(venue=venue, name="Sockets", state="open").count() == 1
        assert last_look(venue) is not None
    finally:
        endpoint.stop()


def test_the_watchers_own_figures_are_in_the_table(venue: str) -> None:
    text = watching_meter(venue).text().decode()
    for name in ("exchange_part_up", "exchange_disk_free_ratio", "exchange_log_entries"):
        assert f"\n{name}{{" in text
