"""The images of accounts with a live socket, one each, shared by all who look (A-43)."""

import asyncio
import logging
from typing import Any

import redis
from django.db import DatabaseError

from exchange_site.exceptions import ExchangeError
from marketdata.fanout.account_rows import AccountRows, read_account
from marketdata.fanout.events import Event, EventFeed
from marketdata.fanout.image import AccountImage, Change, ImageListener
from marketdata.fanout.quotes import QuoteFeed, QuoteState
from marketdata.fanout.threads import in_database_thread
from trading.engine.codes import ACCOUNT_NOT_FOUND
from trading.engine.figures import AccountFigures
from trading.engine.messages import EVENT_HEADER, OrderRow, SettlementFinished

REVALUE_S = 0.5
"""A change of price alone reaches an account's sockets at most twice a second (D-33)."""
_RETRY_S = 0.5
_log = logging.getLogger(__name__)


class LiveImage(AccountImage):
    """An image with its listeners; follows its events and the prices of what it holds."""

    def __init__(self, account_id: str, venue: str, events: EventFeed, quotes: QuoteFeed) -> None:
        super().__init__(account_id)
        self._venue_name = venue
        self._feed = events
        self._quotes = quotes
        self._listeners: dict[ImageListener, None] = {}
        self._followed: set[str] = set()
        self._revaluation: asyncio.TimerHandle | None = None
        self._valued_at: dict[str, int] = {}
        self._loading: asyncio.Task[None] | None = None
        self.excludes_profit = False

    # --------------------------------------------------------------- figures

    def marks(self) -> dict[str, tuple[int, int]]:
        """symbol → (mark, multiple) of every position, from the newest quotes."""
        found = {}
        for symbol in self.positions:
            state = self._quotes.state(symbol)
            found[symbol] = _mark_of(state)
        return found

    def now(self) -> AccountFigures:
        """The account's figures at the prices of this moment."""
        return self.figures(self.marks(), self.excludes_profit)

    # --------------------------------------------------------------- loading

    async def ready(self) -> None:
        """Wait until the image is built; ExchangeError 1006 when there is no such account."""
        if self.is_ready:
            return
        if self._loading is None:
            self._feed.follow(self.account_id, self)
            self._loading = asyncio.create_task(self._load(), name=f"image-{self.account_id}")
        await asyncio.shield(self._loading)

    async def _load(self) -> None:
        rows = await in_database_thread(read_account, self._venue_name, self.account_id)
        if rows is None:
            raise ExchangeError(ACCOUNT_NOT_FOUND)
        await self._take(rows)

    async def _take(self, rows: AccountRows) -> None:
        missed = await self._feed.after(rows.seq, self.account_id)
        self.fill(rows)
        self.apply(missed)
        self._follow_prices()

    def _reload(self) -> None:
        if self._loading is None or self._loading.done():
            self._loading = asyncio.create_task(self._load_again(), name=f"image-{self.account_id}")

    async def _load_again(self) -> None:
        """After a gap: from the tables anew, as soon as they answer."""
        while self._listeners:
            try:
                await self._load()
            except (ExchangeError, DatabaseError, redis.RedisError, OSError) as error:
                _log.warning("account %s cannot be read: %s", self.account_id, error)
                await asyncio.sleep(_RETRY_S)
            else:
                self._tell(Change(is_whole=True))
                return

    def close(self) -> None:
        """Nobody looks any more."""
        self._feed.leave(self.account_id, self)
        for symbol in self._followed:
            self._quotes.leave(symbol, self)
        self._followed.clear()
        if self._revaluation is not None:
            self._revaluation.cancel()
        if self._loading is not None:
            self._loading.cancel()

    # ------------------------------------------------------------- following

    def on_events(self, events: list[Event]) -> None:
        """The feed's call: apply and tell."""
        if not self.is_ready:
            return  # `ready` fetches them from the ring
        change = self.apply(events)
        self._follow_prices()
        if change.events:
            self._tell(change)

    def on_gap(self) -> None:
        """The feed's call: what is here may be wrong."""
        if self.is_ready:
            self.is_ready = False
            self._reload()

    def on_quote(self, state: QuoteState) -> None:
        """A price of a held symbol changed."""
        if self._revaluation is None and self._valued_at.get(state.symbol) != state.mark:
            self._revaluation = asyncio.get_running_loop().call_later(REVALUE_S, self._revalue)

    def wake(self) -> None:
        """Prices are told by the timer alone."""

    def _revalue(self) -> None:
        self._revaluation = None
        self._valued_at = {symbol: mark for symbol, (mark, _) in self.marks().items()}
        self._tell(Change(account=True, positions=set(self.held())))

    def _follow_prices(self) -> None:
        held = set(self.held())
        if held == self._followed:
            return
        for symbol in self._followed - held:
            self._quotes.leave(symbol, self)
        self._followed = {symbol for symbol in held if self._quotes.follow(symbol, self) is not None}

    def begin_day(self, trading_day: int) -> None:
        """The venue's day has changed; sockets show it as their session's."""
        if self.is_ready and trading_day > self.trading_day:
            self.trading_day = trading_day
            self._tell(Change(session=True))

    def show_pending(self, row: OrderRow) -> bool:
        shown = super().show_pending(row)
        if shown:
            self._tell(Change(orders={row.order_id}))
        return shown

    def _tell(self, change: Change) -> None:
        for listener in tuple(self._listeners):
            try:
                listener.on_account(self, change)
            except Exception:  # noqa: BLE001  one listener must not end the others
                _log.exception("a listener of account %s failed", self.account_id)

    def add(self, listener: ImageListener) -> None:
        self._listeners[listener] = None

    def remove(self, listener: ImageListener) -> bool:
        """Does nobody look any more?"""
        self._listeners.pop(listener, None)
        return not self._listeners


