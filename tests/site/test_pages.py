"""Headers and cookies of the pages: no foreign script, nobody's frame, no unasked post (O-50)."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from exchange_site.pages import modules

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).resolve().parents[2]
PAGES = (
    *("/", "/market", "/accounts", "/console", "/tokens"),
    *("/password", "/connect", "/contests", "/sign-in", "/sign-up"),
)
SCRIPT = re.compile(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)[^>]*>", re.IGNORECASE)
HANDLER = re.compile(r"\son[a-z]+\s*=\s*[\"']", re.IGNORECASE)


@pytest.fixture
def walker() -> Client:
    """Somebody signed in, whose posts are checked as a browser's are."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(get_user_model().objects.create(username="walker"))
    return client


@pytest.mark.parametrize("address", PAGES)
def test_a_page_runs_our_own_files_alone_and_stands_in_nobody_s_frame(walker: Client, address: str) -> None:
    answer = walker.get(address)
    assert answer.status_code == 200, address
    policy = dict(part.split(" ", 1) for part in answer["Content-Security-Policy"].split("; "))
    assert policy["script-src"] == "'self'"
    assert policy["default-src"] == policy["form-action"] == policy["style-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["object-src"] == policy["base-uri"] == "'none'"
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Cache-Control"] == "no-store"
    text = answer.content.decode()
    assert not SCRIPT.search(text)
    assert not HANDLER.search(text)
    assert "<style" not in text


POSTS = ("/password", "/tokens", "/sign-out", "/i18n/setlang/", "/sign-in", "/sign-up")


@pytest.mark.parametrize("address", POSTS)
def test_a_post_of_another_site_is_refused(walker: Client, address: str) -> None:
    assert walker.post(address, {"name": "x"}).status_code == 403


@pytest.mark.parametrize("path", ["order/submit", "account/deposit", "contests/x/enter", "auth/password"])
def test_a_session_s_api_call_needs_the_token_of_its_page(walker: Client, path: str) -> None:
    assert walker.post(f"/api/{path}", {}, content_type="application/json").status_code == 403


def test_a_stranger_is_sent_to_sign_in_and_back() -> None:
    for address in ("/accounts", "/console", "/tokens", "/password"):
        answer: Any = Client().get(address)
        assert answer.status_code == 302
        assert answer["Location"] == f"/sign-in?next={address}"


def test_signing_in_leads_to_pages_of_this_site_only() -> None:
    for there in ("https://evil.example/", "//evil.example", "javascript:alert(1)"):
        text = Client().get("/sign-in", {"next": there}).content.decode()
        assert 'name="next" value="/"' in text


def test_behind_tls_cookies_travel_encrypted_alone() -> None:
    code = (
        "from django.conf import settings as s; import django; django.setup();"
        "print(s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE, s.SESSION_COOKIE_HTTPONLY,"
        " s.SESSION_COOKIE_SAMESITE, s.SECURE_HSTS_SECONDS > 0)"
    )
    environment = {**os.environ, "EXCHANGE_TLS": "1", "DJANGO_SETTINGS_MODULE": "exchange_site.settings"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.stdout.split() == ["True", "True", "True", "Lax", "True"], done.stderr


def test_the_terminal_names_every_module_it_imports() -> None:
    found = modules("main.js")
    assert "terminal/store.js" in found
    assert any(name.startswith("vendor/lightweight-charts") for name in found)
