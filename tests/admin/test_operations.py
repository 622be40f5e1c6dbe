"""Every operation puts its command into the log of a running worker, with who and why (O-2, O-3)."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse

from accounts import selectors as account_selectors
from accounts import venue_settings
from tests.admin.desk import Desk
from tests.log.conftest import ALICE, CONTRACTS
from trading.engine import messages as core
from trading.engine.units import SCALE
from trading.models import AuditLog, CashFlow, DelistingRequest, TradingDay

REASON = "asked for by telephone"
SYMBOL = CONTRACTS[0].symbol
INSTRUMENT_FORM = {
    "name_zh": "铜", "name_en": "Copper", "volume_multiple": 5, "price_tick": "10",
    "session_template": "always", "limit_up_ppm": "8", "limit_down_ppm": "8",
    "min_limit_volume": 1, "max_limit_volume": 500, "min_market_volume": 1,
    "max_market_volume": 100, "position_limit": 0, "list_date": 0, "expire_date": 0,
    "self_trade_mode": "REFUSE",
}  # fmt: skip
PRODUCT_FORM = {
    "name_zh": "铜", "name_en": "Copper", "margin_long_ppm": "10", "margin_short_ppm": "10",
    "open_ratio_ppb": "0.00005", "open_per_lot": "0", "close_ratio_ppb": "0.00005",
    "close_per_lot": "0", "close_today_ratio_ppb": "0", "close_today_per_lot": "1.5",
}  # fmt: skip


def operate(client: Client, model: str, name: str, row: Any = None, **given: Any) -> Any:
    """Press the last button of an operation's pages."""
    ids = [row.pk] if row is not None else []
    form = {"stage": "confirm", "token": uuid.uuid4().hex, "reason": REASON, "ids": ids, **given}
    return client.post(reverse(f"admin:{model}_operate", args=[name]), form)


def results(response: Any) -> list[Any]:
    assert response.status_code == 200
    found = response.context_data.get("results")
    assert found, getattr(response.context_data.get("form"), "errors", None)
    return list(found)


