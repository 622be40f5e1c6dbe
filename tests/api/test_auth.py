"""/api/auth/…: registration, log-in, tokens, passwords, sessions."""

import itertools
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts import authentication
from accounts import selectors as account_selectors
from accounts.models import AuthToken, User, VenueSetting
from tests.api.conftest import PASSWORD, Api, Person, await_until, make_user, order_body
from trading.models import AuditLog

_addresses = itertools.count(1)


class Somewhere(Api):
    """Nobody, at an address of their own."""

    def __init__(self) -> None:
        number = next(_addresses)
        super().__init__(client=Client(REMOTE_ADDR=f"10.1.{number // 250}.{number % 250 + 1}"))


@pytest.fixture
def caller() -> Somewhere:
    return Somewhere()


@pytest.fixture
def open_registration(site: Any) -> Iterator[None]:
    row = VenueSetting.objects.create(venue=site.venue, name="registration_open", value=1)
    account_selectors._settings.clear()
    yield
    row.delete()
    account_selectors._settings.clear()


def log_in(caller: Api, username: str, password: str = PASSWORD) -> Any:
    return caller.post("auth/login", {"username": username, "password": password})


def with_token(text: str) -> Api:
    return Api(text)


# ------------------------------------------------------------------- registration


def test_a_stranger_registers_and_is_signed_in(open_registration, caller):
    body = {"username": "newcomer_1", "password": PASSWORD, "email": "new@example.com", "phone": "139"}
    answer = caller.post("auth/register", body)
    assert answer.status == 201, answer.text
    assert set(answer.data) == {"user_id", "username", "token"}
    me = with_token(answer.data["token"]).get("auth/current-user").data
    assert me["user_id"] == answer.data["user_id"] and me["email"] == "new@example.com"
    assert me["roles"] == [] and not me["is_staff"]


def test_a_taken_name_is_2001_in_both_languages(open_registration, caller, charlie):
    body = {"username": charlie.user.username, "password": PASSWORD}
    answer = caller.post("auth/register", body)
    assert (answer.status, answer.code) == (409, 2001)
    chinese = caller.post("auth/register", body, accept_language="zh-CN")
    assert chinese.error["message"].startswith("账户已存在")


def test_registration_may_be_closed(site, caller):
    VenueSetting.objects.update_or_create(venue=site.venue, name="registration_open", defaults={"value": 0})
    account_selectors._settings.clear()
    answer = caller.post("auth/register", {"username": "newcomer_2", "password": PASSWORD})
    VenueSetting.objects.filter(venue=site.venue).delete()
    assert (answer.status, answer.code) == (403, 9006)
    assert not User.objects.filter(username="newcomer_2").exists()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"username": "No Spaces"}, "username"),
        ({"username": "ab"}, "username"),
        ({"username": "x" * 33}, "username"),
        ({"username": "li\nne"}, "username"),
        ({"username": "a\x00b"}, "username"),
        ({"username": ["a"]}, "username"),
        ({"username": None}, "username"),
        ({"password": "short"}, "password"),
        ({"password": "password123"}, "password"),
        ({"password": 12345678901}, "password"),
        ({"password": "x" * 129}, "password"),
        ({"password": "nul\x00nul\x00nul"}, "password"),
        ({"email": "nonsense"}, "email"),
        ({"phone": "1\n2"}, "phone"),
        ({"is_staff": True}, "is_staff"),
    ],
)
def test_a_bad_registration_is_9008_and_names_the_field(open_registration, caller, changes, field):
    body = {"username": "newcomer_3", "password": PASSWORD, **changes}
    answer = caller.post("auth/register", body)
    assert (answer.status, answer.code) == (400, 9008), answer.text
    assert answer.error["extra"]["field"] == field
    assert not User.objects.filter(username="newcomer_3").exists()


# ------------------------------------------------------------------------- log-in


