"""Who may see and do what: every page and every operation, walked by every group (O-4, R4.7)."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from accounts.groups import GROUPS, UnknownPermission, find, seed_groups
from exchange_site.admin_operations import OperationsMixin
from tests.admin.rows import fill
from trading.models import AuditLog

pytestmark = pytest.mark.django_db
EVERYBODY = [*GROUPS, "superuser", ""]

# What each operation needs, written down a second time on purpose.
OPERATIONS = {
    "accounts_authtoken": {"revoke": {"operator", "support"}},
    "accounts_user": {
        "lock": {"operator", "support"},
        "unlock": {"operator", "support"},
        "reset-link": {"operator", "support"},
        "revoke-tokens": {"operator", "support"},
        "remove-second-factor": {"operator", "support"},
    },
    "axes_accessattempt": {"forget": {"operator", "support"}},
    "accounts_bankaccount": {"unlock": {"operator"}},
    "accounts_fundpassword": {"unlock": {"operator"}},
    "accounts_moneyrequest": {"approve": {"operator"}, "reject": {"operator"}},
    "settlement_settlementrun": {
        name: {"settlement"} for name in ("open", "prices", "set-price", "import", "settle")
    },
    "settlement_job": {"run": {"operator", "settlement"}},
    "settlement_contestentry": {"disqualify": {"operator"}, "readmit": {"operator"}},
    "monitoring_alert": {"acknowledge": {"operator", "risk"}},
    "marketdata_feedconnection": {
        name: {"operator"} for name in ("enable", "disable", "reconnect", "import", "strategy")
    },
    "trading_cashflow": {"reverse": {"operator"}},
    "trading_delistingrequest": {"withdraw": {"operator"}},
    "trading_instrument": {
        "suspend": {"operator"},
        "resume": {"operator"},
        "delist": {"operator"},
        "change": {"operator"},
        "rates": {"operator"},
        "create": {"operator"},
        "import": {"operator"},
        "cancel-orders": {"operator", "risk"},
    },
    "trading_raterow": {"set": {"operator"}},
    "trading_conditionalorder": {"cancel": {"operator", "risk"}},
    "trading_order": {"cancel": {"operator", "risk"}},
    "trading_product": {"change": {"operator"}, "create": {"operator"}},
    "trading_sessiontemplate": {"set": {"operator"}},
    "trading_tradingaccount": {
        "approve": {"operator", "risk"},
        "freeze": {"operator", "risk"},
        "unfreeze": {"operator", "risk"},
        "change": {"operator", "risk"},
        "close": {"operator", "risk"},
        "cancel-orders": {"operator", "risk"},
        "deposit": {"operator"},
        "withdraw": {"operator"},
        "liquidate": {"risk"},
        "hold-back": {"risk"},
        "let-go": {"risk"},
    },
    "trading_tradingday": {"set": {"operator"}, "import": {"operator"}},
    "trading_venue": {
        "halt": {"operator", "risk"},
        "resume": {"operator", "risk"},
        "cancel-all": {"operator", "risk"},
        "settings": {"operator"},
    },
}
ALL, BOOKS = set(GROUPS), {"operator", "risk", "settlement", "auditor"}
LISTS = {
    "accounts_authtoken": {"operator", "auditor", "support"},
    "accounts_moneyrequest": {"operator", "auditor"},
    "accounts_bankaccount": {"operator", "auditor"},
    "accounts_fundpassword": {"operator", "auditor"},
    "accounts_user": {"operator", "auditor", "support"},
    "accounts_venuesetting": BOOKS,
    "admin_logentry": {"auditor"},
    "auth_group": {"auditor"},
    "axes_accessattempt": {"operator", "auditor", "support"},
    "marketdata_feedconnection": {"operator", "auditor"},
    "monitoring_alert": BOOKS,
    "monitoring_report": BOOKS,
    "trading_accountday": BOOKS,
    "trading_auditlog": {"auditor"},
    "trading_delistingrequest": {"operator", "auditor"},
    "settlement_job": {"operator", "settlement", "auditor"},
    "settlement_settlementrun": BOOKS,
    "trading_rejectcount": {"operator", "risk", "auditor"},
    "trading_settlementday": BOOKS,
}


def names() -> dict[str, Any]:
    return {
        f"{model._meta.app_label}_{model._meta.model_name}": model_admin
        for model, model_admin in admin.site._registry.items()
    }


def test_the_table_of_operations_names_every_one() -> None:
    found = {
        name: {kind.name for kind in model_admin.operations}
        for name, model_admin in names().items()
        if isinstance(model_admin, OperationsMixin)
    }
    assert found == {name: set(table) for name, table in OPERATIONS.items()}


@pytest.mark.parametrize("who", EVERYBODY)
def test_each_group_opens_its_pages_and_no_other(who: str, client_of: Callable[[str], Client]) -> None:
    fill(1)
    client = client_of(who)
    for name, model_admin in names().items():
        allowed = who == "superuser" or who in LISTS.get(name, ALL)
        row = model_admin.model._default_manager.first()
        pages = [
            reverse(f"admin:{name}_changelist"),
            reverse(f"admin:{name}_change", args=[row.pk]),
        ]
        for page in pages:
            assert client.get(page).status_code == (200 if allowed else 403), (who, page)


@pytest.mark.parametrize("who", EVERYBODY)
def test_each_group_may_run_its_operations_and_no_other(who: str, client_of: Callable[[str], Client]) -> None:
    fill(1)
    client = client_of(who)
    before = AuditLog.objects.filter(action="permission_denied").count()
    refused = 0
    for name, table in OPERATIONS.items():
        row = names()[name].model._default_manager.first()
        for operation, groups in table.items():
            url = reverse(f"admin:{name}_operate", args=[operation])
            allowed = who == "superuser" or who in groups
            for answer in (client.get(url, {"ids": row.pk}), client.post(url, {"ids": row.pk})):
                assert answer.status_code == (200 if allowed else 403), (who, url)
            refused += 0 if allowed else 2
    denied = AuditLog.objects.filter(action="permission_denied").count() - before
    assert denied == refused


@pytest.mark.parametrize("who", EVERYBODY)
def test_menus_and_buttons_offer_only_what_is_allowed(who: str, client_of: Callable[[str], Client]) -> None:
    fill(1)
    page = client_of(who).get(reverse("admin:trading_tradingaccount_changelist"))
    if page.status_code == 403:
        assert who == ""
        return
    table = OPERATIONS["trading_tradingaccount"]
    wanted = {name for name, groups in table.items() if who == "superuser" or who in groups}
    form = page.context_data["action_form"]
    offered = {value for value, _label in form.fields["action"].choices if value} if form else set()
    assert offered == wanted


def test_an_action_posted_without_the_right_is_refused_and_recorded(
    client_of: Callable[[str], Client],
) -> None:
    fill(1)
    row = names()["trading_tradingaccount"].model.objects.first()
    answer = client_of("auditor").post(
        reverse("admin:trading_tradingaccount_changelist"),
        {"action": "deposit", "_selected_action": [row.pk], "index": 0},
    )
    assert answer.status_code == 403
    entry = AuditLog.objects.get(action="permission_denied")
    assert entry.username == "auditor_one"
    assert "trading.move_money" in entry.after["wanted"]


@pytest.mark.parametrize("who", [*GROUPS, ""])
def test_nobody_but_a_superuser_hands_out_rights(who: str, client_of: Callable[[str], Client]) -> None:
    fill(1)
    client = client_of(who)
    me = client.get("/admin/").context["user"]
    url = reverse("admin:accounts_user_change", args=[me.pk])
    client.post(url, {"username": me.username, "is_superuser": "on", "is_staff": "on"})
    me.refresh_from_db()
    assert not me.is_superuser
    for page in ("accounts_user_add", "auth_group_add"):
        assert client.get(reverse(f"admin:{page}")).status_code == 403
    password = reverse("admin:auth_user_password_change", args=[me.pk])
    assert client.get(password).status_code == 403


def test_state_can_be_neither_added_nor_changed_nor_deleted(root: Client) -> None:
    fill(1)
    for name, model_admin in names().items():
        if not name.startswith("trading_"):
            continue
        row = model_admin.model._default_manager.first()
        assert root.get(reverse(f"admin:{name}_add")).status_code == 403
        assert root.post(reverse(f"admin:{name}_delete", args=[row.pk])).status_code == 403
        answer = root.post(reverse(f"admin:{name}_change", args=[row.pk]), {"account_id": "x"})
        assert answer.status_code == 403, name


def test_a_user_who_is_no_staff_sees_the_log_in_page(client: Client, django_user_model: Any) -> None:
    client.force_login(django_user_model.objects.create_user("charlie", password="a"))
    for name in names():
        assert client.get(reverse(f"admin:{name}_changelist")).status_code == 302
    url = reverse("admin:trading_venue_operate", args=["halt"])
    assert client.post(url, {"ids": 1, "token": uuid.uuid4().hex}).status_code == 302


def test_the_settings_page_needs_its_right(client_of: Callable[[str], Client]) -> None:
    fill(1)
    url = reverse("admin:trading_venue_settings")
    for who in EVERYBODY:
        allowed = who == "superuser" or who in BOOKS
        assert client_of(who).get(url).status_code == (200 if allowed else 403), who


def test_seeding_the_groups_again_brings_them_back_to_the_table(groups: list[Group]) -> None:
    operator = Group.objects.get(name="operator")
    operator.permissions.clear()
    auditor = Group.objects.get(name="auditor")
    auditor.permissions.add(*find(["trading.halt_venue"]))
    seed_groups()
    for name, wanted in GROUPS.items():
        found = Group.objects.get(name=name).permissions.select_related("content_type")
        assert {f"{p.content_type.app_label}.{p.codename}" for p in found} == set(wanted)


def test_a_permission_that_nobody_declares_is_named() -> None:
    with pytest.raises(UnknownPermission, match=r"trading\.fly"):
        find(["trading.fly", "trading.halt_venue"])
