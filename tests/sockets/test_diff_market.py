"""Quotes and trading status over DIFF (D-20 … D-22, D-26, M-3)."""

import time

from asgiref.sync import sync_to_async

from marketdata.fanout.hub import fanout
from tests.sockets.client import DiffClient
from tests.sockets.conftest import CONTRACTS, COPPER, Loop, Person, Site, place
from trading import commands
from trading.loadgen import make_contracts, venue_commands

_NAMES = """
instrument_id datetime last_price highest lowest open close average volume amount open_interest
settlement upper_limit lower_limit pre_open_interest pre_settlement pre_close price_tick price_decs
volume_multiple max_limit_order_volume min_limit_order_volume max_market_order_volume
min_market_order_volume underlying_symbol ins_class instrument_name exchange_id product_id expired
delivery_year delivery_month trading_time margin commission
"""
FIELDS = _NAMES.split()
LEVELS = [f"{side}_{what}{n}" for side in ("ask", "bid") for what in ("price", "volume") for n in range(1, 6)]


def test_a_subscription_echoes_its_list_and_brings_whole_quotes(loop: Loop, site: Site) -> None:
    async def story() -> None:
        async with DiffClient() as client:
            ins_list = f"{CONTRACTS[1].symbol},SHFE.nothing,{COPPER.symbol}"
            client.send("subscribe_quote", ins_list=ins_list)
            await client.run(lambda: client.tree.get("ins_list") == ins_list)
            assert set(client.tree["quotes"]) == {CONTRACTS[1].symbol, COPPER.symbol}
            quote = client.tree["quotes"][COPPER.symbol]
            assert set(FIELDS) | set(LEVELS) <= quote.keys()
            assert quote["price_tick"] == 10
            assert quote["datetime"][4] == "-"
            assert quote["volume_multiple"] == 5

    loop.run(story())


def test_a_quote_follows_the_book_and_other_lists_replace_the_first(
    loop: Loop, site: Site, alice: Person
) -> None:
    async def story() -> None:
        async with DiffClient() as client:
            client.send("subscribe_quote", ins_list=COPPER.symbol)
            await client.run(lambda: "ins_list" in client.tree)
            await loop_place(site, alice, 0, -2, 7)
            price = (COPPER.middle - 2 * COPPER.price_tick) / 10_000
            quote = client.tree["quotes"][COPPER.symbol]
            await client.until(lambda: (quote["bid_price1"], quote["bid_volume1"]) == (price, 7))
            client.send("subscribe_quote", ins_list=CONTRACTS[2].symbol)
            await client.until(lambda: client.tree["ins_list"] == CONTRACTS[2].symbol)
            before = dict(quote)
            await loop_place(site, alice, 0, -1, 7)
            client.send("subscribe_quote", ins_list=CONTRACTS[3].symbol)
            await client.until(lambda: client.tree["ins_list"] == CONTRACTS[3].symbol)
            assert before == client.tree["quotes"][COPPER.symbol]

    loop.run(story())


async def loop_place(site: Site, *args: object) -> None:
    await sync_to_async(place, thread_sensitive=False)(site, *args)


def test_the_trading_status_is_told_in_the_protocols_words(loop: Loop, site: Site) -> None:
    async def story() -> None:
        async with DiffClient() as client:
            client.send("subscribe_trading_status", ins_list=f"{COPPER.symbol},SHFE.nothing")
            await client.run(lambda: "trading_status" in client.tree)
            assert client.tree["trading_status"] == {
                COPPER.symbol: {"symbol": COPPER.symbol, "trade_status": "CONTINOUS"}
            }

    loop.run(story())


def test_a_contract_that_was_asked_for_before_its_listing_comes_with_it(loop: Loop, site: Site) -> None:
    contracts = make_contracts(9)
    new, *_ = contracts[8:]
    create = venue_commands(site.venue, time.time_ns(), contracts)[-1]

    async def story() -> None:
        async with DiffClient() as client:
            client.send("subscribe_trading_status", ins_list=new.symbol)
            client.send("subscribe_quote", ins_list=f"{new.symbol},SHFE.nothing")
            await client.run(lambda: "ins_list" in client.tree)
            assert not client.tree.get("quotes")
            hub = await fanout()
            assert len(hub.waiting) == 1
            outcome = await sync_to_async(commands.send, thread_sensitive=False)(
                site.venue, create, wait_s=10
            )
            assert outcome.ok
            quotes = client.tree.setdefault("quotes", {})
            await client.run(lambda: quotes.get(new.symbol, {}).get("datetime"), 40)
            assert quotes[new.symbol]["price_tick"] == 10
            await client.run(lambda: new.symbol in client.tree.get("trading_status", {}), 40)
        assert not hub.waiting, "the socket is gone"

    loop.run(story(), 60)


def test_ten_thousand_unknown_symbols_do_no_harm(loop: Loop, site: Site) -> None:
    async def story() -> None:
        async with DiffClient() as client:
            ins_list = ",".join(f"SHFE.no{number}" for number in range(10_000)) + f",{COPPER.symbol}"
            client.send("subscribe_quote", ins_list=ins_list)
            await client.run(lambda: client.tree.get("ins_list") == ins_list)
            assert set(client.tree["quotes"]) == {COPPER.symbol}

    loop.run(story())
