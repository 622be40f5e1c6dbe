"""One client of the gateway: both dialects over any transport (G-20 … G-22)."""

import itertools
import os
import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import msgspec

from marketdata.feeds.ticks import bare_symbol
from marketdata.gateway.hub import Hub, Shown
from marketdata.gateway.quotes import changes
from trading.engine.codes import (
    AUTHENTICATION_FAILED,
    CODES,
    INSTRUMENT_NOT_FOUND,
    INVALID_FIELD,
    MALFORMED_MESSAGE,
    NO_FEED_ROOM,
    NOT_AUTHENTICATED,
    TOO_MANY_REQUESTS,
)

MAX_SYMBOLS = 30_000
"""A client may follow a whole market and no more."""
MAX_NAME = 64
LISTED = 50_000
MAX_HELD = 16
"""Messages kept while a token is looked up."""
MAX_WRONG_TOKENS = 3
Message = dict[str, Any]
Authenticate = Callable[[str], Awaitable[bool]]

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode
_numbers = itertools.count(1)


class Transport(Protocol):
    """What a session writes to."""

    @property
    def can_push(self) -> bool: ...

    def push(self, data: bytes) -> None: ...

    def spawn(self, work: Any) -> Any: ...


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Refused(Exception):
    """A message that is answered by an error."""

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


