"""What a strategy does in its day, by TqSdk 3.10.4 as it is installed (D-1 … D-35)."""

import json

import pytest
from tqsdk import TargetPosTask, TqAccount, TqKq, TqMultiAccount, TqSim, TqZq
from websockets.sync.client import connect

from tests.tqsdk.conftest import (
    CONTRACTS,
    MIDDLE,
    PASSWORD,
    SYMBOL,
    TICK,
    Opener,
    Person,
    Site,
    Web,
    known_here,
    until,
)


def test_it_connects_and_knows_the_account(tq: Opener, alice: Person) -> None:
    api = tq(alice)
    account = api.get_account()
    assert (account.balance, account.available, account.currency) == (1_000_000, 1_000_000, "CNY")
    assert api.get_position(SYMBOL).pos == 0


def test_it_finds_instruments(tq: Opener, alice: Person) -> None:
    api = tq(alice)
    symbols = [contract.symbol for contract in CONTRACTS]
    assert sorted(api.query_quotes(ins_class="FUTURE", exchange_id="SHFE")) == symbols
    assert api.query_quotes(ins_class="FUTURE", product_id="lt", expired=False)
    assert api.query_quotes(ins_class="CONT") == ["KQ.m@SHFE.lt"]
    assert api.query_cont_quotes(exchange_id="SHFE") == [SYMBOL]
    assert api.query_cont_quotes(product_id="cu") == []
    assert api.query_options(SYMBOL) == []
    info = api.query_symbol_info(symbols)
    assert list(info["price_tick"]) == [10.0] * 4
    assert list(info["volume_multiple"]) == [5] * 4


def test_it_gets_a_quote_and_sees_it_change(tq: Opener, alice: Person, bob: Person) -> None:
    api, other = tq(alice), tq(bob)
    quote = api.get_quote(SYMBOL)
    assert quote.price_tick == 10
    assert quote.datetime
    order = other.insert_order(SYMBOL, "BUY", "OPEN", 3, limit_price=MIDDLE - 3 * TICK)
    until(other, lambda: order.is_online)
    until(api, lambda: (quote.bid_price1, quote.bid_volume1) == (MIDDLE - 3 * TICK, 3))
    other.cancel_order(order)
    until(other, lambda: order.is_dead)


def test_it_trades_in_parts_cancels_and_is_refused(tq: Opener, alice: Person, bob: Person) -> None:
    api, other = tq(alice), tq(bob)
    order = api.insert_order(SYMBOL, "BUY", "OPEN", 5, limit_price=MIDDLE)
    until(api, lambda: order.is_online)
    against = other.insert_order(SYMBOL, "SELL", "OPEN", 2, limit_price=MIDDLE)
    until(other, lambda: against.is_dead)
    until(api, lambda: order.volume_left == 3)
    assert order.trade_price == MIDDLE
    position = api.get_position(SYMBOL)
    until(api, lambda: position.pos_long_today == 2)
    assert api.get_account().margin > 0
    api.cancel_order(order)
    until(api, lambda: order.is_dead)
    assert (order.volume_left, order.last_msg) == (3, "已撤单")
    refused = api.insert_order(SYMBOL, "BUY", "OPEN", 1, limit_price=2 * MIDDLE)
    until(api, lambda: refused.is_dead)
    assert refused.is_error
    assert "涨跌停" in refused.last_msg
    closing = api.insert_order(SYMBOL, "SELL", "CLOSETODAY", 2, limit_price=MIDDLE - TICK)
    until(api, lambda: closing.is_online)
    back = other.insert_order(SYMBOL, "BUY", "CLOSETODAY", 2, limit_price=MIDDLE - TICK)
    until(other, lambda: back.is_dead)
    until(api, lambda: position.pos == 0 and closing.is_dead)
    assert not closing.is_error


def test_target_pos_task_reaches_its_target(tq: Opener, alice: Person, bob: Person) -> None:
    api, other = tq(alice), tq(bob)
    for direction, away in (("SELL", TICK), ("BUY", -TICK)):
        rest = other.insert_order(SYMBOL, direction, "OPEN", 20, limit_price=MIDDLE + away)
        until(other, lambda rest=rest: rest.is_online)
    task = TargetPosTask(api, SYMBOL)
    position = api.get_position(SYMBOL)
    for target in (4, -3, 0):
        task.set_target_volume(target)
        until(api, lambda target=target: position.pos == target)
    for order in other.get_order().values():
        if order.status == "ALIVE":
            other.cancel_order(order)
    until(other, lambda: all(order.is_dead for order in other.get_order().values()))


