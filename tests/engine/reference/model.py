"""What the reference remembers: instruments, accounts and orders, each with its lists."""

from dataclasses import dataclass, field
from typing import Any

from tests.engine.reference.ledger import Fill, Remargin, Side, fee, frozen
from trading.engine.messages import (
    FundsRow,
    InstrumentRow,
    InstrumentStatus,
    OrderStatus,
    Phase,
    PositionRow,
)

SEPARATE_TODAY = ("SHFE", "INE")


@dataclass(eq=False)
class Instrument:
    row: InstrumentRow
    product: str
    larger_side: bool
    product_rates: list[int]
    own_rates: list[int | None] | None = None
    phase: int = int(Phase.CLOSED)
    trades: list[tuple[int, int]] = field(default_factory=list)
    """(price, lots) of the day."""
    numbers: int = 0
    """Exchange ids given today."""
    breaker_price: int = 0
    breaker_since_ns: int = 0
    breaker_until_ns: int = 0
    """End of a running breaker auction."""
    holders: list[str] = field(default_factory=list)
    """Accounts with lots, in the order in which they got them."""

    @property
    def symbol(self) -> str:
        return f"{self.row.exchange_id}.{self.row.instrument_id}"

    @property
    def multiple(self) -> int:
        return self.row.volume_multiple

    @property
    def separate_today(self) -> bool:
        return self.row.exchange_id in SEPARATE_TODAY

    @property
    def mark(self) -> int:
        """Last price, before the day's first trade the previous settlement (T-58a)."""
        return self.trades[-1][0] if self.trades else self.row.pre_settlement

    @property
    def status(self) -> int:
        return self.row.status

    def set_limits(self) -> None:
        """T-41, tick by tick from the previous settlement outwards."""
        base, tick = self.row.pre_settlement, self.row.price_tick
        upper = base * (10**6 + self.row.limit_up_ppm) // 10**6 // tick * tick
        lower = -(-base * (10**6 - self.row.limit_down_ppm) // 10**6 // tick) * tick
        exact = base * (10**6 - self.row.limit_down_ppm)
        if lower * 10**6 < exact:
            lower += tick
        self.row = self.row._replace(upper_limit=upper, lower_limit=max(tick, lower))


@dataclass(eq=False)
class Order:
    account: "Account"
    instrument: Instrument
    terms: list[Any]
    """direction … client_tag as in PlaceOrder."""
    uid: int
    order_id: str
    trading_day: int
    insert_time_ns: int
    direction: int = 0
    offset: int = 0
    volume: int = 0
    price_type: int = 0
    limit_price: int = 0
    time_condition: int = 0
    volume_condition: int = 0
    min_volume: int = 0
    gtd_date: int = 0
    hedge_flag: str = ""
    client_tag: str = ""
    exchange_order_id: int = 0
    priority: int = 0
    """Place in the queue: smaller is older."""
    resting: bool = False
    alive: bool = True
    thawed: bool = False
    """Settled but not carried over yet: nothing is frozen for it."""
    status: int = int(OrderStatus.SUBMITTED)
    fills: list[tuple[int, int]] = field(default_factory=list)
    freeze_price: int = 0
    margin_ppm: int = 0
    fee_rate: tuple[int, int] = (0, 0)
    frozen_today: int = 0
    frozen_history: int = 0

    def __post_init__(self) -> None:
        (self.direction, self.offset, self.volume, self.price_type, self.limit_price,
         self.time_condition, self.volume_condition, self.min_volume, self.gtd_date,
         self.hedge_flag, self.client_tag) = self.terms  # fmt: skip
        if self.price_type:
            self.limit_price = 0

    @property
    def opens(self) -> bool:
        return self.offset == 0

    @property
    def side(self) -> int:
        """The side of the position it changes: 0 long, 1 short."""
        return self.direction if self.opens else 1 - self.direction

    @property
    def filled(self) -> int:
        return sum(lots for _, lots in self.fills)

    @property
    def left(self) -> int:
        return self.volume - self.filled

    @property
    def filled_value(self) -> int:
        return sum(price * lots for price, lots in self.fills)

    @property
    def frozen_margin(self) -> int:
        if not (self.alive and self.opens) or self.thawed:
            return 0
        return frozen(self.freeze_price, self.left, self.instrument.multiple, self.margin_ppm)

    @property
    def frozen_commission(self) -> int:
        if not self.alive or self.thawed:
            return 0
        turnover = self.freeze_price * self.left * self.instrument.multiple
        return fee(turnover, self.left, self.fee_rate)

    def row(self) -> list[Any]:
        return [
            self.uid, self.account.account_id, self.order_id, self.instrument.symbol,
            self.direction, self.offset, self.volume, self.price_type, self.limit_price,
            self.time_condition, self.volume_condition, self.min_volume, self.gtd_date,
            self.hedge_flag, self.client_tag, self.trading_day, self.insert_time_ns,
            self.exchange_order_id, self.status, self.left, self.filled_value,
            self.frozen_margin, self.frozen_commission,
        ]  # fmt: skip

    def change(self) -> list[Any]:
        return [
            self.uid, self.account.account_id, self.order_id, self.instrument.symbol,
            self.trading_day, self.exchange_order_id, self.status, self.left,
            self.filled_value, self.frozen_margin, self.frozen_commission,
        ]  # fmt: skip


@dataclass(eq=False)
class Account:
    account_id: str
    user_id: str
    row: list[Any]
    group: str = ""
    pre_balance: int = 0
    flows: list[int] = field(default_factory=list)
    """Signed flows of the day."""
    morning: dict[str, tuple[Side, Side]] = field(default_factory=dict)
    """Symbol → sides as the day found them."""
    entries: dict[str, list[Fill | Remargin]] = field(default_factory=dict)
    """Symbol → fills of the day; a key exists from the first accepted order on."""
    orders: list[Order] = field(default_factory=list)
    """Living ones."""
    known_ids: dict[str, tuple[int, int, tuple[Any, ...]]] = field(default_factory=dict)
    """order_id → (uid, code, content)."""
    tokens: int = -1
    tokens_at_ns: int = 0

    @property
    def deposits(self) -> int:
        return sum(flow for flow in self.flows if flow > 0)

    @property
    def withdrawals(self) -> int:
        return -sum(flow for flow in self.flows if flow < 0)

    @property
    def frozen_margin(self) -> int:
        return sum(order.frozen_margin for order in self.orders)

    @property
    def frozen_commission(self) -> int:
        return sum(order.frozen_commission for order in self.orders)


def position_row(account: Account, symbol: str, sides: tuple[Side, Side]) -> list[Any]:
    """PositionRow from replayed sides and the living orders' frozen lots."""
    halves: list[int] = []
    for index, side in enumerate(sides):
        closing = [
            order for order in account.orders
            if not order.opens and order.side == index and order.instrument.symbol == symbol
        ]  # fmt: skip
        halves += [
            side.today.lots, side.history.lots, side.today.open_cost, side.history.open_cost,
            side.today.position_cost, side.history.position_cost, side.margin,
            sum(order.frozen_today for order in closing),
            sum(order.frozen_history for order in closing),
        ]  # fmt: skip
    return list(PositionRow(account.account_id, symbol, *halves))


def funds_row(account: Account, profit: int, commission: int, margin: int) -> list[Any]:
    return list(
        FundsRow(
            account.account_id, account.pre_balance, account.deposits, account.withdrawals,
            profit, commission, 0, margin, account.frozen_margin, account.frozen_commission, 0,
        )
    )  # fmt: skip


def trades_now(instrument: Instrument) -> bool:
    """Status and phase let orders in (T-21)."""
    return instrument.status == InstrumentStatus.TRADING and instrument.phase in (
        Phase.CONTINUOUS,
        Phase.AUCTION_ORDER,
    )
