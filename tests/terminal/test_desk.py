"""Batches, contests, lost answers, hostile texts and figures that agree, in the browser (O-50 … O-54)."""

import json
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, Route, expect

from benchmarks.exchange import Exchange
from tests.terminal.conftest import administrator

HOSTILE = '"><img src=x onerror="window.struck=1"><script>window.struck=1</script>'
SHORT_HOSTILE = "<img src=x onerror=struck=1>"
SYMBOL = "GFEX.lc2612"


def api(page: Page, method: str, path: str, body: Any = None) -> Any:
    """A REST call with the page's own session; the envelope."""
    token = page.evaluate("document.querySelector('[name=csrfmiddlewaretoken]').value")
    headers = {"X-CSRFToken": token, "Referer": page.url, "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body)
    return page.request.fetch(f"/api/{path}", method=method, headers=headers, data=data).json()


def carried_out(page: Page, path: str, body: Any) -> Any:
    """POST it until the exchange has time for it; what it answered."""
    answer = api(page, "POST", path, body)
    while (answer["error"] or {}).get("code") in (4001, 9004, 9005):
        page.wait_for_timeout(500)
        answer = api(page, "POST", path, body)
    assert answer["error"] is None, answer
    return answer["data"]


def account_of(page: Page) -> str:
    user = api(page, "GET", "auth/current-user")["data"]
    rows = api(page, "GET", f"user/{user['user_id']}/accounts")["data"]["items"]
    return str(next(row["account_id"] for row in rows if row["status"] == "ACTIVE"))


def last_price(page: Page) -> float:
    """The price of the instrument that the tests trade."""
    while (price := api(page, "GET", f"market/tick/{SYMBOL}")["data"]["last_price"]) is None:
        page.wait_for_timeout(200)  # it has not traded yet
    return float(price)


def test_a_batch_says_of_each_row_what_became_of_it_and_places_nothing_twice(visit: Any) -> None:
    page = visit().sign_in()
    price = last_price(page)
    page.goto("/accounts")
    page.locator("#cards .card").first.wait_for()
    lines = [f"{SYMBOL},BUY,OPEN,1,{price:g}", f"{SYMBOL},买,开,2,20", f"{SYMBOL},UP,OPEN,1,{price:g}"]
    page.fill("#batch-text", "\n".join([*lines, f'"{SHORT_HOSTILE}",SELL,OPEN,1,5']))
    rows = page.locator("#batch-rows tr")
    expect(rows).to_have_count(4)
    expect(rows.nth(2)).to_contain_text("direction")
    page.click("#batch-send")
    expect(rows.nth(0)).to_contain_text("placed")
    expect(rows.nth(1)).to_contain_text("1010")
    expect(rows.nth(3)).to_contain_text("1007")
    before = len(api(page, "GET", "orders")["data"]["items"])
    page.click("#batch-send")
    expect(page.locator("#batch-said")).to_contain_text("1 / 4")
    assert len(api(page, "GET", "orders")["data"]["items"]) == before
    assert page.evaluate("window.struck") is None


def test_a_lost_answer_is_never_taken_for_a_refusal(visit: Any) -> None:
    """The order reaches the exchange, its answer does not reach the page."""
    visitor = visit()
    page = visitor.sign_in()

    def lose(route: Route) -> None:
        route.fetch()
        route.abort("connectionreset")

    page.route("**/api/order/submit", lose)
    expect(page.locator("#price")).not_to_have_value("")
    page.locator("#buy:not([disabled])").wait_for()
    page.click("#buy")
    expect(page.locator("#said")).to_contain_text("Order placed")


def test_an_order_that_never_arrived_is_said_not_to_be_placed(visit: Any) -> None:
    page = visit().sign_in()
    page.route("**/api/order/submit", lambda route: route.abort("connectionreset"))
    expect(page.locator("#price")).not_to_have_value("")
    page.locator("#buy:not([disabled])").wait_for()
    page.click("#buy")
    expect(page.locator("#said")).to_contain_text("it was not placed")


def test_a_contestant_enters_from_the_public_page_and_everybody_sees_the_ranking(
    visit: Any, exchange: Exchange
) -> None:
    code = f"c{uuid.uuid4().hex[:8]}"
    room = administrator(exchange, visit())
    now = timezone.now()
    room.goto("/admin/settlement/contest/add/")
    room.fill("[name=code]", code)
    room.fill("[name=title]", f"Cup {HOSTILE}")
    room.fill("[name=text]", HOSTILE)
    for name, days in (("entry_from", -1), ("entry_until", 1), ("starts_at", 2), ("ends_at", 3)):
        moment = now + timedelta(days=days)
        room.fill(f"[name={name}_0]", f"{moment:%Y-%m-%d}")
        room.fill(f"[name={name}_1]", "12:00:00")
    room.check("[name=is_published]")
    with room.expect_navigation():
        room.click("[name=_save]")
    visitor = visit()
    page = visitor.sign_in()
    page.goto(f"/contests/{code}")
    page.fill("#enter [name=nickname]", SHORT_HOSTILE)
    visitor.go(lambda: page.click("#enter button"))
    expect(page.locator("#ranking tbody tr")).to_contain_text(SHORT_HOSTILE)
    stranger = visit().page
    stranger.goto("/contests")
    stranger.get_by_role("link", name="Cup").first.click()
    expect(stranger.locator("#ranking tbody tr")).to_contain_text("not ranked")
    room.goto("/admin/settlement/contestentry/")
    expect(room.locator("#result_list")).to_contain_text(SHORT_HOSTILE)
    assert [seen.evaluate("window.struck") for seen in (room, page, stranger)] == [None] * 3


def test_no_text_a_user_can_enter_becomes_markup(visit: Any, exchange: Exchange) -> None:
    visitor = visit()
    page = visitor.sign_in()
    account = account_of(page)
    order = {
        "account_id": account, "instrument_id": SYMBOL, "direction": "BUY", "offset": "OPEN", "volume": 1,
        "price": last_price(page), "client_tag": SHORT_HOSTILE,
    }  # fmt: skip
    carried_out(page, "order/submit", order)
    money = {"account_id": account, "amount": "1", "method": SHORT_HOSTILE, "remark": HOSTILE}
    carried_out(page, "account/deposit", money)
    page.goto("/tokens")
    page.fill("[name=name]", SHORT_HOSTILE)
    with page.expect_navigation():
        page.click("form.card button")
    expect(page.locator("table")).to_contain_text(SHORT_HOSTILE)
    room = administrator(exchange, visit())
    room.goto("/market")
    carried_out(room, "announcements", {"title": HOSTILE, "text": HOSTILE})
    page.goto("/")
    visitor.ready()
    expect(page.locator("#announcements")).to_contain_text(HOSTILE)
    for tab, text in (("funds", HOSTILE), ("all", "lc2612"), ("notices", ""), ("trades", "")):
        page.click(f"#tab-{tab}")
        expect(page.locator("#list")).to_contain_text(text)
    page.fill("#search", HOSTILE)
    for where in ("trading/cashflow", "trading/order", "accounts/announcement", "accounts/authtoken"):
        room.goto(f"/admin/{where}/")
    assert [page.evaluate("window.struck"), room.evaluate("window.struck")] == [None, None]


def test_a_user_reads_statistics_and_own_rates_and_sets_the_fund_password(visit: Any) -> None:
    page = visit().sign_in()
    account_with_lots(page)
    page.goto("/accounts")
    card = page.locator("#cards .card", has_text="figures").first
    card.get_by_text("Commission and margin rates").click()
    expect(card.locator(".rates tbody tr", has_text=QUIET)).to_contain_text("%")
    card.get_by_text("Fund password", exact=True).click()
    for old, said in (("not it", "9001"), ("exchange-demo", "The fund password is set.")):
        card.locator("[name=old_password]").fill(old)
        card.locator("[name=new_password]").fill("staple battery")
        card.get_by_role("button", name="Set it").click()
        expect(card.locator("details .said")).to_contain_text(said)
    if choice := card.get_by_role("button", name="Trade with this one").all():
        choice[0].click()
    page.locator("#cards .card.chosen").get_by_role("link", name="Trade").click()
    page.click("#tab-statistics")
    page.get_by_role("button", name="Instrument", exact=True).click()
    expect(page.locator("#list tbody tr")).to_contain_text(QUIET)


DIFF_IMAGE = """(account) => new Promise((done, fail) => {
  const socket = new WebSocket(`ws://${location.host}/ws/diff`);
  socket.onerror = fail;
  socket.onopen = () => {
    socket.send(JSON.stringify({ aid: "req_login", bid: "web", user_name: account, password: "" }));
    socket.send('{"aid":"peek_message"}');
  };
  socket.onmessage = ({ data }) => {
    for (const patch of JSON.parse(data).data || []) {
      const found = patch.trade?.[account];
      if (found?.accounts?.CNY?.margin !== undefined) { socket.close(); return done(found); }
    }
    socket.send('{"aid":"peek_message"}');
  };
})"""
QUIET = "CFFEX.T2612"
"""Suspended while its figures are compared: its price stands still."""


def account_with_lots(page: Page) -> str:
    """A new account of the signed-in user that holds two lots of the quiet instrument."""
    opened = carried_out(page, "account/open", {"account_name": "figures", "account_type": "individual",
                                                "init_cash": "1000000"})  # fmt: skip
    order = {
        "account_id": opened["account_id"], "instrument_id": QUIET, "direction": "BUY", "offset": "OPEN",
        "volume": 2, "order_type": "ANY", "time_condition": "IOC",
    }  # fmt: skip
    held = 0
    while not held:
        held = carried_out(page, "order/submit", order)["filled_volume"]
        page.wait_for_timeout(200)  # nobody may offer at this moment
    return str(opened["account_id"])


def figures_everywhere(page: Page, room: Page, account: str) -> None:
    """Compare what terminal, REST, DIFF, QIFI and admin say of the account."""
    tree = page.evaluate(DIFF_IMAGE, account)
    diff = tree["accounts"]["CNY"]
    rest = api(page, "GET", f"account/{account}")["data"]
    slice_ = api(page, "GET", f"qifi/{account}")["data"]
    names = ("balance", "available", "margin", "float_profit", "position_profit", "commission", "risk_ratio")
    for told in (rest["qifi"], slice_["accounts"]):
        assert {name: told[name] for name in names} == pytest.approx({name: diff[name] for name in names})
    lots = {symbol: row["volume_long"] for symbol, row in tree["positions"].items()}
    assert lots == {symbol: row["volume_long"] for symbol, row in slice_["positions"].items()}
    held = api(page, "GET", f"positions?account_id={account}")["data"]["items"]
    assert lots == {row["instrument_id"]: row["volume_long"] for row in held} and lots[QUIET] > 0
    texts = {"balance": "balance", "available": "available", "margin": "margin", "float": "float_profit"}
    for shown, name in texts.items():
        expect(page.locator(f"#figure-{shown}")).to_have_text(f"{diff[name]:,.2f}")
    room.goto(f"/admin/trading/tradingaccount/?q={account}")
    room.locator("#result_list tbody th a").click()
    expect(room.locator("#positions")).to_contain_text(QUIET)
    for name in texts.values():
        expect(room.locator("body")).to_contain_text(f"{diff[name]:,.2f}")


def test_terminal_rest_diff_qifi_and_admin_show_the_same_figures(visit: Any, exchange: Exchange) -> None:
    visitor = visit()
    page = visitor.sign_in()
    account = account_with_lots(page)
    room = administrator(exchange, visit())
    room.goto("/market")
    api(room, "PUT", f"admin/instrument/{QUIET}/suspend", {"reason": "figures are compared"})
    try:
        user = api(page, "GET", "auth/current-user")["data"]["user_id"]
        page.evaluate(
            "([user, account]) => localStorage.setItem(`account.${user}`, account)", [user, account]
        )
        page.goto("/")
        visitor.ready()
        figures_everywhere(page, room, account)
    finally:
        room.goto("/market")
        api(room, "PUT", f"admin/instrument/{QUIET}/resume", {"reason": "figures are compared"})


def test_a_stop_and_target_is_kept_paused_woken_and_cancelled(visit: Any) -> None:
    page = visit().sign_in()
    expect(page.locator("#price")).not_to_have_value("")
    price = float(page.input_value("#price"))
    page.locator("#sell:not([disabled])").wait_for()
    page.select_option("#kind", "OCO")
    expect(page.locator("#price")).to_have_value("")
    page.click("#sell")
    expect(page.locator("#said")).to_contain_text("Stop price")
    page.fill("#trigger", f"{price * 0.95:.0f}")
    page.fill("#target", f"{price * 1.05:.0f}")
    page.click("#sell")
    expect(page.locator("#said")).to_contain_text("Conditional order kept")
    row = page.locator("#conditionals tbody tr").first
    for press, state in (("Pause", "Paused"), ("Go on", "Waiting"), ("Cancel", "Cancelled")):
        row.get_by_role("button", name=press).click()
        expect(row.locator("td").nth(3)).to_have_text(state)
