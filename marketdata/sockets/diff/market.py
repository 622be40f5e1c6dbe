"""Quotes, trading status, instrument queries and charts of one DIFF socket (D-20 … D-26)."""

from typing import TYPE_CHECKING, Any

import msgspec

from marketdata.fanout.quotes import QuoteState
from marketdata.sockets.diff import messages
from marketdata.sockets.diff.branch import braces, pair
from marketdata.sockets.diff.charts import ChartDesk
from trading.engine.codes import QUERY_NOT_ALLOWED, TOO_MANY_REQUESTS

if TYPE_CHECKING:
    from marketdata.sockets.diff.socket import DiffSocket

_encode = msgspec.json.Encoder().encode
_STATUS = {"CONTINUOUS": "CONTINOUS", "AUCTION_ORDER": "AUCTIONORDERING"}
"""Phase → DIFF's word, in the protocol's own spelling (D-26)."""
CLOSED = "NOTRADING"
_ID_LENGTH, _QUERY_LENGTH = 256, 256 * 1024
_QUERIES = 64
"""Queries of one socket that are under way."""
_ANSWERS, _ANSWER_BYTES = 1_000, 32 << 20
"""Answers that wait for the client to peek."""


class MarketDesk:
    """What a socket has asked of the market; a `QuoteListener`."""

    def __init__(self, socket: "DiffSocket") -> None:
        self._socket = socket
        self._ins_list: str | None = None
        self._echoes = False
        self._seen: dict[str, int] = {}
        """Subscribed symbols that exist, with the version the client has."""
        self._dirty: dict[QuoteState, None] = {}
        self._late_statuses: set[str] = set()
        self._statuses: dict[str, str] = {}
        self._new_statuses: dict[str, str] = {}
        self._symbols: dict[str, bytes] = {}
        self._querying = 0
        self.charts = ChartDesk(socket)

    def handle(self, message: Any) -> None:
        """A market message."""
        if isinstance(message, messages.SubscribeQuote):
            self.subscribe(message.ins_list)
        elif isinstance(message, messages.SubscribeTradingStatus):
            self.subscribe_status(message.ins_list)
        elif isinstance(message, messages.InsQuery):
            self.query(message)

    @property
    def following(self) -> int:
        """Symbols and charts it follows."""
        return len(self._seen.keys() | self._statuses.keys()) + len(self.charts)

    def close(self) -> None:
        """Follow nothing any more."""
        for symbol in self._seen.keys() | self._statuses.keys():
            self._socket.hub.quotes.leave(symbol, self)
        self._socket.hub.waiting.pop(self, None)
        self.charts.close()

    # ------------------------------------------------------------------- quotes

    def subscribe(self, ins_list: str) -> None:
        """Replace the former list (D-21)."""
        wanted = dict.fromkeys(filter(None, ins_list.split(",")))
        for symbol in [symbol for symbol in self._seen if symbol not in wanted]:
            del self._seen[symbol]
            self._leave(symbol)
        for symbol in wanted:
            self._follow(symbol)  # asked for again, given again whole
        self._ins_list, self._echoes = ins_list, True
        self._wait_for_listings()
        self._socket.flush()

    def _follow(self, symbol: str) -> None:
        state = self._socket.hub.quotes.follow(symbol, self)
        if state is not None:
            self._seen[symbol] = 0
            self._dirty[state] = None

    def _unknown(self) -> list[str]:
        return [each for each in (self._ins_list or "").split(",") if each and each not in self._seen]

    def _wait_for_listings(self) -> None:
        """Be told of new instruments while something that was asked for is not among them."""
        waiting = self._socket.hub.waiting
        if self._late_statuses or self._unknown():
            waiting[self] = None
        else:
            waiting.pop(self, None)

    def _leave(self, symbol: str) -> None:
        if symbol not in self._seen and symbol not in self._statuses:
            self._socket.hub.quotes.leave(symbol, self)

    def on_quote(self, state: QuoteState) -> None:
        """The feed's call."""
        if state.symbol in self._seen:
            self._dirty[state] = None
        if state.symbol in self._statuses:
            self._look_at(state)

    def wake(self) -> None:
        """The feed's call after all of one read."""
        if self._new_statuses:
            self._socket.flush()
        else:
            self._socket.market_changed()

    def on_listings(self) -> None:
        """Instruments came or went: what was unknown may be there now."""
        for symbol in self._unknown():
            self._follow(symbol)
        for symbol in tuple(self._late_statuses):
            self._follow_status(symbol)
        self._wait_for_listings()
        self._socket.flush()

    # ------------------------------------------------------------ trading status

    def subscribe_status(self, ins_list: str) -> None:
        """Tell of phases from now on (D-26); replaces the former list."""
        for symbol in tuple(self._statuses):
            del self._statuses[symbol]
            self._leave(symbol)
        self._late_statuses.clear()
        for symbol in filter(None, ins_list.split(",")):
            self._follow_status(symbol)
        self._wait_for_listings()
        self._socket.flush()

    def _follow_status(self, symbol: str) -> None:
        state = self._socket.hub.quotes.follow(symbol, self)
        if state is None:
            self._late_statuses.add(symbol)
            return
        self._late_statuses.discard(symbol)
        self._statuses[symbol] = ""
        self._look_at(state)

    def _look_at(self, state: QuoteState) -> None:
        word = status_of(state)
        if self._statuses[state.symbol] != word:
            self._statuses[state.symbol] = self._new_statuses[state.symbol] = word

    # ------------------------------------------------------------------- answers

    @property
    def is_urgent(self) -> bool:
        """Is there something that need not wait for the market's pace?"""
        return self._echoes or bool(self._symbols or self._new_statuses) or self.charts.is_urgent

    @property
    def is_dirty(self) -> bool:
        """Is there something to send?"""
        return bool(self._dirty) or self.is_urgent or self.charts.is_dirty

    def take(self, budget: int) -> list[bytes]:
        """Patches of what is to be sent, about `budget` bytes."""
        parts: list[bytes] = []
        while self._symbols and budget > 0:
            query_id, result = self._symbols.popitem()
            parts.append(b'{"symbols":' + braces([pair(query_id, result)]) + b"}")
            budget -= len(result)
        if self._new_statuses:
            statuses = {s: {"symbol": s, "trade_status": word} for s, word in self._new_statuses.items()}
            self._new_statuses = {}
            parts.append(b'{"trading_status":' + _encode(statuses) + b"}")
        if self.charts.is_dirty and budget > 0:
            found = self.charts.take(budget)
            budget -= sum(map(len, found))
            parts += found
        quotes = self._take_quotes(budget)
        if quotes:
            parts.append(b'{"quotes":' + braces(quotes) + b"}")
        if self._echoes and not self._dirty:
            self._echoes = False
            parts.append(b'{"ins_list":' + _encode(self._ins_list) + b"}")
        return parts

    def _take_quotes(self, budget: int) -> list[bytes]:
        found: list[bytes] = []
        dirty, seen = self._dirty, self._seen
        while dirty and budget > 0:
            state, _ = dirty.popitem()
            version = seen.get(state.symbol)
            if version is None or version >= state.version:
                continue
            fragment = state.fragment(version)
            seen[state.symbol] = state.version
            found.append(fragment)
            budget -= len(fragment)
        return found

    # ------------------------------------------------------------------- queries

    def query(self, message: messages.InsQuery) -> None:
        """Answer an instrument query; an empty one drops its entry (D-23)."""
        if len(message.query_id) > _ID_LENGTH or len(message.query) > _QUERY_LENGTH:
            self._socket.refuse(QUERY_NOT_ALLOWED)
        elif not self._has_room():
            self._socket.refuse(TOO_MANY_REQUESTS)
        elif not message.query:
            self._symbols[message.query_id] = b"null"
            self._socket.flush()
        elif self._querying >= _QUERIES:
            self._socket.refuse(TOO_MANY_REQUESTS)
        else:
            self._querying += 1
            self._socket.spawn(self._query(message))

    def _has_room(self) -> bool:
        answers = self._symbols
        return len(answers) < _ANSWERS and sum(map(len, answers.values())) < _ANSWER_BYTES

    async def _query(self, message: messages.InsQuery) -> None:
        try:
            answer = await self._socket.hub.queries.answer(message.query, message.variables or {})
        finally:
            self._querying -= 1
        self._symbols[message.query_id] = answer
        self._socket.flush()


def status_of(state: QuoteState) -> str:
    """An instrument's phase in DIFF's words."""
    view = state.view
    if view is None or view.get("status", "TRADING") != "TRADING":
        return CLOSED
    return _STATUS.get(view.get("phase", ""), CLOSED)
