"""Call auctions and the circuit breaker that calls one (T-42, T-45)."""

from bisect import insort
from itertools import pairwise
from typing import NamedTuple

from trading.engine.entities import Instrument, Order
from trading.engine.execution import trade
from trading.engine.messages import EndReason, InstrumentStatus, Phase, TimeCondition
from trading.engine.state import Context, State, WorkItem


class Indication(NamedTuple):
    """Auction price (0 when nothing would trade), its volume, and buys less sells there."""

    price: int
    volume: int
    imbalance: int


def indication(instrument: Instrument) -> Indication:
    """The price that trades the most; then least imbalance, nearest to the previous
    settlement, higher (T-42). One pass over the levels from both ends."""
    bids, asks = instrument.book.sides
    if not instrument.book.is_crossed():
        return Indication(0, 0, 0)
    prices = sorted({key for key in bids.keys if key >= -asks.keys[-1]}
                    | {-key for key in asks.keys if -key <= bids.keys[-1]})  # fmt: skip
    prices = _with_gaps(prices, instrument.pre_settlement, instrument.price_tick)
    buys_above = sum(level.volume for key, level in bids.levels.items() if key >= prices[0])
    sells_below = 0
    best: tuple[tuple[int, int, int, int], Indication] | None = None
    for price in prices:
        ask_level = asks.levels.get(-price)
        sells_below += ask_level.volume if ask_level else 0
        volume = min(buys_above, sells_below)
        imbalance = buys_above - sells_below
        distance = abs(price - instrument.pre_settlement)
        rank = (-volume, abs(imbalance), distance, -price)
        if best is None or rank < best[0]:
            best = (rank, Indication(price, volume, imbalance))
        bid_level = bids.levels.get(price)
        buys_above -= bid_level.volume if bid_level else 0
    assert best is not None
    return best[1]


def _with_gaps(prices: list[int], reference: int, tick: int) -> list[int]:
    """Add, between two order prices, the ticks nearest to the reference: all prices of a gap
    trade alike there, with an imbalance that may be less than at its ends."""
    found = set(prices)
    for low, high in pairwise(prices):
        if high - low > tick:
            near = min(max(reference // tick * tick, low + tick), high - tick)
            found.add(near)
            found.add(min(near + tick, high))
    return sorted(found)


def start_uncross(context: Context, instrument: Instrument) -> None:
    """Queue the uncrossing of an instrument whose auction ends; it is closed meanwhile."""
    found = indication(instrument)
    if found.volume and not _is_uncrossing(context.state, instrument):
        instrument.busy += 1
        context.state.work.append(WorkItem("uncross", instrument.symbol, [found.price, found.volume]))


def _is_uncrossing(state: State, instrument: Instrument) -> bool:
    return any(item.kind == "uncross" and item.target == instrument.symbol for item in state.work)


def uncross(context: Context, item: WorkItem, budget: int) -> int:
    """Fill buys and sells at the one price in priority order; return the fills done."""
    instrument = context.state.instruments[item.target]
    price, volume = item.data
    bids, asks = instrument.book.sides
    done = 0
    while volume and done < budget:
        buy = next(bids.levels[bids.keys[-1]].live())
        sell = next(asks.levels[asks.keys[-1]].live())
        assert isinstance(buy, Order) and isinstance(sell, Order)
        lots = min(buy.left, sell.left, volume)
        bids.take(buy.key, lots)
        asks.take(sell.key, lots)
        trade(context, buy, sell, lots, price, in_auction=True)
        volume -= lots
        done += 1
    item.data[1] = volume
    if not volume:
        instrument.busy -= 1
    return done


def start_breaker(context: Context, instrument: Instrument) -> None:
    """Put one instrument into an auction for its set time (T-45)."""
    state = context.state
    end_ns = context.time_ns + instrument.breaker_auction_ns
    instrument.breaker_until_ns = end_ns
    insort(state.breakers, (end_ns, instrument.symbol))
    state.find_due()
    _set_phase(context, instrument, int(Phase.AUCTION_ORDER))


def end_breaker(context: Context, symbol: str) -> None:
    """Uncross and go back to the template's phase."""
    state = context.state
    instrument = state.instruments[symbol]
    instrument.breaker_until_ns = 0
    instrument.breaker_price = 0
    leave_auction(context, instrument)
    _set_phase(context, instrument, state.phases.get(instrument.session_template, 0))


def leave_auction(context: Context, instrument: Instrument) -> None:
    """Uncross, then end the orders that were good for the auction only."""
    if instrument.status == InstrumentStatus.TRADING:
        start_uncross(context, instrument)
    queue_short_lived(context, instrument, TimeCondition.GFA, EndReason.AUCTION_END)


def queue_short_lived(context: Context, instrument: Instrument, time_condition: int, reason: int) -> None:
    """Queue the end of an instrument's GFA or GFS orders."""
    uids = [
        uid for uid, order in instrument.short_lived.items()
        if order.time_condition == time_condition
    ]  # fmt: skip
    if uids:
        instrument.busy += 1
        context.state.work.append(WorkItem("end", instrument.symbol, [int(reason), *uids], 1))


def _set_phase(context: Context, instrument: Instrument, phase: int) -> None:
    instrument.phase = phase
    context.state.dirty_quotes[instrument.symbol] = None
    context.emit(
        "PhaseChanged", instrument.session_template, phase, context.state.trading_day,
        instrument.symbol,
    )  # fmt: skip


def cut_breaker(state: State, instrument: Instrument) -> None:
    """Forget a running breaker auction whose instrument changed phase otherwise."""
    if instrument.breaker_until_ns:
        state.breakers.remove((instrument.breaker_until_ns, instrument.symbol))
        state.find_due()
        instrument.breaker_until_ns = 0
        instrument.breaker_price = 0
