"""What a client is told about its account's events, with the codes and texts it knows."""

from collections.abc import Iterable, Iterator
from typing import Any

from exchange_site.exceptions import message
from marketdata.fanout.image import AccountImage
from trading.diff_texts import CANCEL_TAKEN, CANCEL_UNKNOWN, CHINESE, ORDER_TAKEN, TRADED, refusal_notify
from trading.engine.codes import ORDER_NOT_CANCELLABLE, ORDER_NOT_FOUND
from trading.engine.messages import EndReason

Notice = tuple[int, str, str, int]
"""(code, level, content, error code)."""
_TAKER, _MAKER = 11, 12


def of(image: AccountImage, events: Iterable[list[Any]]) -> Iterator[Notice]:
    """Notices of an account's events, in order."""
    for event in events:
        kind = event[1]
        if kind == "OrderAccepted":
            yield ORDER_TAKEN, "INFO", "下单成功", 0
        elif kind == "Traded":
            for side in (event[_TAKER], event[_MAKER]):
                if side[0][1] == image.account_id:
                    yield TRADED, "INFO", f"成交通知,合约:{event[5]},手数:{event[9]}", 0
        elif kind == "OrderCancelled" and event[6] == EndReason.BY_USER:
            yield CANCEL_TAKEN, "INFO", "撤单成功", 0
        elif kind == "OrderRejected":
            yield refused(image, event[5], event[6], event[7])
        elif kind == "CancelRejected":
            yield cancel_refused(event[8], event[9])


def refused(image: AccountImage, row: list[Any], code: int, params: dict[str, Any]) -> Notice:
    """A refused order."""
    number, text = refusal_notify(code, params, row[3], row[5])
    return number, "WARNING", text, code


def cancel_refused(code: int, params: dict[str, Any] | None) -> Notice:
    """A refused cancel or change of an order."""
    if code in (ORDER_NOT_FOUND, ORDER_NOT_CANCELLABLE):
        shown = f"要撤销的单不存在 ({message(code, params, CHINESE)})"
        return CANCEL_UNKNOWN, "WARNING", f"撤单,已被服务器拒绝,原因:{shown}", code
    return code, "WARNING", f"撤单,已被服务器拒绝,原因:{message(code, params, CHINESE)}", code
