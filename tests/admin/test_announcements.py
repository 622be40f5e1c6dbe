"""Announcements: operators write, everybody signed in reads what is in force (H)."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

pytestmark = pytest.mark.django_db(transaction=True)


def client_of(name: str, *rights: str) -> Client:
    user = get_user_model().objects.create(username=name, is_staff=bool(rights))
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    client = Client()
    client.force_login(user)
    return client


def send(client: Client, method: str, path: str, body: Any = None) -> Any:
    return getattr(client, method)(path, body, content_type="application/json")


def test_an_operator_announces_changes_and_takes_back_and_charlie_only_reads() -> None:
    operator = client_of("operator_one", "add_announcement", "change_announcement", "delete_announcement")
    charlie = client_of("charlie_one")
    made = send(operator, "post", "/api/announcements", {"title": "<b>Closed</b>", "type": "market"})
    assert made.status_code == 201, made.content
    number = made.json()["data"]["id"]
    path = f"/api/announcements/{number}"
    assert [row["id"] for row in charlie.get("/api/announcements").json()["data"]["items"]] == [number]
    for method in ("patch", "delete"):
        assert send(charlie, method, path, {}).status_code == 403
    assert send(charlie, "post", "/api/announcements", {"title": "x"}).status_code == 403
    assert send(operator, "patch", path, {"priority": 0}).json()["data"]["priority"] == 0
    assert send(operator, "patch", path, {"priority": 9}).json()["error"]["code"] == 9008
    assert send(operator, "delete", path).status_code == 200
    assert send(operator, "delete", path).json()["error"]["code"] == 9007
    assert Client().get("/api/announcements").status_code == 401


def test_what_is_over_or_to_come_is_not_shown() -> None:
    operator = client_of("operator_two", "add_announcement")
    now = timezone.now()
    past = {"valid_from": now - timedelta(days=2), "valid_until": now - timedelta(days=1)}
    for times in (past, {"valid_from": now + timedelta(days=1)}):
        body = {"title": "other times", **{name: time.isoformat() for name, time in times.items()}}
        assert send(operator, "post", "/api/announcements", body).status_code == 201
    assert operator.get("/api/announcements").json()["data"]["items"] == []
    backwards = {"title": "x", "valid_from": now.isoformat(), "valid_until": past["valid_until"].isoformat()}
    assert send(operator, "post", "/api/announcements", backwards).json()["error"]["code"] == 9008
