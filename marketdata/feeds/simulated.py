"""A market and fronts of the CTP kind without a wire: the same calls, the same callbacks (G-14).

`Market` moves prices by a seeded process; each `Front` sends its subscribers the depth of
what moved, with the habits of real fronts: DBL_MAX for no value, GBK messages, action days
that differ between exchanges, and, when told, refusals, breaks, silence, delay, repeats.
"""

import heapq
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from marketdata.feeds.ticks import RAW_FIELDS, trading_day_of

NONE = sys.float_info.max
UNKNOWN_INSTRUMENT = SimpleNamespace(ErrorID=16, ErrorMsg="CTP:找不到合约")
SOUND = SimpleNamespace(ErrorID=0, ErrorMsg="正确")


@dataclass(frozen=True)
class Listing:
    """An instrument of the simulated market."""

    symbol: str
    exchange_id: str = "SHFE"
    price: float = 5_000.0
    price_tick: float = 1.0
    multiple: int = 10
    limit_ratio: float = 0.08

    @property
    def full(self) -> str:
        """`EXCHANGE.symbol`; the symbol alone where the exchange is not known."""
        return f"{self.exchange_id}.{self.symbol}" if self.exchange_id else self.symbol


class Instrument:
    """One instrument's day: totals, book and the struct that shows them."""

    __slots__ = ("anchor", "front_ids", "listing", "struct", "turns")

    def __init__(self, listing: Listing, dice: random.Random) -> None:
        self.listing = listing
        self.anchor = round(listing.price / listing.price_tick)
        self.turns = 0
        self.struct = SimpleNamespace(**dict.fromkeys(RAW_FIELDS, NONE))
        self._open(dice)

    def _open(self, dice: random.Random) -> None:
        listing, s = self.listing, self.struct
        start = self.anchor * listing.price_tick
        s.InstrumentID, s.ExchangeID = listing.symbol, listing.exchange_id
        s.PreSettlementPrice = s.PreClosePrice = s.LastPrice = start
        s.OpenPrice = s.HighestPrice = s.LowestPrice = start
        s.UpperLimitPrice = round(start * (1 + listing.limit_ratio), 4)
        s.LowerLimitPrice = round(start * (1 - listing.limit_ratio), 4)
        s.Volume, s.Turnover = 0, 0.0
        s.OpenInterest = s.PreOpenInterest = float(dice.randrange(1_000, 200_000))
        for n in range(1, 6):
            setattr(s, f"BidVolume{n}", 0)
            setattr(s, f"AskVolume{n}", 0)

    def move(self, dice: random.Random) -> None:
        """A trade near the last price, pulled back to the first one."""
        s, tick = self.struct, self.listing.price_tick
        at = round(s.LastPrice / tick)
        up = 0.5 - (at - self.anchor) / 400
        at = max(1, at + (1 if dice.random() < up else -1))
        s.LastPrice = round(min(s.UpperLimitPrice, max(s.LowerLimitPrice, at * tick)), 4)
        lots = dice.randrange(1, 20)
        s.Volume += lots
        s.Turnover += lots * s.LastPrice * self.listing.multiple
        s.OpenInterest = max(0.0, s.OpenInterest + dice.randrange(-3, 4))
        s.HighestPrice, s.LowestPrice = max(s.HighestPrice, s.LastPrice), min(s.LowestPrice, s.LastPrice)
        s.AveragePrice = s.Turnover / s.Volume
        self._quote(dice, tick)

    def _quote(self, dice: random.Random, tick: float) -> None:
        s = self.struct
        s.BidPrice1, s.AskPrice1 = round(s.LastPrice - tick, 4), round(s.LastPrice + tick, 4)
        s.BidVolume1, s.AskVolume1 = dice.randrange(1, 200), dice.randrange(1, 200)
        if s.LastPrice >= s.UpperLimitPrice:
            s.AskPrice1, s.AskVolume1 = NONE, 0
        if s.LastPrice <= s.LowerLimitPrice:
            s.BidPrice1, s.BidVolume1 = NONE, 0


