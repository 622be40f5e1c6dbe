"""/api/management/…: anybody's accounts and money, for operators."""

import pytest

from tests.api.conftest import CASH, make_user, order_body
from trading.models import AuditLog

WHY = {"reason": "asked by the risk desk"}
READS = ("management/accounts", "management/account/{}/detail", "management/transactions/{}")
ACTS = ("freeze", "unfreeze", "approve", "reject", "close")


def test_it_lists_every_account_with_filters_and_total(alice, bob, charlie):
    data = bob.get("management/accounts?page_size=500").data
    found = {row["account_id"] for row in data["items"]}
    assert {alice.account_id, charlie.account_id} <= found and data["total"] == len(data["items"])
    only = bob.get(f"management/accounts?user_id={alice.user_id}").data
    assert [row["account_id"] for row in only["items"]] == [alice.account_id]
    assert bob.get(f"management/accounts?search={alice.account_id[8:20]}").data["total"] == 1
    assert bob.get("management/accounts?status=PENDING").data["items"] == []
    assert bob.get("management/accounts?status=ODD").code == 9008
    assert bob.get("management/accounts?search=%00").code == 9008


def test_it_shows_anybodys_detail_and_movements(alice, bob):
    alice.post("order/submit", order_body(alice))
    detail = bob.get(f"management/account/{alice.account_id}/detail").data
    assert detail["user_id"] == alice.user_id and len(detail["orders"]) == 1
    flows = bob.get(f"management/transactions/{alice.account_id}").data["items"]
    assert [row["amount"] for row in flows] == [CASH]


def test_an_operator_moves_money_and_it_is_audited(alice, bob):
    body = {"account_id": alice.account_id, "amount": "100.25", "method": "bank", "reason": "first"}
    answer = bob.post("management/deposit", body, idempotency_key="m1")
    assert answer.status == 200, answer.text
    assert answer.data["operator_id"] == bob.user_id and answer.data["remark"] == "first"
    assert bob.post("management/deposit", body, idempotency_key="m1").data == answer.data
    assert alice.get(f"account/{alice.account_id}").data["balance"] == CASH + 100.25
    row = AuditLog.objects.filter(target=alice.account_id, action="deposit").get()
    assert (row.username, row.reason, row.code) == (bob.user.username, "first", 0)
    assert row.seq == int(answer.headers["X-Event-Seq"])


def test_a_refused_withdrawal_is_audited_with_its_code_in_both_languages(alice, bob):
    body = {"account_id": alice.account_id, "amount": 10 * CASH, **WHY}
    answer = bob.post("management/withdraw", body)
    assert (answer.status, answer.code) == (422, 2004)
    assert bob.chinese().post("management/withdraw", body).error["message"].startswith("出金失败")
    rows = AuditLog.objects.filter(target=alice.account_id, action="withdraw")
    assert [row.code for row in rows] == [2004, 2004]
    good = bob.post("management/withdraw", {**body, "amount": CASH})
    assert good.data["amount"] == -CASH


def test_freezing_ends_orders_and_unfreezing_lets_trade_again(alice, bob):
    order = alice.post("order/submit", order_body(alice)).data
    path = f"management/account/{alice.account_id}"
    frozen = bob.post(f"{path}/freeze", {**WHY, "mode": "TRADING_ONLY", "can_close": False})
    assert frozen.status == 200, frozen.text
    assert frozen.data["status"] == "FROZEN" and frozen.data["freeze_mode"] == "TRADING_ONLY"
    assert alice.post("order/submit", order_body(alice)).code == 2002
    assert bob.get(f"management/account/{alice.account_id}/detail").data["orders"] == []
    assert alice.get(f"order/{order['order_id']}").data["status"] == "Cancelled"
    assert bob.post(f"{path}/unfreeze", WHY).data["status"] == "ACTIVE"
    again = bob.post(f"{path}/unfreeze", WHY)
    assert again.code == 9008 and again.error["extra"]["field"] == "status"
    assert alice.post("order/submit", order_body(alice)).status == 200


