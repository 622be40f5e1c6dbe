"""Batches, contests, lost answers, hostile texts and figures that agree, in the browser (O-50 … O-54)."""

import json
import uuid
from datetime import timedelta
from typing import Any

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
