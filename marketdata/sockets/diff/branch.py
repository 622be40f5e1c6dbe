"""One login's `trade` branch: what of it is still to be sent, as full objects (D-1, D-3, W-6)."""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from accounts.socket_login import Credential
from marketdata.fanout.accounts import LiveImage
from marketdata.fanout.image import AccountImage, Change
from marketdata.sockets.diff import fields

_encode = msgspec.json.Encoder().encode
MAPS = ("accounts", "positions", "orders", "trades", "banks", "transfers")
Objects = Iterator[tuple[str, dict[str, Any]]]


def pair(name: str, value: bytes) -> bytes:
    """`"name":value`."""
    return _encode(name) + b":" + value


def braces(parts: list[bytes]) -> bytes:
    """`{part,part}`."""
    return b"{" + b",".join(parts) + b"}"


class Branch:
    """`trade.{name}` of one socket; changes merge into what waits (W-6)."""

    def __init__(self, name: str, credential: Credential, told: Callable[["Branch", Change], None]) -> None:
        self.name = name
        self.credential = credential
        self.image: LiveImage | None = None
        self.extra: dict[str, dict[str, dict[str, Any]]] = {"orders": {}, "banks": {}, "transfers": {}}
        """Objects that no image holds: refused orders, banks."""
        self.is_confirmed = False
        """Has the client confirmed the last settlement on this socket?"""
        self._told = told
        self._change = Change()
        self._is_new = False
        self._more = False

    @property
    def account_id(self) -> str:
        return "" if self.image is None else self.image.account_id

    def on_account(self, image: AccountImage, change: Change) -> None:
        """The image's call."""
        self._told(self, change)

    # ---------------------------------------------------------------- marking

    def mark(self, change: Change) -> None:
        """Something of the account is to be sent."""
        if change.is_whole:
            self.mark_all()
            return
        mine = self._change
        mine.session |= change.session
        mine.account |= change.account
        mine.orders |= change.orders
        mine.trades |= change.trades
        mine.positions |= change.positions
        mine.flows |= change.flows

    def show_order(self, order_id: str) -> None:
        """An order is to be sent as it stands."""
        self._change.orders.add(order_id)

    def mark_all(self) -> None:
        """The whole snapshot is to be sent, `trade_more_data` false with its last part."""
        image = self.image
        if image is None:
            return
        self._change = Change(
            True, set(image.orders), set(image.trades), set(image.positions), set(image.flows)
        )
        self._is_new = self._more = True

    @property
    def is_dirty(self) -> bool:
        """Is anything to be sent?"""
        change = self._change
        return bool(
            self._more
            or change.session
            or change.account
            or change.orders
            or change.trades
            or change.positions
            or change.flows
            or any(self.extra.values())
        )

    # ----------------------------------------------------------------- taking

    def take(self, budget: int) -> bytes:
        """`"name":{…}` of what is to be sent, about `budget` bytes of it at most."""
        image = self.image
        assert image is not None
        is_new, self._is_new = self._is_new, False
        parts: list[bytes] = []
        if is_new:
            parts.append(pair("user_id", _encode(self.name)))
        if is_new or self._change.session:
            parts.append(pair("session", _encode(self._session(image))))
            self._change.session = False
        for name, objects in self._sections(image):
            taken, budget = _fill(objects, budget)
            if taken or is_new:
                parts.append(pair(name, braces(taken)))
        if is_new or (self._more and not self._waits()):
            self._more = self._waits()
            parts.append(pair("trade_more_data", b"true" if self._more else b"false"))
        return pair(self.name, braces(parts))

    def _waits(self) -> bool:
        change = self._change
        return bool(change.orders or change.trades or change.positions or change.flows)

    def _session(self, image: LiveImage) -> dict[str, Any]:
        return {"user_id": self.name, "trading_day": str(image.trading_day)}

    def _sections(self, image: LiveImage) -> Iterator[tuple[str, Objects]]:
        marks = image.marks()
        change = self._change
        yield "accounts", self._account(image)
        yield "positions", self._positions(image, marks, change.positions)
        yield "orders", self._orders(image, change.orders)
        yield "trades", self._trades(image, change.trades)
        yield "banks", _drained(self.extra["banks"])
        yield "transfers", self._transfers(image, change.flows)

    def _account(self, image: LiveImage) -> Objects:
        if self._change.account:
            self._change.account = False
            yield image.account.currency or "CNY", fields.account(image, image.now(), self.name)

    def _positions(self, image: LiveImage, marks: dict[str, tuple[int, int]], keys: set[str]) -> Objects:
        while keys:
            symbol = keys.pop()
            row = image.positions.get(symbol)
            if row is not None:
                yield symbol, fields.position(row, marks.get(symbol, (0, 0)), self.name)

    def _orders(self, image: LiveImage, keys: set[str]) -> Objects:
        yield from _drained(self.extra["orders"])
        while keys:
            order_id = keys.pop()
            state = image.order(order_id)
            if state is not None:
                yield order_id, fields.order(state, self.name)

    def _trades(self, image: LiveImage, keys: set[str]) -> Objects:
        while keys:
            trade_id = keys.pop()
            state = image.trade(trade_id)
            if state is not None:
                parent = image.order(state.order_id)
                tag = "" if parent is None else parent.row.client_tag
                yield trade_id, fields.trade(state, self.name, tag)

    def _transfers(self, image: LiveImage, keys: set[str]) -> Objects:
        yield from _drained(self.extra["transfers"])
        while keys:
            flow_id = keys.pop()
            state = image.flow(flow_id)
            if state is not None:
                yield flow_id, fields.transfer(state)


def _drained(objects: dict[str, dict[str, Any]]) -> Objects:
    while objects:
        yield objects.popitem()


def _fill(objects: Objects, budget: int) -> tuple[list[bytes], int]:
    """Encoded objects until the budget is used up, and what is left of it."""
    taken: list[bytes] = []
    while budget > 0:
        found = next(objects, None)
        if found is None:
            break
        taken.append(pair(found[0], _encode(found[1])))
        budget -= len(taken[-1])
    return taken, budget
