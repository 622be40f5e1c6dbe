"""Every command the core takes and every event it gives, with their field order (A-41).

A command travels as a msgpack array of its fields in this order; an event as
``[seq, type, version, time_ns, command_id, *fields]``. Fields are only ever appended,
with a default (A-14). Rows inside events (``OrderRow`` and so on) are plain lists in the
field order of their class and carry the absolute values after the change.

Units: prices and money 1/10 000 yuan, volumes lots, ``_ppm`` 10^-6, ``_ppb`` 10^-9,
``_ns`` nanoseconds UTC, days yyyymmdd, minutes of the Shanghai day.
"""

from enum import IntEnum
from typing import Any, NamedTuple


class Direction(IntEnum):
    BUY = 0
    SELL = 1


class Offset(IntEnum):
    OPEN = 0
    CLOSE = 1
    CLOSETODAY = 2
    CLOSEYESTERDAY = 3


class PriceType(IntEnum):
    LIMIT = 0
    ANY = 1
    BEST = 2
    FIVELEVEL = 3


class TimeCondition(IntEnum):
    IOC = 0
    GFS = 1
    GFD = 2
    GTD = 3
    GTC = 4
    GFA = 5


class VolumeCondition(IntEnum):
    ANY = 0
    MIN = 1
    ALL = 2


class OrderStatus(IntEnum):
    """T-33; PENDING_RISK exists only at the edge, while no verdict has been read."""

    PENDING_RISK = 0
    SUBMITTED = 1
    PARTIALLY_FILLED = 2
    FILLED = 3
    CANCELLED = 4
    REJECTED = 5


class Phase(IntEnum):
    CLOSED = 0
    AUCTION_ORDER = 1
    AUCTION_MATCH = 2
    CONTINUOUS = 3
    BREAK = 4


class InstrumentStatus(IntEnum):
    CREATED = 0
    TRADING = 1
    SUSPENDED = 2
    DELISTED = 3
    EXPIRED = 4


class AccountStatus(IntEnum):
    PENDING = 0
    ACTIVE = 1
    FROZEN = 2
    CLOSED = 3


class FreezeMode(IntEnum):
    NONE = 0
    TRADING_ONLY = 1
    WITHDRAW_ONLY = 2
    FULL = 3


class SelfTradeMode(IntEnum):
    REFUSE = 0
    CANCEL_RESTING = 1
    CANCEL_BOTH = 2


class ClockMode(IntEnum):
    REAL = 0
    ALWAYS = 1


class EndReason(IntEnum):
    """Why an order ended unfilled; refusals carry their code from the one table instead."""

    BY_USER = 1
    BY_OPERATOR = 2
    REMAINDER = 3  # what an immediate order could not trade
    SECTION_END = 4  # GFS
    AUCTION_END = 5  # GFA
    DAY_END = 6  # GFD
    DATE_REACHED = 7  # GTD
    CONTRACT_EXPIRED = 8
    SELF_TRADE = 9
    ACCOUNT_FROZEN = 10
    VENUE_HALTED = 11
    LIQUIDATION = 12
    NOT_CARRIED = 13  # T-38; `code` says why


# --------------------------------------------------------------------- commands


class CreateVenue(NamedTuple):
    venue: str
    number: int  # the venue's part of database keys
    mode: int  # ClockMode
    trading_day: int
    settlement_minute: int = 930  # 15:30


class SetCalendar(NamedTuple):
    trading_days: list[int]  # ascending; replaces days after the current trading day


class SetSessions(NamedTuple):
    """Each template: [name, [[is_night, phase, start_minute, end_minute], …]].

    Minutes count from midnight of the section's own date; a night section lies on the
    evening before and may end after 1440.
    """

    templates: list[Any]


class SetSettings(NamedTuple):
    values: dict[str, int]
    reason: str = ""


class SetProduct(NamedTuple):
    row: list[Any]  # ProductRow


class CreateInstrument(NamedTuple):
    row: list[Any]  # InstrumentRow


class UpdateInstrument(NamedTuple):
    symbol: str
    changes: dict[str, int | str | None]  # field of InstrumentRow → new value
    reason: str = ""


class SuspendInstrument(NamedTuple):
    symbol: str
    reason: str = ""


class ResumeInstrument(NamedTuple):
    symbol: str
    reason: str = ""


class DelistInstrument(NamedTuple):
    symbol: str
    reason: str = ""


class OpenAccount(NamedTuple):
    account_id: str
    user_id: str
    account_name: str
    account_type: str  # "individual" | "institutional"
    currency: str = "CNY"
    group: str = ""
    needs_approval: bool = False
    is_market_maker: bool = False
    is_robot: bool = False
    init_cash: int = 0


class ApproveAccount(NamedTuple):
    account_id: str
    reason: str = ""


