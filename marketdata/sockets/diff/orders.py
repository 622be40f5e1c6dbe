"""insert_order and cancel_order: every order ends in a visible state within a second (D-30)."""

import time
import uuid
from typing import TYPE_CHECKING, Any

from exchange_site.exceptions import ExchangeError
from exchange_site.ratelimit import ADDRESS_FACTOR, Draw, Limit, atake, client_address
from marketdata.fanout.threads import in_database_thread
from marketdata.sockets.diff import fields, messages, notices
from marketdata.sockets.diff.branch import Branch
from trading import commands, selectors
from trading.commands import Outcome
from trading.diff_texts import CANCEL_WRONG_USER, PENDING, WRONG_USER, last_msg, refusal_notify
from trading.engine.codes import ACCOUNT_NOT_FOUND, ILLEGAL_ORDER_PARAMETER, NOT_PERMITTED
from trading.engine.messages import CancelOrder, Offset, OrderStatus, PlaceOrder
from trading.order_input import place_order
from trading.order_services import check_opening_allowed

if TYPE_CHECKING:
    from marketdata.sockets.diff.trade import TradeDesk

VERDICT_S = 0.8
"""An order without a verdict by then is shown as 待确认, in time for the second of D-30."""
_SHOWN_ID = 256
_SHOWN_FIELDS = ("instrument_id", "exchange_id", "direction", "offset")


