"""Cancel, modify, batches, close, check; lists of orders, trades and positions."""

import pytest

from tests.api.conftest import CONTRACTS, COPPER, order_body, price
from trading import commands
from trading.engine.messages import SuspendInstrument

HER = ("order/cancel", "order/modify", "order/cancel-all", "order/cancel-batch", "order/close")


def place(person, **changes):
    answer = person.post("order/submit", order_body(person, **changes))
    assert answer.status == 200, answer.text
    return answer.data


def named(person, order, **changes):
    return {"account_id": person.account_id, "order_id": order["order_id"], **changes}


# ------------------------------------------------------------------------- cancel


def test_it_cancels_a_working_order(alice):
    order = place(alice)
    answer = alice.post("order/cancel", named(alice, order))
    assert answer.status == 200 and answer.data["status"] == "Cancelled"
    assert answer.data["uid"] == order["uid"] and answer.data["remaining_volume"] == 1
    shown = alice.get(f"order/{order['order_id']}").data
    assert shown["status"] == "Cancelled" and shown["reason"] == "Cancelled by the user"


def test_an_ended_order_is_3002_and_an_unknown_one_3001(alice):
    order = place(alice)
    alice.post("order/cancel", named(alice, order))
    ended = alice.post("order/cancel", named(alice, order))
    assert (ended.status, ended.code) == (409, 3002)
    unknown = alice.post("order/cancel", {"account_id": alice.account_id, "order_id": "none"})
    assert (unknown.status, unknown.code) == (404, 3001)
    chinese = alice.chinese().post("order/cancel", named(alice, order))
    assert chinese.error["message"].startswith("订单状态不允许撤销")


def test_it_cancels_all_or_those_of_one_instrument(alice):
    other = CONTRACTS[1]
    for contract in (COPPER, COPPER, other):
        place(alice, instrument_id=contract.symbol, price=price(-10, contract))
    body = {"account_id": alice.account_id}
    one = alice.post("order/cancel-all", {**body, "instrument_id": other.symbol.partition(".")[2]})
    assert one.data == {"cancelled": 1}
    assert alice.post("order/cancel-all", body).data == {"cancelled": 2}
    assert alice.get("orders?status=working").data["items"] == []
    assert alice.post("order/cancel-all", {**body, "instrument_id": "SHFE.none"}).code == 1007


# ------------------------------------------------------------------------- modify


def test_it_changes_price_and_volume_and_keeps_the_ids(alice):
    order = place(alice, volume=3)
    answer = alice.post("order/modify", named(alice, order, price=price(-9), volume=5))
    assert answer.status == 200, answer.text
    assert answer.data["uid"] == order["uid"] and answer.data["price"] == price(-9)
    assert answer.data["volume"] == answer.data["remaining_volume"] == 5
    assert alice.get(f"order/{order['order_id']}").data["price"] == price(-9)


def test_it_refuses_changes_that_an_order_does_not_allow(alice, charlie):
    place(charlie, direction="SELL", price=price(-2))
    order = place(alice, volume=3, price=price(-2))
    less = alice.post("order/modify", named(alice, order, volume=1))
    assert (less.status, less.code) == (422, 3004)
    assert alice.post("order/modify", named(alice, order)).code == 1008
    assert alice.post("order/modify", named(alice, order, price=0.0001)).code == 1011
    assert alice.post("order/modify", named(alice, order, volume="x")).code == 1008
    assert alice.post("order/modify", named(alice, {"order_id": "none"}, volume=2)).code == 3001


# ------------------------------------------------------------------------ batches


def test_a_batch_answers_each_order_in_order(alice, charlie):
    orders = [
        order_body(alice),
        order_body(alice, volume=0.5),
        order_body(charlie),
        5,
        order_body(alice, price=1e8),
        order_body(alice, instrument_id="none"),
    ]
    answer = alice.post("order/submit-batch", {"orders": orders})
    assert answer.status == 200, answer.text
    data = answer.data
    assert (data["total"], data["success_count"], data["failed_count"]) == (6, 1, 5)
    codes = [result["error"] and result["error"]["code"] for result in data["results"]]
    assert codes == [None, 1008, 1006, 1008, 1010, 1007]
    assert [result["index"] for result in data["results"]] == list(range(6))
    assert data["results"][0]["status"] == "Submitted"
    ids = [orders[0]["order_id"], "none-such"]
    body = {"account_id": alice.account_id, "order_ids": [*ids, 7]}
    cancelled = alice.post("order/cancel-batch", body).data
    assert [row["success"] for row in cancelled["results"]] == [True, False, False]
    assert [row["error"] and row["error"]["code"] for row in cancelled["results"]] == [None, 3001, 1008]