def test_a_log_in_gives_a_token_that_ends(caller, charlie):
    answer = log_in(caller, charlie.user.username)
    assert answer.status == 200 and answer.data["user_id"] == charlie.user_id
    days = (answer.data["expires_at"] / 1000 - time.time()) / 86_400
    assert 29 < days <= 30
    assert (
        with_token(answer.data["token"]).get("auth/current-user").data["username"] == answer.data["username"]
    )


def test_staff_are_told_their_roles_and_may_administer(caller, site):
    bob = make_user("bob", groups=("operator", "risk"))
    answer = log_in(caller, bob.user.username)
    assert answer.data["roles"] == ["operator", "risk"]
    assert with_token(answer.data["token"]).get("admin/venue").status == 200


def test_a_wrong_password_and_an_unknown_name_sound_alike(caller, charlie):
    wrong = log_in(caller, charlie.user.username, "not the password")
    unknown = log_in(caller, "nobody_at_all")
    assert (wrong.status, wrong.code) == (401, 9001)
    assert wrong.error == unknown.error
    chinese = caller.post("auth/login", {"username": "x", "password": "y"}, accept_language="zh-hans")
    assert chinese.error["message"].startswith("认证失败")


def test_the_failure_is_audited_without_the_password(caller, charlie):
    log_in(caller, charlie.user.username, "a secret guess")
    row = AuditLog.objects.filter(action="login_failed", target=charlie.user.username).latest("id")
    assert "a secret guess" not in str([getattr(row, field.name) for field in row._meta.fields])


def test_five_failures_lock_the_name_at_that_address_alone(caller, charlie):
    for _ in range(5):
        last = log_in(caller, charlie.user.username, "wrong")
    locked = log_in(caller, charlie.user.username)
    assert (locked.status, locked.code) == (429, 9004), last.text
    assert int(locked.headers["Retry-After"]) == 15 * 60
    assert log_in(Somewhere(), charlie.user.username).status == 200


def test_a_good_log_in_forgives_earlier_failures(caller, charlie):
    for _ in range(2):
        for _ in range(4):
            assert log_in(caller, charlie.user.username, "wrong").code == 9001
        assert log_in(caller, charlie.user.username).status == 200
        authentication.forget()
        caller = Somewhere()


def test_an_address_tries_ten_names_a_minute(caller):
    answers = [log_in(caller, f"nobody_{number}", "wrong") for number in range(11)]
    assert [answer.code for answer in answers[:10]] == [9001] * 10
    assert (answers[10].status, answers[10].code) == (429, 9004)
    assert 1 <= int(answers[10].headers["Retry-After"]) <= 6


def test_an_inactive_user_is_refused(caller):
    person = make_user("alice")
    person.user.is_active = False
    person.user.save()
    assert log_in(caller, person.user.username).code == 9001


# ------------------------------------------------------------------------- tokens


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("", 9002),
        ("Bearer abc", 9002),
        ("Token", 9001),
        ("Token abc", 9001),
        ("Token a b", 9001),
        ("Token " + "a" * 500, 9001),
        ("Token \x7f", 9001),
        ("token " + "0" * 64, 9001),
    ],
)
def test_a_bad_authorization_is_401(site, nobody, header, code):
    answer = nobody.get("auth/current-user", authorization=header)
    assert (answer.status, answer.code) == (401, code)


def test_logout_ends_this_token_alone(caller, charlie):
    first, second = (with_token(log_in(caller, charlie.user.username).data["token"]) for _ in range(2))
    assert first.post("auth/logout").data == {"done": True}
    assert first.get("auth/current-user").code == 9001
    assert second.get("auth/current-user").status == 200


def test_logoutall_ends_every_token(caller, charlie):
    tokens = [with_token(log_in(caller, charlie.user.username).data["token"]) for _ in range(2)]
    assert tokens[0].post("auth/logoutall").status == 200
    assert [token.get("auth/current-user").code for token in (*tokens, charlie)] == [9001] * 3


def test_a_token_revoked_elsewhere_is_refused_within_a_second(charlie):
    assert charlie.get("auth/current-user").status == 200
    AuthToken.objects.filter(user=charlie.user).delete()
    await_until(lambda: charlie.get("auth/current-user").code == 9001, 1.5)
    assert charlie.post("order/submit", order_body(charlie)).code == 9001


