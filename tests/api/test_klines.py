"""GET /api/market/kline, /api/klines, /api/market/ticks, /api/market/snapshot: bars and ticks over REST."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from marketdata.periods import period_of
from marketdata.process import MarketDataProcess
from tests.api.conftest import CONTRACTS, COPPER, await_until, order_body, price
from trading.selectors import current_venue

BARE = COPPER.symbol.partition(".")[2]
PRODUCT = COPPER.symbol.rstrip("0123456789")
PATHS = [f"market/kline/{COPPER.symbol}", f"klines/{COPPER.symbol}/1min", f"market/ticks/{COPPER.symbol}",
         "market/snapshot"]  # fmt: skip
SPELLINGS = [
    "3s", "1min", "5min", "15min", "30min", "60min", "1h", "day", "week", "month", "1m", "5m", "15m", "30m",
    "1d", "min1", "min5", "min15", "min30", "min60", "0", "3", "4", "5", "6", "7", "8", "1MIN", "Day",
    "60000000000", "7000000000", "420000000000", "172800000000000",
]  # fmt: skip


@pytest.fixture(scope="module")
def traded(site: Any, django_db_blocker: Any) -> Iterator[None]:
    """The market-data process of the venue, in a thread."""
    process = MarketDataProcess(current_venue())
    thread = threading.Thread(target=process.run)
    thread.start()
    yield
    process.stop()
    thread.join(60)


@pytest.fixture
def trade(traded: None, alice: Any, charlie: Any, nobody: Any) -> int:
    """A trade of 2 lots; the volume of the day's bar after it."""
    before = day_volume(nobody)
    for caller, side in ((alice, "BUY"), (charlie, "SELL")):
        body = order_body(caller, direction=side, volume=2, price=price(0))
        assert caller.post("order/submit", body).code == 0
    await_until(lambda: day_volume(nobody) == before + 2, 30)
    return before + 2


def day_volume(caller: Any) -> int:
    answer = caller.get(f"market/kline/{COPPER.symbol}?period=day")
    return answer.data["items"][-1]["volume"] if answer.status == 200 and answer.data["items"] else 0


def test_strangers_and_charlie_read_bars_alike(trade, nobody, charlie):
    for path in PATHS:
        answer = nobody.get(path)
        assert answer.status == 200, answer.text
        assert charlie.get(path).status == 200


def test_a_trade_shows_in_every_period_under_every_name(trade, nobody):
    for name in SPELLINGS:
        for path in (f"market/kline/{COPPER.symbol}?period={name}", f"klines/{BARE}/{name}"):
            bar = nobody.get(path).data["items"][-1]
            assert bar["low"] <= bar["close"] <= bar["high"]
            assert bar["volume"] >= 2 and bar["close"] == price(0), path


@pytest.mark.parametrize("name", ["2min", "minute", "", "9", "1", "-5", "1500000000", "1e9", "²"])
def test_other_periods_are_refused_by_name(traded, nobody, name):
    answer = nobody.get(f"market/kline/{COPPER.symbol}?period={name}")
    assert (answer.status, answer.code) == (400, 9008)
    with pytest.raises(ValueError):
        period_of(name)


def test_a_bad_period_in_the_path_is_9008_too(traded, nobody):
    answer = nobody.get(f"klines/{COPPER.symbol}/fortnight")
    assert (answer.status, answer.code) == (400, 9008)


@pytest.mark.parametrize("query", ["count=0", "count=10001", "start=-1", "start=x", "page=1"])
def test_bad_parameters_are_refused(traded, nobody, query):
    assert nobody.get(f"market/kline/{COPPER.symbol}?{query}").code == 9008


@pytest.mark.parametrize("symbol", ["SHFE.nothing", "KQ.m@SHFE.nothing", "nothing", "KQ.i@%C3%A9"])
@pytest.mark.parametrize("path", ["market/kline/{}", "market/ticks/{}", "klines/{}/1min"])
def test_unknown_instruments_are_1007(trade, nobody, symbol, path):
    answer = nobody.get(path.format(symbol))
    assert (answer.status, answer.code) == (404, 1007)


def test_bars_are_cut_by_count_start_and_end(trade, nobody):
    bars = nobody.get(f"market/kline/{COPPER.symbol}?period=3s&count=10000").data["items"]
    assert [bar["timestamp"] for bar in bars] == sorted(bar["timestamp"] for bar in bars)
    assert len(nobody.get(f"market/kline/{COPPER.symbol}?period=3s&count=1").data["items"]) == 1
    last = bars[-1]["timestamp"]
    found = nobody.get(f"market/kline/{COPPER.symbol}?period=3s&start={last}&end={last}").data["items"]
    assert [bar["timestamp"] for bar in found] == [last]
    assert nobody.get(f"market/kline/{COPPER.symbol}?period=3s&start={last + 1}").data["items"] == []


def test_main_and_index_series_have_bars_and_ticks(trade, nobody):
    for prefix in ("KQ.m@", "KQ.i@"):
        bars = nobody.get(f"market/kline/{prefix}{PRODUCT}?period=day").data["items"]
        assert bars[-1]["volume"] >= 2
        assert nobody.get(f"market/ticks/{prefix}{PRODUCT}").data["items"]


def test_ticks_carry_the_days_totals(trade, nobody):
    await_until(lambda: nobody.get(f"market/ticks/{COPPER.symbol}").data["items"][-1]["volume"] == trade, 30)
    ticks = nobody.get(f"market/ticks/{COPPER.symbol}?limit=5").data["items"]
    assert 2 <= len(ticks) <= 5
    assert ticks[-1]["last_price"] == price(0)
    until = ticks[-2]["timestamp"]
    assert nobody.get(f"market/ticks/{COPPER.symbol}?end={until}").data["items"][-1]["timestamp"] <= until


def test_a_contract_that_never_traded_shows_its_listing_bar(trade, nobody):
    bars = nobody.get(f"market/kline/{CONTRACTS[2].symbol}?period=1min").data["items"]
    assert [bar["volume"] for bar in bars] == [0]


def test_the_snapshot_has_every_instrument_with_its_change(trade, nobody):
    def row() -> Any:
        items = nobody.get("market/snapshot").data["items"]
        return next(item for item in items if item["instrument_id"] == COPPER.symbol)

    await_until(lambda: row()["last_price"] == price(0), 30)
    found = row()
    assert len(found) == 36 and found["change_base"] == "pre_settlement"
    assert found["volume"] >= 2 and found["upper_limit"] > found["lower_limit"]
    assert found["change_percent"] is not None
