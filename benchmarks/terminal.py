"""The web terminal in a real Chromium: its first view, and its main thread under a busy market (O-50)."""

import json
import random
import re
import statistics
from typing import Any

from playwright.sync_api import Browser, Page, WebSocketRoute, sync_playwright

from benchmarks.exchange import ARGUMENTS, CHROMIUM, Exchange, running_exchange
from benchmarks.figures import Figure, Figures

VIEWS = 5
SYMBOLS, UPDATES_PER_S, SECONDS = 20, 10, 15
FIRST_VIEW_S, FIRST_VIEW_BYTES, LONG_TASK_MS, FRAMES_PER_S = 1.5, 400_000, 50, 60
PATIENCE_MS = 120_000
WATCH_TASKS = """
window.tasks = [];
new PerformanceObserver((list) => window.tasks.push(...list.getEntries().map((entry) => entry.duration)))
  .observe({ type: "longtask" });
"""
COUNT_FRAMES = """(ms) => new Promise((done) => {
  window.tasks.length = 0;
  const began = performance.now();
  let frames = 0;
  const each = () => {
    frames += 1;
    const passed = performance.now() - began;
    if (passed < ms) requestAnimationFrame(each);
    else done({ frames: frames / passed * 1000, tasks: window.tasks });
  };
  requestAnimationFrame(each);
})"""


def first_view() -> Figures:
    """Time from the address to a terminal with prices, account and chart, nothing cached; bytes moved."""
    with running_exchange("exchange-bench-") as exchange, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = signed_in(browser, exchange)
        seconds, sizes = zip(*(view(page) for _ in range(VIEWS)), strict=True)
        browser.close()
    conditions = {"views": VIEWS, "cache": "empty", "until": "prices, account and chart are drawn"}
    yield Figure(
        name="terminal first view",
        value=statistics.median(seconds),
        unit="s",
        conditions={**conditions, "best_s": round(min(seconds), 2), "worst_s": round(max(seconds), 2)},
        target=FIRST_VIEW_S,
        at_least=False,
    )
    yield Figure(
        name="terminal first view, transferred",
        value=max(sizes),
        unit="bytes",
        conditions=conditions,
        target=FIRST_VIEW_BYTES,
        at_least=False,
    )


def signed_in(browser: Browser, exchange: Exchange) -> Page:
    """The demonstration user's terminal."""
    page = browser.new_context(base_url=exchange.url, viewport={"width": 1440, "height": 900}).new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto("/sign-in")
    page.fill("[name=username]", "demo")
    page.fill("[name=password]", "exchange-demo")
    with page.expect_navigation():
        page.click("form.fields button")
    drawn(page)
    return page


def drawn(page: Page) -> None:
    """Wait for the best bid, the account and the chart's bars."""
    page.wait_for_selector("#book tr[data-key=bid1] button:not(:text-is('–'))")
    page.wait_for_selector("#figure-balance")
    page.wait_for_selector("#chart[data-bars]")


def view(page: Page) -> tuple[float, int]:
    """One view with an empty cache: seconds by the page's own clock, bytes over the network."""
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")
    network.send("Network.setCacheDisabled", {"cacheDisabled": True})
    sizes: list[float] = []
    network.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    page.goto("/")
    drawn(page)
    milliseconds = page.evaluate("performance.now()")
    network.detach()
    return float(milliseconds) / 1000, int(sum(sizes))


class BusyMarket:
    """The terminal's socket with a market put into it: every symbol changes in every frame."""

    def __init__(self, page: Page, seed: int = 7) -> None:
        self.random = random.Random(seed)
        self.client: WebSocketRoute | None = None
        self.prices: dict[str, float] = {}
        page.route_web_socket(re.compile("/ws/diff"), self.connect)

    def connect(self, client: WebSocketRoute) -> None:
        client.connect_to_server()
        self.client = client

    def send(self, symbols: list[str], n: int) -> None:
        """One frame of differences: prices, five levels, volume."""
        quotes = {symbol: self.quote(symbol, n) for symbol in symbols}
        assert self.client is not None
        self.client.send(json.dumps({"aid": "rtn_data", "data": [{"quotes": quotes}]}))

    def quote(self, symbol: str, n: int) -> dict[str, Any]:
        at = self.prices[symbol] = self.prices.get(symbol, 5000.0) + self.random.choice((-1.0, 1.0))
        levels: dict[str, Any] = {}
        for level in range(1, 6):
            levels |= {f"ask_price{level}": at + level, f"bid_price{level}": at - level}
            levels |= {f"{side}_volume{level}": self.random.randrange(1, 99) for side in ("ask", "bid")}
        return {"last_price": at, "volume": 1_000_000 + n, "pre_settlement": 5000.0, **levels}


def busy() -> Figures:
    """Frames a second and the longest task while 20 symbols change 10 times a second."""
    with running_exchange("exchange-bench-") as exchange, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = signed_in(browser, exchange)
        symbols = page.evaluate("fetch('/market/listing.json').then((a) => a.json())")[:SYMBOLS]
        names = [row[0] for row in symbols]
        page.evaluate("(names) => localStorage.setItem('watch', JSON.stringify(names))", names)
        page.add_init_script(WATCH_TASKS)
        market = BusyMarket(page)
        page.goto("/")
        drawn(page)
        found = under_load(page, market, names)
        browser.close()
    conditions = {"symbols": SYMBOLS, "updates_per_s": UPDATES_PER_S, "seconds": SECONDS}
    longest = max(found["tasks"], default=0.0)
    yield Figure(
        name="terminal longest task",
        value=longest,
        unit="ms",
        conditions={**conditions, "tasks_above_50_ms": len(found["tasks"]), "0": "none above 50 ms"},
        target=LONG_TASK_MS,
        at_least=False,
    )
    yield Figure(
        name="terminal frames", value=found["frames"], unit="frames/s", conditions=conditions,
        target=FRAMES_PER_S * 0.98,
    )  # fmt: skip


def under_load(page: Page, market: BusyMarket, names: list[str]) -> dict[str, Any]:
    """Feed the page for some seconds by its own clock; its frames a second and its long tasks."""
    market.send(names, 0)
    page.evaluate(f"window.found = ({COUNT_FRAMES})({SECONDS * 1000}); undefined")
    for n in range(1, SECONDS * UPDATES_PER_S + 1):
        market.send(names, n)
        page.wait_for_timeout(1000 / UPDATES_PER_S)
    found: dict[str, Any] = page.evaluate("window.found")
    return found
