"""A trading week over three exchanges, told to the core command by command (R-5).

Friday night the 9th to Friday the 16th of January 2026; Wednesday the 14th is a holiday, so
there is no night session on Tuesday. Copper trades at night, meal by day, the index future
expires on the 16th. Alice and Bob trade, Dan is thin, the house is everybody's other side.
"""

from typing import Any

from tests.engine.builders import (
    BUY,
    CLOSE,
    CLOSETODAY,
    OPEN,
    SELL,
    SYSTEM,
    TEMPLATES,
    at,
    envelope,
    instrument_row,
    limit,
    product_row,
    yuan,
)  # fmt: skip
from trading.engine import messages as m
from trading.engine.apply import apply
from trading.engine.messages import Envelope, TimeCondition
from trading.engine.state import State

CU, M, IF = "SHFE.cu2602", "DCE.m2605", "CFFEX.IF2601"
A, B, D, HOUSE = "ALICE", "BOB", "DAN", "HOUSE"
FRIDAY, MONDAY, TUESDAY, THURSDAY, EXPIRY = 20260109, 20260112, 20260113, 20260115, 20260116
NEXT_MONDAY = 20260119
DAYS = [MONDAY, TUESDAY, THURSDAY, EXPIRY, NEXT_MONDAY, 20260120]
GFS, GFD, GTD, GTC, GFA = (
    int(kind) for kind in (
        TimeCondition.GFS, TimeCondition.GFD, TimeCondition.GTD, TimeCondition.GTC, TimeCondition.GFA,
    )
)  # fmt: skip

PRICES: dict[int, dict[str, str]] = {
    MONDAY: {CU: "70300", M: "3005", IF: "4002"},
    TUESDAY: {CU: "70100", M: "2960", IF: "3990"},
    THURSDAY: {CU: "69800", M: "2915", IF: "4020"},
    EXPIRY: {CU: "70000", M: "2830", IF: "4035.4"},
}
"""The settlement prices of each day in yuan."""


class Week:
    """The venue, everything it was told, and everything it said, day by day."""

    def __init__(self) -> None:
        self.state = State()
        self.log: list[tuple[Envelope, Any]] = []
        self.events: list[list[Any]] = []
        self.settled: dict[int, dict[str, Any]] = {}
        self.finished: dict[int, Any] = {}
        self.commands_by: dict[int, int] = {}
        """Trading day → number of commands told by its end."""

    def tell(self, command: Any, *, at: int | None = None, user: str = SYSTEM) -> tuple[int, list[Any]]:
        """Apply one command and keep it; (code, events)."""
        entry = envelope(self.state.time_ns if at is None else at, user)
        self.log.append((entry, command))
        code, events = apply(self.state, entry, command)
        self.events += events
        return code, events

    def done(self, command: Any) -> list[list[Any]]:
        """Apply a command that must succeed."""
        code, events = self.tell(command)
        assert code == 0, (command, code, events)
        return events

    def clock(self, day: int, clock: str) -> list[list[Any]]:
        """Let the log's clock come to a Shanghai time."""
        return self.tell(m.Tick(), at=at(day, clock))[1]

    def seconds(self, count: int) -> None:
        """Ticks over some seconds, five a second: the risk watch goes round."""
        for _ in range(5 * count):
            self.tell(m.Tick(), at=self.state.time_ns + 2 * 10**8)

    def buy(self, account: str, offset: int, lots: int, price: str, symbol: str, **more: Any) -> None:
        self.done(limit(account, BUY, offset, lots, price, symbol, **more))

    def sell(self, account: str, offset: int, lots: int, price: str, symbol: str, **more: Any) -> None:
        self.done(limit(account, SELL, offset, lots, price, symbol, **more))

    def settle(self) -> None:
        """Settle the day at 15:30 at the week's prices."""
        day = self.state.trading_day
        self.clock(day, "15:30")
        prices = [[symbol, yuan(price)] for symbol, price in PRICES[day].items()]
        events = self.done(m.BeginSettlement(f"week-{day}", prices, day))
        while self.state.has_work():
            events = events + self.tell(m.Tick(), at=self.state.time_ns + 5 * 10**6)[1]
        for event in events:
            if event[1] == "AccountSettled":
                found = m.AccountSettled(*event[5:])
                self.settled.setdefault(day, {})[found.account_id] = found
            elif event[1] == "SettlementFinished":
                self.finished[day] = m.SettlementFinished(*event[5:])
        self.commands_by[day] = len(self.log)


