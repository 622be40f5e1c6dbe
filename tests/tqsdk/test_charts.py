"""K-lines and ticks as TqSdk's serials see them (D-24, D-25)."""

import datetime
import signal
import subprocess
import sys
from collections.abc import Iterator
from math import isnan
from typing import Any

import pytest

from tests.sockets.conftest import place
from tests.tqsdk.conftest import CONTRACTS, MIDDLE, ROOT, SYMBOL, TICK, Opener, Person, Site, Web, until
from tests.tqsdk.test_survival import settle

MAIN, INDEX = "KQ.m@SHFE.lt", "KQ.i@SHFE.lt"


@pytest.fixture(scope="module", autouse=True)
def recorder(web: Web) -> Iterator[None]:
    """The market-data process of the venue."""
    command = [sys.executable, "manage.py", "run_marketdata", "--venue", web.venue]
    process = subprocess.Popen(command, cwd=ROOT, env=web.environment)
    yield
    process.send_signal(signal.SIGTERM)
    process.wait(30)


def fill(site: Site, alice: Person, bob: Person, ticks: int, lots: int = 1, **terms: Any) -> None:
    """One trade at a price."""
    place(site, alice, 0, ticks, lots, **terms)
    place(site, bob, 1, ticks, lots, **terms)


def test_a_serial_fills_and_grows_with_trades(tq: Opener, site: Site, alice: Person, bob: Person) -> None:
    api = tq(alice)
    bars = api.get_kline_serial(SYMBOL, 60, data_length=20)
    assert len(bars) == 20
    fill(site, alice, bob, 1, 2)
    until(api, lambda: bars.iloc[-1].close == MIDDLE + TICK and bars.iloc[-1].volume >= 2)
    last_id = bars.iloc[-1].id
    fill(site, alice, bob, 2, 1)
    until(api, lambda: bars.iloc[-1].close == MIDDLE + 2 * TICK)
    assert bars.iloc[-1].id >= last_id
    assert bars.iloc[-1].high == MIDDLE + 2 * TICK


def test_odd_durations_days_and_ticks_are_served(tq: Opener, site: Site, alice: Person, bob: Person) -> None:
    api = tq(alice)
    fill(site, alice, bob, 1)
    seconds = api.get_kline_serial(SYMBOL, 7, data_length=10)
    days = api.get_kline_serial(SYMBOL, 86_400, data_length=5)
    ticks = api.get_tick_serial(SYMBOL, data_length=10)
    fill(site, alice, bob, 3)
    price = MIDDLE + 3 * TICK
    until(api, lambda: ticks.iloc[-1].last_price == price and days.iloc[-1].close == price)
    until(api, lambda: seconds.iloc[-1].close == price)
    assert ticks.iloc[-1].volume > 0


def test_several_symbols_are_bound_to_the_first(tq: Opener, site: Site, alice: Person, bob: Person) -> None:
    api = tq(alice)
    fill(site, alice, bob, 1)
    bars = api.get_kline_serial([SYMBOL, CONTRACTS[1].symbol], 60, data_length=5)
    until(api, lambda: bars.iloc[-1].close == MIDDLE + TICK)
    assert bars.iloc[-1].close1 == CONTRACTS[1].middle / 10_000


def test_history_is_downloaded_page_by_page(tq: Opener, site: Site, alice: Person, bob: Person) -> None:
    api = tq(alice)
    fill(site, alice, bob, 1)
    bars = api.get_kline_serial(SYMBOL, 60, data_length=20)
    until(api, lambda: bars.iloc[-1].close == MIDDLE + TICK)
    now = datetime.datetime.now(tz=datetime.timezone(datetime.timedelta(hours=8)))
    found = api.get_kline_data_series(
        SYMBOL, 60, now - datetime.timedelta(days=3), now + datetime.timedelta(minutes=1)
    )
    assert list(found["id"]) == sorted(found["id"])
    assert found.iloc[-1].close == MIDDLE + TICK


def test_the_main_and_the_index_follow_their_contracts_through_a_settlement(
    tq: Opener, site: Site, alice: Person, bob: Person
) -> None:
    api = tq(alice)
    [former] = api.query_cont_quotes(product_id="lt")
    later = next(contract for contract in CONTRACTS[2:] if contract.symbol != former)
    main, index = api.get_quote(MAIN), api.get_quote(INDEX)
    assert (main.ins_class, main.underlying_symbol, index.ins_class) == ("CONT", former, "INDEX")
    assert (main.price_tick, main.volume_multiple) == (10, 5)
    main_bars = api.get_kline_serial(MAIN, 60, data_length=5)
    index_bars = api.get_kline_serial(INDEX, 60, data_length=5)
    ticks = api.get_tick_serial(MAIN, data_length=5)
    current = next(contract for contract in CONTRACTS if contract.symbol == former)
    fill(site, alice, bob, 5, 1, contract=current)
    place(site, alice, 0, 4, 3, contract=current)
    price = MIDDLE + 5 * TICK
    until(api, lambda: (main.last_price, main.bid_price1, main.bid_volume1) == (price, price - TICK, 3))
    until(api, lambda: main_bars.iloc[-1].close == price and ticks.iloc[-1].last_price == price)
    former_id = main_bars.iloc[-1].id
    fill(site, alice, bob, -20, 60, contract=later)
    low = MIDDLE - 20 * TICK
    until(api, lambda: low < index.last_price < price and index_bars.iloc[-1].close == index.last_price)
    assert isnan(index.bid_price1), "an index has no book"
    assert main.last_price == price, "no change inside a day"
    until(api, lambda: main.open_interest > 0)
    settle(site)
    until(api, lambda: main.underlying_symbol == later.symbol)
    assert api.query_cont_quotes(has_night=True) == [later.symbol]  # it never asks the same twice
    fill(site, alice, bob, -18, 2, contract=later)
    new = MIDDLE - 18 * TICK
    until(api, lambda: main.last_price == new and main_bars.iloc[-1].close == new)
    assert main_bars.iloc[-1].id == former_id + 1, "a bar of its own, under the next id"
    quote = api.get_quote(later.symbol)
    until(api, lambda: main.datetime == quote.datetime)
