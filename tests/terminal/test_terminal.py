"""What a person does in the browser, against the exchange as it is run (O-50 … O-54)."""

import re
import time
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

from benchmarks.exchange import Exchange
from tests.terminal.conftest import administrator

AXE = (Path(__file__).parent / "vendor" / "axe-4.14.1.min.js").read_text("utf-8")
HOSTILE = '<img src=x onerror="window.struck=1"><script>window.struck=1</script>'
FILLED = {
    "/": "#book tr[data-key=bid1] button:not(:text-is('–'))",
    "/accounts": "#cards .card",
    "/market": "#market tbody tr",
    "/connect": "#account-lines li",
    "/console": "#tree details",
}
"""What shows that a page has got its content."""
NEVER_GREY = """() => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync("body * { opacity: 1 !important; filter: none !important }");
  document.adoptedStyleSheets = [sheet];
}"""
"""Figures of a slow machine are greyed now and then; contrast is judged without."""
LATIN = """() => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = new Set();
  while (walker.nextNode()) {
    const { parentElement: element, textContent: text } = walker.currentNode;
    const isText = !element.closest("pre, code, textarea, script, option, .log, .tree");
    if (!isText || !element.checkVisibility()) continue;
    const plain = text.replace(/ACC_\\w+|[A-Z]{3,5}\\.\\w+/g, "");
    for (const word of plain.match(/[A-Za-z]{3,}/g) || []) found.add(word);
  }
  return [...found];
}"""
"""Words in Latin letters that are seen, without accounts and instruments."""
FOREIGN = {
    "API", "CSV", "Charts", "DIFF", "English", "Lightweight", "TqAccount", "TqSdk", "TradingView", "demo",
}  # fmt: skip
PAGES = ("/", "/accounts", "/market", "/connect", "/tokens", "/password", "/console")


def marketable(page: Page, level: str) -> None:
    """Take the price of the other side's fifth level, which is sure to trade."""
    button = page.locator(f"#book tr[data-key={level}] button")
    expect(button).not_to_have_text("–")
    button.click()
    expect(page.locator("#price")).not_to_have_value("")
    page.locator("#buy:not([disabled])").wait_for()


def choose_lithium(page: Page) -> None:
    """By keyboard; wait until it can be traded."""
    page.keyboard.press("/")
    page.keyboard.type("lc2612")
    page.wait_for_selector("#found button")
    page.keyboard.press("Enter")
    expect(page.locator("#symbol")).to_have_text("GFEX.lc2612")
    page.locator("#buy:not([disabled])").wait_for()
    expect(page.locator("#book tr[data-key=bid5] button")).not_to_have_text("–")


def test_a_stranger_signs_up_opens_an_account_trades_by_mouse_and_closes(visit: Any) -> None:
    visitor = visit()
    page = visitor.page
    page.goto("/sign-up")
    page.fill("[name=username]", f"walker_{time.time_ns() % 10**9}")
    page.fill("[name=password]", "a long enough phrase")
    visitor.go(lambda: page.click("form.fields button"))
    page.fill("[name=account_name]", HOSTILE)
    page.click("#open button")
    visitor.go(page.get_by_role("link", name="Trade", exact=True).click)
    visitor.ready()
    expect(page.locator("#figure-balance")).to_have_text("1,000,000.00")
    marketable(page, "ask5")
    page.click("#buy")
    expect(page.locator("#list")).to_contain_text("Long")
    page.locator("#list tbody").get_by_role("button", name="Close").click()
    expect(page.locator("#list .empty")).to_be_visible()
    page.click("#tab-trades")
    expect(page.locator("#list tbody tr")).to_have_count(2)
    assert page.evaluate("window.struck") is None


def test_a_user_trades_by_keyboard_alone(visit: Any) -> None:
    page = visit().sign_in()
    choose_lithium(page)
    page.keyboard.press("d")  # the best bid, then ten ticks below: the order rests
    page.keyboard.press("p")
    for _ in range(10):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.keyboard.press("b")
    page.click("#tab-orders")
    expect(page.locator("#list")).to_contain_text("GFEX.lc2612")
    page.keyboard.press("x")
    expect(page.locator("#list .empty")).to_be_visible()


def test_the_form_refuses_what_the_server_would_refuse(visit: Any) -> None:
    page = visit().sign_in()
    choose_lithium(page)
    for price, volume, said in (
        ("abc", "1", "number"), ("100.5", "1", "multiple"), ("100", "1", "limit"), ("99999900", "1", "limit"),
    ):  # fmt: skip
        page.fill("#price", price)
        page.fill("#volume", volume)
        page.click("#buy")
        expect(page.locator("#said")).to_contain_text(said)
    page.fill("#volume", "1.5")
    page.click("#buy")
    expect(page.locator("#said")).to_contain_text("whole number")


def test_a_killed_server_greys_the_figures_and_they_come_back(visit: Any, exchange: Exchange) -> None:
    page = visit().sign_in()
    exchange.kill_web()
    page.wait_for_selector("body.is-behind")
    page.wait_for_selector("#link[data-state=live]")
    expect(page.locator("#figure-balance")).not_to_be_empty()
    page.wait_for_selector("body:not(.is-behind)")