class SetAccount(NamedTuple):
    account_id: str
    changes: dict[str, int | str | None]  # group, is_market_maker, max_order_amount, account_name
    reason: str = ""


class FreezeAccount(NamedTuple):
    account_id: str
    mode: int  # FreezeMode
    can_close: bool
    reason: str


class UnfreezeAccount(NamedTuple):
    account_id: str
    reason: str = ""


class CloseAccount(NamedTuple):
    account_id: str
    reason: str = ""


class SetRates(NamedTuple):
    """Rates for a holder and a target; a row of all None removes them (T-56).

    holder: "" (everybody), "group:NAME" or "account:ID"; target: a symbol or a
    product key ``EXCHANGE.product``.
    """

    holder: str
    target: str
    rates: list[int | None]  # Rates
    apply_now: bool = False
    reason: str = ""


class Deposit(NamedTuple):
    account_id: str
    amount: int
    reference: str  # unique for eight days here and for ever in the database
    method: str = ""
    remark: str = ""
    by_operator: bool = False
    kind: str = "deposit"  # "deposit" | "transfer"


class Withdraw(NamedTuple):
    account_id: str
    amount: int
    reference: str
    method: str = ""
    remark: str = ""
    by_operator: bool = False
    kind: str = "withdrawal"  # "withdrawal" | "transfer"


class ReverseFlow(NamedTuple):
    flow_id: str
    account_id: str
    amount: int  # signed amount of the flow that is reversed
    reference: str
    remark: str = ""


class PlaceOrder(NamedTuple):
    account_id: str
    order_id: str  # "" lets the core name it S{uid}
    symbol: str
    direction: int
    offset: int
    volume: int
    price_type: int = 0
    limit_price: int = 0
    time_condition: int = 2
    volume_condition: int = 0
    min_volume: int = 0
    gtd_date: int = 0
    hedge_flag: str = "SPECULATION"
    client_tag: str = ""


class CancelOrder(NamedTuple):
    account_id: str
    order_id: str
    by_operator: bool = False


class CancelAll(NamedTuple):
    account_id: str  # "" only by an operator: every account
    symbol: str = ""  # "" every instrument
    by_operator: bool = False


class ModifyOrder(NamedTuple):
    account_id: str
    order_id: str
    limit_price: int | None = None
    volume: int | None = None


class ResolveOrder(NamedTuple):
    account_id: str
    order_id: str


class HaltVenue(NamedTuple):
    reason: str


class ResumeVenue(NamedTuple):
    reason: str


class Tick(NamedTuple):
    pass


class BeginSettlement(NamedTuple):
    run_id: str
    prices: list[Any]  # [[symbol, settlement_price], …]


COMMANDS: dict[tuple[str, int], type[Any]] = {
    (kind.__name__, 1): kind
    for kind in (
        CreateVenue, SetCalendar, SetSessions, SetSettings, SetProduct, CreateInstrument,
        UpdateInstrument, SuspendInstrument, ResumeInstrument, DelistInstrument, OpenAccount,
        ApproveAccount, SetAccount, FreezeAccount, UnfreezeAccount, CloseAccount, SetRates,
        Deposit, Withdraw, ReverseFlow, PlaceOrder, CancelOrder, CancelAll, ModifyOrder,
        ResolveOrder, HaltVenue, ResumeVenue, Tick, BeginSettlement,
    )
}  # fmt: skip
"""(type, version) of the log → class of the decoded fields."""


class Envelope(NamedTuple):
    """What the log says about a command besides its fields (A-41, A-42)."""

    stream_id: str
    time_ns: int
    command_id: str  # 32 hex
    user_id: str  # acting user; "" is the system
    origin: str = ""


# ------------------------------------------------------------------------- rows


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


class FillSide(NamedTuple):
    order: list[Any]  # OrderChange
    direction: int
    offset: int
    commission: int  # of this fill
    close_profit: int  # of this fill
    funds: list[Any]  # FundsRow after it
    position: list[Any]  # PositionRow after it


# ----------------------------------------------------------------------- events


class VenueCreated(NamedTuple):
    venue: str
    number: int
    mode: int
    trading_day: int
    settlement_minute: int
    engine_version: int


class EngineUpgraded(NamedTuple):
    from_version: int
    to_version: int


class CommandRejected(NamedTuple):
    command_type: str
    code: int
    params: dict[str, Any]
    user_id: str = ""
    account_id: str = ""


class CommandRepeated(NamedTuple):
    """A repeat by command_id or by order_id; `first_seq` is the first deciding event (A-4)."""

    command_type: str
    first_seq: int
    code: int
    account_id: str = ""
    order_id: str = ""


class CommandQuarantined(NamedTuple):
    stream_id: str
    reason: str


