"""Orders over REST: thin views over `order_services` (H, T-30 … T-36)."""

from collections.abc import Callable
from typing import Any

from exchange_site.documented import IDEMPOTENCY, documented
from exchange_site.exceptions import ExchangeError
from exchange_site.views import in_thread
from trading import order_schemas as shapes
from trading import order_services, selectors
from trading.codec import to_lots, to_units
from trading.engine.codes import (
    ACCOUNT_NOT_FOUND,
    ILLEGAL_ORDER_PARAMETER,
    INSTRUMENT_NOT_FOUND,
    INSTRUMENT_NOT_TRADING,
    INSUFFICIENT_FUNDS,
    INSUFFICIENT_POSITION,
    INVALID_FIELD,
    ORDER_ID_USED,
    ORDER_NOT_CANCELLABLE,
    ORDER_NOT_CHANGEABLE,
    ORDER_NOT_FOUND,
    PRICE_OFF_TICK,
    PRICE_OUTSIDE_LIMITS,
    WORKER_NOT_RUNNING,
)
from trading.engine.messages import CancelOrder, PlaceOrder
from trading.engine.units import MAX_PRICE
from trading.fast_view import Call, FastView
from trading.order_input import (
    MAX_BATCH,
    illegal,
    items_of,
    known_fields,
    modify_order,
    order_id_field,
    own_user,
    place_order,
    text_field,
)
from trading.order_services import Answer, Closing

ACCOUNT = "ACC_7b1c0f3e9d5a4c1f8e2b6a7d9c0e1f22"
ORDER = {
    "order_id": "my-1",
    "exchange_order_id": "26112100000001",
    "uid": 4711,
    "user_id": "7b1c0f3e9d5a4c1f8e2b6a7d9c0e1f22",
    "account_id": ACCOUNT,
    "instrument_id": "SHFE.cu2701",
    "direction": "BUY",
    "offset": "OPEN",
    "order_type": "LIMIT",
    "price": 74390.0,
    "volume": 2,
    "filled_volume": 0,
    "remaining_volume": 2,
    "avg_price": 0.0,
    "status": "Submitted",
    "time_condition": "GFD",
    "volume_condition": "ANY",
    "reason": "",
    "code": 0,
    "trading_day": 20261121,
    "client_tag": "",
    "submit_time": 1795230000000,
    "update_time": 1795230000000,
}
SENT = {
    "account_id": ACCOUNT,
    "order_id": "my-1",
    "instrument_id": "SHFE.cu2701",
    "direction": "BUY",
    "offset": "OPEN",
    "volume": 2,
    "order_type": "LIMIT",
    "price": "74390.00",
}
RESULT = {"index": 0, "success": True, "order_id": "my-1", "status": "Submitted", "error": None}
BATCH = {"total": 1, "success_count": 1, "failed_count": 0, "results": [RESULT]}
PLACING = (
    ACCOUNT_NOT_FOUND,
    INSTRUMENT_NOT_FOUND,
    INSTRUMENT_NOT_TRADING,
    ILLEGAL_ORDER_PARAMETER,
    PRICE_OFF_TICK,
    PRICE_OUTSIDE_LIMITS,
    INSUFFICIENT_FUNDS,
    INSUFFICIENT_POSITION,
    ORDER_ID_USED,
    WORKER_NOT_RUNNING,
)


class _NeedsTables(Exception):
    """A bare instrument id that this process has not met yet."""


async def with_symbols(venue: str, build: Callable[[Callable[[str], str]], Any]) -> Any:
    """What `build` makes with a symbol look-up: from memory, or once more with the tables."""

    def from_memory(text: str) -> str:
        known = selectors.known_symbol(venue, text)
        if known is None:
            raise _NeedsTables
        return known

    try:
        return build(from_memory)
    except _NeedsTables:
        return await in_thread(build, lambda text: selectors.symbol_of(venue, text))


async def order_of(call: Call) -> PlaceOrder:
    """The order the body asks for; its id may come from an Idempotency-Key (H-6)."""
    own_user(call.body, call.user_id)
    command: PlaceOrder = await with_symbols(call.venue, lambda find: place_order(call.body, find))
    key = call.request.headers.get("Idempotency-Key", "")
    if key and not command.order_id:
        if len(key) > 128 or not key.isascii() or not key.isprintable():
            raise ExchangeError(INVALID_FIELD, {"field": "Idempotency-Key"})
        command = command._replace(order_id=order_services.order_id_for(call.user_id, key))
    return command


