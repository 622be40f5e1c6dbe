"""The control room tells what really runs (O-1, A-4a), and its settings page what holds (O-8)."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import venue_settings
from exchange_site.streams import Keys, log_client
from tests.admin.desk import Desk
from tests.admin.rows import account, make_venue, order
from trading.admin import pulse
from trading.admin.home import per_minute
from trading.engine.messages import SetSettings
from trading.engine.units import SCALE
from trading.models import AuditLog, Order


def home(client: Client) -> str:
    page = client.get("/admin/")
    assert page.status_code == 200
    return page.content.decode()


def states(venue: str) -> dict[str, str]:
    return {str(part["title"]): part["state"] for part in pulse.parts(venue)}


def test_a_running_venue_shows_its_day_worker_and_log(desk: Desk, root: Client) -> None:
    desk.place()
    text = home(root)
    assert str(desk.venue.trading_day) in text
    assert desk.name in text
    assert states(desk.name)["Matching worker"] == "ok"
    assert states(desk.name)["Projector"] == "failed"
    with log_client() as client:
        client.hset(Keys(desk.name).cursors, "projector", 1)
        mode = client.config_get("appendfsync")["appendfsync"]
    assert states(desk.name)["Projector"] == "ok"
    shown = {str(part["title"]): part["value"] for part in pulse.parts(desk.name)}
    assert shown["Log on disk"] == mode
    assert "Accounts waiting for approval" in text


@pytest.mark.django_db
def test_a_venue_without_a_worker_says_so(root: Client) -> None:
    make_venue("nobodyruns")
    assert "not running" in home(root)
    assert states("nobodyruns")["Matching worker"] == "failed"


@pytest.mark.django_db
def test_a_log_that_cannot_be_reached_does_not_take_the_page_down(root: Client, settings: Any) -> None:
    make_venue()
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert "unreachable" in home(root)


@pytest.mark.django_db
def test_orders_are_counted_by_the_minute_they_came_in() -> None:
    venue = make_venue()
    now = timezone.now().replace(second=30, microsecond=0)
    for n, age in enumerate((0, 0, 1, 4), 1):
        order(n, venue, insert_time=now - timedelta(minutes=age))
    start = now.replace(second=0)
    minutes = [start - timedelta(minutes=n) for n in (2, 1, 0)]
    assert per_minute(Order, "insert_time", minutes, 1) == [0, 1, 2]


@pytest.mark.django_db
def test_charts_carry_their_figures_and_waiting_accounts_are_counted(root: Client) -> None:
    venue = make_venue()
    order(1, venue, insert_time=timezone.now())
    account(1, venue, status="PENDING")
    account(2, venue, status="FROZEN")
    page = root.get("/admin/")
    assert page.context_data["activity"]["orders_total"] == 1
    shown = {str(count["title"]): count["value"] for count in page.context_data["counts"]}
    assert shown == {
        "Withdrawals waiting for approval": 0,
        "Delistings waiting for a second person": 0,
        "Accounts waiting for approval": 1,
        "Frozen accounts": 1,
        "Accounts at risk": 0,
    }


@pytest.mark.django_db
def test_staff_without_rights_see_no_figures(client_of: Callable[[str], Client]) -> None:
    make_venue()
    assert "Choose a page from the menu." in home(client_of(""))


@pytest.mark.django_db
def test_the_settings_page_lists_every_setting_with_its_clause(root: Client) -> None:
    make_venue()
    page = root.get(reverse("admin:trading_venue_settings"))
    text = page.content.decode()
    for definition in venue_settings.DEFINITIONS.values():
        assert definition.name in text
    assert "10,000,000 yuan" in text
    assert root.get(reverse("admin:trading_venue_settings"), {"venue": "no"}).status_code == 404


def settings_form(venue: str, **changes: Any) -> dict[str, Any]:
    from trading.admin.settings_page import is_switch, scale

    form: dict[str, Any] = {}
    for name, value in venue_settings.values(venue).items():
        if not is_switch(venue_settings.DEFINITIONS[name]):
            form[name] = value / scale(name) if scale(name) > 1 else value
        elif value:
            form[name] = "on"
    return {**form, "reason": "calmer market", "token": uuid.uuid4().hex, **changes}


def change_settings(client: Client, desk: Desk, stage: str, **changes: Any) -> Any:
    url = reverse("admin:trading_venue_operate", args=["settings"])
    form = settings_form(desk.name, stage=stage, ids=desk.venue.pk, **changes)
    return client.post(url, form).context_data


def test_a_setting_that_touches_trading_changes_through_the_log(desk: Desk, root: Client) -> None:
    preview = change_settings(root, desk, "preview", max_order_amount="5000000")
    assert "10,000,000 yuan → 5,000,000 yuan" in str(preview["effects"][0][1])
    done = change_settings(root, desk, "confirm", max_order_amount="5000000", publish_rankings="on")
    assert done["results"][0].code == 0, done["results"]
    wanted = SetSettings({"max_order_amount": 5_000_000 * SCALE}, "calmer market")
    assert desk.last()[0] == wanted
    desk.project()
    assert venue_settings.value(desk.name, "max_order_amount") == 5_000_000 * SCALE
    assert venue_settings.value(desk.name, "publish_rankings") == 1
    row = AuditLog.objects.get(action="settings")
    assert row.before["max_order_amount"] == 10_000_000 * SCALE
    assert row.after == {"max_order_amount": 5_000_000 * SCALE, "publish_rankings": 1}
    assert row.reason == "calmer market"


def test_settings_that_stay_as_they_are_send_nothing(desk: Desk, root: Client) -> None:
    count = len(desk.commands())
    done = change_settings(root, desk, "confirm")
    assert str(done["results"][0].text) == "Nothing changes."
    assert len(desk.commands()) == count


@pytest.mark.parametrize("wrong", ["", "-1", "x", "1e40", "1001"])
def test_a_setting_out_of_its_bounds_is_asked_for_again(wrong: str, desk: Desk, root: Client) -> None:
    page = change_settings(root, desk, "preview", max_risk_ppm=wrong)
    assert page["form"].errors["max_risk_ppm"]
