"""Every event the core gives; fields follow the five header fields (A-41)."""

from typing import Any, NamedTuple


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
    objects: int


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


class OrderChecked(NamedTuple):
    """Answer to CheckOrder; the figures are 0 when the code is not."""

    account_id: str
    code: int
    params: dict[str, Any]
    margin: int
    commission: int
    available_after: int
    risk_ratio_after_ppm: int  # −1 = above every threshold


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


class PositionRemargined(NamedTuple):
    """A held position under new margin rates (T-56)."""

    funds: list[Any]  # FundsRow
    position: list[Any]  # PositionRow


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


class ConditionalChanged(NamedTuple):
    """Placed, suspended, resumed, triggered, cancelled, expired or failed: the row says which."""

    row: list[Any]  # ConditionalRow


class RiskAlert(NamedTuple):
    """An account crossed a risk level, up or down (T-81)."""

    account_id: str
    user_id: str
    level_before: int  # RiskLevel
    level: int
    risk_ratio_ppm: int  # −1 = above every threshold
    balance: int
    margin: int


class MarginCall(NamedTuple):
    """An account has to pay in `amount` to be below the critical level."""

    account_id: str
    user_id: str
    amount: int
    risk_ratio_ppm: int
    balance: int
    margin: int
    cause: str  # "price" | "settlement"


class LiquidationChanged(NamedTuple):
    """The record of one liquidation as it stands (T-82)."""

    record_id: str
    account_id: str
    user_id: str
    status: int  # LiquidationStatus
    cause: str  # "risk" | "settlement" | "operator"
    reason: str
    operator_id: str
    trading_day: int
    started_ns: int
    risk_ratio_before_ppm: int
    risk_ratio_after_ppm: int
    pre_balance: int
    post_balance: int
    orders: int
    lots: int
    code: int  # 6003 without liquidity


class LiquidationStepped(NamedTuple):
    """One closing order of a liquidation."""

    record_id: str
    account_id: str
    order_id: str
    symbol: str
    direction: int
    offset: int
    volume: int
    closed: int
    value: int  # Σ price × lots of its fills
    risk_ratio_after_ppm: int
    code: int


class LiquidationHeld(NamedTuple):
    """An operator holds an account back from liquidation, or no longer."""

    account_id: str
    user_id: str
    is_held: bool
    reason: str
    operator_id: str


EVENTS: dict[tuple[str, int], type[Any]] = {
    (kind.__name__, 1): kind
    for kind in (
        VenueCreated, EngineUpgraded, CommandRejected, CommandRepeated, CommandQuarantined,
        CommandDone, CalendarSet, SessionsSet, SettingsChanged, ProductChanged,
        InstrumentChanged, RatesChanged, AccountChanged, FundsMoved, OrderAccepted,
        OrderRejected, OrderChecked, OrderCancelled, OrderModified, CancelRejected, OrderResolved, Traded,
        PhaseChanged, PositionRemargined, VenueHalted, VenueResumed, SettlementBegun, SettlementRefused,
        AccountSettled, OrderCarried, SettlementFinished,
        ConditionalChanged, RiskAlert, MarginCall, LiquidationChanged, LiquidationStepped, LiquidationHeld,
    )
}  # fmt: skip
"""(type, version) of the event stream → class of its fields after the five header fields."""

EVENT_HEADER = 5  # seq, type, version, time_ns, command_id