def contracts(week: Week) -> None:
    """The venue with its calendar, sessions, rates and three contracts, Friday 20:00."""
    week.tell(m.CreateVenue("week", 1, int(m.ClockMode.REAL), MONDAY), at=at(FRIDAY, "20:00"))
    week.done(m.SetSessions(TEMPLATES))
    week.done(m.SetCalendar(DAYS))
    week.done(m.SetSettings({"risk_watch": 1, "product_share_ppm": 0}))
    # copper 10 %, 0.5 ‱ of turnover, today's lots closed 1 ‱; meal 8 %, 1.50 a lot; index
    # 12 %, 0.23 ‱, today's lots closed 3.45 ‱.
    for exchange, product, margin, fees in (
        ("SHFE", "cu", 100_000, (50_000, 0, 50_000, 0, 100_000, 0)),
        ("DCE", "m", 80_000, (0, 15_000, 0, 15_000, 0, 15_000)),
        ("CFFEX", "IF", 120_000, (23_000, 0, 23_000, 0, 345_000, 0)),
    ):
        week.done(m.SetProduct(product_row(exchange, product, margin_ppm=margin, fees=fees)))
    for symbol, multiple, tick, price, template, expires in (
        (CU, 5, "10", "70000", "night0230", 0),
        (M, 10, "1", "3000", "day", 0),
        (IF, 300, "0.2", "4000", "index", EXPIRY),
    ):
        row = instrument_row(
            symbol, volume_multiple=multiple, price_tick=yuan(tick), listing_price=yuan(price),
            session_template=template, expire_date=expires,
        )  # fmt: skip
        week.done(m.CreateInstrument(row))


def accounts(week: Week) -> None:
    """Four accounts and their money; Dan has just enough."""
    for name, cash in ((A, 1_000_000), (B, 2_000_000), (HOUSE, 10_000_000), (D, 60_000)):
        week.done(m.OpenAccount(name, name.lower(), name, "individual"))
        week.done(m.Deposit(name, yuan(cash), f"first-{name}", by_operator=True))


def monday(week: Week) -> None:
    """Night auction, today's lots closed at night, day auction, money in and out."""
    week.clock(FRIDAY, "20:56")
    week.buy(A, OPEN, 2, "70100", CU, time_condition=GFA)
    week.sell(HOUSE, OPEN, 2, "69900", CU, time_condition=GFA)
    week.buy(B, OPEN, 1, "69800", CU, time_condition=GFA, order_id="gfa")
    week.clock(FRIDAY, "22:00")
    week.buy(HOUSE, CLOSETODAY, 1, "70500", CU)
    week.sell(A, CLOSETODAY, 1, "70500", CU)
    week.buy(B, OPEN, 1, "69000", CU, time_condition=GFS, order_id="gfs")
    week.clock(MONDAY, "08:56")
    week.buy(B, OPEN, 10, "3005", M, time_condition=GFD, order_id="gfd")
    week.sell(HOUSE, OPEN, 6, "2990", M)
    week.clock(MONDAY, "09:35")
    week.buy(HOUSE, OPEN, 1, "4010", IF)
    week.sell(B, OPEN, 1, "4010", IF)
    week.clock(MONDAY, "10:00")
    week.sell(HOUSE, OPEN, 2, "3005", M)
    week.sell(HOUSE, OPEN, 20, "3010", M)
    week.buy(D, OPEN, 20, "3010", M)
    week.clock(MONDAY, "11:00")
    week.done(m.Deposit(A, yuan(50_000), "in-A"))
    week.done(m.Withdraw(B, yuan(100_000), "out-B"))
    week.settle()


