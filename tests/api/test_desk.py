"""GET /api/management/orders, /trades, /transactions: everybody's, for staff."""

import pytest

from tests.api.conftest import CASH, COPPER, Api, make_user, order_body, price

PATHS = ("management/orders", "management/trades", "management/transactions")


def trade(alice, charlie):
    assert charlie.post("order/submit", order_body(charlie, direction="SELL", price=price(0))).code == 0
    return alice.post("order/submit", order_body(alice, price=price(0))).data


def test_bob_sees_everybodys_orders_with_their_owners(alice, charlie, bob):
    mine = alice.post("order/submit", order_body(alice)).data
    his = charlie.post("order/submit", order_body(charlie, price=price(-11))).data
    found = {item["uid"]: item for item in bob.get("management/orders").data["items"]}
    assert found[mine["uid"]]["user_id"] == alice.user_id
    assert found[his["uid"]]["user_id"] == charlie.user_id
    only = bob.get(f"management/orders?account_id={alice.account_id}&status=working").data["items"]
    assert [item["uid"] for item in only] == [mine["uid"]]


def test_bob_sees_both_parties_of_a_trade(alice, charlie, bob):
    filled = trade(alice, charlie)
    items = bob.get(f"management/trades?account_id={alice.account_id}").data["items"]
    assert [(item["uid"], item["counter_account_id"]) for item in items] == [
        (filled["uid"], charlie.account_id)
    ]
    other = bob.get(f"management/trades?account_id={charlie.account_id}").data["items"]
    assert other[0]["counter_account_id"] == alice.account_id


def test_bob_sees_what_money_moved(alice, charlie, bob):
    items = bob.get("management/transactions?kind=deposit").data["items"]
    moved = {item["account_id"]: item["amount"] for item in items}
    assert moved[alice.account_id] == moved[charlie.account_id] == CASH
    assert bob.get(f"management/transactions?kind=reversal&account_id={alice.account_id}").data["items"] == []


def test_the_lists_go_on_from_their_cursor(alice, charlie, bob):
    for _ in range(3):
        alice.post("order/submit", order_body(alice))
    first = bob.get(f"management/orders?account_id={alice.account_id}&page_size=2").data
    path = f"management/orders?account_id={alice.account_id}&page_size=2&cursor={first['next_cursor']}"
    rest = bob.get(path).data
    uids = [item["uid"] for item in first["items"] + rest["items"]]
    assert uids == sorted(uids, reverse=True) and len(uids) == 3 and rest["next_cursor"] is None


def test_the_lists_come_as_csv(alice, charlie, bob):
    trade(alice, charlie)
    for path in PATHS:
        answer = bob.get(path, accept="text/csv")
        assert answer.headers["Content-Type"].startswith("text/csv") and alice.account_id in answer.text


@pytest.mark.parametrize("path", PATHS)
def test_charlie_and_strangers_see_nothing(alice, charlie, path):
    assert Api().get(path).code == 9002
    answer = charlie.chinese().get(path)
    assert (answer.status, answer.code) == (403, 9006) and answer.error["message"].startswith("无权限")
    scoped = make_user("charlie", scopes=("read", "trade", "admin"))
    assert scoped.get(path).code == 9006
    operator = make_user("bob", groups=("operator",), scopes=("read",))
    assert operator.get(path).code == 9006


@pytest.mark.parametrize("path", PATHS)
def test_every_staff_group_may_look(alice, path):
    for group in ("operator", "risk", "settlement", "auditor", "support"):
        person = make_user("bob", groups=(group,), scopes=("admin",))
        assert person.get(path).status == 200, group


@pytest.mark.parametrize(
    ("query", "code", "field"),
    [
        ("account_id=ACC_none", 1006, None),
        ("account_id=%00", 9008, "account_id"),
        ("account_id=" + "x" * 500, None, None),
        ("trading_day=today", 9008, "trading_day"),
        ("trading_day=" + "9" * 40, 9008, "trading_day"),
        ("start=-1", 9008, "start"),
        ("end=1e9", 9008, "end"),
        ("cursor=nonsense", None, None),
        ("cursor=%00", None, None),
        ("page_size=0", None, None),
        ("page_size=" + "9" * 30, None, None),
    ],
)
@pytest.mark.parametrize("path", PATHS)
def test_bad_filters_are_refused_and_named(bob, path, query, code, field):
    answer = bob.get(f"{path}?{query}")
    assert answer.status < 500, answer.text
    if code:
        assert answer.code == code
    if field:
        assert answer.error["extra"]["field"] == field


def test_unknown_names_in_filters_are_refused(bob):
    assert bob.get("management/orders?status=ODD").code == 9008
    assert bob.get("management/orders?direction=UP").code == 9008
    assert bob.get("management/orders?instrument_id=SHFE.%00").code in (1007, 9008)
    assert bob.get("management/transactions?kind=theft").code == 9008
    assert bob.get(f"management/trades?instrument_id={COPPER.symbol}").status == 200
