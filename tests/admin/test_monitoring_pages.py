"""The pages of the log and of sockets, alerts on the home page, acknowledging (O-1, O-6, O-33)."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from exchange_site.streams import cache_client
from monitoring.models import Alert
from monitoring.watcher import STAMP_KEY
from settlement import jobs
from tests.admin.rows import make_venue
from trading.models import AuditLog

pytestmark = pytest.mark.django_db
BOOKS = ("operator", "risk", "settlement", "auditor", "superuser")


def make_alert(**fields: Any) -> Alert:
    now = timezone.now()
    values = {"venue": "main", "name": "ProjectorLag", "severity": "critical", "summary": "2 s late"} | fields
    return Alert.objects.create(value=2.0, opened_at=now, seen_at=now, **values)


@pytest.mark.parametrize("who", [*BOOKS, "support", ""])
@pytest.mark.parametrize("name", ["monitoring_log", "monitoring_sockets"])
def test_the_pages_open_for_those_who_see_the_books(
    who: str, name: str, client_of: Callable[[str], Client]
) -> None:
    answer = client_of(who).get(reverse(f"admin:{name}"))
    assert answer.status_code == (200 if who in BOOKS else 403)


def test_only_operators_close_sockets_and_say_why(client_of: Callable[[str], Client]) -> None:
    url = reverse("admin:monitoring_sockets")
    assert client_of("auditor").post(url, {"username": "x", "reason": "y"}).status_code == 403
    client = client_of("operator")
    assert "needs a reason" in client.post(url, {"username": "x"}, follow=True).content.decode()
    assert not AuditLog.objects.filter(action="close_sockets").exists()
    assert client.post(url, {"username": "x", "reason": "left"}, follow=True).status_code == 200
    row = AuditLog.objects.get(action="close_sockets")
    assert (row.target, row.reason, row.after) == ("x", "left", {"closed": 0})


def test_alerts_stand_on_the_home_page_and_in_every_head(root: Client) -> None:
    make_venue()
    alert = make_alert()
    text = root.get("/admin/").content.decode()
    assert "ProjectorLag" in text and "2 s late" in text and "1 open alert" in text
    assert "1 open alert" in root.get(reverse("admin:trading_order_changelist")).content.decode()
    alert.state = "closed"
    alert.save()
    assert "2 s late" not in root.get("/admin/").content.decode()


def test_those_without_the_right_see_no_alerts(client_of: Callable[[str], Client]) -> None:
    make_alert()
    text = client_of("support").get("/admin/").content.decode()
    assert "ProjectorLag" not in text and "open alert" not in text


def test_an_alert_is_acknowledged_with_a_reason(client_of: Callable[[str], Client]) -> None:
    alert = make_alert()
    url = reverse("admin:monitoring_alert_operate", args=["acknowledge"])
    body = {"ids": alert.pk, "stage": "confirm", "reason": "on it", "token": "0" * 32}
    assert client_of("operator").post(url, body).status_code == 200
    alert.refresh_from_db()
    assert (alert.state, alert.acknowledged_by, alert.note) == ("acknowledged", "operator_one", "on it")
    assert AuditLog.objects.filter(action="acknowledge", reason="on it").exists()


def test_the_home_page_tells_the_age_of_the_watchers_last_look(root: Client) -> None:
    venue = make_venue()
    with cache_client() as client:
        client.set(STAMP_KEY.format(venue=venue.code), f"{time.time():.3f}")
    text = root.get("/admin/").content.decode()
    for word in ("Watcher", "Beat", "Celery", "Feed", "Accounts at risk"):
        assert word in text


def test_the_log_page_shows_streams_readers_and_snapshots(desk: Any, root: Client) -> None:
    text = root.get(reverse("admin:monitoring_log")).content.decode()
    assert 'id="streams"' in text and "commands" in text and "events" in text


def test_the_days_replay_meets_every_event(desk: Any) -> None:
    assert jobs.run(desk.name, "replay") is True
    row = jobs.Job.objects.get(venue=desk.name, name="replay")
    assert row.is_ok and "to event" in row.result
