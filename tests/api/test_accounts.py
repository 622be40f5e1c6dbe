"""Accounts and money: open, create, read, deposit, withdraw, flows."""

import pytest

from accounts.models import VenueSetting
from tests.api.conftest import CASH, COPPER, Api, order_body, price
from trading import commands
from trading.engine.messages import FreezeAccount
from trading.engine.units import SCALE

OPEN = {"account_name": "main", "account_type": "individual"}


def move(person, amount="100", **changes):
    return {"account_id": person.account_id, "amount": amount, "method": "bank", **changes}


# ------------------------------------------------------------------------ opening


def test_it_opens_an_account_with_practice_money_and_shows_it_at_once(alice):
    answer = alice.post("account/open", {**OPEN, "init_cash": "5000.50"})
    assert answer.status == 201, answer.text
    account_id = answer.data["account_id"]
    assert account_id.startswith("ACC_") and len(account_id) == 36
    data = alice.get(f"account/{account_id}").data
    assert data["balance"] == data["available"] == 5000.5 and data["status"] == "ACTIVE"
    assert data["user_name"] == alice.user.username and data["currency"] == "CNY"
    assert len(data["qifi"]) == 19 and data["qifi"]["static_balance"] == 5000.5


def test_it_creates_one_with_a_chosen_id_once(alice):
    body = {"account_id": "ACC_" + alice.user_id, "account_name": "x", "init_balance": 10}
    path = f"user/{alice.user_id}/account/create"
    assert alice.post(path, body).data["account_id"] == body["account_id"]
    again = alice.post(path, body)
    assert (again.status, again.code) == (409, 2001)
    assert alice.chinese().post(path, body).error["message"].startswith("账户已存在")


def test_an_idempotency_key_opens_one_account(alice):
    first = alice.post("account/open", OPEN, idempotency_key="open-1")
    second = alice.post("account/open", OPEN, idempotency_key="open-1")
    assert first.data == second.data and second.status == 201
    other = alice.post("account/open", {**OPEN, "account_name": "b"}, idempotency_key="open-1")
    assert (other.status, other.code) == (409, 1013)


def test_the_same_key_of_another_user_is_another_key(alice, charlie):
    first = alice.post("account/open", OPEN, idempotency_key="shared")
    second = charlie.post("account/open", OPEN, idempotency_key="shared")
    assert first.data["account_id"] != second.data["account_id"]


def test_an_answer_that_was_lost_is_given_again_under_the_same_command(alice):
    from accounts.models import IdempotencyKey

    first = alice.post("account/deposit", move(alice), idempotency_key="lost")
    IdempotencyKey.objects.filter(user=alice.user, key="lost").update(status=None, answer=None)
    second = alice.post("account/deposit", move(alice), idempotency_key="lost")
    assert second.status == 200 and second.data == first.data
    assert alice.get(f"account/{alice.account_id}").data["balance"] == CASH + 100


def test_start_money_needs_a_venue_that_grants_it(site, alice):
    VenueSetting.objects.create(venue=site.venue, name="practice_money", value=0)
    try:
        answer = alice.post("account/open", {**OPEN, "init_cash": 1})
        own = alice.post("account/deposit", move(alice))
    finally:
        VenueSetting.objects.filter(venue=site.venue).delete()
    assert (answer.status, answer.code) == (403, 9006)
    assert (own.status, own.code) == (403, 9006)


def test_where_approval_is_asked_a_new_account_waits(site, alice, bob):
    VenueSetting.objects.create(venue=site.venue, name="accounts_need_approval", value=1)
    try:
        answer = alice.post("account/open", OPEN)
        refused = alice.post("account/open", OPEN)
    finally:
        VenueSetting.objects.filter(venue=site.venue).delete()
    assert answer.data["status"] == "PENDING"
    there, gone = answer.data["account_id"], refused.data["account_id"]
    assert bob.post(f"management/account/{there}/approve", {"reason": "ok"}).data["status"] == "ACTIVE"
    assert bob.post(f"management/account/{gone}/reject", {"reason": "no"}).data["status"] == "CLOSED"
    again = bob.post(f"management/account/{there}/reject", {"reason": "no"})
    assert again.code == 9008 and again.error["extra"]["field"] == "status"


# ------------------------------------------------------------------------ reading


def test_figures_follow_the_price_by_the_rules_own_example(site):
    """T-57's shape: margin and fee of ten lots held, profit at the last price."""
    maker, taker = site.person("alice", 10**8), site.person("bob", 10**8)
    maker.post("order/submit", order_body(maker, direction="SELL", volume=10, price=price()))
    taker.post("order/submit", order_body(taker, volume=10, price=price()))
    account = taker.get(f"account/{taker.account_id}/detail").data
    position = account["positions"][0]
    assert position["volume_long_today"] == position["volume_long"] == 10
    assert position["open_price_long"] == position["position_price_long"] == price()
    assert account["margin"] == position["margin_long"] > 0
    qifi = account["qifi"]
    assert account["balance"] == pytest.approx(10**8 - qifi["commission"] + qifi["position_profit"])
    assert account["available"] == pytest.approx(account["balance"] - account["margin"])
    assert account["risk_ratio"] == pytest.approx(account["margin"] / account["balance"], abs=1e-6)


