"""Helpers of the engine's tests: a venue with calendar, sessions, instruments and accounts.

Money and prices are given in yuan where a name ends in ``_yuan`` or goes through `yuan()`.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from trading.engine.apply import apply
from trading.engine.messages import (
    EVENT_HEADER,
    EVENTS,
    BeginSettlement,
    ClockMode,
    CreateInstrument,
    CreateVenue,
    Deposit,
    Direction,
    Envelope,
    InstrumentRow,
    Offset,
    OpenAccount,
    Phase,
    PlaceOrder,
    ProductRow,
    SetCalendar,
    SetProduct,
    SetSessions,
    Tick,
)
from trading.engine.state import State

ALICE = "a" * 32
BOB = "b" * 32
CHARLIE = "c" * 32
SYSTEM = ""

BUY, SELL = int(Direction.BUY), int(Direction.SELL)
OPEN, CLOSE = int(Offset.OPEN), int(Offset.CLOSE)
CLOSETODAY, CLOSEYESTERDAY = int(Offset.CLOSETODAY), int(Offset.CLOSEYESTERDAY)

MONDAY = 20260105
WEEK = [20260105, 20260106, 20260107, 20260108, 20260109]
HOLIDAY_WEEK = [20260112, 20260113, 20260115, 20260116]
"""Wednesday 14th is made a holiday: no night session on the evening of the 13th."""
CALENDAR = WEEK + HOLIDAY_WEEK + [20260119, 20260120, 20260121, 20260122, 20260123]

_CONTINUOUS, _ORDER, _MATCH = (
    int(Phase.CONTINUOUS), int(Phase.AUCTION_ORDER), int(Phase.AUCTION_MATCH),
)  # fmt: skip
_DAY = [[0, _CONTINUOUS, 540, 615], [0, _CONTINUOUS, 630, 690], [0, _CONTINUOUS, 810, 900]]
TEMPLATES: list[Any] = [
    ["day", [[0, _ORDER, 535, 539], [0, _MATCH, 539, 540], *_DAY]],
    ["night0230",
     [[1, _ORDER, 1255, 1259], [1, _MATCH, 1259, 1260], [1, _CONTINUOUS, 1260, 1590], *_DAY]],
    ["index",
     [[0, _ORDER, 565, 569], [0, _MATCH, 569, 570], [0, _CONTINUOUS, 570, 690],
      [0, _CONTINUOUS, 780, 900]]],
    ["always", [[0, _CONTINUOUS, 0, 1440]]],
]  # fmt: skip

_command_numbers = count(1)


def yuan(amount: str | int) -> int:
    """Money or price in yuan as the engine's int."""
    units = Decimal(amount) * 10_000
    assert units == units.to_integral_value(), amount
    return int(units)