class Line:
    """The terminal's socket through a proxy that can fall silent without closing."""

    def __init__(self, page: Page) -> None:
        self.is_silent = False
        page.route_web_socket(re.compile("/ws/diff"), self.connect)

    def connect(self, client: WebSocketRoute) -> None:
        server = client.connect_to_server()
        client.on_message(lambda text: self.is_silent or server.send(text))
        server.on_message(lambda text: self.is_silent or client.send(text))


def test_a_silent_line_is_called_lost_within_3_s_and_no_order_leaves(visit: Any) -> None:
    visitor = visit()
    page = visitor.page
    page.clock.install()
    line = Line(page)
    visitor.sign_in()
    choose_lithium(page)
    sent: list[str] = []
    page.on("request", lambda r: sent.append(r.url) if r.url.endswith("/submit") else None)
    line.is_silent = True
    page.clock.run_for(3_000)
    assert page.locator("#link").get_attribute("data-state") == "lost"
    assert "is-behind" in (page.locator("body").get_attribute("class") or "")
    expect(page.locator("#buy")).to_be_disabled()
    page.keyboard.press("b")
    expect(page.locator("#said")).to_contain_text("Not sent")
    assert sent == []
    line.is_silent = False
    page.clock.run_for(10_000)
    page.wait_for_selector("#link[data-state=live]")
    expect(page.locator("#buy")).to_be_enabled()


@pytest.mark.parametrize(("language", "width"), [("en", 1440), ("zh-CN", 390)])
def test_every_page_fits_and_axe_finds_nothing(visit: Any, language: str, width: int) -> None:
    visitor = visit(width, language)
    page = visitor.sign_in()
    found = []
    for address in PAGES:
        page.goto(address)
        page.locator(FILLED.get(address, "main")).first.wait_for()
        wide = page.evaluate("document.documentElement.scrollWidth")
        # Sockets keep the page alive; the script runs beside the page's policy, as an extension does.
        page.evaluate(AXE)
        page.evaluate(NEVER_GREY)
        for theme in ("light", "dark"):
            page.evaluate("theme => { document.documentElement.dataset.theme = theme }", theme)
            result = page.evaluate("axe.run().then((found) => found.violations)")
            found += [f"{address} {theme} {v['id']}: {v['nodes'][0]['html'][:160]}" for v in result]
        if wide > width:
            found.append(f"{address} is {wide} wide")
        if language == "zh-CN":
            words = set(page.evaluate(LATIN)) - FOREIGN
            found += [f"{address} says {word} in Chinese" for word in sorted(words)]
    assert found == []


def test_the_terminal_speaks_chinese_after_one_click(visit: Any) -> None:
    visitor = visit()
    page = visitor.sign_in()
    visitor.go(page.get_by_role("button", name="中文").click)
    visitor.ready()
    expect(page.locator("#tab-positions")).to_have_text("持仓")
    assert not re.search(r"[A-Za-z]{3,}", page.locator("#tabs").inner_text())


def test_the_first_view_is_small_and_quick(visit: Any) -> None:
    visitor = visit()
    visitor.sign_in()
    sizes: list[int] = []
    page = visitor.page
    page.on("response", lambda r: sizes.append(int(r.headers.get("content-length") or 0)))
    visitor.go(page.reload)
    visitor.ready()
    page.wait_for_selector("#figure-balance")
    assert sum(sizes) <= 400_000


def carry_out(page: Page, button: str) -> str:
    """An operation of the admin by mouse alone, from its button to what came of it."""
    page.get_by_role("link", name=button).locator("visible=true").first.click()
    page.locator("button[value=preview]").click()
    effects = page.locator("#effects").inner_text()
    page.locator("button[value=confirm]").click()
    expect(page.locator("#results li")).to_have_attribute("data-code", "0")
    page.get_by_role("link", name="To the run").click()
    return effects


def test_an_operator_settles_by_mouse_and_the_user_reads_the_statement(
    visit: Any, exchange: Exchange
) -> None:
    page = visit().sign_in()
    choose_lithium(page)
    marketable(page, "ask5")
    page.click("#buy")
    expect(page.locator("#list")).to_contain_text("GFEX.lc2612")
    account = page.locator("#account").input_value()
    room = administrator(exchange, visit())
    room.get_by_role("link", name="Settlement runs").first.click()
    carry_out(room, "Compute today's prices")
    assert account in carry_out(room, "Preview and settle")
    expect(room.locator("#wizard")).to_contain_text("The day is settled")  # it looks again by itself
    room.locator("#wizard").get_by_role("link", name="Statements").click()
    expect(room.locator(f"#result_list a[href*='{account}']")).to_have_count(1)
    page.click("#tab-statements")
    row = page.locator("#list tbody tr").first
    equity = row.locator("td").nth(1).inner_text()
    told, pdf = (
        page.request.get(str(row.locator("a", has_text=kind).get_attribute("href")))
        for kind in ("text", "pdf")
    )
    assert "GFEX.lc2612" in told.text() and equity in told.text()
    assert pdf.body().startswith(b"%PDF-")
    page.click("#tab-positions")
    expect(page.locator("#list tbody tr").first.locator("td").nth(3)).to_have_text("0")  # history now


def test_on_a_phone_the_buttons_stand_still_while_quotes_come(visit: Any) -> None:
    page = visit(390).sign_in()
    page.locator("#sell").click(trial=True)  # waits until it has stopped moving
    height = "() => document.querySelector('#chart').getBoundingClientRect().height"
    assert page.evaluate(height) < page.viewport_size["height"]
