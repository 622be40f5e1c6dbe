"""What a DIFF client may say, by `aid`; unknown members are ignored (D-1 … D-34)."""

from typing import Any

import msgspec
from msgspec import Struct

from marketdata.sockets.diff.condition_messages import ConditionMessage

Amount = float | int | str


class PeekMessage(Struct, tag_field="aid", tag="peek_message"):
    pass


class Ping(Struct, tag_field="aid", tag="ping"):
    pass


class ReqLogin(Struct, tag_field="aid", tag="req_login"):
    user_name: str = ""
    password: str = ""
    bid: str = ""


class ConfirmSettlement(Struct, tag_field="aid", tag="confirm_settlement"):
    pass


class InsertOrder(Struct, tag_field="aid", tag="insert_order"):
    user_id: str
    instrument_id: str
    direction: str
    volume: Amount
    order_id: str = ""
    exchange_id: str = ""
    account_id: str = ""
    offset: str = ""
    price_type: str = "LIMIT"
    limit_price: Amount | None = None
    time_condition: str = ""
    volume_condition: str = ""
    min_volume: Amount = 0
    gtd_date: Amount = 0
    hedge_flag: str = ""


class CancelOrder(Struct, tag_field="aid", tag="cancel_order"):
    user_id: str
    order_id: str
    account_id: str = ""


class SubscribeQuote(Struct, tag_field="aid", tag="subscribe_quote"):
    ins_list: str


class SubscribeTradingStatus(Struct, tag_field="aid", tag="subscribe_trading_status"):
    ins_list: str


class InsQuery(Struct, tag_field="aid", tag="ins_query"):
    query_id: str
    query: str = ""
    variables: dict[str, Any] | None = None


class SetChart(Struct, tag_field="aid", tag="set_chart"):
    chart_id: str
    ins_list: str = ""
    duration: int = 0
    view_width: int = 0
    focus_datetime: int | None = None
    focus_position: int | None = None
    left_kline_id: int | None = None


class QrySettlementInfo(Struct, tag_field="aid", tag="qry_settlement_info"):
    trading_day: int | str = 0
    user_id: str = ""


class ChangePassword(Struct, tag_field="aid", tag="change_password"):
    old_password: str
    new_password: str
    user_id: str = ""


class ReqTransfer(Struct, tag_field="aid", tag="req_transfer"):
    amount: Amount
    bank_id: str = ""
    bank_password: str = ""
    future_account: str = ""
    future_password: str = ""
    currency: str = "CNY"


class QryTransferSerial(Struct, tag_field="aid", tag="qry_transfer_serial"):
    user_id: str = ""


class QryAccountInfo(Struct, tag_field="aid", tag="qry_account_info"):
    user_id: str = ""


class QryAccountRegister(Struct, tag_field="aid", tag="qry_account_register"):
    user_id: str = ""


MarketMessage = SubscribeQuote | SubscribeTradingStatus | InsQuery | SetChart
TradeMessage = (
    ConfirmSettlement
    | InsertOrder
    | CancelOrder
    | QrySettlementInfo
    | ChangePassword
    | ReqTransfer
    | QryTransferSerial
    | QryAccountInfo
    | QryAccountRegister
)
Message = PeekMessage | Ping | ReqLogin | MarketMessage | TradeMessage | ConditionMessage

_decoder = msgspec.json.Decoder(Message)
_any = msgspec.json.Decoder()
KNOWN = frozenset(kind.__struct_config__.tag for kind in Message.__args__)


class Malformed(ValueError):
    """Not a message; `aid` is what it says it is, "" for no JSON object with one."""

    def __init__(self, aid: str, reason: str) -> None:
        super().__init__(reason)
        self.aid = aid
        self.is_known = aid in KNOWN


def decode(text: str | bytes) -> Any:
    """The message of a frame; Malformed says what is wrong with it."""
    try:
        return _decoder.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Malformed(_aid_of(text), str(error)[:200]) from error


def members(text: str | bytes) -> dict[str, Any]:
    """Everything a message says, unknown members too; nothing that would delete."""
    return {name: value for name, value in _any.decode(text).items() if value is not None}


def _aid_of(text: str | bytes) -> str:
    try:
        found = _any.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return ""
    aid = found.get("aid") if isinstance(found, dict) else None
    return aid[:64] if isinstance(aid, str) else ""
