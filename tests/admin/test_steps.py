"""The three pages of an operation: ask, show what will happen, do it (O-2)."""

import uuid
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from tests.admin.rows import account, books, fill, instrument, key, make_venue, order, row, trade
from trading.models import AuditLog, Order, Position, Trade, TradingAccount

pytestmark = pytest.mark.django_db


def url(name: str, model: str = "trading_tradingaccount") -> str:
    return reverse(f"admin:{model}_operate", args=[name])


def step(client: Client, stage: str, name: str, ids: list[int], **given: Any) -> Any:
    form = {"stage": stage, "ids": ids, "token": uuid.uuid4().hex, "reason": "because", **given}
    return client.post(url(name), form)


def test_the_first_page_names_the_rows_and_asks(root: Client) -> None:
    fill(3)
    ids = [row.pk for row in TradingAccount.objects.all()]
    page = root.get(url("deposit"), {"ids": ids})
    text = page.content.decode()
    assert "This concerns 3 rows:" in text
    assert {"amount", "method", "remark", "reason"} <= set(page.context_data["form"].fields)
    assert not AuditLog.objects.filter(action="deposit").exists()


def test_the_second_page_shows_what_will_happen_and_does_nothing(root: Client) -> None:
    fill(2)
    ids = [row.pk for row in TradingAccount.objects.all()]
    page = step(root, "preview", "deposit", ids, amount="500", method="cash")
    assert page.context_data["is_preview"]
    assert "1,000,000.00 → 1,000,500.00" in page.content.decode()
    assert not AuditLog.objects.filter(action="deposit").exists()


def test_one_may_go_back_and_change_the_input(root: Client) -> None:
    row = account(1, make_venue())
    page = step(root, "edit", "deposit", [row.pk], amount="77", method="cash")
    assert 'value="77"' in page.content.decode()
    assert "is_preview" not in page.context_data


@pytest.mark.parametrize("stage", ["preview", "confirm"])
@pytest.mark.parametrize(
    "wrong",
    [
        {"reason": ""},
        {"reason": "   "},
        {"reason": "x" * 201},
        {"reason": "line\nbreak"},
        {"reason": "nul\x00"},
        {"token": ""},
        {"token": "no-uuid"},
        {"amount": ""},
        {"amount": "0"},
        {"amount": "-5"},
        {"amount": "NaN"},
        {"amount": "Infinity"},
        {"amount": "1e30"},
        {"amount": "0.00001"},
        {"method": "gold"},
    ],
)
def test_wrong_input_is_asked_for_again(stage: str, wrong: dict[str, str], root: Client) -> None:
    row = account(1, make_venue())
    page = step(root, stage, "deposit", [row.pk], **{"amount": "5", "method": "cash", **wrong})
    assert page.status_code == 200
    assert page.context_data["form"].errors
    assert "results" not in page.context_data


@pytest.mark.parametrize("ids", [[], ["x"], ["-1"], ["99999999999999999999999"], ["1; DROP TABLE"]])
def test_rows_that_do_not_exist_lead_back_to_the_list(ids: list[Any], root: Client) -> None:
    make_venue()
    answer = root.get(url("approve"), {"ids": ids})
    assert answer.status_code == 302
    assert answer["Location"] == reverse("admin:trading_tradingaccount_changelist")


def test_an_operation_that_does_not_exist_is_not_found(root: Client) -> None:
    assert root.get(url("explode")).status_code == 404


def test_the_list_menu_leads_to_the_first_page(root: Client) -> None:
    fill(2)
    rows = list(TradingAccount.objects.all())
    sent = {"action": "freeze", "_selected_action": [row.pk for row in rows], "index": 0}
    page = root.post(reverse("admin:trading_tradingaccount_changelist"), sent)
    assert page.status_code == 200
    assert page.context_data["rows"] == sorted(rows, key=lambda row: -row.pk)


def test_what_changes_one_row_takes_one_row(root: Client) -> None:
    fill(2)
    ids = [row.pk for row in TradingAccount.objects.all()]
    sent = {"action": "change", "_selected_action": ids, "index": 0}
    answer = root.post(reverse("admin:trading_tradingaccount_changelist"), sent, follow=True)
    assert "Choose one row for this." in answer.content.decode()


