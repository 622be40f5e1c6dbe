"""Every example of docs/examples runs against a served venue as its first lines say (O-60)."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from playwright.sync_api import sync_playwright

from tests.api.conftest import (  # noqa: F401  the same venue and cast
    COPPER,
    PASSWORD,
    Person,
    Site,
    alice,
    db,
    forget_limits,
    site,
)
from tests.tqsdk.conftest import Web

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "docs" / "examples"
CHROMIUM = "/usr/bin/chromium"


@pytest.fixture(scope="module")
def served(site: Site) -> Iterator[str]:  # noqa: F811
    """host:port of a Daphne with the options of the product over the tests' venue."""
    web = Web(site.venue)
    web.start()
    yield f"127.0.0.1:{web.port}"
    web.kill(signal.SIGTERM)


@pytest.fixture(autouse=True)
def real_password(alice: Person) -> None:  # noqa: F811
    """Hashed as the served site's settings want it."""
    alice.user.password = PBKDF2PasswordHasher().encode(PASSWORD, "saltsaltsaltsaltsalt12")
    alice.user.save(update_fields=["password"])


def run(name: str, *arguments: str) -> str:
    """What an example prints; fails with what it says when it fails."""
    command = [sys.executable, str(EXAMPLES / name), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_diff_in_python(served: str, alice: Person) -> None:  # noqa: F811
    said = run("diff_client.py", f"ws://{served}/ws/diff", alice.user.username, PASSWORD, COPPER.symbol)
    assert "balance 1000000" in said and "order 已撤单" in said


def test_diff_in_javascript(served: str, alice: Person) -> None:  # noqa: F811
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(f"http://{served}/health/live")
        page.add_script_tag(content=(EXAMPLES / "diff_client.js").read_text())
        given = [f"ws://{served}/ws/diff", alice.user.username, PASSWORD, COPPER.symbol]
        found = page.evaluate("given => diffClient(...given)", given)
        browser.close()
    assert (found["balance"], found["order"]) == (1_000_000, "已撤单")


def test_typed_in_python(served: str, alice: Person) -> None:  # noqa: F811
    said = run("typed_client.py", f"ws://{served}/ws", alice.token, COPPER.symbol)
    assert "submitted True Submitted" in said and "order Cancelled" in said


def test_rest_walk(served: str, alice: Person) -> None:  # noqa: F811
    said = run("rest_walk.py", f"http://{served}", alice.user.username, PASSWORD, COPPER.symbol)
    assert "Submitted" in said and "order Cancelled" in said and "told:" in said


def test_the_plain_clients_are_as_short_as_promised() -> None:
    for name in ("diff_client.py", "diff_client.js"):
        code = [line for line in (EXAMPLES / name).read_text().splitlines() if line.strip()]
        assert len(code) <= 60, (name, len(code))