def test_the_detail_shows_working_orders(alice):
    sent = alice.post("order/submit", order_body(alice)).data
    detail = alice.get(f"account/{alice.account_id}/detail").data
    assert [order["uid"] for order in detail["orders"]] == [sent["uid"]]
    assert detail["frozen"] > 0 and detail["available"] < detail["balance"]


def test_it_lists_ones_own_accounts_in_pages(alice):
    for _ in range(2):
        alice.post("account/open", OPEN)
    path = f"user/{alice.user_id}/accounts"
    everything = alice.get(path).data
    assert everything["total"] == len(everything["items"]) == 3
    page = alice.get(f"{path}?page=2&page_size=2").data
    assert [row["account_id"] for row in page["items"]] == [alice.account_id]


def test_charlie_sees_nothing_of_alice_and_cannot_tell_whether_she_exists(alice, charlie):
    missing = "ACC_" + "0" * 32
    for path in ("account/{}", "account/{}/detail", "account/{}/flows"):
        hers, none = (charlie.get(path.format(account)) for account in (alice.account_id, missing))
        assert (hers.status, hers.code) == (none.status, none.code) == (404, 1006)
        assert hers.error == none.error
    assert charlie.get(f"user/{alice.user_id}/accounts").code == 1006
    assert charlie.post(f"user/{alice.user_id}/account/create", {"account_name": "x"}).code == 1006
    assert charlie.post("account/open", {**OPEN, "user_id": alice.user_id}).code == 1006
    for path in ("account/deposit", "account/withdraw"):
        assert charlie.post(path, move(alice)).code == 1006
    assert alice.get(f"account/{alice.account_id}").data["balance"] == CASH


def test_nobody_is_asked_to_sign_in(alice, nobody):
    for path in (f"account/{alice.account_id}", f"account/{alice.account_id}/flows"):
        assert nobody.get(path).code == 9002
    for path in ("account/open", "account/deposit", "account/withdraw"):
        assert nobody.post(path, move(alice)).code == 9002


def test_a_read_that_cannot_catch_up_says_how_far_behind_it_is(site, alice, monkeypatch):
    from trading import order_services, selectors

    monkeypatch.setattr(selectors, "READ_WAIT_S", 0.01)
    original = selectors.wait_for_projector
    monkeypatch.setattr(selectors, "wait_for_projector", lambda venue, seq: original(venue, seq, 0.01))
    seq = selectors.projector_seq(site.venue) + 1000
    order_services.note_write(venue=site.venue, user_id=alice.user_id, seq=seq)
    answer = alice.get(f"account/{alice.account_id}")
    assert answer.status == 200 and 0 < int(answer.headers["X-Behind"]) <= 1000


# -------------------------------------------------------------------------- money


def test_a_deposit_leaves_a_flow_with_before_and_after(alice):
    answer = alice.post("account/deposit", move(alice, 250.5, remark="饭钱"))
    assert answer.status == 200, answer.text
    flow = answer.data
    assert flow["balance_before"] == CASH and flow["balance_after"] == CASH + 250.5
    assert flow["flow_id"].startswith("TXN") and flow["remark"] == "饭钱"
    assert alice.get(f"account/{alice.account_id}/flows").data["items"][0] == flow
    assert answer.headers["X-Event-Seq"]


def test_a_repeated_deposit_under_one_key_happens_once(alice):
    answers = [alice.post("account/deposit", move(alice), idempotency_key="pay") for _ in range(3)]
    assert len({answer.data["flow_id"] for answer in answers}) == 1
    assert alice.get(f"account/{alice.account_id}").data["balance"] == CASH + 100


def test_practice_money_ends_at_the_daily_sum(site, alice):
    VenueSetting.objects.create(venue=site.venue, name="practice_money_daily", value=150 * SCALE)
    try:
        assert alice.post("account/deposit", move(alice)).status == 200
        over = alice.post("account/deposit", move(alice))
    finally:
        VenueSetting.objects.filter(venue=site.venue).delete()
    assert (over.status, over.code) == (403, 9006) and over.error["extra"]["daily_limit"] == 150


def test_a_withdrawal_takes_at_most_what_is_available(alice):
    answer = alice.post("account/withdraw", move(alice, "999999.9999"))
    assert answer.status == 200 and answer.data["amount"] == -999999.9999
    assert answer.data["kind"] == "withdrawal"
    over = alice.post("account/withdraw", move(alice, 1))
    assert (over.status, over.code) == (422, 2004)
    assert "required 1.00" in over.error["message"]
    chinese = alice.chinese().post("account/withdraw", move(alice, 1))
    assert chinese.error["message"].startswith("出金失败: 需要 1.00")


