"""TqSdk through restarts and settlements, and what it shows beside REST and QIFI (D-3, D-35, W-2)."""

import signal

from django.test import Client
from tqsdk import TqApi

from settlement.services import begin_settlement
from tests.api.conftest import Api, await_until
from tests.sockets.conftest import place
from tests.tqsdk.conftest import CONTRACTS, MIDDLE, SYMBOL, TICK, Opener, Person, Site, Web, until
from trading import selectors

NINETEEN = [
    "pre_balance", "deposit", "withdraw", "static_balance", "close_profit", "commission", "premium",
    "position_profit", "float_profit", "balance", "margin", "frozen_margin", "frozen_commission",
    "frozen_premium", "available", "risk_ratio",
]  # fmt: skip
SIDES = ("pos_long_his", "pos_long_today", "pos_short_his", "pos_short_today", "margin", "last_price")
SIDES += tuple(
    f"{name}_{side}"
    for side in ("long", "short")
    for name in (
        "volume", "open_price", "open_cost", "position_price", "position_cost", "float_profit",
        "position_profit", "margin",
    )
)  # fmt: skip


def trade_between(buyer: TqApi, seller: TqApi, lots: int, offsets: tuple[str, str], price: float) -> None:
    """Fill `lots` at a price and wait until both know."""
    bought = buyer.insert_order(SYMBOL, "BUY", offsets[0], lots, limit_price=price)
    until(buyer, lambda: bought.is_online or bought.is_dead)
    sold = seller.insert_order(SYMBOL, "SELL", offsets[1], lots, limit_price=price)
    until(seller, lambda: sold.is_dead)
    until(buyer, lambda: bought.is_dead)
    assert (bought.volume_left, sold.volume_left) == (0, 0), (bought.last_msg, sold.last_msg)


def compare(site: Site, api: TqApi, person: Person) -> None:
    """The account and position of TqSdk are those of QIFI and REST to the last digit."""
    site.settle_tables()
    rest = Api(person.token, client=Client())
    qifi = rest.get(f"qifi/{person.account_id}").data
    account, position = api.get_account(), api.get_position(SYMBOL)
    until(api, lambda: account.balance == qifi["accounts"]["balance"])
    assert {name: account[name] for name in NINETEEN} == {name: qifi["accounts"][name] for name in NINETEEN}
    shown = qifi["positions"][SYMBOL]
    assert {name: position[name] for name in SIDES} == {name: shown[name] for name in SIDES}
    [found] = rest.get(f"positions?account_id={person.account_id}").data["items"]
    assert found["float_profit_long"] == position.float_profit_long
    assert found["open_price_long"] == position.open_price_long
    for order_id, row in qifi["orders"].items():
        order = api.get_order(order_id)
        shown = {name: value for name, value in row.items() if name in order}
        shown.pop("user_id")  # QIFI names the account, DIFF the login
        assert {name: order[name] for name in shown} == shown


def test_lots_of_today_and_yesterday_close_apart_and_all_figures_agree(
    tq: Opener, site: Site, alice: Person, bob: Person
) -> None:
    api, other = tq(alice), tq(bob)
    trade_between(api, other, 3, ("OPEN", "OPEN"), MIDDLE)
    trade_between(api, other, 2, ("OPEN", "OPEN"), MIDDLE + TICK)
    compare(site, api, alice)
    settle(site)
    position = api.get_position(SYMBOL)
    until(api, lambda: (position.pos_long_his, position.pos_long_today) == (5, 0))
    trade_between(api, other, 1, ("OPEN", "OPEN"), MIDDLE)
    refused = api.insert_order(SYMBOL, "SELL", "CLOSETODAY", 2, limit_price=MIDDLE)
    until(api, lambda: refused.is_error)
    assert "持仓不足" in refused.last_msg
    trade_between(other, api, 1, ("CLOSETODAY", "CLOSETODAY"), MIDDLE)
    trade_between(other, api, 4, ("CLOSE", "CLOSE"), MIDDLE - TICK)
    until(api, lambda: (position.pos_long_his, position.pos_long_today) == (1, 0))
    compare(site, api, alice)


def settle(site: Site) -> None:
    """Settle the venue's trading day at the middle price."""
    day = selectors.trading_day(site.venue)
    prices = {contract.symbol: contract.middle for contract in CONTRACTS}
    begin_settlement(venue=site.venue, prices=prices)
    await_until(lambda: selectors.trading_day(site.venue) != day, 60)


def test_a_strategy_lives_through_the_death_of_its_server(
    tq: Opener, site: Site, web: Web, alice: Person, bob: Person
) -> None:
    api = tq(alice)
    quote = api.get_quote(SYMBOL)
    order = api.insert_order(SYMBOL, "BUY", "OPEN", 2, limit_price=MIDDLE - 2 * TICK)
    until(api, lambda: order.is_online and quote.bid_price1 == MIDDLE - 2 * TICK)
    web.kill(signal.SIGKILL)
    place(site, bob, 1, -2, 1)
    web.start()
    until(api, lambda: order.volume_left == 1 and quote.bid_volume1 == 1, 120)
    assert api.get_position(SYMBOL).pos_long_today == 1
    api.cancel_order(order)
    until(api, lambda: order.is_dead)
    assert [trade.volume for trade in order.trade_records.values()] == [1]
