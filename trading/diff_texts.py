"""Texts and notify codes that DIFF clients know (open-trade-gateway); D-31's `last_msg`."""

from typing import Any

from exchange_site.exceptions import message
from trading.engine.codes import (
    ILLEGAL_ORDER_PARAMETER,
    INSTRUMENT_NOT_FOUND,
    INSUFFICIENT_FUNDS,
    INSUFFICIENT_POSITION,
    ORDER_ID_USED,
    PRICE_OFF_TICK,
)
from trading.engine.messages import EndReason, Offset, OrderStatus, PriceType

CHINESE = "zh-hans"
PLACED, FILLED, CANCELLED, REMAINDER, PENDING = "报单成功", "全部成交", "已撤单", "市价指令剩余撤销", "待确认"
LOGGED_IN, LOGIN_FAILED, WRONG_PAIR = 401, 403, 402
TRADED = 406
ORDER_TAKEN, WRONG_USER = 417, 408
CANCEL_WRONG_USER, CANCEL_TAKEN, CANCEL_UNKNOWN = 418, 419, 420
TRANSFER_DONE, TRANSFER_FAILED, SETTLEMENT = 421, 422, 325
_ENDED = {
    EndReason.BY_OPERATOR: "管理员撤单",
    EndReason.REMAINDER: "剩余撤销",
    EndReason.SECTION_END: "交易节结束",
    EndReason.AUCTION_END: "集合竞价结束",
    EndReason.DAY_END: "交易日结束",
    EndReason.DATE_REACHED: "到期",
    EndReason.CONTRACT_EXPIRED: "合约到期",
    EndReason.SELF_TRADE: "防自成交",
    EndReason.ACCOUNT_FROZEN: "账户冻结",
    EndReason.VENUE_HALTED: "交易所停止交易",
    EndReason.LIQUIDATION: "强行平仓",
    EndReason.NOT_CARRIED: "未能转入下一交易日",
}
_ALIVE = (OrderStatus.SUBMITTED, OrderStatus.PARTIALLY_FILLED)
_TWO_SIDED = ("SHFE", "INE")


def last_msg(status: int, price_type: int, end_reason: int, code: int, params: dict[str, Any] | None) -> str:
    """What an order says of itself: how it stands, or why it ended."""
    if status in _ALIVE:
        return PLACED
    if status == OrderStatus.FILLED:
        return FILLED
    if status == OrderStatus.PENDING_RISK:
        return PENDING
    if code:
        return message(code, params, CHINESE)
    if end_reason == EndReason.REMAINDER and price_type == PriceType.ANY:
        return REMAINDER
    why = _ENDED.get(EndReason(end_reason)) if end_reason else None
    return f"{CANCELLED}: {why}" if why else CANCELLED


def refusal_notify(code: int, params: dict[str, Any] | None, symbol: str, offset: int) -> tuple[int, str]:
    """(notify code, text) of a refused order; codes clients do not know are ours."""
    number, reason = _known_refusal(code, params or {}, symbol, offset)
    detail = message(code, params, CHINESE)
    shown = f"{reason} ({detail})" if reason and reason != detail else detail
    return number, f"下单,已被服务器拒绝,原因:{shown}"


def _known_refusal(code: int, params: dict[str, Any], symbol: str, offset: int) -> tuple[int, str]:
    if code == ORDER_ID_USED:
        return 407, "单号重复"
    if code == INSTRUMENT_NOT_FOUND:
        return 409, "合约不合法"
    if code == ILLEGAL_ORDER_PARAMETER and params.get("field") == "volume":
        return 411, "下单手数应该大于0"
    if code == PRICE_OFF_TICK:
        return 412, "下单价格不是价格单位的整倍数"
    if code == INSUFFICIENT_FUNDS:
        return 413, "开仓保证金不足"
    if code == INSUFFICIENT_POSITION:
        if symbol.partition(".")[0] not in _TWO_SIDED:
            return 416, "平仓手数超过持仓量"
        if offset == Offset.CLOSETODAY:
            return 414, "平今手数超过今仓持仓量"
        return 415, "平昨手数超过昨仓持仓量"
    return code, ""
