"""The objects the state is made of: instruments, accounts, positions, orders.

They hold realised figures, costs, lots and freezes; whatever follows the last price is
computed when asked (T-58a).
"""

from typing import Any
from zlib import crc32

from trading.engine.book import Book, Resting
from trading.engine.clientids import ClientIds
from trading.engine.messages import (
    AccountRow,
    CheckOrder,
    FundsRow,
    InstrumentRow,
    Phase,
    PlaceOrder,
    ProductRow,
)
from trading.engine.units import margin_for

SEPARATE_TODAY_EXCHANGES = frozenset({"SHFE", "INE"})
"""Exchanges where CLOSE means history lots only (T-55)."""


class FullRates:
    """Rates of one account in one instrument, every field resolved (T-56)."""

    __slots__ = (
        "margin_ppm", "open_ratio_ppb", "open_per_lot", "close_ratio_ppb", "close_per_lot",
        "close_today_ratio_ppb", "close_today_per_lot",
    )  # fmt: skip

    def __init__(self, values: list[int]) -> None:
        self.margin_ppm = (values[0], values[1])
        self.open_ratio_ppb = values[2]
        self.open_per_lot = values[3]
        self.close_ratio_ppb = values[4]
        self.close_per_lot = values[5]
        self.close_today_ratio_ppb = values[6]
        self.close_today_per_lot = values[7]


class Product:
    __slots__ = (
        "exchange_id",
        "product_id",
        "name_zh",
        "name_en",
        "rates",
        "larger_side_margin",
    )

    def __init__(self, row: ProductRow) -> None:
        self.exchange_id = row.exchange_id
        self.product_id = row.product_id
        self.name_zh = row.name_zh
        self.name_en = row.name_en
        self.rates = list(row.rates)
        self.larger_side_margin = bool(row.larger_side_margin)

    @property
    def key(self) -> str:
        return f"{self.exchange_id}.{self.product_id}"

    def row(self) -> list[Any]:
        return [
            self.exchange_id, self.product_id, self.name_zh, self.name_en, list(self.rates),
            self.larger_side_margin,
        ]  # fmt: skip


_INSTRUMENT_FIELDS = InstrumentRow._fields


