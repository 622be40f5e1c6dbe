"""The whole trading state of one venue; changed by `trading.engine.apply` alone (A-2)."""

from collections import deque
from typing import Any

from trading.engine.conditions import Conditions
from trading.engine.entities import Account, FullRates, Instrument, Order, Product
from trading.engine.messages import ClockMode
from trading.engine.settings import JOINT_EXCHANGES, SETTINGS
from trading.engine.units import NS_PER_SECOND
from trading.engine.watchstate import RiskState

NEVER_NS = 1 << 62
CODE_BITS = 16
CODE_MASK = (1 << CODE_BITS) - 1

ENGINE_VERSION = 1
"""Raised when any replay of an older log would differ (A-14)."""

Event = list[Any]


class WorkItem:
    """What is left of a task over many objects, advanced by Ticks (A-45)."""

    __slots__ = ("kind", "target", "data", "position")

    def __init__(self, kind: str, target: str, data: list[Any], position: int = 0) -> None:
        self.kind = kind
        self.target = target
        self.data = data
        self.position = position


class State:
    """Everything `apply` knows; its dicts keep the order in which keys were added (A-46)."""

    def __init__(self) -> None:
        self.venue = ""
        self.number = 0
        self.mode = int(ClockMode.REAL)
        self.settlement_minute = 930
        self.engine_version = ENGINE_VERSION
        self.trading_day = 0
        self.previous_day = 0
        self.time_ns = 0
        self.event_seq = 0
        self.last_stream_id = "0-0"
        self.halted = False
        self.settings: dict[str, int] = {name: entry.default for name, entry in SETTINGS.items()}
        self.trading_days: list[int] = []
        self.templates: dict[str, list[list[int]]] = {}
        self.phases: dict[str, int] = {}
        self.boundaries: list[tuple[int, str, int]] = []
        """(time_ns, template, phase) of the current trading day, ascending; derived."""
        self.next_boundary = 0
        self.due_ns = NEVER_NS
        """Time of the next boundary, NEVER_NS when the day has no more; derived."""
        self.client_id_limits = (0, 0)
        """Most client order ids of a day, of ordinary accounts and of market makers; derived."""
        self.rate_windows = ((0, 0), (0, 0))
        """(interval_ns, window_ns) of ordinary accounts and of market makers; derived."""
        self.breakers: list[tuple[int, str]] = []
        """(end_ns, symbol) of running circuit-breaker auctions, ascending."""
        self.products: dict[str, Product] = {}
        self.instruments: dict[str, Instrument] = {}
        self.accounts: dict[str, Account] = {}
        self.orders: dict[int, Order] = {}
        self.rates: dict[tuple[str, str], list[int | None]] = {}
        """(holder, target) → own rates (T-56)."""
        self.holders_with_rates: dict[str, int] = {}
        """Holder → number of its rate rows, so that most accounts need no look-up."""
        self.groups_cache: dict[tuple[str, str], FullRates] = {}
        self.next_flow = 0
        self.settlement: list[Any] | None = None
        """[run_id, prices, accounts, commission, profit, [accounts to liquidate]] of the run."""
        self.settled_day = 0
        self.work: deque[WorkItem] = deque()
        self.recent_commands: dict[str, int] = {}
        """command_id → sequence of its first event × 2¹⁶ + code."""
        self.recent_order: deque[str] = deque()
        """The ids of `recent_commands`, oldest first."""
        self.recent_times: deque[int] = deque()
        """Log times of `recent_order`; ids of one moment share the int."""
        self.references: dict[str, int] = {}
        """Money reference → log time of its use."""
        self.references_order: deque[tuple[int, str]] = deque()
        self.dirty_quotes: dict[str, None] = {}
        """Symbols whose quote changed; neither hashed nor dumped."""
        self.conditions = Conditions()
        self.risk = RiskState()
        self.reactive = False
        """Is there anything that follows a command's events; derived."""
        self.number_base = 0
        """What today's exchange order and trade ids begin with (T-34); derived."""
        self.price_epoch = 0
        """Raised when an instrument's limits change or its mark leaves them: bounds of what the
        accounts' lots are worth hold within one epoch; derived."""
        self.history_first: dict[str, bool] = {}
        """Exchange → does CLOSE take history lots before today's (T-55); derived."""
        self.opening_bounds = (0, 0, 0)
        """(max_order_amount, product_share_ppm, highest risk ratio) of opening orders; derived."""
        self.derive_from_settings()
        self.public_trades: list[tuple[str, int, int, int, int, int]] = []
        """(symbol, exchange_trade_id, price, lots, taker direction, time_ns) since the reader
        of the state last cleared it; neither hashed nor dumped."""

    def begin_day(self, day: int) -> None:
        """Make a day the trading day, and what follows from it."""
        self.trading_day = day
        self.number_base = day % 1_000_000 * 100_000_000

    def has_work(self) -> bool:
        """Is a work list open?"""
        return bool(self.work)

    def find_reactive(self) -> None:
        """Derive `reactive` after conditional orders, liquidations or settings changed."""
        in_use = self.conditions.is_used() or bool(self.risk.tasks)
        self.reactive = in_use or bool(self.settings["risk_watch"])

    def next_boundary_ns(self) -> int | None:
        """Time of the next phase change, None when the day has no more."""
        return None if self.due_ns == NEVER_NS else self.due_ns

    def find_due(self) -> None:
        """Derive `due_ns` after boundaries or breakers changed."""
        due_ns = NEVER_NS
        if self.next_boundary < len(self.boundaries):
            due_ns = self.boundaries[self.next_boundary][0]
        if self.breakers:
            due_ns = min(due_ns, self.breakers[0][0])
        self.due_ns = due_ns

    def derive_rate_windows(self) -> None:
        """Turn the rate settings into nanoseconds (T section 7, 9004)."""
        windows = []
        for prefix in ("", "market_maker_"):
            interval = NS_PER_SECOND // self.settings[prefix + "orders_per_second"]
            windows.append((interval, interval * self.settings[prefix + "orders_burst"]))
        self.rate_windows = (windows[0], windows[1])
        self.client_id_limits = (
            self.settings["client_ids_per_day"], self.settings["market_maker_client_ids_per_day"],
        )  # fmt: skip

    def derive_from_settings(self) -> None:
        """Everything that is derived from the venue's settings."""
        self.derive_rate_windows()
        settings = self.settings
        for exchange_id in JOINT_EXCHANGES:
            own = settings[f"close_history_first_{exchange_id.lower()}"]
            self.history_first[exchange_id] = bool(settings["close_history_first"] if own == 2 else own)
        # An account at its liquidation level may not open (T-82), whatever the limit is set to.
        highest_ppm = min(settings["max_risk_ppm"], settings["liquidation_ppm"])
        self.opening_bounds = (
            settings["max_order_amount"], settings["product_share_ppm"], highest_ppm,
        )  # fmt: skip
        self.find_reactive()


class Context:
    """One command being applied: the state, its envelope's facts and the events so far."""

    __slots__ = ("state", "events", "time_ns", "command_id", "user_id")

    def __init__(self, state: State, command_id: str, user_id: str) -> None:
        self.state = state
        self.events: list[Event] = []
        self.time_ns = state.time_ns
        self.command_id = command_id
        self.user_id = user_id

    def emit(self, kind: str, *fields: Any) -> int:
        """Append an event; return its sequence."""
        state = self.state
        state.event_seq = seq = state.event_seq + 1
        self.events.append([seq, kind, 1, self.time_ns, self.command_id, *fields])
        return seq
