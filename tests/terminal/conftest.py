"""The exchange as `make run` starts it, and a real Chromium in front of it."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import psutil
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from benchmarks.site import end, wait_until

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
READY_S = 300
SLOW_MS = 120_000
expect.set_options(timeout=SLOW_MS)
SERVERS = ("DATABASE_URL", "PROJECTOR_DATABASE_URL", "REDIS_URL", "CACHE_URL", "DATA_DIR")


class Exchange:
    """A running `manage.py exchange` on a port and in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        kept = {k: v for k, v in os.environ.items() if k not in SERVERS and not k.startswith("EXCHANGE_")}
        self.output = (folder / "exchange.log").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "exchange"],
            cwd=ROOT, stdout=self.output, stderr=self.output,
            env={**kept, "PORT": str(self.port), "DATA_DIR": str(folder / "data"), "EXCHANGE_JOBS": "0"},
        )  # fmt: skip
        self.said = folder / "exchange.log"

    def wait(self) -> None:
        wait_until(lambda: "open after" in self.said.read_text(), READY_S, "the exchange opens")

    def is_up(self) -> bool:
        try:
            with urlopen(f"{self.url}/health/live", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def kill_web(self) -> None:
        """SIGKILL the web process; the supervisor starts another."""
        children = psutil.Process(self.process.pid).children(recursive=True)
        web = next(child for child in children if "daphne" in " ".join(child.cmdline()))
        web.kill()

    def stop(self) -> None:
        end(self.process, signal.SIGTERM, 60)
        self.output.close()


@pytest.fixture(scope="module")
def exchange() -> Iterator[Exchange]:
    folder = Path(tempfile.mkdtemp(prefix="exchange-terminal-", dir="/tmp"))
    folder.chmod(0o755)
    running = Exchange(folder)
    try:
        running.wait()
        yield running
    finally:
        running.stop()
        shutil.rmtree(folder, ignore_errors=True)


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
