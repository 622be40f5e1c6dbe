"""The data service's envelope: `{type, data, timestamp}` over a hub's ticks (G-30, G-32)."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

from marketdata.feeds.ticks import Tick, bare_symbol
from marketdata.gateway.hub import Hub, Shown
from marketdata.gateway.session import Authenticate, Refused, Transport, names_of
from trading.engine.codes import (
    AUTHENTICATION_FAILED,
    CODES,
    INVALID_FIELD,
    MALFORMED_MESSAGE,
    NOT_AUTHENTICATED,
    TOO_MANY_REQUESTS,
)

QUOTE, TICK, KLINE, TRADE = "quote", "tick", "kline", "trade"
DATA_TYPES = (QUOTE, TICK, KLINE, TRADE)
MAX_SUBSCRIPTIONS = 100
PERIODS = {"3s": 3, "1min": 60, "5min": 300, "15min": 900, "30min": 1_800, "60min": 3_600, "1h": 3_600}
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode
Message = dict[str, Any]


def stamp() -> str:
    """Now, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class Bar:
    """The bar under way of one symbol and period, from ticks with volumes of the day."""

    __slots__ = ("close", "high", "low", "open", "start_ms", "volume", "_base")

    def __init__(self) -> None:
        self.start_ms = -1
        self.open = self.high = self.low = self.close = 0.0
        self.volume = 0
        self._base = 0

    def add(self, tick: Tick, seconds: int) -> bool:
        """Take a tick; False when it has no price."""
        price = tick.last_price
        if price is None:
            return False
        start = tick.timestamp // (seconds * 1_000) * seconds * 1_000
        if start != self.start_ms:
            self._base = tick.volume if self.start_ms < 0 else self._base + self.volume
            self.start_ms, self.open, self.high, self.low = start, price, price, price
        self.high, self.low, self.close = max(self.high, price), min(self.low, price), price
        self.volume = max(0, tick.volume - self._base)
        return True

    def data(self, period: str) -> Message:
        at = datetime.fromtimestamp(self.start_ms / 1_000, UTC)
        return {
            "period": period, "datetime": at.isoformat(), "open": self.open, "high": self.high,
            "low": self.low, "close": self.close, "volume": self.volume,
        }  # fmt: skip


def quote_data(tick: Tick) -> Message:
    """Price, volume and the best of both sides."""
    return {
        "price": tick.last_price, "volume": tick.volume, "timestamp": tick.timestamp,
        "open": tick.open_price, "high": tick.highest_price, "low": tick.lowest_price,
        "bid_price": tick.bid_price1, "bid_volume": tick.bid_volume1, "ask_price": tick.ask_price1,
        "ask_volume": tick.ask_volume1, "pre_close": tick.pre_close_price, "turnover": tick.turnover,
    }  # fmt: skip


def trade_data(tick: Tick, before: Tick | None) -> Message | None:
    """What was traded between two ticks; the direction is where the price lies in the old book."""
    if before is None or tick.volume <= before.volume or tick.last_price is None:
        return None
    ask, bid = before.ask_price1, before.bid_price1
    direction = "BUY" if ask is not None and tick.last_price >= ask else ""
    if not direction and bid is not None and tick.last_price <= bid:
        direction = "SELL"
    volume = tick.volume - before.volume
    return {
        "price": tick.last_price, "volume": volume, "direction": direction, "timestamp": tick.timestamp
    }  # fmt: skip