class CommandDone(NamedTuple):
    """Answer to a command whose effect is told by other events, or that had none."""

    command_type: str
    count: int


class CalendarSet(NamedTuple):
    trading_days: list[int]


class SessionsSet(NamedTuple):
    templates: list[Any]


class SettingsChanged(NamedTuple):
    values: dict[str, int]
    reason: str


class ProductChanged(NamedTuple):
    row: list[Any]  # ProductRow


class InstrumentChanged(NamedTuple):
    """Created, updated, suspended, resumed, delisted, expired: the row says which."""

    row: list[Any]  # InstrumentRow
    reason: str


class RatesChanged(NamedTuple):
    holder: str
    target: str
    rates: list[int | None]
    reason: str


class AccountChanged(NamedTuple):
    """Opened, approved, frozen, unfrozen, closed: the row says which."""

    row: list[Any]  # AccountRow
    reason: str


class FundsMoved(NamedTuple):
    flow_id: str  # TXN + trading day + 8 digits
    account_id: str
    kind: str
    amount: int  # signed: + in, − out
    balance_before: int
    balance_after: int
    reference: str
    method: str
    remark: str
    operator_id: str
    reverses: str
    trading_day: int
    funds: list[Any]  # FundsRow


class OrderAccepted(NamedTuple):
    order: list[Any]  # OrderRow
    funds: list[Any]  # FundsRow
    position: list[Any] | None  # PositionRow, when lots were frozen


class OrderRejected(NamedTuple):
    order: list[Any]  # OrderRow, status REJECTED
    code: int
    params: dict[str, Any]


class OrderCancelled(NamedTuple):
    order: list[Any]  # OrderChange
    reason: int  # EndReason
    code: int  # 0, or the refusal that ended it
    funds: list[Any]
    position: list[Any] | None


class OrderModified(NamedTuple):
    order: list[Any]  # OrderRow
    funds: list[Any]
    position: list[Any] | None


class CancelRejected(NamedTuple):
    """Answer to CancelOrder or ModifyOrder that changed nothing."""

    command_type: str
    account_id: str
    order_id: str
    code: int
    params: dict[str, Any]


class OrderResolved(NamedTuple):
    order: list[Any]  # OrderChange of a known order


class Traded(NamedTuple):
    symbol: str
    exchange_trade_id: int
    trading_day: int
    price: int
    volume: int
    taker_direction: int  # −1 in an auction
    taker: list[Any]  # FillSide; in an auction the buyer
    maker: list[Any]  # FillSide; in an auction the seller
    open_interest: int  # lots of one side, after it


class PhaseChanged(NamedTuple):
    template: str
    phase: int
    trading_day: int
    symbol: str = ""  # set when one instrument alone changed (circuit breaker)


class VenueHalted(NamedTuple):
    reason: str


class VenueResumed(NamedTuple):
    reason: str


class SettlementBegun(NamedTuple):
    run_id: str
    trading_day: int
    accounts: int


class SettlementRefused(NamedTuple):
    run_id: str
    code: int
    params: dict[str, Any]


class AccountSettled(NamedTuple):
    run_id: str
    trading_day: int
    account_id: str
    pre_balance: int
    deposit: int
    withdraw: int
    close_profit: int
    position_profit: int
    commission: int
    balance: int
    margin: int
    risk_ratio_ppm: int  # −1 = above every threshold (T-52)
    must_liquidate: bool
    funds: list[Any]  # FundsRow of the new day
    positions: list[Any]  # PositionRows of the new day, flat ones with zeros


class OrderCarried(NamedTuple):
    """A GTC or GTD order after settlement, frozen anew (T-38)."""

    order: list[Any]  # OrderChange
    funds: list[Any]  # FundsRow
    position: list[Any] | None  # PositionRow, when lots were frozen


class SettlementFinished(NamedTuple):
    run_id: str
    trading_day: int
    next_trading_day: int
    settled_accounts: int
    total_commission: int
    total_profit: int
    force_closed_accounts: list[str]


EVENTS: dict[tuple[str, int], type[Any]] = {
    (kind.__name__, 1): kind
    for kind in (
        VenueCreated, EngineUpgraded, CommandRejected, CommandRepeated, CommandQuarantined,
        CommandDone, CalendarSet, SessionsSet, SettingsChanged, ProductChanged,
        InstrumentChanged, RatesChanged, AccountChanged, FundsMoved, OrderAccepted,
        OrderRejected, OrderCancelled, OrderModified, CancelRejected, OrderResolved, Traded,
        PhaseChanged, VenueHalted, VenueResumed, SettlementBegun, SettlementRefused,
        AccountSettled, OrderCarried, SettlementFinished,
    )
}  # fmt: skip
"""(type, version) of the event stream → class of its fields after the five header fields."""

EVENT_HEADER = 5  # seq, type, version, time_ns, command_id