def test_too_many_rows_at_once_are_refused(root: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exchange_site.admin_operations.ROW_LIMIT", 2)
    fill(3)
    sent = {"action": "freeze", "_selected_action": [1], "select_across": 1, "index": 0}
    answer = root.post(reverse("admin:trading_tradingaccount_changelist"), sent, follow=True)
    assert "At most 2 rows at once." in answer.content.decode()


def test_delisting_tells_how_many_accounts_hold_positions(root: Client) -> None:
    venue = make_venue()
    contract = instrument(1, venue)
    row(Position, 1, venue, account_id="ACC_1", symbol=contract.symbol, long_today=1)
    row(Position, 2, venue, account_id="ACC_2", symbol=contract.symbol)
    sent = {"stage": "preview", "ids": contract.pk, "token": uuid.uuid4().hex, "reason": "over"}
    page = root.post(url("delist", "trading_instrument"), sent)
    assert "1 accounts hold positions now" in page.content.decode()


def test_halting_tells_how_many_orders_end(root: Client) -> None:
    venue = make_venue()
    order(1, venue)
    order(2, venue, status="Filled", volume_left=0)
    sent = {"stage": "preview", "ids": venue.pk, "token": uuid.uuid4().hex, "reason": "fire"}
    page = root.post(url("halt", "trading_venue"), sent)
    assert "1 working orders are cancelled" in page.content.decode()


def test_text_from_outside_is_shown_as_text(root: Client) -> None:
    venue = make_venue()
    script = "<script>alert(1)</script>"
    account(1, venue, account_name=script)
    order(1, venue, order_id="o<b>1</b>", client_tag=script)
    for name in ("trading_tradingaccount", "trading_order"):
        page = root.get(reverse(f"admin:{name}_changelist")).content.decode()
        assert script not in page
        assert "<b>1</b>" not in page


@pytest.mark.parametrize(
    "name,term,found",
    [
        ("trading_order", "mine", [12, 11]),
        ("trading_order", "ACC_2", [12]),
        ("trading_trade", "mine", [13]),
        ("trading_trade", "ACC_3", [14]),
        ("trading_order", "nobody", []),
        ("trading_trade", "nobody", []),
    ],
)
def test_orders_and_their_trades_are_found_by_id_or_account(
    name: str, term: str, found: list[int], root: Client
) -> None:
    venue = make_venue()
    order(11, venue, order_id="mine", account_id="ACC_1")
    order(12, venue, order_id="mine", account_id="ACC_2", exchange_order_id=0)
    trade(13, venue, order_id="mine", account_id="ACC_1")
    trade(14, venue, order_id="other", account_id="ACC_3")
    page = root.get(reverse(f"admin:{name}_changelist"), {"q": term})
    model = Order if name == "trading_order" else Trade
    assert [row.pk for row in page.context_data["cl"].result_list] == [key(model, n) for n in found]


@pytest.mark.parametrize("term", ["'", '"', "%", "\\", "\x00", "a" * 5000, "🙂", "1' OR '1'='1"])
def test_no_search_term_breaks_a_list(term: str, root: Client) -> None:
    books(1, make_venue())
    for name in ("trading_order", "trading_tradingaccount", "trading_auditlog", "accounts_user"):
        assert root.get(reverse(f"admin:{name}_changelist"), {"q": term}).status_code in (200, 400)


@pytest.mark.parametrize(
    "query",
    ["day=99999999", "day=2026112x", "status__exact=%00", "o=99", "p=-1", "p=999999", "kind=x"],
)
def test_no_address_breaks_a_list(query: str, root: Client) -> None:
    books(1, make_venue())
    for name in ("trading_order", "trading_cashflow"):
        answer = root.get(f"{reverse(f'admin:{name}_changelist')}?{query}")
        assert answer.status_code in (200, 302, 400)


@pytest.mark.parametrize(
    "text",
    ["", "2026112", "20261301", "20261125 20261124", "20261124 20261124", "２０２６１１２４"],
)
def test_a_wrong_calendar_is_asked_for_again(text: str, root: Client) -> None:
    venue = make_venue()
    sent = {"stage": "preview", "venue": venue.pk, "token": uuid.uuid4().hex, "reason": "new year"}
    page = root.post(url("set", "trading_tradingday"), {**sent, "days": text})
    assert page.context_data["form"].errors["days"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x", "The first line must be"),
        ("template,night,phase,start,end\nday,,continuous,9,10:00\n", "Bad lines: 2"),
        ("template,night,phase,start,end\nday,,open,09:00,10:00\nday\n", "Bad lines: 2, 3"),
        (
            "template,night,phase,start,end\nday,,continuous,09:00,10:00\nday,,continuous,09:30,11:00\n",
            "Sections overlap",
        ),
        ("template,night,phase,start,end\n", "Sections overlap"),
    ],
)
def test_wrong_sections_are_named(text: str, said: str, root: Client) -> None:
    venue = make_venue()
    sent = {"stage": "preview", "venue": venue.pk, "token": uuid.uuid4().hex, "reason": "new"}
    page = root.post(url("set", "trading_sessiontemplate"), {**sent, "sections": text})
    assert said in str(page.context_data["form"].errors["sections"])
