"""Messages of the typed protocol: what a client may say, checked before anything is done."""

from typing import Annotated, Any

import msgspec

Text = Annotated[str, msgspec.Meta(max_length=128)]
Secret = Annotated[str, msgspec.Meta(max_length=256)]
RequestId = Annotated[str, msgspec.Meta(max_length=128)] | int | None
Number = str | int | float
Names = Annotated[list[Text], msgspec.Meta(max_length=1_000)]


class Request(msgspec.Struct):
    """Every message may carry a `request_id`; its answer carries the same."""

    request_id: RequestId = None


class Auth(Request, tag_field="type", tag="auth"):
    token: Secret = ""
    user_id: Text = ""
    password: Secret = ""
    language: Text = ""


class Subscribe(Request, tag_field="type", tag="subscribe"):
    channels: Names = []
    instruments: Names = []
    depth: int | str = 5
    periods: Names = []
    interval_ms: int = 1_000


class Unsubscribe(Request, tag_field="type", tag="unsubscribe"):
    channels: Names = []
    instruments: Names = []


class GetSubscriptions(Request, tag_field="type", tag="get_subscriptions"):
    pass


class Ping(Request, tag_field="type", tag="ping"):
    pass


class OrderBody(msgspec.Struct, omit_defaults=True):
    """The fields of an order, as REST has them."""

    account_id: Text = ""
    user_id: Text = ""
    order_id: Text = ""
    instrument_id: Text = ""
    direction: Text = ""
    offset: Text = ""
    volume: Number | None = None
    order_type: Text = ""
    price_type: Text = ""
    price: Number | None = None
    limit_price: Number | None = None
    time_condition: Text = ""
    volume_condition: Text = ""
    min_volume: Number | None = None
    gtd_date: Number | None = None
    hedge_flag: Text = ""
    client_tag: Text = ""

    def body(self) -> dict[str, Any]:
        """What was given, for `order_input.place_order`."""
        found = msgspec.structs.asdict(self)
        found.pop("request_id", None)
        return {name: value for name, value in found.items() if value not in ("", None)}


class SubmitOrder(OrderBody, tag_field="type", tag="submit_order"):
    request_id: RequestId = None


class SubmitOrders(Request, tag_field="type", tag="submit_orders"):
    orders: Annotated[list[OrderBody], msgspec.Meta(min_length=1, max_length=500)] = []


class CancelOrder(Request, tag_field="type", tag="cancel_order"):
    order_id: Text = ""
    account_id: Text = ""


class CancelOrders(Request, tag_field="type", tag="cancel_orders"):
    order_ids: Annotated[list[Text], msgspec.Meta(min_length=1, max_length=500)] = []
    account_id: Text = ""


class QueryOrder(Request, tag_field="type", tag="query_order"):
    order_id: Text = ""
    account_id: Text = ""


class QueryOrders(Request, tag_field="type", tag="query_orders"):
    account_id: Text = ""
    status: Text = ""


class QueryAccount(Request, tag_field="type", tag="query_account"):
    account_id: Text = ""


class QueryPosition(Request, tag_field="type", tag="query_position"):
    account_id: Text = ""
    instrument_id: Text = ""


Order = SubmitOrder | SubmitOrders | CancelOrder | CancelOrders
Query = QueryOrder | QueryOrders | QueryAccount | QueryPosition
Message = Auth | Subscribe | Unsubscribe | GetSubscriptions | Ping | Order | Query
KNOWN = frozenset(kind.__struct_config__.tag for kind in Message.__args__)  # type: ignore[attr-defined]
_decoder = msgspec.json.Decoder(Message)
_any = msgspec.json.Decoder()


class Malformed(ValueError):
    """Not a message; `request_id` is what it carries, for the answer."""

    def __init__(self, reason: str, request_id: Any) -> None:
        super().__init__(reason)
        self.request_id = request_id


def decode(text: str | bytes) -> Any:
    """The message of a frame; Malformed says what is wrong with it."""
    try:
        return _decoder.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Malformed(str(error)[:200], _request_id(text)) from error


def _request_id(text: str | bytes) -> Any:
    try:
        found = _any.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    given = found.get("request_id") if isinstance(found, dict) else None
    is_sound = isinstance(given, int) or (isinstance(given, str) and len(given) <= 128)
    return given if is_sound else None


def has_aid(text: str | bytes) -> bool:
    """Is it a message of the DIFF protocol (D-5)?"""
    try:
        found = _any.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return False
    return isinstance(found, dict) and "aid" in found and "type" not in found