def test_a_user_deactivated_elsewhere_is_refused_within_a_second(charlie):
    assert charlie.post("order/check", order_body(charlie)).status == 200
    User.objects.filter(pk=charlie.user.pk).update(is_active=False)
    await_until(lambda: charlie.post("order/check", order_body(charlie)).code == 9001, 1.5)


def test_an_expired_token_is_refused_though_remembered(charlie):
    _, text = AuthToken.objects.create(charlie.user, timedelta(seconds=0.4), name="short", scopes=["read"])
    api = with_token(text)
    assert api.get("auth/current-user").status == 200
    await_until(lambda: api.get("auth/current-user").code == 9001, 1.5)


def test_tokens_are_named_listed_and_ended(charlie):
    made = charlie.post("auth/tokens", {"name": "robot", "scopes": ["read"], "expires_in_days": 7})
    assert made.status == 201 and made.data["scopes"] == ["read"]
    listed = charlie.get("auth/tokens").data["items"]
    item = next(item for item in listed if item["name"] == "robot")
    assert "token" not in item and item["token_key"] == made.data["token_key"]
    robot = with_token(made.data["token"])
    assert robot.get("auth/current-user").status == 200
    assert charlie.delete("auth/tokens", {"token_key": item["token_key"]}).status == 200
    assert robot.get("auth/current-user").code == 9001


def test_a_token_ends_by_its_path_too(charlie):
    made = charlie.post("auth/tokens", {"name": "robot"}).data
    assert charlie.delete(f"auth/tokens/{made['token_key']}").status == 200
    assert charlie.delete(f"auth/tokens/{made['token_key']}").code == 9007


def test_charlie_cannot_end_alices_token_and_hears_what_he_would_of_none(alice, charlie):
    key = alice.get("auth/tokens").data["items"][0]["token_key"]
    answer = charlie.delete("auth/tokens", {"token_key": key})
    missing = charlie.delete("auth/tokens", {"token_key": "0" * 15})
    assert (answer.status, answer.error) == (404, missing.error)
    assert alice.get("auth/current-user").status == 200


def test_a_token_makes_none_that_may_more_than_itself(charlie):
    reader = make_user("charlie", scopes=("read", "trade"))
    assert reader.post("auth/tokens", {"name": "x", "scopes": ["admin"]}).code == 9006
    narrow = reader.post("auth/tokens", {"name": "narrow", "scopes": ["trade"]}).data["token"]
    assert with_token(narrow).post("auth/tokens", {"name": "wide", "scopes": ["read"]}).code == 9006


def test_a_reading_token_does_not_trade(site, charlie):
    text = charlie.post("auth/tokens", {"name": "reader", "scopes": ["read"]}).data["token"]
    reader = with_token(text)
    assert reader.get("auth/tokens").status == 200
    for path in ("order/submit", "order/cancel", "account/deposit", "auth/tokens"):
        answer = reader.post(path, order_body(charlie))
        assert (answer.status, answer.code) == (403, 9006), path


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "x" * 65}, "name"),
        ({"name": "x", "scopes": []}, "scopes"),
        ({"name": "x", "scopes": "read"}, "scopes"),
        ({"name": "x", "scopes": ["root"]}, "scopes"),
        ({"name": "x", "expires_in_days": 0}, "expires_in_days"),
        ({"name": "x", "expires_in_days": 10**30}, "expires_in_days"),
        ({"name": "x", "expires_in_days": "NaN"}, "expires_in_days"),
        ({"name": "x", "user_id": "y"}, "user_id"),
    ],
)
def test_a_bad_token_request_is_9008_and_names_the_field(charlie, body, field):
    answer = charlie.post("auth/tokens", body)
    assert (answer.status, answer.code) == (400, 9008), answer.text
    assert answer.error["extra"]["field"] == field


# ---------------------------------------------------------------------- passwords


def change(person: Person, old: str, new: str) -> Any:
    return person.post("auth/password", {"old_password": old, "new_password": new})


