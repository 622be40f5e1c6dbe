"""T-81: what revaluing ten thousand holders of one instrument costs the worker."""

import time

from benchmarks.figures import Figure, Figures, collector_off
from benchmarks.market import STEP_NS, Market
from trading.engine.messages import PlaceOrder, SetSettings, Tick
from trading.engine.riskwatch import HOLDERS_PER_TICK
from trading.engine.units import NS_PER_SECOND
from trading.loadgen import Trader

HOLDERS = 10_000
LOT_EACH = 1
BUY, SELL, OPEN = 0, 1, 0


def revaluation() -> Figures:
    """One price move: the Ticks that visit every holder, together and the longest of them."""
    market = Market(HOLDERS, 1)
    market.do(SetSettings({"risk_watch": 1}))
    hold(market)
    finish_round(market)
    price = market.contracts[0].middle + market.contracts[0].price_tick
    for trader, side in zip(market.traders[:2], (SELL, BUY), strict=True):
        place(market, trader, side, price)
    with collector_off():
        slices = finish_round(market)
    if len(slices) < HOLDERS // HOLDERS_PER_TICK:
        raise RuntimeError(f"only {len(slices)} slices: not every holder was visited")
    conditions = {"holders": len(market.state.instruments[market.contracts[0].symbol].holders)}
    yield Figure(
        name="T-81 revaluation after one price move", value=sum(slices), unit="ms",
        conditions={**conditions, "slices": len(slices)}, target=50, at_least=False,
    )  # fmt: skip
    yield Figure(
        name="T-81 longest slice", value=max(slices), unit="ms", conditions=conditions,
        target=5, at_least=False,
    )  # fmt: skip


def hold(market: Market) -> None:
    """Every trader gets a lot: each pair trades with each other."""
    price = market.contracts[0].middle
    for number in range(0, HOLDERS, 2):
        place(market, market.traders[number], SELL, price)
        place(market, market.traders[number + 1], BUY, price)


def place(market: Market, trader: Trader, side: int, price: int) -> None:
    account_id, user_id = trader.account_id, trader.user_id
    symbol, order_id = market.contracts[0].symbol, f"R{market.count}"
    order = PlaceOrder(account_id, order_id, symbol, side, OPEN, LOT_EACH, limit_price=price)
    kinds = {event[1] for event in market.do(order, user_id)}
    if side == BUY and "Traded" not in kinds:
        raise RuntimeError(f"no trade: {kinds}")


def finish_round(market: Market) -> list[float]:
    """Tick a second later until every holder was visited; milliseconds of each Tick."""
    market.count += 2 * NS_PER_SECOND // STEP_NS
    slices = []
    while True:
        started = time.perf_counter()
        market.do(Tick())
        slices.append(1_000 * (time.perf_counter() - started))
        risk = market.state.risk
        if not risk.is_round_open():
            return slices
