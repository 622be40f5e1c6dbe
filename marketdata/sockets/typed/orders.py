"""submit_order, cancel_order and their batches on a typed socket: commands, as over REST."""

from typing import TYPE_CHECKING, Any

from exchange_site.exceptions import ExchangeError, public_params
from exchange_site.exceptions import message as text_of
from exchange_site.ratelimit import ADDRESS_FACTOR, Draw, Limit, atake, client_address
from marketdata.fanout.threads import in_database_thread
from marketdata.sockets.typed import messages
from trading import order_services, selectors
from trading.engine.codes import NOT_PERMITTED
from trading.engine.messages import CancelOrder, PlaceOrder
from trading.order_input import order_id_field, place_order

if TYPE_CHECKING:
    from marketdata.sockets.typed.socket import TypedSocket


class OrderDesk:
    """Orders go out in the order they came; verdicts come as they come."""

    def __init__(self, socket: "TypedSocket") -> None:
        self.socket = socket

    async def handle(self, message: Any) -> None:
        """Check what can be checked here and append; the verdict is awaited beside."""
        if not self.socket.credential.may_trade:
            raise ExchangeError(NOT_PERMITTED)
        if isinstance(message, messages.SubmitOrder):
            await self._submit(message)
        elif isinstance(message, messages.CancelOrder):
            await self._cancel(message)
        elif isinstance(message, messages.SubmitOrders):
            await self._submit_all(message)
        else:
            await self._cancel_all(message)

    async def _allowed(self, cost: int) -> None:
        """The web's own limit, one token an order (H-5)."""
        venue, user_id = self.socket.hub.venue, self.socket.credential.user_id
        limit = selectors.known_order_limit(venue, user_id)
        if limit is None:
            limit = await in_database_thread(selectors.order_limit, venue, user_id)
        wide = Limit(limit.rate * ADDRESS_FACTOR, limit.burst * ADDRESS_FACTOR)
        address = client_address(self.socket.request)
        await atake([Draw(f"order:u:{user_id}", limit, cost), Draw(f"order:w:{address}", wide, cost)])

    async def _account_id(self, account_id: str) -> str:
        """The account that is named, or the caller's only one; 1006 for another's."""
        return (await self.socket.own.image_of(account_id)).account_id

    async def _command(self, order: messages.OrderBody) -> PlaceOrder:
        body = order.body()
        body["account_id"] = await self._account_id(order.account_id)
        if body.pop("user_id", "") not in ("", self.socket.credential.user_id):
            await self._account_id("-")  # 1006, in the same words as any other account
        return place_order(body, self.socket.hub.catalogue.symbol_of)

    # -------------------------------------------------------------------------- one

    async def _submit(self, message: messages.SubmitOrder) -> None:
        try:
            command = await self._command(message)
            await self._allowed(1)
        except ExchangeError as error:
            self._refuse(message, message.order_id, error)
            return
        self.socket.spawn(self._placed(message, command))

    async def _placed(self, message: messages.SubmitOrder, command: PlaceOrder) -> None:
        venue, user_id = self.socket.hub.venue, self.socket.credential.user_id
        try:
            answer = await order_services.submit(venue=venue, user_id=user_id, command=command)
        except ExchangeError as error:
            self._refuse(message, command.order_id, error)
            return
        await self._done(
            message, answer, {"success": True, "error_code": 0, "error_message": ""} | answer.data
        )

    async def _cancel(self, message: messages.CancelOrder) -> None:
        try:
            order_id = order_id_field({"order_id": message.order_id or None})
            command = CancelOrder(await self._account_id(message.account_id), order_id)
            await self._allowed(1)
        except ExchangeError as error:
            self._refuse(message, message.order_id, error)
            return
        self.socket.spawn(self._cancelled(message, command))

    async def _cancelled(self, message: messages.CancelOrder, command: CancelOrder) -> None:
        venue, user_id = self.socket.hub.venue, self.socket.credential.user_id
        try:
            answer = await order_services.cancel(venue=venue, user_id=user_id, command=command)
        except ExchangeError as error:
            self._refuse(message, command.order_id, error)
            return
        await self._done(
            message, answer, {"success": True, "error_code": 0, "error_message": ""} | answer.data
        )

    # ---------------------------------------------------------------------- batches

    async def _submit_all(self, message: messages.SubmitOrders) -> None:
        await self._allowed(len(message.orders))
        wanted: list[PlaceOrder | ExchangeError] = []
        for order in message.orders:
            try:
                wanted.append(await self._command(order))
            except ExchangeError as error:
                wanted.append(error)
        venue, user_id = self.socket.hub.venue, self.socket.credential.user_id
        answer = await order_services.submit_batch(venue=venue, user_id=user_id, wanted=wanted)
        await self._done(message, answer, _batch(answer.data))

    async def _cancel_all(self, message: messages.CancelOrders) -> None:
        account_id = await self._account_id(message.account_id)
        await self._allowed(len(message.order_ids))
        wanted: list[CancelOrder | ExchangeError] = []
        for text in message.order_ids:
            try:
                wanted.append(CancelOrder(account_id, order_id_field({"order_id": text or None})))
            except ExchangeError as error:
                wanted.append(error)
        venue, user_id = self.socket.hub.venue, self.socket.credential.user_id
        answer = await order_services.cancel_batch(venue=venue, user_id=user_id, wanted=wanted)
        await self._done(message, answer, _batch(answer.data))

    # ---------------------------------------------------------------------- answers

    def _refuse(self, message: Any, order_id: str, error: ExchangeError) -> None:
        with self.socket.speaking():
            text = text_of(error.code, error.params)
        extra = {**public_params(error.params), **error.extra}
        shown = {"order_id": extra.pop("order_id", order_id), "extra": extra}
        body = {"success": False, "error_code": error.code, "error_message": text, **shown}
        self.socket.answer(message, "order_response", **body)

    async def _done(self, message: Any, answer: order_services.Answer, body: dict[str, Any]) -> None:
        """Answer; the caller's next read over REST holds what was answered (A-12)."""
        venue, user_id = self.socket.hub.venue, self.socket.credential.user_id
        await order_services.anote_write(venue=venue, user_id=user_id, seq=answer.seq)
        self.socket.answer(message, "order_response", **body)


def _batch(data: dict[str, Any]) -> dict[str, Any]:
    first = next((one["error"] for one in data["results"] if one["error"]), None)
    return {
        "success": not data["failed_count"],
        "error_code": first["code"] if first else 0,
        "error_message": first["message"] if first else "",
        **data,
    }