class DataSession:
    """One client of the data service."""

    def __init__(
        self,
        hub: Hub,
        transport: Transport,
        authenticate: Authenticate | None = None,
        max_subscriptions: int = MAX_SUBSCRIPTIONS,
        update_interval_s: float = 0.0,
    ) -> None:
        self.hub, self.transport = hub, transport
        self.party = f"data-{id(self)}"
        self.is_known = authenticate is None
        self.max_subscriptions = max_subscriptions
        self.update_interval_s = update_interval_s
        self._authenticate = authenticate
        self._wanted: dict[str, dict[str, Any]] = {}
        self._last: dict[str, Tick] = {}
        self._next_at: dict[str, float] = {}
        self._behind: dict[str, Shown] = {}
        hub.sessions.add(self)

    def greet(self) -> None:
        self.say("HEARTBEAT", {})

    def say(self, kind: str, data: Message) -> None:
        self.transport.push(_encode({"type": kind, "data": data, "timestamp": stamp()}))

    def refuse(self, error: Refused) -> None:
        name = CODES[error.code].name_en
        self.say(
            "ERROR", {"code": error.code, "message": f"{name}: {error.reason}" if error.reason else name}
        )

    def on_text(self, text: str | bytes) -> None:
        """One message; a bad one is answered, the socket stays."""
        try:
            message = _decode(text)
            handler = self.handler(str(message.get("type")))
            data = message.get("data", {})
            if handler is None or not isinstance(data, dict):
                raise Refused(MALFORMED_MESSAGE, "type and data are needed")
            if not self.is_known and handler is not DataSession._auth:
                raise Refused(NOT_AUTHENTICATED, "AUTH first")
            handler(self, data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            self.refuse(Refused(MALFORMED_MESSAGE, "a JSON object is needed"))
        except Refused as error:
            self.refuse(error)

    def handler(self, kind: str) -> "Callable[[Any, Message], None] | None":
        """What answers a type of message; None for an unknown one."""
        return _HANDLERS.get(kind)

    def end(self) -> None:
        self.hub.sessions.discard(self)
        self.hub.leave(self, self.party, list(self._wanted))

    # ---------------------------------------------------------------- messages

    def _auth(self, data: Message) -> None:
        token = data.get("token")
        if not isinstance(token, str):
            raise Refused(INVALID_FIELD, "token")
        self.transport.spawn(self._check(token))

    async def _check(self, token: str) -> None:
        if self._authenticate is not None and not await self._authenticate(token):
            self.refuse(Refused(AUTHENTICATION_FAILED))
            return
        self.is_known = True
        self.say("HEARTBEAT", {"authenticated": True})

    def _heartbeat(self, data: Message) -> None:
        self.say("HEARTBEAT", {})

    def _list(self, data: Message) -> None:
        self.say("DATA", {"symbols": self.hub.catalogue.names, "subscribed": list(self._wanted)})

    def _subscribe(self, data: Message) -> None:
        symbols = names_of(data.get("symbols"))
        kinds = data.get("data_types", [QUOTE])
        period = data.get("period", "1min")
        if not isinstance(kinds, list) or not kinds or not set(map(str, kinds)) <= set(DATA_TYPES):
            raise Refused(INVALID_FIELD, f"data_types of {', '.join(DATA_TYPES)}")
        if period not in PERIODS:
            raise Refused(INVALID_FIELD, f"period of {', '.join(PERIODS)}")
        wanted = {bare_symbol(symbol): symbol for symbol in symbols}
        if len(self._wanted | wanted) > self.max_subscriptions:
            raise Refused(TOO_MANY_REQUESTS, f"at most {self.max_subscriptions} symbols")
        for bare, symbol in wanted.items():
            known = self._wanted.setdefault(bare, {"kinds": set(), "bars": {}})
            known["symbol"] = symbol
            known["kinds"] |= set(kinds)
            if KLINE in kinds:
                known["bars"].setdefault(period, Bar())
        self.hub.follow(self, self.party, wanted.values())
        self.say("SUBSCRIBED", {"symbols": symbols, "data_types": kinds, "period": period})
        for bare, symbol in wanted.items():
            shown = self.hub.shown.get(bare)
            if shown is not None:
                self.on_tick(shown, symbol)

    def _unsubscribe(self, data: Message) -> None:
        given = data.get("symbols")
        symbols = names_of(given) if given is not None else [row["symbol"] for row in self._wanted.values()]
        gone = [name for name in symbols if self._wanted.pop(bare_symbol(name), None) is not None]
        self.hub.leave(self, self.party, gone)
        self.say("UNSUBSCRIBED", {"symbols": gone})

    # -------------------------------------------------------------------- ticks

    def on_tick(self, shown: Shown, spelling: str) -> None:
        name = shown.tick.instrument_id
        known = self._wanted.get(name)
        if known is None:
            return
        if not self.transport.can_push:
            self._behind[name] = shown
            return
        now = time.monotonic()
        if now < self._next_at.get(name, 0.0):
            return
        self._next_at[name] = now + self.update_interval_s
        self._tell(known, shown.tick)
        self.hub.sent(shown)

    def _tell(self, known: dict[str, Any], tick: Tick) -> None:
        symbol, kinds = known["symbol"], known["kinds"]
        before = self._last.get(tick.instrument_id)
        self._last[tick.instrument_id] = tick
        if QUOTE in kinds:
            self.say("DATA", {"symbol": symbol, "type": QUOTE, QUOTE: quote_data(tick)})
        if TICK in kinds:
            self.say("DATA", {"symbol": symbol, "type": TICK, TICK: msgspec.to_builtins(tick)})
        trade = trade_data(tick, before) if TRADE in kinds else None
        if trade is not None:
            self.say("DATA", {"symbol": symbol, "type": TRADE, TRADE: trade})
        for period, bar in known["bars"].items():
            if bar.add(tick, PERIODS[period]):
                self.say("DATA", {"symbol": symbol, "type": KLINE, KLINE: bar.data(period)})

    def on_resume(self) -> None:
        """The reader reads again: the newest of what it missed."""
        behind, self._behind = self._behind, {}
        for shown in behind.values():
            self.on_tick(shown, shown.tick.instrument_id)

    def on_names(self) -> None:
        """The catalogue grew; symbols are asked for without it here."""

    def on_waiting(self, symbols: list[str]) -> None:
        self.say("ERROR", {"code": 7001, "message": f"{CODES[7001].name_en}: {', '.join(symbols[:20])}"})


_HANDLERS: dict[str, Callable[[DataSession, Message], None]] = {
    "SUBSCRIBE": DataSession._subscribe,
    "UNSUBSCRIBE": DataSession._unsubscribe,
    "HEARTBEAT": DataSession._heartbeat,
    "AUTH": DataSession._auth,
    "LIST": DataSession._list,
}