class Session:
    """Speaks with one client; `authenticate` None lets everybody in.

    A reader that falls behind gets the newest state of each symbol when it reads again,
    never a queue of old ones.
    """

    def __init__(self, hub: Hub, transport: Transport, authenticate: Authenticate | None = None) -> None:
        self.hub = hub
        self.transport = transport
        self.session_id = f"s{os.getpid()}-{next(_numbers)}"
        self.is_known = authenticate is None
        self.in_data_dialect = False
        self._authenticate = authenticate
        self._wrong_tokens = 0
        self._held: list[Message] | None = None
        """What came while a token is looked up."""
        self._pushed: dict[str, str] = {}
        """Symbols of the `action` form → the client's spelling."""
        self._quoted: dict[str, str] = {}
        """The same of the `aid` form, in the client's order."""
        self._missing: list[str] = []
        """Names of the `aid` form that nobody lists (yet)."""
        self._sent: dict[str, Message] = {}
        self._dirty: dict[str, None] = {}
        self._behind: dict[str, Shown] = {}
        self._peeking = False
        hub.sessions.add(self)

    # --------------------------------------------------------------- arriving

    def greet(self) -> None:
        """The first words."""
        self.say({
            "type": "welcome", "session_id": self.session_id, "ctp_connected": self.hub.connected(),
            "timestamp": now_ms(),
        })  # fmt: skip

    def on_text(self, text: str | bytes) -> None:
        """One message; whatever it is, it is answered or has an effect."""
        try:
            message = _decode(text)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            self.refuse(Refused(MALFORMED_MESSAGE, "a JSON object is needed"))
            return
        self._try(message)

    def _try(self, message: Message) -> None:
        try:
            self._take(message)
        except Refused as error:
            self.refuse(error)

    def _take(self, message: Message) -> None:
        if not self.is_known:
            self._ask_who(message)
            return
        if message.get("dialect") in ("data", "flat"):
            self.in_data_dialect = message["dialect"] == "data"
        if "aid" in message:
            handler = _AIDS.get(str(message["aid"]))
        elif "action" in message:
            handler = _ACTIONS.get(str(message["action"]))
        elif "dialect" in message or "token" in message:
            return
        else:
            raise Refused(MALFORMED_MESSAGE, "aid or action is missing")
        if handler is None:
            raise Refused(MALFORMED_MESSAGE, "unknown aid or action")
        handler(self, message)

    def _ask_who(self, message: Message) -> None:
        """The first message brings the token; what follows waits for the answer."""
        if self._held is not None:
            if len(self._held) >= MAX_HELD:
                raise Refused(TOO_MANY_REQUESTS, "the token is being looked up")
            self._held.append(message)
            return
        token = message.get("token")
        if not isinstance(token, str) or not token:
            raise Refused(NOT_AUTHENTICATED, "token in the first message")
        if self._wrong_tokens >= MAX_WRONG_TOKENS:
            raise Refused(AUTHENTICATION_FAILED, "too many wrong tokens: connect anew")
        self._held = [message]
        self.transport.spawn(self._check(token))

    async def _check(self, token: str) -> None:
        assert self._authenticate is not None
        self.is_known = await self._authenticate(token)
        held, self._held = self._held or [], None
        if not self.is_known:
            self._wrong_tokens += 1
            self.refuse(Refused(AUTHENTICATION_FAILED))
            return
        for message in held:
            self._try(message)

    def refuse(self, error: Refused) -> None:
        """Say why not."""
        name = CODES[error.code].name_en
        text = f"{name}: {error.reason}" if error.reason else name
        self.say({"type": "error", "code": error.code, "message": text, "timestamp": now_ms()})

    def say(self, message: Message) -> None:
        self.transport.push(_encode(message))

    def end(self) -> None:
        """The client is gone."""
        self.hub.sessions.discard(self)
        self.hub.leave(self, self.session_id, {**self._pushed, **self._quoted})

    # -------------------------------------------------------------- aid form

    def _subscribe_quote(self, message: Message) -> None:
        catalogue = self.hub.catalogue
        names = names_of(message.get("ins_list"))
        wanted = {bare_symbol(name): name for name in names if not catalogue or name in catalogue}
        self._admit(self._pushed | wanted)
        self._missing = [name for name in names if bare_symbol(name) not in wanted]
        kept = {**wanted, **self._pushed}
        self.hub.leave(self, self.session_id, [s for s in self._quoted if s not in kept])
        self._quoted = wanted
        self._sent = {symbol: sent for symbol, sent in self._sent.items() if symbol in wanted}
        self.hub.follow(self, self.session_id, wanted.values())
        known = {symbol for symbol in wanted if symbol in self.hub.shown and symbol not in self._sent}
        self._dirty = dict.fromkeys([s for s in self._dirty if s in wanted] + sorted(known))
        self.say({"aid": "subscribe_quote", "status": "ok"})
        self._tell_waiting(wanted)
        self._answer_peek()

    def _peek(self, message: Message) -> None:
        self._peeking = True
        self._answer_peek()

    def _answer_peek(self) -> None:
        """What changed since the last answer; nothing changed: the peek stays pending."""
        if not self._peeking or not self._dirty or not self.transport.can_push:
            return
        quotes = {}
        for symbol in self._dirty:
            spelling, shown = self._quoted.get(symbol), self.hub.shown.get(symbol)
            if spelling is None or shown is None:
                continue
            changed = changes(self._sent.get(symbol), shown.quote)
            self._sent[symbol] = shown.quote
            quotes[spelling] = {"instrument_id": spelling, **changed} if len(changed) > 30 else changed
            self.hub.sent(shown)
        self._dirty.clear()
        self._peeking = False
        tail = {"account_id": "", "ins_list": ",".join(self._quoted.values()), "mdhis_more_data": False}
        self.say({"aid": "rtn_data", "data": [{"quotes": quotes}, tail]})

    def on_names(self) -> None:
        """The catalogue grew: names asked for that it did not have may be there now."""
        found = {bare_symbol(name): name for name in self._missing if name in self.hub.catalogue}
        if found:
            self._missing = [name for name in self._missing if bare_symbol(name) not in found]
            self._quoted |= found
            self.hub.follow(self, self.session_id, found.values())

    def _admit(self, symbols: dict[str, str]) -> None:
        """Refuse more than one client may follow, in both forms together."""
        if len(symbols) > MAX_SYMBOLS:
            raise Refused(TOO_MANY_REQUESTS, f"at most {MAX_SYMBOLS} instruments")

    # ----------------------------------------------------------- action form

    def _subscribe(self, message: Message) -> None:
        names = names_of(message.get("instruments"))
        catalogue = self.hub.catalogue
        sound, failed = [], []
        for name in names:
            (sound if not catalogue or name in catalogue else failed).append(name)
        wanted = {bare_symbol(name): name for name in sound}
        self._admit(self._pushed | self._quoted | wanted)
        self._pushed |= wanted
        self.hub.follow(self, self.session_id, wanted.values())
        self.say({
            "type": "subscribe_response", "action": "subscribe",
            "status": "success" if not failed else "partial" if sound else "error",
            "subscribed_count": len(self._pushed), "failed": failed,
            "message": f"{len(sound)} subscribed" + (
                f", {len(failed)} failed: {INSTRUMENT_NOT_FOUND} {CODES[INSTRUMENT_NOT_FOUND].name_en}"
                if failed else ""
            ),
        })  # fmt: skip
        self._tell_waiting(wanted)
        for symbol, spelling in wanted.items():
            shown = self.hub.shown.get(symbol)
            if shown is not None:
                self._push_first(symbol, shown, spelling)

    def _unsubscribe(self, message: Message) -> None:
        given = message.get("instruments")
        names = names_of(given) if given is not None else list(self._pushed.values())
        gone = [symbol for symbol in map(bare_symbol, names) if self._pushed.pop(symbol, None) is not None]
        self.hub.leave(self, self.session_id, [symbol for symbol in gone if symbol not in self._quoted])
        for symbol in gone:
            self._behind.pop(symbol, None)
        self.say({
            "type": "unsubscribe_response", "action": "unsubscribe", "status": "success",
            "unsubscribed_count": len(gone), "subscribed_count": len(self._pushed),
        })  # fmt: skip

    def _list(self, message: Message) -> None:
        names = self.hub.catalogue.names
        self.say({
            "type": "instrument_list", "action": message["action"],
            "instruments": names[:LISTED], "total_count": len(names),
        })  # fmt: skip

    def _search(self, message: Message) -> None:
        pattern = message.get("pattern")
        if not isinstance(pattern, str) or len(pattern) > MAX_NAME:
            raise Refused(INVALID_FIELD, "pattern")
        found = self.hub.catalogue.search(pattern)
        self.say({
            "type": "search_result", "action": message["action"], "pattern": pattern,
            "instruments": found[:LISTED], "match_count": len(found),
        })  # fmt: skip

    def _status(self, message: Message) -> None:
        self.say({
            "type": "status", "action": "status", "session_id": self.session_id,
            "ctp_connected": self.hub.connected(), "subscribed_count": len(self._pushed | self._quoted),
            "active_sessions": len(self.hub.sessions), "feed": self.hub.status(), "timestamp": now_ms(),
        })  # fmt: skip

    def _ping(self, message: Message) -> None:
        self.say({"type": "pong", "action": "ping", "timestamp": now_ms()})

    # -------------------------------------------------------------------- ticks

    def on_tick(self, shown: Shown, spelling: str) -> None:
        """A followed symbol moved."""
        symbol = shown.tick.instrument_id
        mine = self._pushed.get(symbol)
        if mine is not None:
            if self.transport.can_push and not self._behind:
                self._push_tick(shown, mine)
            else:
                self._behind[symbol] = shown
        if symbol in self._quoted:
            self._dirty[symbol] = None
            if self._peeking:
                self._answer_peek()

    def _push_tick(self, shown: Shown, spelling: str) -> None:
        data = shown.data(spelling) if self.in_data_dialect else shown.flat(spelling)
        self.transport.push(data)
        self.hub.sent(shown)

    def _push_first(self, symbol: str, shown: Shown, spelling: str) -> None:
        """The newest of a symbol just subscribed; it waits where the reader does not keep up."""
        if self.transport.can_push and not self._behind:
            self._push_tick(shown, spelling)
        else:
            self._behind[symbol] = shown

    def on_resume(self) -> None:
        """The reader reads again: the newest of what it missed."""
        while self._behind and self.transport.can_push:
            symbol = next(iter(self._behind))
            shown = self._behind.pop(symbol)
            if symbol in self._pushed:
                self._push_tick(shown, self._pushed[symbol])
        self._answer_peek()

    def _tell_waiting(self, wanted: dict[str, str]) -> None:
        late = [spelling for symbol, spelling in wanted.items() if symbol in self.hub.waiting]
        if late:
            self.on_waiting(late)

    def on_waiting(self, symbols: list[str]) -> None:
        """No connection has room for these; they come when one has."""
        named = ", ".join(symbols[:20])
        self.refuse(Refused(NO_FEED_ROOM, named))


def names_of(given: Any) -> list[str]:
    """Instrument names of a message: a list, or a string with commas; Refused for anything else."""
    if isinstance(given, str):
        given = [name.strip() for name in given.split(",") if name.strip()]
    if not isinstance(given, list):
        raise Refused(INVALID_FIELD, "a list of instruments is needed")
    if len(given) > MAX_SYMBOLS:
        raise Refused(TOO_MANY_REQUESTS, f"at most {MAX_SYMBOLS} instruments")
    for name in given:
        if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME or not name.isprintable():
            raise Refused(INVALID_FIELD, "an instrument's name is no name")
    return list(dict.fromkeys(given))


_AIDS: dict[str, Callable[[Session, Message], None]] = {
    "subscribe_quote": Session._subscribe_quote,
    "peek_message": Session._peek,
}
_ACTIONS: dict[str, Callable[[Session, Message], None]] = {
    "subscribe": Session._subscribe,
    "unsubscribe": Session._unsubscribe,
    "list": Session._list,
    "list_instruments": Session._list,
    "search": Session._search,
    "search_instruments": Session._search,
    "status": Session._status,
    "ping": Session._ping,
}
