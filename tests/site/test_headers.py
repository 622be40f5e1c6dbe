"""Headers that keep other people's scripts and frames away from every page."""

import pytest
from django.test import Client

PAGES = ["/sign-in", "/admin/login/?next=/admin/"]


def directive(policy: str, name: str) -> str:
    """One directive of a Content-Security-Policy."""
    found = [part.strip() for part in policy.split(";") if part.strip().startswith(f"{name} ")]
    return found[0] if found else ""


@pytest.mark.django_db
@pytest.mark.parametrize("page", PAGES)
def test_pages_run_no_inline_script_and_stand_in_no_frame(page: str, client: Client) -> None:
    answer = client.get(page, follow=True)
    assert answer.status_code == 200
    policy = answer["Content-Security-Policy"]
    assert "'self'" in directive(policy, "script-src")
    assert "'unsafe-inline'" not in directive(policy, "script-src")
    assert directive(policy, "frame-ancestors") == "frame-ancestors 'none'"
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Referrer-Policy"] == "same-origin"


@pytest.mark.django_db
def test_the_admins_own_pages_carry_the_policy(admin_client: Client) -> None:
    text = admin_client.get("/admin/")
    assert "'unsafe-inline'" not in directive(text["Content-Security-Policy"], "script-src")
    assert b"<script>" not in text.content
