"""The second factor of staff: set up, asked for, good for REST too, and taken away (O-4)."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts import second_factor_services as services
from tests.admin.test_operations import operate
from trading.models import AuditLog

pytestmark = pytest.mark.django_db
HOME, OWN, CHECK = (
    "/admin/",
    "/admin/accounts/user/second-factor/",
    "/admin/accounts/user/second-factor/check/",
)
PASSWORD = "correct horse battery"


def code_of(user: Any, steps: int = 0) -> str:
    """What the app shows; a code is good once, so each further one is of the next step."""
    return f"{totp(TOTPDevice.objects.get(user=user).bin_key, drift=steps):06d}"


def wrong_code(user: Any) -> str:
    return f"{(int(code_of(user)) + 1) % 1_000_000:06d}"


def forgive(user: Any) -> None:
    """The time that wrong tries cost has passed."""
    for device in services.devices(user):
        device.throttle_reset()


@pytest.fixture
def operator(staff: Callable[[str], Any]) -> Any:
    user = staff("operator")
    user.set_password(PASSWORD)
    user.save()
    return user


def signed_in(user: Any) -> Client:
    client = Client()
    answer = client.post("/admin/login/?next=/admin/", {"username": user.username, "password": PASSWORD})
    assert answer.status_code == 302
    return client


def set_up(user: Any) -> tuple[Any, list[str]]:
    client: Any = signed_in(user)
    assert client.get(OWN).status_code == 200
    code = code_of(user)
    answer = client.post(OWN, {"work": "confirm", "code": code})
    assert answer.status_code == 200
    client.used_code = code
    return client, re.findall(r"<code>([0-9a-f]{10})</code>", answer.content.decode())


def test_who_has_none_works_as_before_and_may_set_one_up(operator: Any) -> None:
    client = signed_in(operator)
    assert client.get(HOME).status_code == 200
    page = client.get(OWN).content.decode()
    device = TOTPDevice.objects.get(user=operator)
    assert not device.confirmed and "data:image/svg+xml;base64," in page
    refused = client.post(OWN, {"work": "confirm", "code": wrong_code(operator)})
    assert refused.status_code == 422 and client.get(HOME).status_code == 200
    forgive(operator)
    assert client.post(OWN, {"work": "confirm", "code": code_of(operator)}).status_code == 200
    assert client.get(HOME).status_code == 200  # this session has given its code
    wanted = ["second_factor_failed", "second_factor_on"]
    rows = AuditLog.objects.filter(action__startswith="second_factor").order_by("id")
    assert list(rows.values_list("action", flat=True)) == wanted


def test_every_page_of_the_admin_waits_for_the_code(operator: Any) -> None:
    set_up(operator)
    client = signed_in(operator)
    orders = reverse("admin:trading_order_changelist")
    for page in (HOME, orders, OWN):
        answer = client.get(page, follow=True)
        assert answer.redirect_chain[-1][0].startswith(CHECK), page
    for bad in (wrong_code(operator), "", "日本", "1" * 500, "\x00"):
        assert client.post(CHECK, {"code": bad, "next": orders}).status_code == 422
        assert client.get(orders).status_code == 302
        forgive(operator)
    answer = client.post(CHECK, {"code": code_of(operator, 1), "next": orders})
    assert (answer.status_code, answer["Location"]) == (302, orders)
    assert client.get(orders).status_code == 200


def test_the_way_on_never_leads_to_another_host(operator: Any) -> None:
    set_up(operator)
    client = signed_in(operator)
    answer = client.post(CHECK, {"code": code_of(operator, 1), "next": "https://elsewhere.example/x"})
    assert answer["Location"] == HOME


def test_a_code_is_good_once_and_many_wrong_ones_are_made_to_wait(operator: Any) -> None:
    first, _codes = set_up(operator)
    client = signed_in(operator)
    assert client.post(CHECK, {"code": first.used_code}).status_code == 422
    assert client.post(CHECK, {"code": code_of(operator, 1)}).status_code == 422  # too soon after a wrong one


def test_a_recovery_code_is_good_once(operator: Any) -> None:
    _client, codes = set_up(operator)
    assert len(set(codes)) == 10
    assert signed_in(operator).post(CHECK, {"code": codes[0]}).status_code == 302
    again = signed_in(operator)
    assert again.post(CHECK, {"code": codes[0]}).status_code == 422
    forgive(operator)


def test_it_is_switched_off_with_a_code_or_by_a_superuser(operator: Any, root: Client) -> None:
    client, _codes = set_up(operator)
    assert client.post(OWN, {"work": "remove", "code": wrong_code(operator)}).status_code == 422
    forgive(operator)
    assert client.post(OWN, {"work": "remove", "code": code_of(operator, 1)}).status_code == 200
    assert signed_in(operator).get(HOME).status_code == 200
    set_up(operator)
    assert operate(root, "accounts_user", "remove-second-factor", operator).status_code == 200
    assert not TOTPDevice.objects.filter(user=operator, confirmed=True).exists()


def test_support_cannot_weaken_the_log_in_of_staff(operator: Any, client_of: Callable[[str], Client]) -> None:
    set_up(operator)
    answer = operate(client_of("support"), "accounts_user", "remove-second-factor", operator)
    assert "Only a superuser" in answer.content.decode()
    assert TOTPDevice.objects.filter(user=operator, confirmed=True).exists()
