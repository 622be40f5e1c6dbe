"""Order flow for load tests, drills and benchmarks, and the commands that build its venue.

Pure: the same seed gives the same commands. Prices are 1/10 000 yuan, volumes lots.
"""

import random
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from trading.engine.messages import (
    CancelOrder,
    ClockMode,
    CreateInstrument,
    CreateVenue,
    Direction,
    InstrumentRow,
    OpenAccount,
    PlaceOrder,
    ProductRow,
    Rates,
    SetCalendar,
    SetProduct,
    SetSessions,
)
from trading.engine.sessions import ALWAYS_SECTIONS, day_of_ns, midnight_ns, shift
from trading.engine.units import NS_PER_DAY, NS_PER_MINUTE, SCALE

PASSIVE_PERCENT, CANCEL_PERCENT = 55, 35
"""Of a hundred commands; the rest are orders that cross."""
REACH_TICKS = 20
SAFE_TICKS = 5
"""Orders so far from the middle are the ones cancelled: most of them still rest then."""
_HALF_DAY_NS = NS_PER_DAY // 2
_REMEMBERED = 50_000


class Contract(NamedTuple):
    symbol: str
    price_tick: int
    middle: int  # price the flow gathers around, on the tick


class Trader(NamedTuple):
    account_id: str
    user_id: str  # 32 hex


class Step(NamedTuple):
    trader: Trader
    command: PlaceOrder | CancelOrder


class OrderFlow:
    """An endless seeded stream: 55 % passive orders, 35 % cancels, 10 % that cross.

    Every order opens a position and carries a client order id ``{prefix}{n}``.
    """

    def __init__(
        self, seed: int, traders: Sequence[Trader], contracts: Sequence[Contract], prefix: str = "L"
    ) -> None:
        self._source = random.Random(seed)
        self._traders = traders
        self._contracts = contracts
        self._prefix = prefix
        self._number = 0
        self._resting: deque[tuple[Trader, str]] = deque(maxlen=_REMEMBERED)

    def __iter__(self) -> Iterator[Step]:
        while True:
            yield self.step()

    def step(self) -> Step:
        """The next command and who sends it."""
        draw = self._source.randrange(100)
        if PASSIVE_PERCENT <= draw < PASSIVE_PERCENT + CANCEL_PERCENT and self._resting:
            trader, order_id = self._forget()
            return Step(trader, CancelOrder(trader.account_id, order_id))
        is_passive = draw < PASSIVE_PERCENT + CANCEL_PERCENT
        return self._passive() if is_passive else self._crossing()

    def _passive(self) -> Step:
        away = self._source.randint(1, REACH_TICKS)
        is_buy = self._source.random() < 0.5
        step = self._order(is_buy, -away if is_buy else away)
        if away >= SAFE_TICKS:
            self._resting.append((step.trader, step.command.order_id))
        return step

    def _crossing(self) -> Step:
        through = self._source.randint(1, 3)
        is_buy = self._source.random() < 0.5
        return self._order(is_buy, through if is_buy else -through)

    def _order(self, is_buy: bool, ticks: int) -> Step:
        trader = self._source.choice(self._traders)
        contract = self._source.choice(self._contracts)
        self._number += 1
        direction = Direction.BUY if is_buy else Direction.SELL
        return Step(
            trader,
            PlaceOrder(
                trader.account_id, f"{self._prefix}{self._number}", contract.symbol,
                int(direction), 0, self._source.randint(1, 10),
                limit_price=contract.middle + ticks * contract.price_tick,
            ),
        )  # fmt: skip

    def _forget(self) -> tuple[Trader, str]:
        """A resting order, chosen evenly; the deque is turned instead of searched."""
        self._resting.rotate(-self._source.randrange(1, 8))
        return self._resting.popleft()


def make_traders(count: int, prefix: str = "load") -> list[Trader]:
    """Traders with names that follow from their number, each its own owner."""
    return [
        Trader(f"ACC_{number:024x}{prefix.encode().hex()[:8]:0>8}", f"{number + 1:032x}")
        for number in range(count)
    ]


def make_contracts(count: int) -> list[Contract]:
    """Contracts of one product, one delivery month each."""
    tick, middle = 10 * SCALE, 5_000 * SCALE
    months = (f"{27 + number // 12:02d}{1 + number % 12:02d}" for number in range(count))
    return [Contract(f"SHFE.lt{month}", tick, middle) for month in months]


def venue_commands(venue: str, now_ns: int, contracts: Sequence[Contract], number: int = 1) -> list[Any]:
    """Commands that create a venue which is open for at least half a day from now on."""
    day, minute = open_day(now_ns)
    days = [shift(day, offset) for offset in range(5)]
    return [
        CreateVenue(venue, number, int(ClockMode.ALWAYS), day, minute),
        SetCalendar(days),
        SetSessions([["always", ALWAYS_SECTIONS]]),
        SetProduct(list(ProductRow("SHFE", "lt", "负载测试", "Load test", list(LOAD_RATES)))),
        *(CreateInstrument(list(_instrument(contract))) for contract in contracts),
    ]


def account_commands(traders: Sequence[Trader], cash: int = 10**10 * SCALE) -> list[OpenAccount]:
    """Commands that open the traders' accounts with money that does not run out."""
    return [
        OpenAccount(
            trader.account_id, trader.user_id, "load", "individual", is_market_maker=True,
            init_cash=cash,
        )
        for trader in traders
    ]  # fmt: skip


def open_day(now_ns: int) -> tuple[int, int]:
    """(trading day, settlement minute) of a day that settles half a day from now."""
    end_ns = now_ns + _HALF_DAY_NS
    day = day_of_ns(end_ns)
    return day, (end_ns - midnight_ns(day)) // NS_PER_MINUTE


LOAD_RATES = Rates(
    margin_long_ppm=100_000, margin_short_ppm=100_000, open_ratio_ppb=50_000, open_per_lot=0,
    close_ratio_ppb=50_000, close_per_lot=0, close_today_ratio_ppb=0, close_today_per_lot=1_000,
)  # fmt: skip


def _instrument(contract: Contract) -> InstrumentRow:
    exchange_id, _, instrument_id = contract.symbol.partition(".")
    return InstrumentRow(
        exchange_id, instrument_id, "lt", instrument_id, instrument_id, "FUTURE",
        volume_multiple=5, price_tick=contract.price_tick, session_template="always",
        limit_up_ppm=100_000, limit_down_ppm=100_000, min_limit_volume=1,
        max_limit_volume=1_000, min_market_volume=1, max_market_volume=1_000, position_limit=0,
        list_date=0, expire_date=0, listing_price=contract.middle,
    )  # fmt: skip