def test_a_new_password_ends_every_other_token(caller, charlie):
    other = with_token(log_in(caller, charlie.user.username).data["token"])
    assert change(charlie, PASSWORD, "staple battery horse").status == 200
    assert other.get("auth/current-user").code == 9001
    assert charlie.get("auth/current-user").status == 200
    assert log_in(caller, charlie.user.username).code == 9001
    assert log_in(caller, charlie.user.username, "staple battery horse").status == 200


def test_a_password_changes_only_with_the_old_one(charlie):
    assert change(charlie, "wrong", "staple battery horse").code == 9001
    weak = change(charlie, PASSWORD, "12345678")
    assert weak.code == 9008 and weak.error["extra"]["field"] == "new_password"


def test_old_passwords_are_not_guessed_fast(charlie):
    answers = [change(charlie, "wrong", "staple battery horse") for _ in range(11)]
    assert answers[-1].status == 429


# ----------------------------------------------------------------------- sessions


def session_of(person: Person) -> Client:
    client = Client(enforce_csrf_checks=True)
    client.force_login(person.user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def test_a_browser_session_reads_and_needs_a_csrf_token_to_write(charlie):
    client = session_of(charlie)
    assert Api(client=client).get("auth/current-user").data["user_id"] == charlie.user_id
    for path in ("order/check", "auth/tokens"):
        refused = Api(client=client).post(path, order_body(charlie))
        assert (refused.status, refused.code) == (403, 9006), path
    secret = "a" * 32
    client.cookies["csrftoken"] = secret
    answer = Api(client=client).post("order/check", order_body(charlie), x_csrftoken=secret)
    assert answer.status == 200, answer.text


def test_logging_out_ends_the_session(charlie):
    client = session_of(charlie)
    client.cookies["csrftoken"] = "a" * 32
    assert Api(client=client).post("auth/logout", x_csrftoken="a" * 32).status == 200
    assert Api(client=client).get("auth/current-user").code == 9002


# ------------------------------------------------------------------------ hostile

ENDPOINTS = [
    ("POST", "auth/register"),
    ("POST", "auth/login"),
    ("POST", "auth/logout"),
    ("POST", "auth/logoutall"),
    ("GET", "auth/current-user"),
    ("POST", "auth/password"),
    ("GET", "auth/tokens"),
    ("POST", "auth/tokens"),
    ("DELETE", "auth/tokens"),
    ("DELETE", "auth/tokens/%00%ff"),
]
RAW = [
    b"", b"null", b"[]", b"7", b'"text"', b"{", b"\xff\xfe", b'{"name": NaN}', b'{"name": Infinity}',
    b"[" * 5_000, b'{"a":' * 50 + b"1" + b"}" * 50, b'{"name": "\\ud800"}', b'{"username": 1e400}',
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
def test_no_body_makes_the_server_fail(charlie, method, path):
    for raw in RAW:
        answer = Api(charlie.token, client=Somewhere().client).call(method, path, raw=raw)
        assert answer.status < 500, (raw, answer.text)


@pytest.mark.parametrize(("method", "path"), [pair for pair in ENDPOINTS if pair[0] == "POST"])
def test_a_megabyte_is_refused(charlie, caller, method, path):
    raw = b'{"username": "' + b"x" * 2**20 + b'"}'
    answer = Api(charlie.token, client=caller.client).call(method, path, raw=raw)
    assert (answer.status, answer.code) == (413, 9003)


@pytest.mark.parametrize(("method", "path"), ENDPOINTS[2:])
def test_strangers_are_9002(caller, method, path):
    answer = caller.call(method, path, {})
    assert (answer.status, answer.code) == (401, 9002)
    chinese = caller.call(method, path, {}, accept_language="zh-CN")
    assert chinese.error["message"].startswith("未认证")


def test_the_last_use_of_a_token_is_noted(charlie):
    charlie.get("auth/current-user")
    row = AuthToken.objects.get(user=charlie.user)
    assert row.last_used is not None and timezone.now() - row.last_used < timedelta(minutes=1)
