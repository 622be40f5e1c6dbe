"""Triggers record every change of users, rights and configuration, whoever makes it (O-3)."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client

from accounts import venue_settings
from exchange_site.audit_triggers import FUNCTION, TABLES, install
from trading.models import AuditLog

pytestmark = pytest.mark.django_db


def rows(**wanted: Any) -> list[AuditLog]:
    return list(AuditLog.objects.filter(action__startswith="row_", **wanted).order_by("id"))


def test_every_table_of_the_list_has_its_trigger_and_a_second_run_changes_nothing() -> None:
    install()
    with connection.cursor() as cursor:
        cursor.execute("SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname = %s", [FUNCTION])
        assert {name for (name,) in cursor.fetchall()} == {table.table for table in TABLES}


def test_a_change_past_the_application_is_recorded_with_before_and_after() -> None:
    user = get_user_model().objects.create_user("dora", password="a-long-password-1")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_user SET is_staff = true WHERE username = 'dora'")
        cursor.execute("UPDATE accounts_user SET is_staff = true WHERE username = 'dora'")
    added, changed = rows(target_type="user", target="dora")
    assert (added.action, added.after["username"], added.after["password"]) == ("row_added", "dora", "***")
    assert (changed.action, changed.before, changed.after) == (
        "row_changed", {"is_staff": False}, {"is_staff": True},
    )  # fmt: skip
    assert changed.username.startswith("database ")
    user.set_password("another-long-password")
    user.save(update_fields=["password"])
    assert rows(target="dora")[-1].after == {"password": "***"}


def test_a_log_in_time_is_no_change() -> None:
    user = get_user_model().objects.create_user("dora", password="a-long-password-1")
    user.last_login = user.date_joined
    user.save()
    assert [row.action for row in rows(target="dora")] == ["row_added"]


def test_a_change_in_the_admin_names_who_and_from_where(client_of: Callable[[str], Client]) -> None:
    client = client_of("superuser")
    fields = {"kind": "general", "priority": "2", "title": "Maintenance", "text": "",
              "valid_from_0": "2026-11-21", "valid_from_1": "09:00:00"}  # fmt: skip
    assert client.post("/admin/accounts/announcement/add/", fields).status_code == 302
    (row,) = rows(target_type="announcement")
    assert (row.action, row.target, row.address) == ("row_added", "Maintenance", "127.0.0.1")
    assert row.username and not row.username.startswith("database")


def test_rights_and_settings_are_recorded() -> None:
    group = Group.objects.create(name="night shift")
    user = get_user_model().objects.create_user("dora")
    user.groups.add(group)
    venue_settings.write("main", {"publish_rankings": 1}, user_id=user.pk.hex, reason="asked")
    venue_settings.write("main", {"publish_rankings": 0}, user_id=user.pk.hex, reason="asked")
    user.groups.remove(group)
    assert [row.action for row in rows(target_type="user group")] == ["row_added", "row_deleted"]
    added, changed = rows(target_type="setting", target="main publish_rankings")
    assert (added.venue, added.after["value"]) == ("main", 1)
    assert (changed.before, changed.after) == ({"value": 1}, {"value": 0})
