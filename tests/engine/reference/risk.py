"""The checks before the book, one function a row of the table, in its order (section 7).

An order under check is not among its account's living orders.
"""

from datetime import date
from fractions import Fraction
from typing import Any

from tests.engine.reference import book, ledger
from tests.engine.reference.model import Account, Instrument, Order, trades_now
from tests.engine.reference.venue import Venue
from trading.engine.messages import (
    AccountStatus,
    CheckOrder,
    FreezeMode,
    Offset,
    Phase,
    PlaceOrder,
    PriceType,
    SelfTradeMode,
    TimeCondition,
    VolumeCondition,
)

Refusal = tuple[int, dict[str, Any]]
Terms = PlaceOrder | CheckOrder
NS = 10**9
MAX_LOTS = 10**6


def frozen_account(account: Account, closes: bool) -> Refusal | None:
    """2002."""
    status, mode, can_close = account.row[6], account.row[7], account.row[8]
    may = status == AccountStatus.ACTIVE or (
        status == AccountStatus.FROZEN and (mode == FreezeMode.WITHDRAW_ONLY or (closes and can_close))
    )
    return None if may else (2002, {"status": AccountStatus(status).name})


def over_rate(venue: Venue, account: Account) -> bool:
    """9004: a bucket of `burst` tokens, refilled at the rate, in log time."""
    prefix = "market_maker_" if account.row[10] else ""
    cost = NS // venue.settings[prefix + "orders_per_second"]
    full = cost * venue.settings[prefix + "orders_burst"]
    tokens = full
    if account.tokens >= 0:
        tokens = min(full, account.tokens + venue.time_ns - account.tokens_at_ns)
    if tokens < cost:
        return True
    account.tokens, account.tokens_at_ns = tokens - cost, venue.time_ns
    return False


def phase_refusal(instrument: Instrument) -> Refusal | None:
    """1009."""
    if trades_now(instrument):
        return None
    return 1009, {"phase": Phase(instrument.phase).name}


def terms_refusal(instrument: Instrument, command: Terms, day: int) -> Refusal | None:
    """1012 (T-21, T-31, T-32); a date that is none or past is 1008."""
    if not supported(instrument.phase, command):
        return 1012, {"phase": Phase(instrument.phase).name}
    if command.time_condition == TimeCondition.GTD and not good_date(command.gtd_date, day):
        return 1008, {"field": "gtd_date"}
    return None


def supported(phase: int, command: Terms) -> bool:
    price, time, volume = command.price_type, command.time_condition, command.volume_condition
    if phase == Phase.AUCTION_ORDER:
        return (
            price == PriceType.LIMIT
            and time in (TimeCondition.GFD, TimeCondition.GTD, TimeCondition.GTC, TimeCondition.GFA)
            and volume == VolumeCondition.ANY
        )
    if time == TimeCondition.GFA:
        return False
    if volume != VolumeCondition.ANY:
        if time != TimeCondition.IOC:
            return False
    if price == PriceType.ANY:
        return time == TimeCondition.IOC
    if price in (PriceType.BEST, PriceType.FIVELEVEL):
        return time in (TimeCondition.IOC, TimeCondition.GFD)
    return True


