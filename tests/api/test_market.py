"""GET /api/market/…: instruments, ticks, order books, recent trades."""

from typing import Any

import pytest

from exchange_site.ratelimit import READS
from exchange_site.streams import Keys, cache_client
from tests.api.conftest import CONTRACTS, COPPER, await_until, order_body, price

BARE = COPPER.symbol.partition(".")[2]
PATHS = ["tick", "orderbook", "recent-trades", "instruments"]


def tick(caller: Any, symbol: str = COPPER.symbol) -> Any:
    return caller.get(f"market/tick/{symbol}")


def test_strangers_read_the_market_without_a_token(nobody):
    for kind in PATHS:
        answer = nobody.get(f"market/{kind}/{COPPER.symbol}")
        assert answer.status == 200, answer.text


def test_a_token_of_charlies_changes_nothing_in_the_public_answers(nobody, charlie):
    assert charlie.get("market/instruments").data == nobody.get("market/instruments").data
    bad = nobody.get("market/instruments", authorization="Token nonsense")
    assert bad.status == 200


def test_the_list_counts_pages_and_shows_inherited_rates(nobody):
    answer = nobody.get("market/instruments?page_size=3")
    assert answer.data["total"] == len(CONTRACTS) and len(answer.data["items"]) == 3
    assert answer.data["next_cursor"] == 2
    rest = nobody.get("market/instruments?page_size=3&page=2").data
    symbols = [item["instrument_id"] for item in answer.data["items"] + rest["items"]]
    assert symbols == sorted(contract.symbol for contract in CONTRACTS)
    assert rest["next_cursor"] is None
    assert all(item["margin_ratio_long"] > 0 for item in answer.data["items"])


def test_the_list_filters_by_exchange_and_status(nobody):
    exchange = COPPER.symbol.partition(".")[0]
    found = nobody.get(f"market/instruments?exchange_id={exchange}&status=TRADING").data["items"]
    assert found and {item["exchange_id"] for item in found} == {exchange}
    assert nobody.get("market/instruments?status=DELISTED").data["items"] == []


def test_the_list_comes_as_csv(nobody):
    answer = nobody.get("market/instruments?page_size=2", accept="text/csv")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    head, *lines = answer.text.splitlines()
    assert head.startswith("instrument_id,") and len(lines) == 2


def test_a_refusal_of_a_csv_list_is_json(nobody):
    answer = nobody.get("market/instruments?page=none", accept="text/csv")
    assert (answer.status, answer.code) == (400, 9008)


def test_one_instrument_answers_to_its_bare_id(nobody):
    full = nobody.get(f"market/instruments/{COPPER.symbol}").data
    assert full["instrument_id"] == COPPER.symbol
    assert nobody.get(f"market/instruments/{BARE}").data == full


def test_the_tick_and_the_book_show_what_rests(alice, charlie, nobody):
    symbol = CONTRACTS[3].symbol
    there = {"instrument_id": symbol}
    low, high = price(-4, CONTRACTS[3]), price(4, CONTRACTS[3])
    assert alice.post("order/submit", order_body(alice, volume=3, price=low, **there)).code == 0
    body = order_body(charlie, direction="SELL", volume=2, price=high, **there)
    assert charlie.post("order/submit", body).code == 0
    await_until(lambda: tick(nobody, symbol).data["ask_price"] == high)
    data = tick(nobody, symbol).data
    assert (data["bid_price"], data["bid_volume"], data["ask_volume"]) == (low, 3, 2)
    book = nobody.get(f"market/orderbook/{symbol}?depth=1").data
    assert book["bids"] == [{"price": low, "volume": 3, "order_count": 1}]
    assert book["asks"] == [{"price": high, "volume": 2, "order_count": 1}]
    assert book["timestamp"] > 0 and data["phase"] == "CONTINUOUS"


def test_a_side_without_orders_has_a_null_price(nobody):
    symbol = CONTRACTS[1].symbol
    data = tick(nobody, symbol).data
    assert data["ask_price"] is None and data["last_price"] is None
    assert nobody.get(f"market/orderbook/{symbol}").data["asks"] == []
    assert nobody.get(f"market/recent-trades/{symbol}").data == {"items": []}


