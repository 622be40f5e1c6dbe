"""The caller's own accounts on a typed socket: notifications, orders, trades, figures (W-10)."""

from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
from django.utils import translation

from exchange_site.exceptions import ExchangeError
from marketdata.fanout.accounts import LiveImage
from marketdata.fanout.image import Change, is_flat
from marketdata.fanout.threads import in_database_thread
from marketdata.sockets.typed import messages, shapes
from marketdata.sockets.typed.outbox import Item
from trading import order_selectors
from trading.engine.codes import ACCOUNT_NOT_FOUND, NOT_AUTHENTICATED, ORDER_NOT_FOUND
from trading.engine.units import NS_PER_MS
from trading.notification_texts import text_of
from trading.notifications import FIGURES, FILLS, STATE, Notification, message_id, notifications_of, shown

if TYPE_CHECKING:
    from marketdata.sockets.typed.socket import TypedSocket

CHANNELS = ("trade", "order", "account", "position", "risk", "system")
MOST_ACCOUNTS = 100
_ORDERS = frozenset(
    {
        "order_accepted", "order_rejected", "order_partially_filled", "order_filled",
        "order_canceled", "order_expired",
    }
)  # fmt: skip
_encode = msgspec.json.Encoder().encode


class OwnDesk:
    """Images of the caller's accounts; what happens to them goes into the socket's outbox."""

    def __init__(self, socket: "TypedSocket") -> None:
        self.socket = socket
        self.channels: set[str] = set()
        self.images: dict[str, LiveImage] = {}
        self.user_id = ""
        self._waiting: set[str] = set()

    async def open(self, user_id: str) -> None:
        """Follow every account of a user who has just signed in."""
        hub = self.socket.hub
        self.user_id = user_id
        ids = await in_database_thread(order_selectors.account_ids_of, hub.venue, user_id)
        for account_id in ids[:MOST_ACCOUNTS]:
            await self._add(account_id)
        hub.events.on_venue_event(self._venue_event)
        if not self.socket.is_open:
            self.close()

    async def _add(self, account_id: str) -> None:
        if account_id not in self.images:
            image = await self.socket.hub.accounts.open(account_id, self)
            if account_id in self.images or not self.socket.is_open:
                self.socket.hub.accounts.close(image, self)
            else:
                self.images[account_id] = image

    def close(self) -> None:
        """The socket is gone, or somebody else signs in on it."""
        hub = self.socket.hub
        hub.events.leave_venue_events(self._venue_event)
        for image in self.images.values():
            hub.accounts.close(image, self)
        self.images.clear()

    # ---------------------------------------------------------------------- look-ups

    async def image_of(self, account_id: str) -> LiveImage:
        """The image of an own account, the only one for ""; 1006 for anybody else's."""
        if not self.user_id:
            raise ExchangeError(NOT_AUTHENTICATED)
        if not account_id and len(self.images) == 1:
            return next(iter(self.images.values()))
        if account_id and account_id not in self.images:
            await self._open_later(account_id)
        if account_id not in self.images:
            raise ExchangeError(ACCOUNT_NOT_FOUND)
        return self.images[account_id]

    async def _open_later(self, account_id: str) -> None:
        """An account that was opened after the log-in, if it is the caller's."""
        own = await in_database_thread(order_selectors.account_ids_of, self.socket.hub.venue, self.user_id)
        if account_id in own and len(self.images) < MOST_ACCOUNTS:
            await self._add(account_id)

    async def query(self, message: messages.Query) -> Any:
        """The data of a `query_…`; 1006 and 3001 in the words of a thing that is not there."""
        if isinstance(message, messages.QueryOrder):
            return await self._order(message.account_id, message.order_id)
        image = await self.image_of(message.account_id) if message.account_id else None
        images = [image] if image is not None else await self._all()
        if isinstance(message, messages.QueryAccount):
            return [shapes.account(one) for one in images]
        if isinstance(message, messages.QueryPosition):
            symbol = self.socket.hub.catalogue.symbol_of(message.instrument_id)
            return [row for one in images for row in shapes.positions(one, symbol)]
        rows = [shapes.order(one, state) for one in images for state in one.orders.values()]
        return [row for row in rows if message.status in ("", row["status"])]

    async def _all(self) -> list[LiveImage]:
        if not self.user_id:
            raise ExchangeError(NOT_AUTHENTICATED)
        return list(self.images.values())

    async def _order(self, account_id: str, order_id: str) -> Any:
        images = [await self.image_of(account_id)] if account_id else await self._all()
        for image in images:
            if order_id in image.orders:
                return shapes.order(image, image.orders[order_id])
        raise ExchangeError(ORDER_NOT_FOUND)

    # ------------------------------------------------------------------------ told

    def wants(self, channel: str) -> bool:
        """No channel named means all of them (W-10)."""
        return not self.channels or channel in self.channels

    def on_account(self, image: LiveImage, change: Change) -> None:
        """The image's call: an account changed."""
        for event in change.events:
            for one in notifications_of(event):
                if one.account_id == image.account_id:
                    self._tell(image, one)
        if change.is_whole or not change.events:
            self._figures(image, change.positions if change.events else set(image.held()))
        if change.is_whole:
            self.notice("resync", image.account_id)
        self.socket.flush()

    def _tell(self, image: LiveImage, one: Notification) -> None:
        if one.priority == FIGURES:
            symbol = one.payload.get("instrument_id", "")
            self._figures(image, {symbol} if symbol else set())
            return
        if one.kind in _ORDERS and self.wants("order"):
            self._order_status(image, one)
        if one.kind == "trade_executed" and self.wants("trade"):
            timestamp = one.time_ns // NS_PER_MS
            body = {"type": "trade", "account_id": one.account_id, **one.payload, "timestamp": timestamp}
            self._put(FILLS, f"t{one.position}", "", _encode(body))
        if self.wants(one.channel):
            self._notify(one)

    def _order_status(self, image: LiveImage, one: Notification) -> None:
        state = image.order(one.payload["order_id"])
        if state is not None and state.row.uid == one.payload["uid"]:
            data = _encode(shapes.order_status(image, state))
            self._put(one.priority, f"o{one.position}", one.payload["order_id"], data)

    def _notify(self, one: Notification) -> None:
        venue = self.socket.hub.venue
        body = shown(venue, self.user_id, one.kind, one.position, one.time_ns, one.account_id, one.payload)
        with translation.override(self.socket.language):
            body["text"] = text_of(one.kind, one.account_id, one.payload)
        name = message_id(venue, one.position)
        data = _encode({"type": "notification", **body})
        self._put(one.priority, name, f"{one.kind}:{one.account_id}", data)

    def _put(self, priority: int, name: str, key: str, data: Any) -> None:
        self.socket.put(Item(priority, name, key, data))

    # --------------------------------------------------------------------- figures

    def _figures(self, image: LiveImage, symbols: set[str]) -> None:
        """Have the newest figures told within a second; one message an account or position waits."""
        account_id = image.account_id
        if self.wants("account"):
            self._later(f"a:{account_id}", partial(self._account_update, image))
        if self.wants("position"):
            for symbol in symbols:
                self._later(f"p:{account_id}:{symbol}", partial(self._position_update, image, symbol))

    def _later(self, key: str, render: Any) -> None:
        if key in self._waiting:
            return
        self._waiting.add(key)

        def data() -> bytes:
            self._waiting.discard(key)
            return bytes(render())

        if not self.socket.put(Item(FIGURES, "", key, data)):
            self._waiting.clear()  # a backlog dropped all figures: the next change tells them

    def _account_update(self, image: LiveImage) -> bytes:
        body = {"type": "account_update", **shapes.account(image), "timestamp": shapes.now_ms()}
        return _encode(body)

    def _position_update(self, image: LiveImage, symbol: str) -> bytes:
        if symbol not in image.positions:
            return b""
        body = {"type": "position_update", **shapes.position(image, symbol), "timestamp": shapes.now_ms()}
        return _encode({**body, "is_flat": is_flat(image.positions[symbol])})

    # ------------------------------------------------------------------ everybody's

    def _venue_event(self, event: list[Any]) -> None:
        for one in notifications_of(event):
            if not one.account_id and self.wants(one.channel):
                self._notify(one)
        self.socket.flush()

    def notice(self, notice: str, account_id: str = "") -> None:
        """A notice of this socket's own; it has no place in the list of W-11."""
        if not self.wants("system"):
            return
        payload = {"notice": notice}
        with translation.override(self.socket.language):
            text = text_of("system_notice", account_id, payload)
        body = {
            "type": "notification", "message_id": f"{notice}-{shapes.now_ms()}-{id(self.socket)}",
            "message_type": "system_notice", "user_id": self.user_id, "account_id": account_id,
            "channel": "system", "priority": STATE, "timestamp": shapes.now_ms(), "source": "socket",
            "payload": payload, "text": text,
        }  # fmt: skip
        self._put(STATE, "", f"{notice}:{account_id}", _encode(body))