def test_above_the_approval_sum_a_withdrawal_waits_for_a_second_person(site, alice):
    VenueSetting.objects.create(venue=site.venue, name="withdraw_approval_above", value=10 * SCALE)
    try:
        answer = alice.post("account/withdraw", move(alice))
    finally:
        VenueSetting.objects.filter(venue=site.venue).delete()
    assert (answer.status, answer.code) == (409, 2006)


def test_a_frozen_account_pays_nothing_out(site, alice):
    commands.send(site.venue, FreezeAccount(alice.account_id, 3, True, "test"))
    answer = alice.post("account/withdraw", move(alice))
    assert (answer.status, answer.code) == (403, 2002)
    assert alice.post("order/submit", order_body(alice)).code == 2002
    site.settle_tables()
    data = alice.get(f"account/{alice.account_id}").data
    assert data["status"] == "FROZEN" and not data["can_trade"] and not data["can_withdraw"]


AMOUNTS = ["NaN", 10**30, True, "", None, [], {}, -1, 0, "0.00001", "1e3", "١", "1" * 400, 1e300]


@pytest.mark.parametrize("amount", AMOUNTS)
@pytest.mark.parametrize("path", ["account/deposit", "account/withdraw"])
def test_money_takes_no_amount_that_is_none(alice, path, amount):
    answer = alice.post(path, move(alice, amount))
    assert (answer.status, answer.code) == (400, 9008), answer.text
    assert answer.error["extra"]["field"] == "amount"


HOSTILE = [
    ("account/deposit", {"surprise": 1}, "surprise"),
    ("account/deposit", {"method": "a\x00"}, "method"),
    ("account/deposit", {"remark": "\ud800"}, "remark"),
    ("account/deposit", {"remark": "x" * 300}, "remark"),
    ("account/withdraw", {"account_id": 5}, "account_id"),
    ("account/withdraw", {"account_id": None}, "account_id"),
    ("account/open", {"account_type": "club"}, "account_type"),
    ("account/open", {"account_name": ""}, "account_name"),
    ("account/open", {"account_name": "x" * 65}, "account_name"),
    ("account/open", {"init_cash": -1}, "init_cash"),
    ("account/open", {"init_cash": False}, "init_cash"),
]


@pytest.mark.parametrize(("path", "changes", "field"), HOSTILE)
def test_it_names_the_field_that_is_wrong(alice, path, changes, field):
    body = {**(OPEN if path.endswith("open") else move(alice)), **changes}
    answer = alice.post(path, body)
    assert (answer.status, answer.code) == (400, 9008), answer.text
    assert answer.error["extra"]["field"] == field


@pytest.mark.parametrize("text", ["%00", "%F0%9F%92%A9", "x" * 400, "..", "%27--", "%ED%A0%80"])
def test_nonsense_for_an_id_is_like_a_missing_account(alice, text):
    for path in (f"account/{text}", f"account/{text}/flows", f"account/{text}/detail"):
        assert alice.get(path).status == 404


@pytest.mark.parametrize(
    "query", ["cursor=x", "cursor=cD1hYmM%3D", "cursor=cD0xZTk5OQ%3D%3D", "page_size=-5"]
)
def test_bad_pages_are_no_server_errors(alice, query):
    assert alice.get(f"account/{alice.account_id}/flows?{query}").status in (200, 400, 404)
    assert alice.get(f"user/{alice.user_id}/accounts?page=0&{query}").status in (200, 400, 404)


@pytest.mark.parametrize("key", ["x" * 129, "a b", "ключ"])
def test_it_refuses_an_idempotency_key_that_is_none(alice, key):
    answer = alice.post("account/open", OPEN, idempotency_key=key)
    assert (answer.status, answer.code) == (400, 9008)


def test_without_a_worker_nothing_is_kept_under_the_key(site, alice, settings):
    settings.EXCHANGE_VENUE = f"{site.venue}n"
    refused = alice.post("account/open", OPEN, idempotency_key="later")
    assert (refused.status, refused.code) == (503, 4001)
    settings.EXCHANGE_VENUE = site.venue
    assert alice.post("account/open", OPEN, idempotency_key="later").status == 201


def test_a_browser_session_needs_the_csrf_token(alice):
    from django.test import Client

    client = Client(enforce_csrf_checks=True)
    client.force_login(alice.user, backend="django.contrib.auth.backends.ModelBackend")
    browser = Api(client=client)
    assert browser.get(f"account/{alice.account_id}").status == 200
    assert browser.post("account/deposit", move(alice)).code == 9006
    assert browser.post("order/submit", order_body(alice)).code == 9006
    client.cookies["csrftoken"] = "a" * 32
    token = {"x_csrftoken": "a" * 32}
    assert browser.post("account/deposit", move(alice), **token).status == 200
    assert browser.post("order/submit", order_body(alice), **token).status == 200


def test_a_list_comes_as_csv_when_asked(alice):
    alice.post("account/deposit", move(alice, remark="=1+1"))
    answer = alice.get(f"account/{alice.account_id}/flows", accept="text/csv")
    lines = answer.text.splitlines()
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert lines[0].startswith("flow_id,account_id,kind") and "'=1+1" in lines[1] and len(lines) == 3
    assert COPPER.symbol not in answer.text