def size_of(body: dict[str, Any], field: str) -> int:
    """How many items a batch counts as, at most what a batch may hold."""
    items = body.get(field)
    return min(max(len(items), 1), MAX_BATCH) if isinstance(items, list) else 1


class Submit(FastView):
    is_keyed = False

    @documented(
        "Place an order",
        request=shapes.TermsIn,
        sent=SENT,
        answer=shapes.OrderOut,
        example=ORDER,
        errors=PLACING,
        parameters=(IDEMPOTENCY,),
        tag="orders",
    )
    async def post(self, call: Call) -> Answer:
        command = await order_of(call)
        return await order_services.submit(venue=call.venue, user_id=call.user_id, command=command)


class Check(FastView):
    is_keyed = False  # it changes nothing

    @documented(
        "What an order would be answered and cost",
        request=shapes.TermsIn,
        sent=SENT,
        answer=shapes.CheckOut,
        example={
            "code": 0,
            "message": "",
            "margin": 89268.0,
            "commission": 37.2,
            "available_after": 910694.8,
            "risk_ratio_after": 0.0893,
        },
        errors=(ACCOUNT_NOT_FOUND, ILLEGAL_ORDER_PARAMETER, WORKER_NOT_RUNNING),
        tag="orders",
    )
    async def post(self, call: Call) -> Answer:
        command = await order_of(call)
        return await order_services.check(venue=call.venue, user_id=call.user_id, command=command)


class SubmitBatch(FastView):
    def cost(self, body: dict[str, Any]) -> int:
        return size_of(body, "orders")

    @documented(
        "Place up to 500 orders",
        request=shapes.BatchIn,
        sent={"orders": [SENT]},
        answer=shapes.BatchOut,
        example=BATCH,
        errors=(INVALID_FIELD, WORKER_NOT_RUNNING),
        parameters=(IDEMPOTENCY,),
        tag="orders",
    )
    async def post(self, call: Call) -> Answer:
        known_fields(call.body, frozenset({"orders", "user_id"}))
        own_user(call.body, call.user_id)
        items = items_of(call.body, "orders")
        wanted = await with_symbols(
            call.venue, lambda find: [_one_order(item, call.user_id, find) for item in items]
        )
        return await order_services.submit_batch(
            venue=call.venue, user_id=call.user_id, wanted=wanted, command_id=call.command_id
        )


def _one_order(item: Any, user_id: str, find: Callable[[str], str]) -> PlaceOrder | ExchangeError:
    if not isinstance(item, dict):
        return illegal("orders", "an object is needed")
    try:
        own_user(item, user_id)
        return place_order(item, find)
    except ExchangeError as error:
        return error


class Cancel(FastView):
    @documented(
        "Cancel an order",
        request=shapes.CancelIn,
        sent={"account_id": ACCOUNT, "order_id": "my-1"},
        answer=shapes.CancelledOut,
        example={
            "order_id": "my-1",
            "exchange_order_id": "26112100000001",
            "uid": 4711,
            "account_id": ACCOUNT,
            "instrument_id": "SHFE.cu2701",
            "status": "Cancelled",
            "remaining_volume": 2,
            "trading_day": 20261121,
            "update_time": 1795230000000,
        },
        errors=(ACCOUNT_NOT_FOUND, ORDER_NOT_FOUND, ORDER_NOT_CANCELLABLE, WORKER_NOT_RUNNING),
        parameters=(IDEMPOTENCY,),
        tag="orders",
    )
    async def post(self, call: Call) -> Answer:
        known_fields(call.body, frozenset({"account_id", "order_id", "user_id"}))
        own_user(call.body, call.user_id)
        command = CancelOrder(text_field(call.body, "account_id"), order_id_field(call.body))
        return await order_services.cancel(
            venue=call.venue, user_id=call.user_id, command=command, command_id=call.command_id
        )


class CancelBatch(FastView):
    def cost(self, body: dict[str, Any]) -> int:
        return size_of(body, "order_ids")

    @documented(
        "Cancel up to 500 orders",
        request=shapes.CancelBatchIn,
        sent={"account_id": ACCOUNT, "order_ids": ["my-1"]},
        answer=shapes.BatchOut,
        example={**BATCH, "results": [{**RESULT, "status": "Cancelled"}]},
        errors=(INVALID_FIELD, WORKER_NOT_RUNNING),
        parameters=(IDEMPOTENCY,),
        tag="orders",
    )
    async def post(self, call: Call) -> Answer:
        known_fields(call.body, frozenset({"account_id", "order_ids", "user_id"}))
        own_user(call.body, call.user_id)
        account_id = text_field(call.body, "account_id")
        wanted = [_one_cancel(account_id, item) for item in items_of(call.body, "order_ids")]
        return await order_services.cancel_batch(
            venue=call.venue, user_id=call.user_id, wanted=wanted, command_id=call.command_id
        )