def test_only_an_empty_account_closes_and_for_good(site, bob):
    person = site.person("alice", cash=0)
    path = f"management/account/{person.account_id}/close"
    bob.post("management/deposit", {"account_id": person.account_id, "amount": 1, **WHY})
    full = bob.post(path, WHY)
    assert full.code == 9008 and full.error["extra"]["balance"] == 1
    bob.post("management/withdraw", {"account_id": person.account_id, "amount": 1, **WHY})
    assert bob.post(path, WHY).data["status"] == "CLOSED"
    assert bob.post(path, WHY).code == 9008
    assert bob.post("management/deposit", {"account_id": person.account_id, "amount": 1}).code == 2003


@pytest.mark.parametrize("act", ACTS)
def test_every_act_needs_a_reason_and_an_account(alice, bob, act):
    path = f"management/account/{alice.account_id}/{act}"
    assert bob.post(path, {}).error["extra"]["field"] == "reason"
    for body in ({"reason": ""}, {"reason": 5}, {"reason": "a\x00"}, {"reason": "x" * 201}, {**WHY, "x": 1}):
        assert bob.post(path, body).code == 9008
    for account_id in ("ACC_" + "0" * 32, "%00", "x" * 300, "%F0%9F%92%A9"):
        missing = bob.post(f"management/account/{account_id}/{act}", WHY)
        assert (missing.status, missing.code) == (404, 1006)


@pytest.mark.parametrize("changes", [{"mode": "SOME"}, {"mode": 1}, {"can_close": "yes"}, {"can_close": 1}])
def test_freezing_takes_known_modes_only(alice, bob, changes):
    answer = bob.post(f"management/account/{alice.account_id}/freeze", {**WHY, **changes})
    assert answer.code == 9008 and answer.error["extra"]["field"] in changes


@pytest.mark.parametrize("amount", [True, "", None, "NaN", -1, 0, 10**30, [], 1e300])
def test_money_takes_no_amount_that_is_none(alice, bob, amount):
    for path in ("management/deposit", "management/withdraw"):
        answer = bob.post(path, {"account_id": alice.account_id, "amount": amount})
        assert answer.code == 9008 and answer.error["extra"]["field"] == "amount"


def refused(person, alice):
    """Every management endpoint with what it refuses this person with."""
    body = {"account_id": alice.account_id, "amount": 1, **WHY}
    answers = [person.get(path.format(alice.account_id)) for path in READS]
    answers += [person.post(f"management/{name}", body) for name in ("deposit", "withdraw")]
    answers += [person.post(f"management/account/{alice.account_id}/{act}", WHY) for act in ACTS]
    return {(answer.status, answer.code) for answer in answers}


def test_charlie_nobody_and_alice_herself_may_do_none_of_it(alice, charlie, nobody):
    assert refused(nobody, alice) == {(401, 9002)}
    assert refused(charlie, alice) == {(403, 9006)} == refused(alice, alice)
    admin_token = make_user("charlie", scopes=("read", "trade", "admin"))
    assert refused(admin_token, alice) == {(403, 9006)}
    assert alice.get(f"account/{alice.account_id}").data["status"] == "ACTIVE"


def test_rights_follow_the_group_and_the_tokens_scope(alice):
    auditor = make_user("bob", groups=("auditor",), scopes=("read", "trade", "admin"))
    assert {auditor.get(path.format(alice.account_id)).status for path in READS} == {200}
    body = {"account_id": alice.account_id, "amount": 1, **WHY}
    assert auditor.post("management/deposit", body).code == 9006
    assert auditor.post(f"management/account/{alice.account_id}/freeze", WHY).code == 9006
    risk = make_user("bob", groups=("risk",), scopes=("read", "trade", "admin"))
    assert risk.post("management/deposit", body).code == 9006
    assert risk.post(f"management/account/{alice.account_id}/freeze", WHY).status == 200
    unscoped = make_user("bob", groups=("operator",))
    assert refused(unscoped, alice) == {(403, 9006)}
    assert AuditLog.objects.filter(action="permission_denied", username=auditor.user.username).exists()
