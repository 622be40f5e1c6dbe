"""Quote views and public trades (M-2)."""

import pytest

from exchange_site.streams import Keys
from tests.log.conftest import ALICE, BOB, CONTRACTS, await_until, order
from trading.commands import send, send_many
from trading.engine.state import State
from trading.quotes_writer import (
    QuoteWriter,
    decode_quote,
    quotes_client,
    read_quotes,
    read_trades,
)

SYMBOL = CONTRACTS[0].symbol


@pytest.fixture
def cache():
    with quotes_client() as client:
        yield client


def test_a_view_follows_the_book_and_says_as_of_which_event(venue, cache):
    outcome = send(venue, order(volume=3), user_id=ALICE.user_id, wait_s=10)
    price = outcome.events[0][5][8]

    def shown():
        view = read_quotes(cache, venue, [SYMBOL]).get(SYMBOL)
        return view and view["bids"] == [[price, 3, 1]] and view

    view = await_until(shown)
    assert view["as_of_seq"] >= outcome.first_seq and view["symbol"] == SYMBOL
    assert len(view["bids"]) <= 20
    told = [fields for _, fields in cache.xrevrange(Keys(venue).quotes) if fields[b"s"] == SYMBOL.encode()]
    assert decode_quote(told[0][b"q"]) == view


def test_a_starting_worker_writes_all_views_once(name, start, cache):
    from tests.log.conftest import open_venue

    first = start()
    open_venue(name)
    first.stop()
    cache.delete(*[Keys(name).quote(contract.symbol) for contract in CONTRACTS])
    start()
    symbols = [contract.symbol for contract in CONTRACTS]
    assert await_until(lambda: len(read_quotes(cache, name, symbols)) == len(symbols))


def test_public_trades_carry_exchange_ids_only_newest_first(venue, cache):
    price = CONTRACTS[0].middle
    for n in (1, 2):
        send(venue, order(ALICE, volume=n, limit_price=price), user_id=ALICE.user_id, wait_s=10)
        send(venue, order(BOB, direction=1, volume=n, limit_price=price), user_id=BOB.user_id)
    trades = await_until(lambda: len(found := read_trades(cache, venue, SYMBOL)) == 2 and found)
    assert [(trade[1], trade[2], trade[3]) for trade in trades] == [(price, 2, 1), (price, 1, 1)]
    assert trades[0][0] > trades[1][0] and trades[0][4] >= trades[1][4]
    assert not any(isinstance(item, str) for trade in trades for item in trade)


def test_an_instrument_is_written_at_most_twenty_times_a_second(venue, cache):
    keys = Keys(venue)
    await_until(lambda: cache.xlen(keys.quotes) >= len(CONTRACTS))
    before = cache.xlen(keys.quotes)
    first = cache.time()
    for _ in range(40):
        send_many(venue, [order() for _ in range(5)], user_id=ALICE.user_id, wait_s=10)
    last = cache.time()
    seconds = last[0] - first[0] + (last[1] - first[1]) / 1e6
    assert cache.xlen(keys.quotes) - before <= 20 * seconds + 2


def test_a_cache_that_is_away_costs_no_order(name, start, settings):
    from tests.log.conftest import open_venue

    settings.CACHE_URL = "redis://127.0.0.1:1/0"
    start()
    open_venue(name)
    assert send(name, order(), user_id=ALICE.user_id, wait_s=10).ok


def test_no_change_writes_nothing(name):
    writer = QuoteWriter(name)
    state = State()
    assert not writer.is_due(state, False)
    writer.write(state)
    writer.close()