def _mark_of(state: QuoteState | None) -> tuple[int, int]:
    """(mark, multiple); the previous settlement price for an instrument without a view."""
    if state is None:
        return 0, 0
    if state.view is not None:
        return int(state.view["mark"]), int(state.view["volume_multiple"])
    units: Any = state.static.get("pre_settlement")
    multiple = state.static.get("volume_multiple", 0)
    return (round(units * 10_000) if isinstance(units, int | float) else 0), int(multiple)


class AccountImages:
    """Images by account id; an image lives as long as somebody looks at it."""

    def __init__(self, venue: str, events: EventFeed, quotes: QuoteFeed) -> None:
        self._venue = venue
        self._events = events
        self._quotes = quotes
        self._images: dict[str, LiveImage] = {}
        self._trading_day = 0
        events.on_venue_event(self._on_venue_event)

    def _on_venue_event(self, event: Event) -> None:
        """The feed's call: a settlement has finished, after every account's own event."""
        if event[1] == "SettlementFinished":
            self._trading_day = SettlementFinished(*event[EVENT_HEADER:]).next_trading_day
            asyncio.get_running_loop().call_soon(self._roll)  # when this read's accounts are told

    def _roll(self) -> None:
        for image in tuple(self._images.values()):
            image.begin_day(self._trading_day)

    async def open(self, account_id: str, listener: ImageListener) -> LiveImage:
        """The account's image, built when it was not there; ExchangeError 1006 for no account.

        The listener is told of every later change until `close`.
        """
        image = self._images.get(account_id)
        if image is None:
            image = LiveImage(account_id, self._venue, self._events, self._quotes)
            self._images[account_id] = image
        image.add(listener)
        try:
            await image.ready()
        except BaseException:
            self.close(image, listener)
            raise
        image.begin_day(self._trading_day)  # the tables may have been behind
        return image

    def close(self, image: LiveImage, listener: ImageListener) -> None:
        """This listener looks no more."""
        if image.remove(listener):
            image.close()
            if self._images.get(image.account_id) is image:
                del self._images[image.account_id]

    def __len__(self) -> int:
        return len(self._images)
