"""GET /api/qifi/{account_id}."""

import pytest

from tests.api.conftest import CASH, COPPER, order_body, price

ACCOUNT = {
    "user_id", "currency", "pre_balance", "deposit", "withdraw", "static_balance", "close_profit",
    "commission", "premium", "position_profit", "float_profit", "balance", "margin",
    "frozen_margin", "frozen_commission", "frozen_premium", "available", "risk_ratio", "WithdrawQuota",
}  # fmt: skip
ORDER = {
    "seqno", "user_id", "order_id", "exchange_id", "instrument_id", "direction", "offset", "volume_orign",
    "price_type", "limit_price", "time_condition", "volume_condition", "insert_date_time",
    "exchange_order_id", "status", "volume_left", "frozen_margin", "last_msg",
}  # fmt: skip
TRADE = {
    "seqno", "user_id", "trade_id", "order_id", "exchange_id", "instrument_id", "exchange_order_id",
    "exchange_trade_id", "direction", "offset", "volume", "price", "trade_date_time", "commission",
}  # fmt: skip
POSITION = {
    *(f"volume_{side}{part}" for side in ("long", "short") for part in ("", "_today", "_his", "_frozen")),
    *(f"{name}_{side}" for side in ("long", "short") for name in ("open_price", "open_cost", "margin")),
    *(f"pos_{side}_{age}" for side in ("long", "short") for age in ("his", "today")),
    "float_profit", "position_profit", "margin", "last_price", "exchange_id", "instrument_id",
}  # fmt: skip


def test_it_tells_the_day_of_an_account(alice, charlie):
    charlie.post("order/submit", order_body(charlie, direction="SELL", volume=2, price=price(1)))
    alice.post("order/submit", order_body(alice, order_id="filled", volume=2, price=price(1)))
    alice.post("order/submit", order_body(alice, order_id="resting"))
    alice.post("order/submit", order_body(alice, order_id="refused", volume=10**6))
    data = alice.get(f"qifi/{alice.account_id}").data
    assert data["account_cookie"] == alice.account_id and len(data["trading_day"]) == 8
    assert data["accounts"].keys() == ACCOUNT
    assert data["accounts"]["deposit"] == CASH
    filled, resting, refused = (data["orders"][name] for name in ("filled", "resting", "refused"))
    assert filled.keys() >= ORDER
    assert (filled["status"], filled["volume_left"], filled["towards"]) == ("FINISHED", 0, 1)
    assert (resting["status"], resting["last_msg"]) == ("ALIVE", "报单成功")
    assert (refused["status"], refused["exchange_order_id"]) == ("FINISHED", "") and refused["last_msg"]
    (trade,) = data["trades"].values()
    assert trade.keys() == TRADE and trade["volume"] == 2 and trade["price"] == price(1)
    position = data["positions"][COPPER.symbol]
    assert position.keys() >= POSITION and position["pos_long_today"] == 2
    assert f"{position['exchange_id']}.{position['instrument_id']}" == COPPER.symbol
    assert [row["amount"] for row in data["transfers"].values()] == [CASH]


def test_it_agrees_with_the_account(alice):
    qifi = alice.get(f"qifi/{alice.account_id}").data
    assert qifi["accounts"] == alice.get(f"account/{alice.account_id}").data["qifi"]


def test_another_users_account_is_like_a_missing_one(alice, charlie, nobody):
    hers, none = charlie.get(f"qifi/{alice.account_id}"), charlie.get("qifi/ACC_none")
    assert (hers.status, hers.code) == (404, 1006) and hers.error == none.error
    assert charlie.chinese().get(f"qifi/{alice.account_id}").error["message"].startswith("账户不存在")
    assert nobody.get(f"qifi/{alice.account_id}").code == 9002


@pytest.mark.parametrize("text", ["%00", "x" * 500, "..", "💩", "ACC_%27--"])
def test_nonsense_is_like_a_missing_account(alice, text):
    answer = alice.get(f"qifi/{text}")
    assert answer.status == 404 and answer.code in (1006, 9007)
