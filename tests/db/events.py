"""Events as the core writes them, made by hand for tests of the projector."""

from typing import Any

from trading.engine import messages as m
from trading.engine.units import SCALE

DAY = 20261123
START_NS = 1_795_400_000_000_000_000


class EventMaker:
    """A log of one venue: numbers events and keeps the figures they carry consistent enough."""

    def __init__(self, venue: str = "main", number: int = 1) -> None:
        self.seq = 0
        self.events: list[list[Any]] = []
        self.number = number
        self.orders: dict[int, list[Any]] = {}
        self.next_id = 0
        self.add(m.VenueCreated(venue, number, 1, DAY, 930, 1))

    def add(self, event: Any) -> list[Any]:
        """Append an event with its header and return it."""
        self.seq += 1
        time_ns = START_NS + self.seq * 1_000_000
        row = [self.seq, type(event).__name__, 1, time_ns, f"{self.seq:032x}", *event]
        self.events.append(row)
        return row

    def take(self) -> list[list[Any]]:
        """The events since the last call."""
        events, self.events = self.events, []
        return events

    def instrument(self, symbol: str, **changes: Any) -> None:
        exchange, instrument_id = symbol.split(".")
        row = m.InstrumentRow(
            exchange, instrument_id, instrument_id[:2], "铜", "Copper", "FUTURE", 5, 10 * SCALE,
            "always", 80_000, 80_000, 1, 500, 1, 100, 3000, 0, 20270115, 80_000 * SCALE, 1,
            80_000 * SCALE, 80_000 * SCALE, 0, 86_400 * SCALE, 73_600 * SCALE,
        )._replace(**changes)  # fmt: skip
        self.add(m.InstrumentChanged(list(row), ""))

    def account(self, account_id: str, user_id: str = "u", **changes: Any) -> None:
        row = m.AccountRow(
            account_id, user_id, account_id, "individual", "CNY", "", 1, 0, False, "", False,
            False, START_NS,
        )._replace(**changes)  # fmt: skip
        self.add(m.AccountChanged(list(row), "opened"))

    def funds(self, account_id: str, **figures: int) -> list[Any]:
        return list(m.FundsRow(account_id, *[0] * 10)._replace(**figures))

    def deposit(self, account_id: str, amount: int, before: int = 0, **changes: Any) -> None:
        flow = m.FundsMoved(
            f"TXN{DAY}{self.seq + 1:08d}", account_id, "deposit", amount, before, before + amount,
            f"ref{self.seq + 1}", "practice", "", "", "", DAY,
            self.funds(account_id, deposit=before + amount),
        )._replace(**changes)  # fmt: skip
        self.add(flow)

    def position(self, account_id: str, symbol: str, long: int = 0, short: int = 0) -> list[Any]:
        row = m.PositionRow(account_id, symbol, *[0] * 18)
        return list(row._replace(long_today=long, short_today=short))

    def accept(self, account_id: str, symbol: str, direction: int, volume: int = 1) -> int:
        """An accepted limit order; returns its uid."""
        uid = self.seq + 1
        self.next_id += 1
        order = m.OrderRow(
            uid, account_id, f"S{uid}", symbol, direction, 0, volume, 0, 80_000 * SCALE, 2, 0, 0,
            0, "SPECULATION", "", DAY, START_NS + uid, 26112300000000 + self.next_id, 1, volume, 0,
            8_000 * SCALE, 5 * SCALE,
        )  # fmt: skip
        self.orders[uid] = list(order)
        self.add(m.OrderAccepted(list(order), self.funds(account_id, deposit=10**12), None))
        return uid

    def change(self, uid: int, status: int, left: int) -> list[Any]:
        o = self.orders[uid]
        value = o[8] * (o[6] - left)
        return [uid, o[1], o[2], o[3], o[15], o[17], status, left, value, 0, 0]

    def trade(self, taker: int, maker: int, volume: int = 1) -> None:
        """Both orders fill whole at the maker's price."""
        self.next_id += 1
        a, b = self.orders[taker], self.orders[maker]
        sides = []
        for uid, order in ((taker, a), (maker, b)):
            long = volume if order[4] == 0 else 0
            sides.append(
                list(
                    m.FillSide(
                        self.change(uid, 3, 0), order[4], 0, 20_0000, 0,
                        self.funds(order[1], deposit=10**12, commission=20_0000),
                        self.position(order[1], order[3], long, volume - long),
                    )
                )
            )  # fmt: skip
        self.add(m.Traded(a[3], 26112300000000 + self.next_id, DAY, b[8], volume, a[4], *sides, volume))

    def cancel(self, uid: int, reason: int = 1, code: int = 0) -> None:
        left = self.orders[uid][6]
        funds = self.funds(self.orders[uid][1], deposit=10**12)
        self.add(m.OrderCancelled(self.change(uid, 4, left), reason, code, funds, None))


def market(accounts: int = 4, symbols: int = 2) -> EventMaker:
    """A venue with instruments and funded accounts."""
    maker = EventMaker()
    for n in range(symbols):
        maker.instrument(f"SHFE.cu27{n:02d}")
    for n in range(accounts):
        maker.account(f"ACC_{n:032x}")
        maker.deposit(f"ACC_{n:032x}", 10**12)
    return maker


def trading(maker: EventMaker, trades: int, accounts: int = 4, symbols: int = 2) -> None:
    """Two accepted orders and a trade, many times, over accounts and instruments."""
    for n in range(trades):
        symbol = f"SHFE.cu27{n % symbols:02d}"
        resting = maker.accept(f"ACC_{n % accounts:032x}", symbol, 1)
        taking = maker.accept(f"ACC_{(n + 1) % accounts:032x}", symbol, 0)
        maker.trade(taking, resting)