def _one_cancel(account_id: str, order_id: Any) -> CancelOrder | ExchangeError:
    try:
        return CancelOrder(account_id, order_id_field({"order_id": order_id}))
    except ExchangeError as error:
        return error


class CancelAllOrders(FastView):
    @documented(
        "Cancel every working order",
        request=shapes.CancelAllIn,
        sent={"account_id": ACCOUNT},
        answer=shapes.CountOut,
        example={"cancelled": 3},
        errors=(ACCOUNT_NOT_FOUND, INSTRUMENT_NOT_FOUND, WORKER_NOT_RUNNING),
        parameters=(IDEMPOTENCY,),
        tag="orders",
    )
    async def post(self, call: Call) -> Answer:
        known_fields(call.body, frozenset({"account_id", "instrument_id", "user_id"}))
        own_user(call.body, call.user_id)
        account_id = text_field(call.body, "account_id")
        symbol = ""
        if call.body.get("instrument_id") is not None:
            bare = text_field(call.body, "instrument_id", 64)
            symbol = await with_symbols(call.venue, lambda find: find(bare))
        return await order_services.cancel_all(
            venue=call.venue,
            user_id=call.user_id,
            account_id=account_id,
            symbol=symbol,
            command_id=call.command_id,
        )


class Modify(FastView):
    @documented(
        "Change an order's price or total volume",
        request=shapes.ModifyIn,
        sent={"account_id": ACCOUNT, "order_id": "my-1", "price": "74380.00"},
        answer=shapes.OrderOut,
        example={**ORDER, "price": 74380.0},
        errors=(ACCOUNT_NOT_FOUND, ORDER_NOT_FOUND, ORDER_NOT_CANCELLABLE, ORDER_NOT_CHANGEABLE),
        parameters=(IDEMPOTENCY,),
        tag="orders",
    )
    async def post(self, call: Call) -> Answer:
        own_user(call.body, call.user_id)
        command = modify_order(call.body)
        return await order_services.modify(
            venue=call.venue, user_id=call.user_id, command=command, command_id=call.command_id
        )


class Close(FastView):
    FIELDS = frozenset({"account_id", "instrument_id", "side", "volume", "price", "user_id"})

    @documented(
        "Close one side of a position; two orders where today's lots close apart",
        request=shapes.CloseIn,
        sent={"account_id": ACCOUNT, "instrument_id": "SHFE.cu2701", "side": "LONG", "volume": 2},
        answer={"type": "array", "items": {"$ref": "#/components/schemas/OrderOut"}},
        example=[{**ORDER, "direction": "SELL", "offset": "CLOSETODAY"}],
        errors=(ACCOUNT_NOT_FOUND, ILLEGAL_ORDER_PARAMETER, INSUFFICIENT_POSITION, WORKER_NOT_RUNNING),
        parameters=(IDEMPOTENCY,),
        tag="orders",
    )
    async def post(self, call: Call) -> Answer:
        known_fields(call.body, self.FIELDS)
        own_user(call.body, call.user_id)
        bare = text_field(call.body, "instrument_id", 64)
        symbol = await with_symbols(call.venue, lambda find: find(bare))
        closing = closing_of(call.body, symbol)
        return await in_thread(
            lambda: order_services.close(
                venue=call.venue, user_id=call.user_id, closing=closing, command_id=call.command_id
            )
        )


def closing_of(body: dict[str, Any], symbol: str) -> Closing:
    """What a body wants closed."""
    side = text_field(body, "side", 8).upper()
    if side not in ("LONG", "SHORT"):
        raise illegal("side", "LONG or SHORT")
    volume, price = 0, None
    try:
        if body.get("volume") is not None:
            volume = to_lots(body["volume"])
        if body.get("price") is not None:
            price = to_units(body["price"], "price", MAX_PRICE)
    except ValueError as error:
        raise illegal(str(error).partition(":")[0], str(error)) from error
    if body.get("volume") is not None and volume < 1:
        raise illegal("volume", "at least 1")
    return Closing(text_field(body, "account_id"), symbol, side == "LONG", volume, price)