def tuesday(week: Week) -> None:
    """History and today's lots apart, average cost, a margin call that is met."""
    week.clock(MONDAY, "21:05")
    week.sell(HOUSE, OPEN, 3, "70200", CU)
    week.buy(A, OPEN, 3, "70200", CU)
    week.buy(HOUSE, OPEN, 1, "70400", CU)
    week.sell(A, CLOSE, 1, "70400", CU)
    assert week.tell(limit(A, SELL, CLOSE, 1, "70400", CU))[0] == 2005, "its lots are today's"
    week.buy(HOUSE, OPEN, 1, "70250", CU)
    week.sell(A, CLOSETODAY, 1, "70250", CU)
    week.buy(A, OPEN, 1, "69500", CU, time_condition=GTC, order_id="gtc")
    week.clock(TUESDAY, "10:00")
    week.sell(B, OPEN, 1, "4100", IF, time_condition=GTD, gtd_date=THURSDAY, order_id="gtd")
    week.buy(HOUSE, OPEN, 3, "3000", M)
    week.sell(B, CLOSE, 3, "3000", M)
    week.sell(HOUSE, OPEN, 2, "2990", M)
    week.buy(B, OPEN, 2, "2990", M)
    week.buy(HOUSE, OPEN, 3, "2995", M)
    week.sell(B, CLOSE, 3, "2995", M)
    week.sell(HOUSE, OPEN, 1, "2963", M)
    week.buy(B, OPEN, 1, "2963", M)
    week.seconds(3)
    week.done(m.Deposit(D, yuan(5_000), "call-D"))
    week.seconds(3)
    week.settle()


def thursday(week: Week) -> None:
    """No night before it: copper's auction is in the morning; Dan is liquidated."""
    week.clock(TUESDAY, "21:30")
    assert week.tell(limit(A, BUY, OPEN, 1, "70000", CU))[0] == 1009, "no night before a holiday"
    week.clock(20260114, "10:00")
    assert week.tell(limit(A, BUY, OPEN, 1, "70000", CU))[0] == 1009, "a holiday"
    week.clock(THURSDAY, "08:56")
    week.sell(A, CLOSE, 1, "69900", CU, time_condition=GFA)
    week.buy(HOUSE, OPEN, 1, "70050", CU, time_condition=GFA)
    week.clock(THURSDAY, "09:30")
    week.sell(HOUSE, OPEN, 1, "69500", CU)
    week.clock(THURSDAY, "10:00")
    week.buy(HOUSE, OPEN, 50, "2920", M)
    week.sell(HOUSE, OPEN, 1, "2921", M)
    week.buy(B, OPEN, 1, "2921", M)
    week.seconds(4)
    week.done(m.Withdraw(A, yuan(3_000), "out-A"))
    week.settle()


def friday(week: Week) -> None:
    """The night is back, the index expires, Dan is called again."""
    week.clock(THURSDAY, "21:30")
    week.buy(HOUSE, OPEN, 1, "69900", CU)
    week.sell(A, CLOSE, 1, "69900", CU)
    week.clock(EXPIRY, "10:00")
    week.buy(B, OPEN, 1, "3900", IF, time_condition=GTC, order_id="expires")
    week.settle()


def next_monday(week: Week) -> None:
    """Dan paid in over the weekend; the expired contract takes no orders."""
    week.clock(20260117, "10:00")
    week.done(m.Deposit(D, yuan(20_000), "cure-D"))
    week.clock(NEXT_MONDAY, "10:00")
    week.seconds(3)
    assert week.tell(limit(B, BUY, OPEN, 1, "4000", IF))[0] == 1009
    assert week.tell(limit(B, BUY, OPEN, 1, "70000", CU))[0] == 0


def whole_week() -> Week:
    """The week from its first command to its last."""
    week = Week()
    for part in (contracts, accounts, monday, tuesday, thursday, friday, next_monday):
        part(week)
    return week
