"""What the state holds of risk watch and liquidation; empty while nobody is at risk (T-80 … T-82)."""

from collections import deque
from enum import IntEnum
from typing import Any

NEVER_NS = 1 << 62


class RiskLevel(IntEnum):
    NORMAL = 0
    WARNING = 1
    HIGH = 2
    CRITICAL = 3
    LIQUIDATION = 4


class LiquidationStatus(IntEnum):
    WAITING = 0  # for an instrument to trade
    RUNNING = 1
    DONE = 2
    CURED = 3  # below the liquidation level before anything was closed
    HELD = 4  # an operator holds the account back


class Liquidation:
    """One account being liquidated: what was, what is done, when the next try is."""

    __slots__ = (
        "record_id", "account_id", "status", "cause", "reason", "operator_id", "closes_all",
        "trading_day", "started_ns", "ratio_before", "pre_balance", "orders", "lots",
        "attempts", "next_ns",
    )  # fmt: skip

    def __init__(self, values: list[Any]) -> None:
        self.record_id: str
        self.account_id: str
        self.status: int
        self.cause: str
        self.reason: str
        self.operator_id: str
        self.closes_all: bool
        self.trading_day: int
        self.started_ns: int
        self.ratio_before: int
        self.pre_balance: int
        self.orders: int
        self.lots: int
        self.attempts: int
        self.next_ns: int
        for name, value in zip(self.__slots__, values, strict=True):
            setattr(self, name, value)

    def values(self) -> list[Any]:
        return [getattr(self, name) for name in self.__slots__]


class RiskState:
    """Marks, the present round of revaluations, levels, liquidations, hold-backs."""

    __slots__ = (
        "marked", "extra", "levels", "symbols", "holders", "position", "seen", "round_ns",
        "tasks", "held", "next_record",
    )  # fmt: skip

    def __init__(self) -> None:
        self.marked: dict[str, None] = {}
        """Instruments that traded since the present round began."""
        self.extra: dict[str, None] = {}
        """Accounts whose money or margin changed otherwise."""
        self.levels: dict[str, int] = {}
        """Account id → RiskLevel above NORMAL."""
        self.symbols: deque[str] = deque()
        """Instruments whose holders this round has still to revalue."""
        self.holders: list[str] = []
        self.position = 0
        self.seen: dict[str, None] = {}
        """Accounts that this round has revalued."""
        self.round_ns = 0
        """When the round began; the next one begins a second later (T-81)."""
        self.tasks: dict[str, Liquidation] = {}
        self.held: dict[str, str] = {}
        """Account id → why an operator holds it back."""
        self.next_record = 0

    def is_round_open(self) -> bool:
        return bool(self.symbols) or self.position < len(self.holders)

    def dump(self) -> list[Any]:
        """Plain lists, [] when nothing of it was ever used."""
        lists = [
            list(self.marked), list(self.extra), [list(item) for item in self.levels.items()],
            list(self.symbols), list(self.holders), list(self.seen),
            [task.values() for task in self.tasks.values()],
            [list(item) for item in self.held.items()],
        ]  # fmt: skip
        numbers = [self.position, self.round_ns, self.next_record]
        return [lists, numbers] if any(lists) or any(numbers) else []

    def load(self, dumped: list[Any]) -> None:
        if not dumped:
            return
        (marked, extra, levels, symbols, holders, seen, tasks, held), numbers = dumped
        self.position, self.round_ns, self.next_record = numbers
        self.marked, self.extra = dict.fromkeys(marked), dict.fromkeys(extra)
        self.levels, self.symbols = dict(levels), deque(symbols)
        self.holders, self.seen = list(holders), dict.fromkeys(seen)
        self.tasks = {values[1]: Liquidation(values) for values in tasks}
        self.held = dict(held)
