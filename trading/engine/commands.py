"""Every command the core takes; field order is wire order (A-41). See `messages`."""

from typing import Any, NamedTuple


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


class CheckOrder(NamedTuple):
    """What PlaceOrder would answer and cost now; changes nothing (H-9)."""

    account_id: str
    order_id: str
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
    trading_day: int = 0  # the day that is meant; 0 = whichever it is


class PlaceConditional(NamedTuple):
    """Keep a conditional order (T-70)."""

    account_id: str
    order_id: str  # "" lets the core name it C{uid}
    label: str  # what its owner calls it: STOP_LOSS, OCO, …
    conditions: list[Any]  # Condition rows
    orders: list[Any]  # ConditionalOrder rows
    needs_all: bool = False
    time_condition: int = 2  # GFD, GTD or GTC
    gtd_date: int = 0
    cancels_closes: bool = True  # its closing orders may end resting ones
    client_tag: str = ""


class ChangeConditional(NamedTuple):
    account_id: str
    order_id: str
    action: int  # 0 cancel, 1 suspend, 2 resume
    by_operator: bool = False


class ForceLiquidate(NamedTuple):
    account_id: str
    reason: str


class HoldLiquidation(NamedTuple):
    account_id: str
    is_held: bool
    reason: str


COMMANDS: dict[tuple[str, int], type[Any]] = {
    (kind.__name__, 1): kind
    for kind in (
        CreateVenue, SetCalendar, SetSessions, SetSettings, SetProduct, CreateInstrument,
        UpdateInstrument, SuspendInstrument, ResumeInstrument, DelistInstrument, OpenAccount,
        ApproveAccount, SetAccount, FreezeAccount, UnfreezeAccount, CloseAccount, SetRates,
        Deposit, Withdraw, ReverseFlow, PlaceOrder, CancelOrder, CancelAll, ModifyOrder,
        ResolveOrder, CheckOrder, HaltVenue, ResumeVenue, Tick, BeginSettlement,
        PlaceConditional, ChangeConditional, ForceLiquidate, HoldLiquidation,
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