class OrderEntry:
    """Orders of one socket: out in the order they came, verdicts as they come."""

    def __init__(self, desk: "TradeDesk") -> None:
        self._desk = desk

    # ------------------------------------------------------------------- insert

    async def insert(self, message: messages.InsertOrder) -> None:
        """Check what can be checked here and append; the verdict is awaited beside."""
        branch = self._desk.branch_of(message.user_id)
        if branch is None:
            text = "下单,已被服务器拒绝,原因:下单指令中的用户名错误"
            self._desk.socket.notify(WRONG_USER, "WARNING", text, ACCOUNT_NOT_FOUND)
            return
        order_id = message.order_id or f"D{uuid.uuid4().hex}"
        try:
            command = self._command(branch, message, order_id)
            await self._allowed(branch, command)
        except ExchangeError as error:
            self._refuse(branch, message, order_id, error.code, error.params)
            return
        self._desk.socket.spawn(self._place(branch, message, command))

    def _command(self, branch: Branch, message: messages.InsertOrder, order_id: str) -> PlaceOrder:
        if not branch.credential.may_trade:
            raise ExchangeError(NOT_PERMITTED)
        if message.account_id not in ("", branch.account_id, branch.name):
            raise ExchangeError(ACCOUNT_NOT_FOUND)
        body: dict[str, Any] = {
            "account_id": branch.account_id,
            "order_id": order_id,
            "instrument_id": self._symbol(message),
            "direction": message.direction,
            "offset": message.offset or None,
            "volume": message.volume,
            "price_type": message.price_type,
            "limit_price": message.limit_price,
            "client_tag": message.user_id[len(branch.name) :] or None,
        }
        for name in ("time_condition", "volume_condition", "hedge_flag", "min_volume", "gtd_date"):
            body[name] = getattr(message, name) or None
        return place_order(body, self._desk.socket.hub.catalogue.symbol_of)

    def _symbol(self, message: messages.InsertOrder) -> str:
        if "." in message.instrument_id or not message.exchange_id:
            return message.instrument_id
        return f"{message.exchange_id}.{message.instrument_id}"

    async def _allowed(self, branch: Branch, command: PlaceOrder) -> None:
        """The web's own limit (H-5) and back-pressure (A-8a)."""
        await self.draw(branch)
        if command.offset == Offset.OPEN:
            await check_opening_allowed(self._desk.socket.hub.venue)

    async def draw(self, branch: Branch) -> None:
        """Take one of the orders that the web lets a user send (H-5); 1013 when there is none."""
        venue, user_id = self._desk.socket.hub.venue, branch.credential.user_id
        limit = selectors.known_order_limit(venue, user_id)
        if limit is None:
            limit = await in_database_thread(selectors.order_limit, venue, user_id)
        wide = Limit(limit.rate * ADDRESS_FACTOR, limit.burst * ADDRESS_FACTOR)
        address = client_address(self._desk.request)
        await atake([Draw(f"order:u:{user_id}", limit), Draw(f"order:w:{address}", wide)])

    async def _place(self, branch: Branch, message: messages.InsertOrder, command: PlaceOrder) -> None:
        hub, user_id = self._desk.socket.hub, branch.credential.user_id
        try:
            outcome = await commands.asend(
                hub.venue, command, user_id=user_id, origin="diff", wait_s=VERDICT_S
            )
        except ExchangeError as error:
            self._refuse(branch, message, command.order_id, error.code, error.params)
            return
        if not outcome.decided:
            self._show_pending(branch, command)
        elif outcome.first("OrderRejected") is None and (outcome.code or outcome.repeated):
            self._answer(branch, message, command, outcome)

    def _show_pending(self, branch: Branch, command: PlaceOrder) -> None:
        """No verdict in time: show the order as 待确认 and have the core say what became of it."""
        image = branch.image
        if image is None:
            return
        row = fields.row_from(command, image.trading_day, time.time_ns())
        image.show_pending(row)
        self._desk.socket.hub.resolver.ask(image.account_id, command.order_id, branch.credential.user_id)

    def _answer(
        self, branch: Branch, message: messages.InsertOrder, command: PlaceOrder, outcome: Outcome
    ) -> None:
        """A repeat shows the first order again; a refusal that left no order is shown as one."""
        image = branch.image
        if image is not None and command.order_id in image.orders:
            branch.show_order(command.order_id)
            if outcome.code and not outcome.repeated:
                number, text = refusal_notify(outcome.code, outcome.params, command.symbol, command.offset)
                self._desk.socket.notify(number, "WARNING", text, outcome.code)
            self._desk.socket.flush()
            return
        self._refuse(branch, message, command.order_id, outcome.code, outcome.params)

    def _refuse(
        self,
        branch: Branch,
        message: messages.InsertOrder,
        order_id: str,
        code: int,
        params: dict[str, Any],
    ) -> None:
        """Show an order that never came to the book as FINISHED, with the reason (D-31)."""
        wanted = fields.wanted(message)
        reason = last_msg(OrderStatus.REJECTED, 0, 0, code, params)
        image = branch.image
        if image is None or order_id not in image.orders:
            shown = fields.refused_order(wanted, order_id[:_SHOWN_ID], reason, time.time_ns())
            branch.extra["orders"][order_id[:_SHOWN_ID]] = shown
        symbol = f"{wanted['exchange_id']}.{wanted['instrument_id']}"
        offset = Offset.CLOSETODAY if wanted["offset"] == "CLOSETODAY" else Offset.CLOSE
        number, text = refusal_notify(code, params, symbol, offset)
        self._desk.socket.notify(number, "WARNING", text, code)

    def refuse_malformed(self, members: dict[str, Any]) -> None:
        """An insert_order of wrong types: when it names a login and an order, that one ends."""
        texts = {name: value for name, value in members.items() if isinstance(value, str)}
        branch = self._desk.branch_of(texts.get("user_id", ""))
        if branch is None or not texts.get("order_id"):
            return
        known = {name: texts.get(name, "") for name in _SHOWN_FIELDS}
        message = messages.InsertOrder(user_id=texts["user_id"], volume=0, **known)
        params = {"field": "insert_order"}
        self._refuse(branch, message, texts["order_id"], ILLEGAL_ORDER_PARAMETER, params)

    # ------------------------------------------------------------------- cancel

    def cancel(self, message: messages.CancelOrder) -> None:
        """Append a cancel; the verdict comes as an event, a refused append as a notify."""
        branch = self._desk.branch_of(message.user_id)
        if branch is None:
            text = "撤单,已被服务器拒绝,原因:撤单指令中的用户名错误"
            self._desk.socket.notify(CANCEL_WRONG_USER, "WARNING", text, ACCOUNT_NOT_FOUND)
        elif not branch.credential.may_trade:
            self._desk.socket.notify(*notices.cancel_refused(NOT_PERMITTED, {}))
        else:
            self._desk.socket.spawn(self._cancel(branch, message.order_id))

    async def _cancel(self, branch: Branch, order_id: str) -> None:
        venue, user_id = self._desk.socket.hub.venue, branch.credential.user_id
        command = CancelOrder(branch.account_id, order_id)
        try:
            outcome = await commands.asend(venue, command, user_id=user_id, origin="diff", wait_s=VERDICT_S)
        except ExchangeError as error:
            self._desk.socket.notify(*notices.cancel_refused(error.code, error.params))
            return
        if not outcome.decided:
            self._desk.socket.notify(0, "WARNING", f"撤单: {PENDING}")
        elif outcome.code and outcome.first("CancelRejected") is None and not outcome.repeated:
            self._desk.socket.notify(*notices.cancel_refused(outcome.code, outcome.params))