def good_date(day: int, today: int) -> bool:
    try:
        date(day // 10_000, day // 100 % 100, day % 100)
    except ValueError:
        return False
    return day >= today


def volume_refusal(instrument: Instrument, command: Terms) -> Refusal | None:
    """1008 for lots."""
    row = instrument.row
    low, high = row.min_limit_volume, row.max_limit_volume
    if command.price_type != PriceType.LIMIT:
        low, high = row.min_market_volume, row.max_market_volume
    if not max(low, 1) <= command.volume <= (high or MAX_LOTS):
        return 1008, {"field": "volume", "minimum": low, "maximum": high}
    is_min = command.volume_condition == VolumeCondition.MIN
    if is_min and not 1 <= command.min_volume <= command.volume:
        return 1008, {"field": "min_volume"}
    return None


def price_refusal(instrument: Instrument, price: int) -> Refusal | None:
    """1008, 1011, 1010."""
    row = instrument.row
    if price <= 0 or price > 10**9 * 10_000:
        return 1008, {"field": "limit_price"}
    if price % row.price_tick:
        return 1011, {"tick": row.price_tick}
    if price < row.lower_limit or price > row.upper_limit:
        return 1010, {"lower": row.lower_limit, "upper": row.upper_limit}
    return None


def amount_refusal(venue: Venue, order: Order) -> Refusal | None:
    """1003; orders without a limit count at the price limit."""
    row = order.instrument.row
    price = order.limit_price
    if order.price_type != PriceType.LIMIT:
        price = row.lower_limit if order.direction else row.upper_limit
    amount = price * order.left * order.instrument.multiple
    limit = order.account.row[13] or venue.settings["max_order_amount"]
    return (1003, {"amount": amount, "limit_amount": limit}) if amount > limit else None


def limit_refusal(venue: Venue, order: Order) -> Refusal | None:
    """1002: lots per instrument, then the product's margin ÷ balance."""
    account, instrument = order.account, order.instrument
    limit = instrument.row.position_limit
    held = venue.replayed(account, instrument.symbol).sides[order.side].lots
    working = sum(
        other.left for other in account.orders
        if other.opens and other.instrument is instrument
        and other.side == order.side
    )  # fmt: skip
    lots = held + working + order.left
    if limit and lots > limit:
        return 1002, {"limit": limit, "lots": lots}
    share = venue.settings["product_share_ppm"]
    total = venue.product_margin(account, instrument.product) + order.frozen_margin
    balance = venue.balance(account)
    if share and ledger.exceeds(total, balance, share):
        return 1002, {"ratio_ppm": ledger.ratio_ppm(total, balance), "limit_ppm": share}
    return None


def lots_refusal(venue: Venue, order: Order) -> Refusal | None:
    """2005; on the way the order learns which lots it freezes (T-54, T-55)."""
    side = venue.replayed(order.account, order.instrument.symbol).sides[order.side]
    others = [
        other for other in order.account.orders
        if not other.opens and other.side == order.side
        and other.instrument is order.instrument
    ]  # fmt: skip
    today_free = side.today.lots - sum(other.frozen_today for other in others)
    history_free = side.history.lots - sum(other.frozen_history for other in others)
    today_held, history_held = side.today.lots, side.history.lots
    if order.offset == Offset.CLOSETODAY:
        history_free = history_held = 0
    elif order.offset == Offset.CLOSEYESTERDAY or order.instrument.separate_today:
        today_free = today_held = 0
    free = today_free + history_free
    if order.left > free:
        return 2005, {"held": today_held + history_held, "free": free, "lots": order.left}
    if venue.takes_history_first(order):
        order.frozen_history = min(order.left, history_free)
        order.frozen_today = order.left - order.frozen_history
    else:
        order.frozen_today = min(order.left, today_free)
        order.frozen_history = order.left - order.frozen_today
    return None


def funds_refusal(venue: Venue, order: Order) -> Refusal | None:
    """1001."""
    required = order.frozen_margin + order.frozen_commission
    available = venue.available(order.account)
    if available < required:
        return 1001, {"required": required, "available": available}
    return None


def ratio_refusal(venue: Venue, order: Order) -> Refusal | None:
    """1004: held, frozen and this order's margin; nothing opens at the liquidation level."""
    account = order.account
    total = venue.margin(account) + account.frozen_margin + order.frozen_margin
    limit = min(venue.settings["max_risk_ppm"], venue.settings["liquidation_ppm"])
    balance = venue.balance(account)
    if ledger.exceeds(total, balance, limit):
        return 1004, {"ratio_ppm": ledger.ratio_ppm(total, balance), "limit_ppm": limit}
    return None


def self_trade_refusal(venue: Venue, order: Order) -> Refusal | None:
    """1005, where the instrument refuses (T-43)."""
    if order.instrument.row.self_trade_mode != SelfTradeMode.REFUSE:
        return None
    owner = order.account.user_id
    met = book.reachable(venue.orders, order)
    crossed = any(other.account.user_id == owner for other in met)
    return (1005, {}) if crossed else None


def set_freeze(venue: Venue, order: Order) -> None:
    """Freeze price and rates that the order keeps (T-54)."""
    instrument = order.instrument
    rates = venue.rate_row(order.account, instrument)
    order.freeze_price = freeze_price(venue, order)
    if order.opens:
        order.margin_ppm = venue.margin_rates(order.account, instrument)[order.direction]
        order.fee_rate = (rates.open_ratio_ppb or 0, rates.open_per_lot or 0)
        return
    today = (rates.close_today_ratio_ppb or 0, rates.close_today_per_lot or 0)
    history = (rates.close_ratio_ppb or 0, rates.close_per_lot or 0)
    applicable = [today, history]
    if order.offset == Offset.CLOSETODAY:
        applicable = [today]
    elif order.offset == Offset.CLOSEYESTERDAY or instrument.separate_today:
        applicable = [history]
    turnover = order.freeze_price * instrument.multiple
    order.fee_rate = max(applicable, key=lambda rate: Fraction(turnover * rate[0], 10**9) + rate[1])


def freeze_price(venue: Venue, order: Order) -> int:
    instrument = order.instrument
    if order.direction == book.BUY:
        return instrument.row.upper_limit if order.price_type else order.limit_price
    bid = book.best_bid(venue.orders, instrument)
    if order.price_type:
        return bid or instrument.mark
    if instrument.phase == Phase.CONTINUOUS:
        return max(order.limit_price, bid)
    return max(order.limit_price, instrument.row.pre_settlement)


def money_and_lots_refusal(venue: Venue, order: Order) -> Refusal | None:
    """1003, 1002, 2005, 1001, 1004, 1005 of an order whose form is sound (T-60)."""
    set_freeze(venue, order)
    if order.opens:
        checks = [amount_refusal, limit_refusal, funds_refusal, ratio_refusal]
    else:
        checks = [lots_refusal]
    for check in [*checks, self_trade_refusal]:
        refusal = check(venue, order)
        if refusal:
            return refusal
    return None