def test_two_accounts_of_one_user_trade_apart(tq: Opener, site: Site, alice: Person, bob: Person) -> None:
    second = site.open_account(alice, 50_000)
    api, other = tq(alice), tq(alice, user_name=second)
    assert api.get_account().balance == 1_000_000
    assert other.get_account().balance == 50_000
    order = other.insert_order(SYMBOL, "BUY", "OPEN", 1, limit_price=MIDDLE - 4 * TICK)
    until(other, lambda: order.is_online)
    assert order.order_id not in api.get_order()
    other.cancel_order(order)
    until(other, lambda: order.is_dead)


def test_tqsim_trades_on_our_quotes(tq: Opener, alice: Person, bob: Person) -> None:
    other = tq(bob)
    rest = other.insert_order(SYMBOL, "SELL", "OPEN", 5, limit_price=MIDDLE + 2 * TICK)
    until(other, lambda: rest.is_online)
    api = tq(alice, account=TqSim(init_balance=100_000))
    quote = api.get_quote(SYMBOL)
    until(api, lambda: quote.ask_price1 == MIDDLE + 2 * TICK)
    order = api.insert_order(SYMBOL, "BUY", "OPEN", 1, limit_price=quote.ask_price1)
    until(api, lambda: order.is_dead)
    assert api.get_position(SYMBOL).pos_long == 1
    other.cancel_order(rest)
    until(other, lambda: rest.is_dead)


def test_a_wrong_password_is_told_at_once(tq: Opener, web: object, alice: Person) -> None:
    from tqsdk import TqApi, TqAuth

    with pytest.raises(Exception, match="401"):
        TqApi(auth=TqAuth(alice.user.username, "wrong"), debug=False)


def test_accounts_of_the_other_kinds_log_in_too(tq: Opener, web: Web, alice: Person, bob: Person) -> None:
    """TqKq knows only its access token's subject, TqZq sends no confirmation."""
    other = tq(bob)
    rest = other.insert_order(SYMBOL, "SELL", "OPEN", 2, limit_price=MIDDLE)
    until(other, lambda: rest.is_online)
    for lots, account in enumerate(
        (TqKq(td_url=web.socket), TqZq(alice.user.username, PASSWORD, web.socket)), 1
    ):
        api = tq(alice, account=account)
        order = api.insert_order(SYMBOL, "BUY", "OPEN", 1, limit_price=MIDDLE)
        until(api, lambda order=order: order.is_dead)
        assert not order.is_error
        until(api, lambda api=api, lots=lots: api.get_position(SYMBOL).pos_long_today == lots)


def test_both_accounts_trade_in_one_api(tq: Opener, site: Site, web: Web, alice: Person) -> None:
    second = site.open_account(alice, 50_000)
    name = known_here(alice).user.username
    accounts = [TqAccount("exchange", user, PASSWORD, td_url=web.socket) for user in (name, second)]
    api = tq(alice, account=TqMultiAccount(accounts))
    assert [api.get_account(each).balance for each in accounts] == [1_000_000, 50_000]
    placed = [
        api.insert_order(SYMBOL, "BUY", "OPEN", lots, limit_price=MIDDLE - 4 * TICK, account=each)
        for lots, each in enumerate(accounts, 1)
    ]
    until(api, lambda: all(order.is_online for order in placed))
    for order, each in zip(placed, accounts, strict=True):
        api.cancel_order(order, account=each)
    until(api, lambda: all(order.is_dead for order in placed))
    assert [order.volume_orign for order in placed] == [1, 2]


def test_a_subject_without_its_token_is_a_wrong_password(web: Web, alice: Person) -> None:
    known_here(alice)
    with connect(web.socket, proxy=None) as link:
        subject = alice.user.pk.hex
        link.send(json.dumps({"aid": "req_login", "bid": "x", "user_name": subject, "password": subject}))
        text = ""
        while '"error_code":9001' not in text:
            link.send('{"aid":"peek_message"}')
            text = str(link.recv(30))
        assert f'"{subject}":' not in text