def test_five_hundred_orders_go_in_one_batch_and_no_more(site):
    maker = site.person("alice", 10**9)
    orders = [order_body(maker) for _ in range(500)]
    answer = maker.post("order/submit-batch", {"orders": orders})
    assert answer.data["success_count"] == 500, answer.text[:500]
    ids = [order["order_id"] for order in orders]
    over = maker.post("order/submit-batch", {"orders": [*orders, order_body(maker)]})
    assert (over.status, over.code) == (400, 9008)
    for body in ({"orders": []}, {"orders": 5}, {}, {"orders": None}):
        assert maker.post("order/submit-batch", body).code == 9008
    assert maker.post("order/submit-batch", {"orders": [], "x": 1}).code == 1008
    assert len(ids) == len(set(ids))


def test_a_repeated_batch_places_nothing_twice(alice):
    body = {"orders": [order_body(alice)]}
    assert alice.post("order/submit-batch", body).data["success_count"] == 1
    assert alice.post("order/submit-batch", body).data["results"][0]["repeated"]
    assert len(alice.get("orders").data["items"]) == 1


# -------------------------------------------------------------------------- close


def holding(site, volume=3):
    """A trader who is long, and the other side."""
    long, short = site.person("alice", 10**8), site.person("bob", 10**8)
    place(short, direction="SELL", volume=volume, price=price(1))
    place(long, volume=volume, price=price(1))
    return long, short


def test_it_closes_a_position_with_a_list_of_orders(site):
    long, short = holding(site)
    place(short, offset="CLOSETODAY", volume=3, price=price(1))
    answer = long.post(
        "order/close", {"account_id": long.account_id, "instrument_id": COPPER.symbol, "side": "LONG"}
    )
    assert answer.status == 200, answer.text
    assert [(row["offset"], row["filled_volume"]) for row in answer.data] == [("CLOSETODAY", 3)]
    assert long.get(f"position/{long.account_id}").data["items"] == []


def test_it_closes_a_part_at_a_price(site):
    long, _ = holding(site)
    body = {"account_id": long.account_id, "instrument_id": COPPER.symbol, "side": "long"}
    answer = long.post("order/close", {**body, "volume": 2, "price": price(5)})
    assert answer.data[0]["volume"] == 2 and answer.data[0]["status"] == "Submitted"
    over = long.post("order/close", {**body, "volume": 2})
    assert (over.status, over.code) == (422, 2005)
    assert over.error["message"].endswith("held 3 lots, free to close 1, asked 2")
    chinese = long.chinese().post("order/close", {**body, "volume": 2})
    assert chinese.error["message"] == "持仓不足: 持有 3 手, 可平 1 手, 平仓 2 手"


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"side": "BOTH"}, "side"), ({"side": 1}, "side"), ({"volume": 0}, "volume"),
     ({"volume": True}, "volume"), ({"price": "x"}, "price"), ({"more": 1}, "more")],
)  # fmt: skip
def test_a_close_names_the_field_that_is_wrong(alice, changes, field):
    body = {"account_id": alice.account_id, "instrument_id": COPPER.symbol, "side": "LONG", **changes}
    answer = alice.post("order/close", body)
    assert answer.code == 1008 and answer.error["extra"]["field"] == field


def test_shanghai_closes_todays_and_history_lots_with_two_orders():
    from trading.engine.messages import Offset
    from trading.order_services import Closing, closing_orders

    shanghai = closing_orders(Closing("a", "SHFE.cu2701", True), 2, 3, 5)
    assert [(order.offset, order.volume) for order in shanghai] == [
        (Offset.CLOSETODAY, 2),
        (Offset.CLOSE, 3),
    ]
    dalian = closing_orders(Closing("a", "DCE.m2701", False, 4, 10), 2, 3, 5)
    assert [(order.offset, order.volume, order.direction) for order in dalian] == [(Offset.CLOSE, 4, 0)]