ACCOUNT, INSTRUMENT, VENUE = "trading_tradingaccount", "trading_instrument", "trading_venue"
CASES: dict[str, tuple[str, str, Callable[[Desk], Any], dict[str, Any], Any]] = {
    "freeze": (
        ACCOUNT, "freeze", lambda desk: desk.account, {"mode": "FULL", "can_close": "on"},
        core.FreezeAccount(ALICE.account_id, int(core.FreezeMode.FULL), True, REASON),
    ),
    "freeze closing too": (
        ACCOUNT, "freeze", lambda desk: desk.account, {"mode": "TRADING_ONLY"},
        core.FreezeAccount(ALICE.account_id, int(core.FreezeMode.TRADING_ONLY), False, REASON),
    ),
    "change": (
        ACCOUNT, "change", lambda desk: desk.account,
        {"account_name": "Alice's", "group": "vip", "max_order_amount": "1000",
         "is_market_maker": "on"},
        core.SetAccount(
            ALICE.account_id,
            {"account_name": "Alice's", "group": "vip", "max_order_amount": 1000 * SCALE},
            REASON,
        ),
    ),
    "cancel an account's orders": (
        ACCOUNT, "cancel-orders", lambda desk: desk.account, {},
        core.CancelAll(ALICE.account_id, "", True),
    ),
    "suspend": (
        INSTRUMENT, "suspend", lambda desk: desk.instrument, {},
        core.SuspendInstrument(SYMBOL, REASON),
    ),
    "delist": (
        INSTRUMENT, "delist", lambda desk: desk.instrument, {},
        core.DelistInstrument(SYMBOL, REASON),
    ),
    "cancel an instrument's orders": (
        INSTRUMENT, "cancel-orders", lambda desk: desk.instrument, {},
        core.CancelAll("", SYMBOL, True),
    ),
    "halt": (VENUE, "halt", lambda desk: desk.venue, {}, core.HaltVenue(REASON)),
    "cancel every order": (
        VENUE, "cancel-all", lambda desk: desk.venue, {}, core.CancelAll("", "", True),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_an_operation_is_a_command_in_the_log(case: str, desk: Desk, root: Client) -> None:
    model, name, pick, given, wanted = CASES[case]
    (result,) = results(operate(root, model, name, pick(desk), **given))
    assert (result.code, result.pending) == (0, False), result
    command, sender = desk.last()
    assert command == wanted
    assert sender["origin"].startswith("admin:")
    row = AuditLog.objects.filter(action=name).get()
    assert sender["user"] == row.user_id
    assert (row.reason, row.code, row.address) == (REASON, 0, "127.0.0.1")
    assert row.command_id == result.command_id
    assert row.seq
    assert LogEntry.objects.filter(user__username=row.username).count() == 1


def test_money_goes_in_and_out_and_a_flow_is_reversed_once(desk: Desk, root: Client) -> None:
    before = desk.account.realised_balance
    given = {"amount": "1234.5", "method": "cash", "remark": "counter"}
    assert not results(operate(root, ACCOUNT, "deposit", desk.account, **given))[0].code
    assert not results(operate(root, ACCOUNT, "withdraw", desk.account, **given))[0].code
    desk.project()
    assert desk.account.realised_balance == before
    deposit = CashFlow.objects.get(remark="counter", kind="deposit")
    assert deposit.amount == 1234.5
    (first,) = results(operate(root, "trading_cashflow", "reverse", deposit))
    assert first.code == 0
    (second,) = results(operate(root, "trading_cashflow", "reverse", deposit))
    assert second.code != 0


def test_a_second_click_moves_the_money_once(desk: Desk, root: Client) -> None:
    before = desk.account.realised_balance
    given = {"amount": "10", "method": "cash", "token": uuid.uuid4().hex}
    for _click in range(2):
        (result,) = results(operate(root, ACCOUNT, "deposit", desk.account, **given))
        assert result.code == 0
    desk.project()
    assert desk.account.realised_balance == before + 10


def test_too_large_a_withdrawal_is_refused_in_words(desk: Desk, root: Client) -> None:
    given = {"amount": "99999999999", "method": "cash"}
    (result,) = results(operate(root, ACCOUNT, "withdraw", desk.account, **given))
    assert result.code == 2004
    assert "withdrawal refused" in str(result.text)
    assert AuditLog.objects.get(action="withdraw").code == 2004


def test_a_frozen_account_is_unfrozen_and_a_waiting_one_approved(desk: Desk, root: Client) -> None:
    operate(root, ACCOUNT, "freeze", desk.account, mode="FULL")
    desk.project()
    assert desk.account.status == "FROZEN"
    assert not results(operate(root, ACCOUNT, "unfreeze", desk.account))[0].code
    assert desk.last()[0] == core.UnfreezeAccount(ALICE.account_id, REASON)
    desk.project()
    assert desk.account.status == "ACTIVE"
    (again,) = results(operate(root, ACCOUNT, "approve", desk.account))
    assert again.code != 0
    assert desk.last()[0] == core.ApproveAccount(ALICE.account_id, REASON)


def test_an_account_with_money_is_not_closed(desk: Desk, root: Client) -> None:
    (result,) = results(operate(root, ACCOUNT, "close", desk.account))
    assert result.code != 0
    assert desk.last()[0] == core.CloseAccount(ALICE.account_id, REASON)


def test_a_working_order_is_cancelled(desk: Desk, root: Client) -> None:
    order = desk.place()
    (result,) = results(operate(root, "trading_order", "cancel", order))
    assert result.code == 0
    assert desk.last()[0] == core.CancelOrder(ALICE.account_id, order.order_id, True)
    desk.project()
    order.refresh_from_db()
    assert (order.status, order.end_reason) == ("Cancelled", "BY_OPERATOR")
    (again,) = results(operate(root, "trading_order", "cancel", order))
    assert again.code in (3001, 3002)


def test_a_halted_venue_resumes(desk: Desk, root: Client) -> None:
    operate(root, VENUE, "halt", desk.venue)
    desk.project()
    assert desk.venue.is_halted
    home = root.get("/admin/").content.decode()
    assert "Halted" in home
    assert not results(operate(root, VENUE, "resume", desk.venue))[0].code
    assert desk.last()[0] == core.ResumeVenue(REASON)
    desk.project()
    assert not desk.venue.is_halted


def test_a_suspended_instrument_resumes(desk: Desk, root: Client) -> None:
    operate(root, INSTRUMENT, "suspend", desk.instrument)
    desk.project()
    assert desk.instrument.status == "SUSPENDED"
    operate(root, INSTRUMENT, "resume", desk.instrument)
    assert desk.last()[0] == core.ResumeInstrument(SYMBOL, REASON)
    desk.project()
    assert desk.instrument.status == "TRADING"


def test_delisting_waits_for_a_second_person_where_the_venue_wants_two(
    desk: Desk, root: Client, client: Client
) -> None:
    venue_settings.write(desk.name, {"two_person_delisting": 1})
    account_selectors._settings.clear()
    before = desk.commands()
    for _ in range(2):
        (waits,) = results(operate(root, INSTRUMENT, "delist", desk.instrument))
        assert waits.code == 2006
    request = DelistingRequest.objects.get(symbol=SYMBOL)
    assert SYMBOL in root.get(reverse("admin:trading_delistingrequest_changelist")).content.decode()
    (kept,) = results(operate(root, "trading_delistingrequest", "withdraw", request))
    assert kept.code == 0 and not DelistingRequest.objects.exists()
    (waits,) = results(operate(root, INSTRUMENT, "delist", desk.instrument))
    assert (waits.code, desk.commands()) == (2006, before)
    client.force_login(get_user_model().objects.create_superuser("second", "", "second-password"))
    (done,) = results(operate(client, INSTRUMENT, "delist", desk.instrument))
    assert done.code == 0 and not DelistingRequest.objects.exists()
    assert desk.last()[0] == core.DelistInstrument(SYMBOL, REASON)
    found = AuditLog.objects.filter(action="delist").order_by("id").values_list("username", "code")
    assert [row for row in found if row[1] == 0] == [("second", 0)]


def test_instruments_are_imported_as_csv_whole_or_not_at_all(desk: Desk, root: Client) -> None:
    desk.project()
    shown = root.get("/admin/trading/instrument/operate/import/")
    lines = shown.context["form"].initial["lines"].splitlines()
    assert lines[1].startswith("SHFE,") and len(lines) == 1 + len(CONTRACTS)
    key = {"venue": desk.venue.pk}
    before = desk.commands()
    bad = [lines[0], lines[1].replace("SHFE", "ABC"), lines[2].replace("always", "nights"), lines[3]]
    page = operate(root, INSTRUMENT, "import", **key, lines="\n".join(bad))
    faults = page.context["form"].errors["lines"]
    assert [fault.partition(":")[0] for fault in faults] == ["line 2", "line 3"]
    assert desk.commands() == before
    (same,) = results(operate(root, INSTRUMENT, "import", **key, lines="\n".join(lines)))
    assert (same.code, desk.commands()) == (0, before)
    copper = lines[1].split(",")
    copper[lines[0].split(",").index("position_limit")] = "77"
    new = lines[2].replace(lines[2].split(",")[1], "lt2912")
    made = results(
        operate(root, INSTRUMENT, "import", **key, lines="\n".join([lines[0], ",".join(copper), new]))
    )
    assert [one.code for one in made] == [0, 0], made
    desk.project()
    assert desk.instrument.position_limit == 77
    assert type(desk.instrument).objects.filter(symbol="SHFE.lt2912").exists()


def test_a_product_and_an_instrument_are_created_and_changed(desk: Desk, root: Client) -> None:
    key = {"venue": desk.venue.pk, "exchange_id": "SHFE", "product_id": "cu"}
    (made,) = results(operate(root, "trading_product", "create", **key, **PRODUCT_FORM))
    assert made.code == 0, made
    rates = [100_000, 100_000, 50_000, 0, 50_000, 0, 0, 15_000]
    assert desk.last()[0] == core.SetProduct(["SHFE", "cu", "铜", "Copper", rates, False])
    new = {**key, **INSTRUMENT_FORM, "instrument_id": "cu2701", "listing_price": "80000"}
    (made,) = results(operate(root, INSTRUMENT, "create", **new))
    assert made.code == 0, made
    desk.project()
    row = type(desk.instrument).objects.get(symbol="SHFE.cu2701")
    assert (row.status, row.limit_up_ppm, row.price_tick) == ("TRADING", 80_000, 10)
    (again,) = results(operate(root, INSTRUMENT, "create", **new))
    assert again.code == 2001
    change = {**INSTRUMENT_FORM, "limit_up_ppm": "9.5"}
    (changed,) = results(operate(root, INSTRUMENT, "change", row, **change))
    assert changed.code == 0, changed
    assert desk.last()[0] == core.UpdateInstrument("SHFE.cu2701", {"limit_up_ppm": 95_000}, REASON)
    (rated,) = results(operate(root, INSTRUMENT, "rates", row, open_per_lot="3"))
    assert rated.code == 0, rated
    rates = [None, None, None, 30_000, None, None, None, None]
    assert desk.last()[0] == core.SetRates("", "SHFE.cu2701", rates, False, REASON)
    desk.project()
    row.refresh_from_db()
    assert (row.limit_up_ppm, row.open_per_lot) == (95_000, 3)


def test_holidays_are_imported_and_every_bad_line_is_named(desk: Desk, root: Client) -> None:
    given = {"venue": desk.venue.pk, "until": desk.venue.trading_day + 10_000}
    file = "date,name,basis\n2026-12-25,Feast,announced\n"
    (result,) = results(operate(root, "trading_tradingday", "import", **given, holidays=file))
    assert result.code == 0, result
    assert desk.last()[0].trading_days[0] <= desk.venue.trading_day
    text = f"{file}soon,x,announced\n"
    bad = operate(root, "trading_tradingday", "import", **given, holidays=text)
    assert "3" in str(bad.context_data["form"].errors["holidays"])


def test_a_group_has_rates_of_its_own(desk: Desk, root: Client) -> None:
    given = {"venue": desk.venue.pk, "holder": "group:vip", "target": SYMBOL}
    sent = {**given, "margin_long_ppm": "12.5", "apply_now": "on"}
    (result,) = results(operate(root, "trading_raterow", "set", **sent))
    assert result.code == 0, result
    rates = [125_000, *[None] * 7]
    assert desk.last()[0] == core.SetRates("group:vip", SYMBOL, rates, True, REASON)
    (refused,) = results(operate(root, "trading_raterow", "set", **{**sent, "target": "SHFE.no"}))
    assert refused.code == 1007


def test_calendar_and_sessions_are_replaced(desk: Desk, root: Client) -> None:
    venue = desk.venue
    day = venue.trading_day
    later = [day + n for n in range(40) if (day + n) % 100 in range(1, 29)][:3]
    text = "\n".join(map(str, sorted({day, *later})))
    (result,) = results(operate(root, "trading_tradingday", "set", venue=venue.pk, days=text))
    assert result.code == 0, result
    known = TradingDay.objects.filter(day__lt=day).values_list("day", flat=True)
    assert desk.last()[0] == core.SetCalendar(sorted({*known, day, *later}))
    table = "template,night,phase,start,end\nalways,,continuous,00:00,24:00\n"
    table += "extra,night,auction_order,20:55,20:59\nextra,night,continuous,21:00,25:00\n"
    sent = {"venue": venue.pk, "sections": table}
    (result,) = results(operate(root, "trading_sessiontemplate", "set", **sent))
    assert result.code == 0, result
    assert desk.last()[0].templates == [
        ["always", [[0, 3, 0, 1440]]],
        ["extra", [[1, 1, 1255, 1259], [1, 3, 1260, 1500]]],
    ]


def test_many_rows_are_sent_together_and_answered_one_by_one(desk: Desk, root: Client) -> None:
    accounts = list(type(desk.account).objects.order_by("pk"))
    answer = operate(root, ACCOUNT, "freeze", ids=[row.pk for row in accounts], mode="FULL")
    assert [result.target for result in results(answer)] == [row.account_id for row in accounts]
    assert {result.code for result in results(answer)} == {0}
    assert AuditLog.objects.filter(action="freeze").count() == len(accounts)


def test_without_a_worker_the_page_says_so_and_the_attempt_is_recorded(
    root: Client, transactional_db: None
) -> None:
    from tests.admin.rows import account, make_venue

    row = account(1, make_venue("nobodyruns"))
    (result,) = results(operate(root, ACCOUNT, "approve", row))
    assert result.code == 4001
    assert AuditLog.objects.get(action="approve").code == 4001
