"""A new password by a one-time link from an operator (H-9)."""

from accounts.models import AuthToken
from accounts.reset_services import make_reset_token
from tests.api.conftest import PASSWORD, Answer, Api, Person, Site
from trading.models import AuditLog

NEW = "staple battery horse"


def reset(token: str, new: str = NEW) -> Answer:
    return Api().post("auth/password/reset", {"token": token, "new_password": new})


def test_a_link_sets_the_password_once_and_ends_every_token(site: Site, alice: Person) -> None:
    token = make_reset_token(alice.user)
    assert reset(token, "short").code == 9008
    assert reset(token).status == 200
    assert not AuthToken.objects.filter(user=alice.user).exists()
    assert alice.get("auth/current-user").status == 401
    name = alice.user.username
    assert Api().post("auth/login", {"username": name, "password": PASSWORD}).code == 9001
    assert Api().post("auth/login", {"username": name, "password": NEW}).status == 200
    assert reset(token, "third battery horse").code == 9001
    rows = AuditLog.objects.filter(action="password_reset", target=alice.user_id).values_list("code")
    assert sorted(code for (code,) in rows) == [0, 9001, 9008]


def test_made_up_links_are_refused_alike(alice: Person, charlie: Person) -> None:
    good = make_reset_token(alice.user)
    for token in ("x", "0" * 32 + "-a-b", charlie.user_id + good[32:], good[:-1] + "0", "日本"):
        assert reset(token).code == 9001, token


def test_the_page_of_a_link_sets_the_password(alice: Person) -> None:
    page = f"/reset/{make_reset_token(alice.user)}"
    assert alice.client.get(page).status_code == 200
    assert alice.client.post(page, {"new_password": "short"}).status_code == 422
    assert alice.client.post(page, {"new_password": NEW}).status_code == 200
    alice.user.refresh_from_db()
    assert alice.user.check_password(NEW)
    assert alice.client.post(page, {"new_password": NEW}).status_code == 422