# -------------------------------------------------------------------------- check


def test_a_check_costs_nothing_and_tells_what_it_would(alice):
    answer = alice.post("order/check", order_body(alice))
    assert answer.status == 200, answer.text
    assert answer.data["code"] == 0 and answer.data["margin"] > 0
    after = answer.data["available_after"]
    place(alice)
    account = alice.get(f"account/{alice.account_id}").data
    assert account["available"] == pytest.approx(after)
    bad = alice.post("order/check", order_body(alice, price=1e8)).data
    assert bad["code"] == 1010 and bad["message"] and bad["margin"] == 0
    assert len(alice.get("orders").data["items"]) == 1


# -------------------------------------------------------------------------- lists


def test_orders_are_newest_first_filtered_and_paged(alice):
    sent = [place(alice)["uid"] for _ in range(3)]
    page = alice.get("orders?page_size=2").data
    assert [row["uid"] for row in page["items"]] == sent[:0:-1] and page["next_cursor"]
    rest = alice.get(f"orders?page_size=2&cursor={page['next_cursor']}").data
    assert [row["uid"] for row in rest["items"]] == sent[:1] and rest["next_cursor"] is None
    day = page["items"][0]["trading_day"]
    when = page["items"][0]["submit_time"]
    for query, count in (
        ("status=Submitted", 3), ("status=Filled", 0), ("direction=SELL", 0), ("direction=BUY", 3),
        (f"trading_day={day}", 3), ("trading_day=20200101", 0), (f"start={when + 60_000}", 0),
        (f"end={when + 60_000}", 3), (f"instrument_id={COPPER.symbol}", 3),
        (f"instrument_id={CONTRACTS[3].symbol}", 0), (f"account_id={alice.account_id}", 3),
    ):  # fmt: skip
        assert len(alice.get(f"orders?{query}").data["items"]) == count, query
    assert len(alice.get(f"order/user/{alice.account_id}").data["items"]) == 3


def test_trades_show_both_sides_to_their_owners_only(site, charlie):
    long, short = holding(site)
    bought, sold = long.get("trades").data["items"], short.get("trades").data["items"]
    assert [(row["direction"], row["volume"]) for row in bought] == [("BUY", 3)]
    assert bought[0]["exchange_trade_id"] == sold[0]["exchange_trade_id"]
    assert bought[0]["trade_id"] == f"{bought[0]['order_id']}|{bought[0]['exchange_trade_id']}"
    assert bought[0]["is_taker"] and not sold[0]["is_taker"]
    assert "counter" not in str(bought[0]) and short.account_id not in str(bought[0])
    assert charlie.get("trades").data["items"] == []
    assert charlie.get(f"trades/user/{long.account_id}").code == 1006


def test_positions_carry_lots_costs_and_profit(site):
    long, short = holding(site)
    for person, side in ((long, "long"), (short, "short")):
        row = person.get("positions").data["items"][0]
        assert row[f"volume_{side}"] == 3 and row["instrument_id"] == COPPER.symbol
        assert row[f"cost_{side}"] == row[f"open_cost_{side}"] > 0
    both = [person.get("positions").data["items"][0]["position_profit"] for person in (long, short)]
    assert sum(both) == pytest.approx(0)
    assert len(long.get(f"position/{long.account_id}?instrument_id={CONTRACTS[2].symbol}").data["items"]) == 0


def test_it_finds_the_newest_order_of_an_id(alice):
    order = place(alice, order_id="again")
    assert alice.get("order/again").data["uid"] == order["uid"]
    assert alice.get(f"order/again?account_id={alice.account_id}").status == 200
    assert alice.get("order/again?trading_day=20200101").code == 3001
    assert alice.get("order/again?trading_day=x").code == 9008
    assert alice.get("order/none").code == 3001


