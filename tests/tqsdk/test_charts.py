"""K-lines and ticks as TqSdk's serials see them (D-24, D-25)."""

import datetime
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.sockets.conftest import place
from tests.tqsdk.conftest import CONTRACTS, MIDDLE, ROOT, SYMBOL, TICK, Opener, Person, Site, Web, until


@pytest.fixture(scope="module", autouse=True)
def recorder(web: Web) -> Iterator[None]:
    """The market-data process of the venue."""
    command = [sys.executable, "manage.py", "run_marketdata", "--venue", web.venue]
    process = subprocess.Popen(command, cwd=ROOT, env=web.environment)
    yield
    process.send_signal(signal.SIGTERM)
    process.wait(30)


def fill(site: Site, alice: Person, bob: Person, ticks: int, lots: int = 1) -> None:
    """One trade at a price."""
    place(site, alice, 0, ticks, lots)
    place(site, bob, 1, ticks, lots)


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