def test_recent_trades_come_newest_first_and_name_nobody(alice, charlie, nobody):
    contract = CONTRACTS[2]
    there = {"instrument_id": contract.symbol}
    for ticks in (1, 2):
        sell = order_body(charlie, direction="SELL", price=price(ticks, contract), **there)
        assert charlie.post("order/submit", sell).code == 0
        assert alice.post("order/submit", order_body(alice, price=price(ticks, contract), **there)).code == 0
    path = f"market/recent-trades/{contract.symbol}"
    await_until(lambda: len(nobody.get(path).data["items"]) == 2)
    items = nobody.get(path).data["items"]
    assert [item["price"] for item in items] == [price(2, contract), price(1, contract)]
    assert {item["direction"] for item in items} == {"BUY"}
    assert set(items[0]) == {"trade_id", "instrument_id", "price", "volume", "direction", "timestamp"}
    for secret in (alice.account_id, charlie.account_id, alice.user_id):
        assert secret not in nobody.get(path).text
    assert len(nobody.get(f"{path}?limit=1").data["items"]) == 1


UNKNOWN = ["SHFE.none", "none", "SHFE.", ".", "x" * 300, "%00", "a%00b", "%F0%9F%92%A9", "..%2f"]


@pytest.mark.parametrize("kind", PATHS)
@pytest.mark.parametrize("symbol", UNKNOWN)
def test_an_unknown_instrument_is_1007(nobody, kind, symbol):
    answer = nobody.get(f"market/{kind}/{symbol}")
    assert answer.code in (1007, 9007) and answer.status == 404, answer.text


def test_an_unknown_instrument_is_told_in_chinese_too(nobody):
    answer = nobody.chinese().get("market/tick/SHFE.none")
    assert answer.error["message"].startswith("合约不存在")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("instruments?page=0", "page"),
        ("instruments?page=-1", "page"),
        ("instruments?page_size=501", "page_size"),
        ("instruments?page_size=1.5", "page_size"),
        ("instruments?page_size=" + "9" * 40, "page_size"),
        ("instruments?page=NaN", "page"),
        ("instruments?status=OPEN", "status"),
        ("instruments?exchange_id=%00", "exchange_id"),
        ("instruments?surprise=1", "surprise"),
        (f"orderbook/{COPPER.symbol}?depth=0", "depth"),
        (f"orderbook/{COPPER.symbol}?depth=21", "depth"),
        (f"orderbook/{COPPER.symbol}?depth=", "depth"),
        (f"recent-trades/{COPPER.symbol}?limit=1000000", "limit"),
        (f"tick/{COPPER.symbol}?limit=1", "limit"),
    ],
)
def test_a_bad_parameter_is_9008_and_named(nobody, query, field):
    answer = nobody.get(f"market/{query}")
    assert (answer.status, answer.code) == (400, 9008), answer.text
    assert answer.error["extra"]["field"] == field


def test_nothing_can_be_written_here(alice):
    for kind in PATHS:
        assert alice.post(f"market/{kind}/{COPPER.symbol}").status == 405


def test_a_quote_that_is_not_there_yet_is_9005(site, nobody):
    symbol = CONTRACTS[1].symbol
    with cache_client() as client:
        key = Keys(site.venue).quote(symbol)
        kept = client.get(key)
        client.delete(key)
        try:
            answer = tick(nobody, symbol)
        finally:
            client.set(key, kept)
    assert (answer.status, answer.code) == (503, 9005)


def test_one_address_reads_a_hundred_times_at_once_and_is_then_told_to_wait(nobody, monkeypatch):
    # A slow machine asks less often than the bucket fills; the burst is what is tested.
    monkeypatch.setattr("exchange_site.views.READS", READS._replace(rate=1))
    answers = [tick(nobody) for _ in range(130)]
    refused = next(answer for answer in answers if answer.status == 429)
    assert refused.code == 9004 and int(refused.headers["Retry-After"]) >= 1
