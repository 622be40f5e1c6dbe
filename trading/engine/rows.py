"""Rows that stand inside events and carry the absolute values after a change (A-41)."""

from typing import Any, NamedTuple


class Rates(NamedTuple):
    """Margin and fee rates; None inherits from the next less specific level (T-56)."""

    margin_long_ppm: int | None = None
    margin_short_ppm: int | None = None
    open_ratio_ppb: int | None = None
    open_per_lot: int | None = None
    close_ratio_ppb: int | None = None
    close_per_lot: int | None = None
    close_today_ratio_ppb: int | None = None
    close_today_per_lot: int | None = None


class ProductRow(NamedTuple):
    exchange_id: str
    product_id: str
    name_zh: str
    name_en: str
    rates: list[int | None]  # Rates, complete
    larger_side_margin: bool = False


class InstrumentRow(NamedTuple):
    exchange_id: str
    instrument_id: str
    product_id: str
    name_zh: str
    name_en: str
    instrument_class: str  # "FUTURE" | "OPTION" | "STOCK"
    volume_multiple: int
    price_tick: int
    session_template: str
    limit_up_ppm: int
    limit_down_ppm: int
    min_limit_volume: int
    max_limit_volume: int
    min_market_volume: int
    max_market_volume: int
    position_limit: int  # lots a side, 0 = none
    list_date: int  # 0 = at once
    expire_date: int  # 0 = never
    listing_price: int  # 0 = stays CREATED
    status: int = 0
    pre_settlement: int = 0
    pre_close: int = 0
    pre_open_interest: int = 0
    upper_limit: int = 0
    lower_limit: int = 0
    self_trade_mode: int = 0
    breaker_move_ppm: int = 0  # 0 = off (T-45)
    breaker_window_ns: int = 0
    breaker_auction_ns: int = 0
    rates: list[int | None] | None = None  # Rates of this instrument over its product's


class AccountRow(NamedTuple):
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
    max_order_amount: int = 0  # 0 = the venue's


class FundsRow(NamedTuple):
    """Realised figures and holds of one account (T-52, T-58a)."""

    account_id: str
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


class PositionRow(NamedTuple):
    """One account's position in one instrument, both sides (T-50)."""

    account_id: str
    symbol: str
    long_today: int
    long_his: int
    long_open_cost_today: int
    long_open_cost_his: int
    long_position_cost_today: int
    long_position_cost_his: int
    long_margin: int
    long_frozen_today: int
    long_frozen_his: int
    short_today: int
    short_his: int
    short_open_cost_today: int
    short_open_cost_his: int
    short_position_cost_today: int
    short_position_cost_his: int
    short_margin: int
    short_frozen_today: int
    short_frozen_his: int


class OrderRow(NamedTuple):
    uid: int
    account_id: str
    order_id: str
    symbol: str
    direction: int
    offset: int
    volume: int
    price_type: int
    limit_price: int
    time_condition: int
    volume_condition: int
    min_volume: int
    gtd_date: int
    hedge_flag: str
    client_tag: str
    trading_day: int  # of acceptance
    insert_time_ns: int
    exchange_order_id: int  # 0 = refused before the book
    status: int
    volume_left: int
    filled_value: int  # Σ price × lots of its fills; average price = filled_value / filled lots
    frozen_margin: int
    frozen_commission: int


class OrderChange(NamedTuple):
    """What changes on an order after it was accepted."""

    uid: int
    account_id: str
    order_id: str
    symbol: str
    trading_day: int  # of acceptance, with uid the key of its row
    exchange_order_id: int
    status: int
    volume_left: int
    filled_value: int
    frozen_margin: int
    frozen_commission: int


class ConditionalRow(NamedTuple):
    uid: int
    account_id: str
    order_id: str
    label: str
    status: int  # ConditionalStatus
    trading_day: int  # of its placing
    insert_time_ns: int
    touched_time_ns: int  # of the last change of its status
    needs_all: bool
    conditions: list[Any]  # Condition rows
    orders: list[Any]  # ConditionalOrder rows
    touched: list[int]  # per condition: 1 once it was true
    time_condition: int
    gtd_date: int
    cancels_closes: bool
    client_tag: str
    code: int  # the refusal of a FAILED one


class FillSide(NamedTuple):
    order: list[Any]  # OrderChange
    direction: int
    offset: int
    commission: int  # of this fill
    close_profit: int  # of this fill
    funds: list[Any]  # FundsRow after it
    position: list[Any]  # PositionRow after it
