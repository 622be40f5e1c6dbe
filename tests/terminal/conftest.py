"""The exchange as `make run` starts it, and a real Chromium in front of it."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from benchmarks.exchange import ARGUMENTS, CHROMIUM, Exchange, running_exchange

SLOW_MS = 120_000
expect.set_options(timeout=SLOW_MS)


@pytest.fixture(scope="module")
def exchange() -> Iterator[Exchange]:
    with running_exchange("exchange-terminal-") as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield started
        started.close()


class Visitor:
    """A page of a browser context of its own, with what went wrong on it."""

    def __init__(self, browser: Browser, base: str, width: int, language: str) -> None:
        self.context = browser.new_context(
            base_url=base, viewport={"width": width, "height": 900}, locale=language
        )
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(SLOW_MS)
        self.faults: list[str] = []
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("request", lambda r: self._asked(r.url, base))

    def _console(self, message: Any) -> None:
        known = ("Failed to load resource", "WebSocket connection to")  # a server that is away
        if message.type == "error" and not message.text.startswith(known):
            self.faults.append(message.text)

    def _asked(self, url: str, base: str) -> None:
        if url.startswith("http") and not url.startswith(base):
            self.faults.append(f"asked {url}")

    def sign_in(self, username: str = "demo", password: str = "exchange-demo") -> Page:
        self.page.goto("/sign-in")
        self.page.fill("[name=username]", username)
        self.page.fill("[name=password]", password)
        self.go(lambda: self.page.click("form.fields button"))
        self.ready()
        return self.page

    def go(self, step: Callable[[], Any]) -> None:
        """Take a step that leads to another document, and be there: the old one answers no more."""
        with self.page.expect_navigation(wait_until="load"):
            step()

    def ready(self) -> None:
        """The terminal has begun and its line is live."""
        self.page.wait_for_selector("html[data-ready]", state="attached")
        self.page.wait_for_selector("#link[data-state=live]")


def administrator(exchange: Exchange, visitor: Visitor) -> Page:
    """The control room, as the administrator that was made at the start."""
    found = re.search(r"administrator: admin / (\S+)", exchange.said.read_text())
    assert found
    page = visitor.page
    page.goto("/admin/login/")
    page.fill("[name=username]", "admin")
    page.fill("[name=password]", found[1])
    visitor.go(lambda: page.press("[name=password]", "Enter"))
    return page


@pytest.fixture
def visit(browser: Browser, exchange: Exchange) -> Iterator[Any]:
    """Make visitors; at the end none of them saw a script fail or another host asked."""
    made: list[Visitor] = []

    def make(width: int = 1440, language: str = "en") -> Visitor:
        made.append(Visitor(browser, exchange.url, width, language))
        return made[-1]

    yield make
    faults = [fault for visitor in made for fault in visitor.faults]
    for visitor in made:
        visitor.context.close()
    assert faults == []