class Market:
    """Instruments that move, and the clock ticks are stamped with (ms since 1970)."""

    def __init__(self, listings: Sequence[Listing], seed: int = 1, now_ms: Callable[[], int] | None = None,
                 day_of: Callable[[datetime], str] = trading_day_of) -> None:  # fmt: skip
        self.dice = random.Random(seed)
        self.instruments = {item.symbol: Instrument(item, self.dice) for item in listings}
        self.day_of = day_of
        self.moves_all = False
        """Do instruments move that nobody subscribed?"""
        self.on_sent: Callable[[Instrument, list[Front]], None] | None = None
        """Told of each snapshot and the fronts it went to; for drills."""
        self.now_ms = now_ms or (lambda: int(datetime.now(UTC).timestamp() * 1_000))
        self.fronts: list[Front] = []
        self.subscribers: dict[str, list[Front]] = {}
        self._followed: list[Instrument] | None = []
        """Those somebody subscribed, in the order of the list; None: to be gathered anew."""
        self._cursor = 0
        self._stamp: tuple[Any, ...] = (0,)

    def play(self, updates: int) -> None:
        """Move the next so many subscribed instruments, in turn, and tell the fronts."""
        if self._followed is None:
            every = self.instruments.items()
            self._followed = [item for name, item in every if self.moves_all or self.subscribers.get(name)]
        followed = self._followed
        for _ in range(updates if followed else 0):
            self._cursor = (self._cursor + 1) % len(followed)
            instrument = followed[self._cursor]
            self._send(instrument, self.subscribers.get(instrument.listing.symbol, []))

    def _send(self, instrument: Instrument, fronts: "list[Front]") -> None:
        instrument.move(self.dice)
        self.stamp(instrument)
        for front in fronts:
            front.tell(instrument.struct)
        if self.on_sent is not None:
            self.on_sent(instrument, fronts)

    def stamp(self, instrument: Instrument) -> None:
        """Put the time on a snapshot as its exchange writes it."""
        now_ms = self.now_ms()
        if now_ms // 1_000 != self._stamp[0]:
            at = datetime.fromtimestamp(now_ms // 1_000, UTC) + timedelta(hours=8)
            self._stamp = (now_ms // 1_000, self.day_of(at), f"{at:%Y%m%d}", f"{at:%H:%M:%S}")
        _, trading_day, action_day, clock = self._stamp
        s, exchange = instrument.struct, instrument.listing.exchange_id
        s.TradingDay, s.UpdateTime = trading_day, clock
        s.ActionDay = trading_day if exchange == "DCE" else action_day
        s.UpdateMillisec = 0 if exchange == "CZCE" else now_ms % 1_000

    def follow(self, front: "Front", symbol: str) -> bool:
        """A front has a subscriber; False for an instrument that is not listed."""
        if symbol not in self.instruments:
            return False
        fronts = self.subscribers.setdefault(symbol, [])
        if front not in fronts:
            fronts.append(front)
            self._followed = None
        return True

    def leave(self, front: "Front", symbol: str) -> None:
        fronts = self.subscribers.get(symbol, [])
        if front in fronts:
            fronts.remove(front)
            self._followed = None


@dataclass
class Habits:
    """How a front behaves; change it while it runs."""

    unreachable: bool = False
    login_error: int = 0
    login_message: str = "CTP:不合法的登录"
    mute_login: bool = False
    silent: bool = False
    delay_s: float = 0.0
    repeat: bool = False
    lose: float = 0.0
    """Share of the ticks that get lost."""


@dataclass(eq=False)
class Front:
    """One address of a broker: knows the APIs connected to it."""

    market: Market
    address: str
    habits: Habits = field(default_factory=Habits)
    apis: "list[SimulatedMdApi]" = field(default_factory=list)

    def __post_init__(self) -> None:
        self.market.fronts.append(self)

    def drop(self, reason: int = 0x1001) -> None:
        """The wire breaks for everybody."""
        for api in list(self.apis):
            api.broken(reason)

    def tell(self, struct: Any) -> None:
        """A snapshot to those who subscribed it."""
        habits = self.habits
        if habits.silent or (habits.lose and self.market.dice.random() < habits.lose):
            return
        for api in self.apis:
            if struct.InstrumentID in api.subscribed:
                api.deliver(struct, habits)


class Scheduler:
    """Calls what is due in the order of time; the clock is told by `run`."""

    def __init__(self) -> None:
        self.now = 0.0
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0

    def later(self, delay_s: float, call: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._heap, (self.now + delay_s, self._count, call))

    def run(self, now: float) -> None:
        """Everything due up to now."""
        while self._heap and self._heap[0][0] <= now:
            at, _, call = heapq.heappop(self._heap)
            self.now = max(self.now, at)
            call()
        self.now = max(self.now, now)


class SimulatedMdSpi:
    """The base of callbacks, as the library has it."""

    def OnFrontConnected(self) -> None: ...
    def OnFrontDisconnected(self, nReason: int) -> None: ...
    def OnRspUserLogin(self, *answer: Any) -> None: ...
    def OnRspSubMarketData(self, *answer: Any) -> None: ...
    def OnRspUnSubMarketData(self, *answer: Any) -> None: ...
    def OnRspError(self, *answer: Any) -> None: ...
    def OnRtnDepthMarketData(self, pDepthMarketData: Any) -> None: ...


class SimulatedMdApi:
    """What `CThostFtdcMdApi` is to the real library, bound to a `Fronts`."""

    def __init__(self, fronts: "Fronts") -> None:
        self._fronts = fronts
        self._spi: Any = None
        self._front: Front | None = None
        self._address = ""
        self._logged_in = False
        self.subscribed: set[str] = set()

    def RegisterSpi(self, spi: Any) -> None:
        self._spi = spi

    def RegisterFront(self, address: str) -> None:
        self._address = address

    def Init(self) -> None:
        self._fronts.scheduler.later(0.001, self._connect)

    def _connect(self) -> None:
        front = self._fronts.by_address.get(self._address)
        if self._spi is None or front is None or front.habits.unreachable:
            return  # like the library: no callback at all
        self._front = front
        front.apis.append(self)
        self._spi.OnFrontConnected()

    def ReqUserLogin(self, request: Any, request_id: int) -> int:
        if self._front is None:
            return -1
        if not self._front.habits.mute_login:
            self._fronts.scheduler.later(0.001, lambda: self._answer_login(request_id))
        return 0

    def _answer_login(self, request_id: int) -> None:
        if self._front is None or self._spi is None:
            return
        habits = self._front.habits
        info = SimpleNamespace(ErrorID=habits.login_error, ErrorMsg=habits.login_message)
        self._logged_in = not habits.login_error
        answer = SimpleNamespace(TradingDay="")
        self._spi.OnRspUserLogin(answer, info if habits.login_error else SOUND, request_id, True)

    def SubscribeMarketData(self, names: list[bytes], count: int) -> int:
        if self._front is None or not self._logged_in:
            return -1
        symbols = [name.decode("gb18030") for name in names[:count]]
        self._fronts.scheduler.later(0.001, lambda: self._answer_subscribe(symbols))
        return 0

    def _answer_subscribe(self, symbols: list[str]) -> None:
        for symbol in symbols:
            if self._front is None or self._spi is None:
                return
            listed = self._front.market.follow(self._front, symbol)
            if listed:
                self.subscribed.add(symbol)
            info = SOUND if listed else UNKNOWN_INSTRUMENT
            self._spi.OnRspSubMarketData(SimpleNamespace(InstrumentID=symbol), info, 0, True)

    def UnSubscribeMarketData(self, names: list[bytes], count: int) -> int:
        if self._front is None:
            return -1
        for name in names[:count]:
            self._stop(name.decode("gb18030"))
        return 0

    def _stop(self, symbol: str) -> None:
        self.subscribed.discard(symbol)
        front = self._front
        if front is not None and not any(symbol in api.subscribed for api in front.apis):
            front.market.leave(front, symbol)

    def deliver(self, struct: Any, habits: Habits) -> None:
        """A snapshot on its way to the callback."""
        if self._spi is None:
            return
        if habits.delay_s:
            late = SimpleNamespace(**vars(struct))
            self._fronts.scheduler.later(habits.delay_s, lambda: self._call(late))
            return
        self._call(struct)
        if habits.repeat:
            self._call(struct)

    def _call(self, struct: Any) -> None:
        if self._spi is not None and struct.InstrumentID in self.subscribed:
            self._spi.OnRtnDepthMarketData(struct)

    def broken(self, reason: int) -> None:
        """The wire is gone."""
        self._leave()
        if self._spi is not None:
            self._spi.OnFrontDisconnected(reason)

    def _leave(self) -> None:
        front = self._front
        for symbol in list(self.subscribed):
            self._stop(symbol)
        if front is not None and self in front.apis:
            front.apis.remove(self)
        self._front, self._logged_in = None, False

    def Release(self) -> None:
        self._spi = None
        self._leave()


class Fronts:
    """Stands where `openctp_ctp.mdapi` stands: the module of a simulated market."""

    CThostFtdcMdSpi = SimulatedMdSpi
    CThostFtdcReqUserLoginField = SimpleNamespace

    def __init__(self, market: Market) -> None:
        self.market = market
        self.scheduler = Scheduler()
        self.by_address: dict[str, Front] = {}
        self.CThostFtdcMdApi = SimpleNamespace(
            CreateFtdcMdApi=lambda path="", *_: SimulatedMdApi(self),
            GetApiVersion=lambda: "simulated",
        )

    def front(self, address: str, habits: Habits | None = None) -> Front:
        """The front of an address, made when it is not there."""
        found = self.by_address.get(address)
        if found is None:
            found = self.by_address[address] = Front(self.market, address, habits or Habits())
        return found