class Instrument:
    """A contract: its terms (InstrumentRow), its book and the figures of its trading day."""

    __slots__ = _INSTRUMENT_FIELDS + (
        "symbol", "symbol_crc", "product_key", "product", "separate_today", "book", "phase", "busy",
        "last_price", "mark", "open_price", "high_price", "low_price", "day_volume",
        "day_turnover", "open_interest", "next_number",
        "breaker_price", "breaker_time_ns", "breaker_until_ns", "short_lived", "holders",
        "full_rates", "close_price",
    )  # fmt: skip

    exchange_id: str
    instrument_id: str
    product_id: str
    name_zh: str
    name_en: str
    instrument_class: str
    volume_multiple: int
    price_tick: int
    session_template: str
    limit_up_ppm: int
    limit_down_ppm: int
    min_limit_volume: int
    max_limit_volume: int
    min_market_volume: int
    max_market_volume: int
    position_limit: int
    list_date: int
    expire_date: int
    listing_price: int
    status: int
    pre_settlement: int
    pre_close: int
    pre_open_interest: int
    upper_limit: int
    lower_limit: int
    self_trade_mode: int
    breaker_move_ppm: int
    breaker_window_ns: int
    breaker_auction_ns: int
    rates: list[int | None] | None

    def __init__(self, row: InstrumentRow, product: Product) -> None:
        for name, value in zip(_INSTRUMENT_FIELDS, row, strict=True):
            setattr(self, name, value)
        self.symbol = f"{self.exchange_id}.{self.instrument_id}"
        self.symbol_crc = crc32(self.symbol.encode())
        self.product_key = product.key
        self.product = product
        self.separate_today = self.exchange_id in SEPARATE_TODAY_EXCHANGES
        self.book = Book()
        self.phase = int(Phase.CLOSED)
        self.busy = 0
        self.last_price = 0
        self.mark = self.pre_settlement
        self.open_price = 0
        self.high_price = 0
        self.low_price = 0
        self.day_volume = 0
        self.day_turnover = 0
        self.open_interest = 0
        self.next_number = 0
        self.close_price = 0
        self.breaker_price = 0
        self.breaker_time_ns = 0
        self.breaker_until_ns = 0
        self.short_lived: dict[int, Order] = {}
        """GFS and GFA orders in the book, by uid."""
        self.holders: dict[str, Position] = {}
        """Account id → position with lots."""
        self.full_rates: FullRates | None = None
        """What holds for every account without rates of its own; a cache."""

    def row(self) -> list[Any]:
        """InstrumentRow as it is now."""
        return [getattr(self, name) for name in _INSTRUMENT_FIELDS]

    def lowest_value(self, units: int) -> int:
        """The least that so many net units can be worth within the price limits."""
        if units > 0:
            return units * min(self.lower_limit, self.mark)
        return units * max(self.upper_limit, self.mark)

    def set_limits(self) -> None:
        """Price limits from the previous settlement price (T-41)."""
        base, tick = self.pre_settlement, self.price_tick
        million = 1_000_000
        self.upper_limit = base * (million + self.limit_up_ppm) // (million * tick) * tick
        lower = base * (million - self.limit_down_ppm)
        self.lower_limit = max(tick, -(-lower // (million * tick)) * tick)


class Side:
    """Long or short half of a position: a today and a history bucket (T-50).

    ``weight_*`` is the sum of position cost × margin ratio (ppm), so that lots opened
    under different ratios keep theirs until settlement (T-56).
    """

    __slots__ = (
        "today", "his", "open_cost_today", "open_cost_his", "position_cost_today",
        "position_cost_his", "weight_today", "weight_his", "margin", "frozen_today",
        "frozen_his", "opening",
    )  # fmt: skip

    def __init__(self) -> None:
        self.today = 0
        self.his = 0
        self.open_cost_today = 0
        self.open_cost_his = 0
        self.position_cost_today = 0
        self.position_cost_his = 0
        self.weight_today = 0
        self.weight_his = 0
        self.margin = 0
        self.frozen_today = 0
        self.frozen_his = 0
        self.opening = 0
        """Lots of working opening orders of this side."""

    def lots(self) -> int:
        return self.today + self.his

    def row(self) -> list[int]:
        return [
            self.today, self.his, self.open_cost_today, self.open_cost_his,
            self.position_cost_today, self.position_cost_his, self.margin,
            self.frozen_today, self.frozen_his,
        ]  # fmt: skip


class ProductHold:
    """Margin held and frozen by one account in one product, for 1002."""

    __slots__ = ("amount",)

    def __init__(self) -> None:
        self.amount = 0


class Position:
    """One account in one instrument; ``net_*`` are kept for the revaluation by price."""

    __slots__ = ("account", "instrument", "sides", "margin", "net_units", "net_cost", "hold", "low")

    def __init__(self, account: "Account", instrument: Instrument) -> None:
        self.account = account
        self.instrument = instrument
        self.sides = (Side(), Side())
        self.margin = 0
        self.net_units = 0
        """Long lots less short lots, times the multiple."""
        self.net_cost = 0
        self.low = 0
        """The position's part of its account's `low`."""
        self.hold = account.hold_of(instrument.product_key)

    def row(self) -> list[Any]:
        """PositionRow."""
        long, short = self.sides
        return [
            self.account.account_id, self.instrument.symbol,
            long.today, long.his, long.open_cost_today, long.open_cost_his,
            long.position_cost_today, long.position_cost_his, long.margin,
            long.frozen_today, long.frozen_his,
            short.today, short.his, short.open_cost_today, short.open_cost_his,
            short.position_cost_today, short.position_cost_his, short.margin,
            short.frozen_today, short.frozen_his,
        ]  # fmt: skip

    def refresh(self) -> int:
        """Recompute what follows from the sides; return the change of held margin."""
        long, short = self.sides
        long.margin = long_margin = margin_for(long.weight_today + long.weight_his)
        short.margin = short_margin = margin_for(short.weight_today + short.weight_his)
        account = self.account
        instrument = self.instrument
        units = (long.today + long.his - short.today - short.his) * instrument.volume_multiple
        if units != self.net_units:
            self.expose(units)
        cost = (
            long.position_cost_today + long.position_cost_his
            - short.position_cost_today - short.position_cost_his
        )  # fmt: skip
        account.net_cost += cost - self.net_cost
        self.net_cost = cost
        if instrument.product.larger_side_margin:
            margin = max(long_margin, short_margin)
        else:
            margin = long_margin + short_margin
        change = margin - self.margin
        self.margin = margin
        return change

    def expose(self, units: int) -> None:
        """Set the net units, and what the account keeps of them."""
        account, instrument = self.account, self.instrument
        self.net_units = units
        if units:
            account.exposures[instrument] = units
            low = instrument.lowest_value(units)
        else:
            account.exposures.pop(instrument, None)
            low = 0
        account.low += low - self.low
        self.low = low

    def is_flat(self) -> bool:
        long, short = self.sides
        return not (long.today or long.his or short.today or short.his)

    def is_idle(self) -> bool:
        """Flat and without a working order that would need it."""
        return self.is_flat() and not (self.sides[0].opening or self.sides[1].opening)


_ACCOUNT_FIELDS = AccountRow._fields
_FUNDS_FIELDS = FundsRow._fields[1:]


class Account:
    """A trading account: its terms (AccountRow), funds, positions, working orders."""

    __slots__ = _ACCOUNT_FIELDS + _FUNDS_FIELDS + (
        "positions", "orders", "client_ids", "next_slot_ns", "holds", "exposures", "net_cost", "rates",
        "busy", "low", "low_epoch",
    )  # fmt: skip

    account_id: str
    user_id: str
    account_name: str
    account_type: str
    currency: str
    group: str
    status: int
    freeze_mode: int
    can_close: bool
    freeze_reason: str
    is_market_maker: bool
    is_robot: bool
    opened_ns: int
    max_order_amount: int
    pre_balance: int
    deposit: int
    withdraw: int
    close_profit: int
    commission: int
    premium: int
    margin: int
    frozen_margin: int
    frozen_commission: int
    frozen_premium: int

    def __init__(self, row: AccountRow) -> None:
        for name, value in zip(_ACCOUNT_FIELDS, row, strict=True):
            setattr(self, name, value)
        for name in _FUNDS_FIELDS:
            setattr(self, name, 0)
        self.positions: dict[str, Position] = {}
        self.orders: dict[str, Order] = {}
        self.client_ids = ClientIds()
        """What is remembered of the day's client order ids (A-5)."""
        self.next_slot_ns = 0
        """Theoretical arrival time of the next order under the rate limit."""
        self.holds: dict[str, ProductHold] = {}
        """By product key."""
        self.exposures: dict[Instrument, int] = {}
        """Instrument → net units of its position, where they are not 0."""
        self.net_cost = 0
        """Sum of the positions' net position costs."""
        self.rates: dict[str, FullRates] = {}
        """Symbol → rates, only where this account or its group has own ones; a cache."""
        self.busy = 0
        self.low = 0
        """The least that the open lots can be worth within the price limits."""
        self.low_epoch = -1
        """The `State.price_epoch` in which `low` holds."""

    def find_low(self, epoch: int) -> None:
        """Sum `low` anew under the present price limits."""
        self.low = 0
        for position in self.positions.values():
            units = position.net_units
            position.low = low = position.instrument.lowest_value(units) if units else 0
            self.low += low
        self.low_epoch = epoch

    def row(self) -> list[Any]:
        """AccountRow."""
        return [getattr(self, name) for name in _ACCOUNT_FIELDS]

    def funds(self) -> list[Any]:
        """FundsRow."""
        return [
            self.account_id, self.pre_balance, self.deposit, self.withdraw, self.close_profit,
            self.commission, self.premium, self.margin, self.frozen_margin,
            self.frozen_commission, self.frozen_premium,
        ]  # fmt: skip

    def realised(self) -> int:
        """Balance without what follows the price (T-52)."""
        return (
            self.pre_balance + self.deposit - self.withdraw + self.close_profit
            - self.commission - self.premium
        )  # fmt: skip

    def position_profit(self) -> int:
        """Profit of the open lots at the present marks (T-51)."""
        profit = -self.net_cost
        for instrument, units in self.exposures.items():
            profit += instrument.mark * units
        return profit

    def hold_of(self, product_key: str) -> ProductHold:
        """The account's margin in a product, made when it has none yet."""
        hold = self.holds.get(product_key)
        if hold is None:
            hold = self.holds[product_key] = ProductHold()
        return hold

    def balance(self) -> int:
        """Realised balance and the profit of the open lots (T-52)."""
        balance = (
            self.pre_balance + self.deposit - self.withdraw + self.close_profit
            - self.commission - self.premium - self.net_cost
        )  # fmt: skip
        for instrument, units in self.exposures.items():
            balance += instrument.mark * units
        return balance

    def held(self) -> int:
        """Margin and everything frozen."""
        return self.margin + self.frozen_margin + self.frozen_commission + self.frozen_premium


class Order(Resting):
    """A living order; finished ones are forgotten but for their id (A-5)."""

    __slots__ = (
        "uid", "account", "order_id", "instrument", "direction", "offset", "volume",
        "price_type", "limit_price", "time_condition", "volume_condition", "min_volume",
        "gtd_date", "hedge_flag", "client_tag", "trading_day", "insert_time_ns",
        "exchange_order_id", "status", "filled_value", "frozen_margin", "frozen_commission",
        "freeze_price", "margin_ppm", "fee_ratio_ppb", "fee_per_lot", "frozen_today",
        "frozen_his", "position",
    )  # fmt: skip

    def __init__(
        self, account: Account, instrument: Instrument, terms: PlaceOrder | CheckOrder, day: int, time_ns: int
    ) -> None:
        # A slice of a named tuple is a plain one, which is taken apart much faster.
        (
            _, self.order_id, _, self.direction, self.offset, self.volume, self.price_type,
            price, self.time_condition, self.volume_condition, self.min_volume,
            self.gtd_date, self.hedge_flag, self.client_tag,
        ) = terms[:]  # fmt: skip
        self.limit_price = 0 if self.price_type else price
        self.left = self.volume
        self.key = 0
        self.level = None
        self.account = account
        self.instrument = instrument
        self.trading_day = day
        self.insert_time_ns = time_ns
        self.uid = self.exchange_order_id = self.status = self.filled_value = 0
        self.frozen_margin = self.frozen_commission = self.freeze_price = self.margin_ppm = 0
        self.fee_ratio_ppb = self.fee_per_lot = self.frozen_today = self.frozen_his = 0
        self.position: Position | None = None

    def row(self) -> list[Any]:
        """OrderRow."""
        return [
            self.uid, self.account.account_id, self.order_id, self.instrument.symbol,
            self.direction, self.offset, self.volume, self.price_type, self.limit_price,
            self.time_condition, self.volume_condition, self.min_volume, self.gtd_date,
            self.hedge_flag, self.client_tag, self.trading_day, self.insert_time_ns,
            self.exchange_order_id, self.status, self.left, self.filled_value,
            self.frozen_margin, self.frozen_commission,
        ]  # fmt: skip

    def change(self) -> list[Any]:
        """OrderChange."""
        return [
            self.uid, self.account.account_id, self.order_id, self.instrument.symbol,
            self.trading_day, self.exchange_order_id, self.status, self.left,
            self.filled_value, self.frozen_margin, self.frozen_commission,
        ]  # fmt: skip