def at(day: int, clock: str) -> int:
    """Nanoseconds UTC of a Shanghai clock time; hours of 24 and more are the next date."""
    hours, minutes, seconds = (clock.split(":") + ["0", "0"])[:3]
    midnight = datetime(day // 10_000, day // 100 % 100, day % 100, tzinfo=UTC)
    moment = midnight + timedelta(hours=int(hours) - 8, minutes=int(minutes))
    return int(moment.timestamp()) * 10**9 + int(Decimal(seconds) * 10**9)


def envelope(time_ns: int, user: str = SYSTEM, command_id: str = "") -> Envelope:
    """A log entry's envelope with an id of its own."""
    number = next(_command_numbers)
    return Envelope(f"{time_ns // 10**6}-{number}", time_ns, command_id or f"{number:032x}", user, "test")


def run(
    state: State, command: Any, *, at: int | None = None, user: str = SYSTEM, command_id: str = ""
) -> tuple[int, list[list[Any]]]:
    """Apply one command at a log time (default: the state's) and return (code, events)."""
    time_ns = state.time_ns if at is None else at
    return apply(state, envelope(time_ns, user, command_id), command)


def must(state: State, command: Any, *, at: int | None = None, user: str = SYSTEM) -> list[list[Any]]:
    """Apply a command that has to succeed; return its events."""
    code, events = run(state, command, at=at, user=user)
    assert code == 0, (command, code, events)
    return events


def fields(event: list[Any]) -> Any:
    """The event's own fields as their NamedTuple."""
    return EVENTS[event[1], event[2]](*event[EVENT_HEADER:])


def of(events: list[list[Any]], kind: str) -> list[Any]:
    """Fields of all events of a kind."""
    return [fields(event) for event in events if event[1] == kind]


def only(events: list[list[Any]], kind: str) -> Any:
    """Fields of the one event of a kind."""
    found = of(events, kind)
    assert len(found) == 1, (kind, events)
    return found[0]


def new_venue(day: int = MONDAY, *, mode: int = ClockMode.REAL, calendar: list[int] | None = None) -> State:
    """A venue with calendar and sessions, 08:00 on its first day."""
    state = State()
    clock = at(day, "08:00")
    must(state, CreateVenue("test", 1, int(mode), day), at=clock)
    must(state, SetSessions(TEMPLATES))
    must(state, SetCalendar([d for d in calendar or CALENDAR if d >= day]))
    return state


def product_row(
    exchange: str = "DCE",
    product: str = "m",
    *,
    margin_ppm: int = 100_000,
    fees: tuple[int, int, int, int, int, int] = (0, 500, 0, 500, 0, 500),
    larger_side: bool = False,
) -> list[Any]:
    """fees: open, close, close-today, each as (ratio_ppb, per lot)."""
    rates: list[int | None] = [margin_ppm, margin_ppm, *fees]
    return list(ProductRow(exchange, product, product, product, rates, larger_side))


def instrument_row(symbol: str = "DCE.m2605", **changes: Any) -> list[Any]:
    """An instrument row; listing price 100 yuan, tick 0.5, multiple 200, limits ±8 %."""
    exchange, instrument = symbol.split(".")
    product = instrument.rstrip("0123456789")
    row = InstrumentRow(
        exchange, instrument, product, symbol, symbol, "FUTURE", 200, yuan("0.5"), "day",
        80_000, 80_000, 1, 500, 1, 100, 0, 0, 0, yuan(100),
    )  # fmt: skip
    return list(row._replace(**changes))


def add_instrument(
    state: State, symbol: str = "DCE.m2605", *, product: dict[str, Any] | None = None, **changes: Any
) -> None:
    """Create an instrument and, when it is new, its product."""
    exchange, instrument = symbol.split(".")
    name = instrument.rstrip("0123456789")
    if f"{exchange}.{name}" not in state.products:
        must(state, SetProduct(product_row(exchange, name, **(product or {}))))
    must(state, CreateInstrument(instrument_row(symbol, **changes)))


def add_account(
    state: State, account_id: str, user: str, cash_yuan: str | int = 1_000_000, **changes: Any
) -> None:
    """Open an account and pay in its money."""
    must(state, OpenAccount(account_id, user, account_id, "individual")._replace(**changes))
    if cash_yuan:
        must(state, Deposit(account_id, yuan(cash_yuan), f"seed-{account_id}", by_operator=True))


def market(
    symbol: str = "DCE.m2605",
    *,
    clock: str = "09:30",
    product: dict[str, Any] | None = None,
    **changes: Any,
) -> State:
    """A venue with one instrument, accounts A (Alice), B (Bob) and C (Charlie), trading."""
    state = new_venue()
    add_instrument(state, symbol, product=product, **changes)
    for account_id, user in (("A", ALICE), ("B", BOB), ("C", CHARLIE)):
        add_account(state, account_id, user)
    run(state, Tick(), at=at(MONDAY, clock))
    return state


def limit(
    account_id: str,
    direction: int,
    offset: int,
    volume: int,
    price_yuan: str | int,
    symbol: str = "DCE.m2605",
    **changes: Any,
) -> PlaceOrder:
    """A limit order good for the day."""
    order = PlaceOrder(account_id, "", symbol, direction, offset, volume, 0, yuan(price_yuan))
    return order._replace(**changes)


def trade(
    state: State,
    buyer: str,
    seller: str,
    volume: int,
    price_yuan: str | int,
    symbol: str = "DCE.m2605",
    buy_offset: int = OPEN,
    sell_offset: int = OPEN,
) -> list[Any]:
    """Let two accounts trade at a price in an empty book; return the `Traded` fields."""
    must(state, limit(buyer, BUY, buy_offset, volume, price_yuan, symbol))
    events = must(state, limit(seller, SELL, sell_offset, volume, price_yuan, symbol))
    return of(events, "Traded")


def drain(state: State, step_ns: int = 5 * 10**6) -> list[list[Any]]:
    """Tick until no work list is open; return the events."""
    events: list[list[Any]] = []
    for _ in range(10_000):
        if not state.has_work():
            return events
        events += run(state, Tick(), at=state.time_ns + step_ns)[1]
    raise AssertionError("a work list never ends")


def settle(state: State, prices: dict[str, int] | None = None, run_id: str = "run") -> list[list[Any]]:
    """Settle the current day at 15:30 at the given prices (default: last or pre-settlement)."""
    when = max(at(state.trading_day, "15:30"), state.time_ns)
    run(state, Tick(), at=when)
    marks = [
        [symbol, (prices or {}).get(symbol) or item.last_price or item.pre_settlement]
        for symbol, item in state.instruments.items()
        if item.pre_settlement
    ]
    events = must(state, BeginSettlement(f"{run_id}-{state.trading_day}", marks))
    return events + drain(state)
