"""The audit log: what it records, who reads it, how it leaves the house (O-3)."""

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse
from knox.models import get_token_model

from tests.admin.rows import fill
from trading.models import AuditLog

pytestmark = pytest.mark.django_db
PASSWORD = "a-long-password-1"


@pytest.fixture
def bob() -> Any:
    """Staff who signs in with a password."""
    return get_user_model().objects.create_user("bob", password=PASSWORD, is_staff=True)


def log_in(client: Client, password: str, name: str = "bob") -> Any:
    return client.post(
        "/admin/login/?next=/admin/", {"username": name, "password": password, "next": "/admin/"}
    )


def test_log_ins_failed_ones_and_log_outs_are_recorded(client: Client, bob: Any) -> None:
    assert log_in(client, "wrong").status_code == 200
    assert log_in(client, PASSWORD).status_code == 302
    client.post("/admin/logout/")
    made = AuditLog.objects.exclude(action__startswith="row_")
    found = list(made.order_by("id").values_list("action", "username", "code"))
    assert found == [("login_failed", "bob", 9001), ("login", "bob", 0), ("logout", "bob", 0)]
    assert {row.address for row in made} == {"127.0.0.1"}


def test_no_password_is_ever_recorded(client: Client, bob: Any) -> None:
    log_in(client, "s3cret-typed-here")
    rows = AuditLog.objects.values_list("target", "before", "after", "reason", "username")
    assert "s3cret" not in str(list(rows))


@pytest.mark.parametrize("name", ["x" * 1000, "nul\x00", "日本語", "<b>", ""])
def test_no_name_breaks_the_record_of_a_failed_log_in(name: str, client: Client) -> None:
    assert log_in(client, "wrong", name).status_code in (200, 302, 400, 403, 429)


def test_five_failures_lock_the_name_and_an_operator_unblocks_it(
    client: Client, bob: Any, client_of: Callable[[str], Client]
) -> None:
    for _attempt in range(6):
        log_in(client, "wrong")
    assert log_in(client, PASSWORD).status_code in (403, 429)
    from axes.models import AccessAttempt

    attempt = AccessAttempt.objects.first()
    form = {"stage": "confirm", "ids": attempt.pk, "reason": "called", "token": "0" * 32}
    url = reverse("admin:axes_accessattempt_operate", args=["forget"])
    assert client_of("support").post(url, form).context_data["results"][0].code == 0
    assert log_in(client, PASSWORD).status_code == 302
    assert AuditLog.objects.filter(action="forget", reason="called").count() == 1


def operate_user(client: Client, name: str, user: Any) -> Any:
    form = {"stage": "confirm", "ids": str(user.pk), "reason": "called", "token": "0" * 32}
    url = reverse("admin:accounts_user_operate", args=[name])
    return client.post(url, form).context_data["results"][0]


def test_a_locked_user_is_out_at_once_and_may_come_back(
    bob: Any, client: Client, client_of: Callable[[str], Client]
) -> None:
    client.force_login(bob)
    get_token_model().objects.create(user=bob)
    operator = client_of("operator")
    assert operate_user(operator, "lock", bob).code == 0
    assert client.get("/admin/").status_code == 302
    assert not bob.auth_token_set.exists()
    assert operate_user(operator, "unlock", bob).code == 0
    bob.refresh_from_db()
    assert bob.is_active
    row = AuditLog.objects.get(action="lock")
    assert (row.before["is_active"], row.after["is_active"]) == (True, False)


def test_tokens_are_revoked_one_by_one_or_all(bob: Any, client_of: Callable[[str], Client]) -> None:
    tokens = [get_token_model().objects.create(user=bob)[0] for _n in range(3)]
    support = client_of("support")
    url = reverse("admin:accounts_authtoken_operate", args=["revoke"])
    form = {"stage": "confirm", "ids": tokens[0].pk, "reason": "lost", "token": "0" * 32}
    assert support.post(url, form).context_data["results"][0].code == 0
    assert bob.auth_token_set.count() == 2
    assert operate_user(support, "revoke-tokens", bob).code == 0
    assert not bob.auth_token_set.exists()


def test_nobody_locks_themselves_nor_a_superuser(
    client_of: Callable[[str], Client], staff: Callable[[str], Any]
) -> None:
    support = client_of("support")
    assert operate_user(support, "lock", staff("support")).code == 9006
    assert operate_user(support, "lock", staff("superuser")).code == 9006
    assert operate_user(client_of("superuser"), "lock", staff("superuser")).code == 9006
    assert not get_user_model().objects.filter(is_active=False).exists()
    assert set(AuditLog.objects.filter(action="lock").values_list("code", flat=True)) == {9006}


def test_changes_through_forms_are_recorded(root: Client, bob: Any) -> None:
    url = reverse("admin:accounts_user_change", args=[bob.pk])
    form = {"email": "bob@example.org", "language": "en", "is_active": "on", "is_staff": "on"}
    assert root.post(url, form).status_code == 302
    row = AuditLog.objects.get(action="change")
    assert (row.target_type, row.target) == ("user", "bob")
    made = {
        "username": "newbie",
        "password1": PASSWORD,
        "password2": PASSWORD,
        "usable_password": "true",
    }
    assert root.post(reverse("admin:accounts_user_add"), made).status_code == 302
    assert AuditLog.objects.get(action="add").target == "newbie"
    assert root.post(reverse("admin:auth_group_add"), {"name": "guests"}).status_code == 302
    from django.contrib.auth.models import Group

    group = Group.objects.get(name="guests")
    gone = reverse("admin:auth_group_delete", args=[group.pk])
    assert root.post(gone, {"post": "yes"}).status_code == 302
    assert AuditLog.objects.get(action="delete").target == "guests"


def exported(client: Client, query: str = "") -> list[dict[str, str]]:
    answer = client.get(reverse("admin:trading_auditlog_export") + query)
    assert answer.status_code == 200
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


def test_the_log_leaves_as_csv_as_it_is_filtered(client_of: Callable[[str], Client]) -> None:
    AuditLog.objects.create(action="freeze", reason="=1+1", target="ACC_1", before={"状态": 1})
    AuditLog.objects.create(action="login_failed", code=9001)
    auditor = client_of("auditor")
    rows = exported(auditor, "?outcome=done&q=ACC_1")
    assert [(row["action"], row["reason"]) for row in rows] == [("freeze", "'=1+1")]
    assert rows[0]["before"] == '{"状态": 1}'
    assert [row["action"] for row in exported(auditor, "?outcome=refused")] == ["login_failed"]
    assert AuditLog.objects.filter(action="audit_export").count() == 2


def test_only_those_who_may_read_the_log_export_it(client_of: Callable[[str], Client]) -> None:
    fill(1)
    for who in ("operator", "risk", "settlement", "support", ""):
        assert client_of(who).get(reverse("admin:trading_auditlog_export")).status_code == 403


@pytest.mark.parametrize("term", ["bob", "freeze", "ACC_7", "2026-11-23", "2026-13-45"])
def test_the_log_is_searched_by_user_action_target_and_day(term: str, root: Client) -> None:
    AuditLog.objects.create(action="freeze", username="bob", target="ACC_7")
    page = root.get(reverse("admin:trading_auditlog_changelist"), {"q": term})
    assert page.status_code == 200
    found = len(page.context_data["cl"].result_list)
    assert found == (0 if term.startswith("2026") else 1)