def test_charlie_neither_sees_nor_touches_alices_orders(alice, charlie):
    order = place(alice)
    body = named(alice, order)
    none = {"account_id": "ACC_" + "0" * 32, "order_id": order["order_id"]}
    extras = {
        "order/modify": {"volume": 2},
        "order/close": {"instrument_id": COPPER.symbol, "side": "LONG"},
    }
    for path in ("order/cancel", "order/modify", "order/cancel-all", "order/close"):
        drop = () if path in ("order/cancel", "order/modify") else ("order_id",)
        hers, missing = (
            charlie.post(path, {k: v for k, v in {**b, **extras.get(path, {})}.items() if k not in drop})
            for b in (body, none)
        )
        assert (hers.status, hers.code) == (missing.status, missing.code) == (404, 1006), path
        assert hers.error["message"] == missing.error["message"]
    batch = {"account_id": alice.account_id, "order_ids": [order["order_id"]]}
    assert charlie.post("order/cancel-batch", batch).data["results"][0]["error"]["code"] == 1006
    assert charlie.get(f"order/{order['order_id']}").code == 3001
    assert charlie.get(f"order/{order['order_id']}?account_id={alice.account_id}").code == 3001
    assert charlie.get("orders").data["items"] == []
    for path in ("order/user/{}", "position/{}", "trades/user/{}", "orders?account_id={}"):
        answer = charlie.get(path.format(alice.account_id))
        assert (answer.status, answer.code) == (404, 1006)
    assert alice.get(f"order/{order['order_id']}").data["status"] == "Submitted"


def test_nobody_is_asked_to_sign_in(nobody):
    for path in ("orders", "trades", "positions", "order/x", "order/user/x", "position/x"):
        assert nobody.get(path).code == 9002
    for path in (*HER, "order/check", "order/submit-batch"):
        assert nobody.post(path, {}).code == 9002


@pytest.mark.parametrize(
    "query",
    ["status=x", "direction=UP", "trading_day=1", "trading_day=x", "start=x", "start=" + "9" * 30,
     "end=-1", "account_id=%00"],
)  # fmt: skip
def test_bad_filters_are_named(alice, query):
    answer = alice.get(f"orders?{query}")
    assert answer.code in (9008, 1006) and answer.status in (400, 404), answer.text


@pytest.mark.parametrize(
    "cursor", ["x", "cD1hYmM%3D", "cD0xZTk5OQ%3D%3D", "cD05OTk5OTk5OTk5OTk5OTk5OTk5OTk5", "%00"]
)
def test_bad_cursors_are_no_server_errors(alice, cursor):
    for path in ("orders", "trades"):
        assert alice.get(f"{path}?cursor={cursor}").status in (200, 400, 404)


@pytest.mark.parametrize("path", [*HER, "order/check", "order/submit-batch"])
@pytest.mark.parametrize(
    "body",
    [{}, {"account_id": 1}, {"account_id": None, "order_id": []}, {"account_id": "a\x00b", "order_id": "x"},
     {"account_id": "x" * 5000, "order_id": "x" * 5000}, {"order_ids": [[]], "account_id": "x"},
     {"account_id": "\ud83d", "order_id": "a"}, {"volume": 10**40}, {"user_id": {}}],
)  # fmt: skip
def test_hostile_bodies_are_refused_not_crashed_on(alice, path, body):
    answer = alice.post(path, body)
    assert 400 <= answer.status < 500 or answer.data["failed_count"] == answer.data["total"], answer.text


def test_orders_come_as_csv_when_asked(alice):
    order = place(alice)
    answer = alice.get("orders", accept="text/csv")
    header, line = answer.text.splitlines()
    assert header.startswith("order_id,exchange_order_id,uid") and line.startswith(order["order_id"])
    refused = alice.get("orders?status=x", accept="text/csv")
    assert refused.status == 400 and refused.code == 9008


def test_a_suspended_instrument_takes_cancels_only(site, alice):
    contract = CONTRACTS[3]
    there = {"instrument_id": contract.symbol, "price": price(-5, contract)}
    order = place(alice, **there)
    assert commands.send(site.venue, SuspendInstrument(contract.symbol, "test")).ok
    refused = alice.post("order/submit", order_body(alice, **there))
    assert (refused.status, refused.code) == (422, 1009)
    assert alice.post("order/cancel", named(alice, order)).status == 200


def test_reads_are_limited_and_told_when_to_come_back(alice, monkeypatch):
    from exchange_site import views
    from exchange_site.ratelimit import Limit

    monkeypatch.setattr(views, "READS", Limit(1, 3))
    answers = [alice.get("orders") for _ in range(5)]
    assert [answer.code for answer in answers] == [0, 0, 0, 9004, 9004]
    assert int(answers[-1].headers["Retry-After"]) >= 1
