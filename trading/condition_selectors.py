"""Reads of conditional orders, and their JSON (T-70)."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Q, QuerySet

from exchange_site.exceptions import ExchangeError, message
from trading.choices import CONDITIONAL_STATUS, DIRECTION, TIME_CONDITION, ConditionalStatus
from trading.codec import to_number
from trading.engine.codes import ORDER_NOT_FOUND
from trading.engine.conditions import (
    Condition,
    ConditionalOffset,
    ConditionalOrder,
    ConditionalPrice,
    ConditionKind,
    PriceSource,
    Relation,
)
from trading.engine.messages import ConditionalRow
from trading.engine.units import NS_PER_MS, NS_PER_SECOND
from trading.models import ConditionalOrder as ConditionalTable
from trading.order_selectors import Filters, account_ids_of
from trading.selectors import is_sound, venue_number

SHANGHAI = ZoneInfo("Asia/Shanghai")
LIVING = (ConditionalStatus.WAITING, ConditionalStatus.SUSPENDED)
_STATUS_NUMBER = {text: number for number, text in CONDITIONAL_STATUS.items()}
_TIME_NUMBER = {text: number for number, text in TIME_CONDITION.items()}


def conditionals(venue: str, filters: Filters) -> QuerySet[ConditionalTable]:
    """Conditional orders of accounts; `status` may also be `working`."""
    rows = ConditionalTable.objects.filter(venue=venue_number(venue))
    if filters["account_ids"] is not None:
        rows = rows.filter(account_id__in=filters["account_ids"])
    if filters.get("trading_day"):
        rows = rows.filter(trading_day=filters["trading_day"])
    if filters.get("symbol"):
        rows = rows.filter(orders__contains=[{"symbol": filters["symbol"]}])
    status = filters.get("status")
    if status == "working":
        return rows.filter(status__in=LIVING)
    return rows.filter(status=status) if status else rows


def newest_conditional(venue: str, user_id: str, order_id: str, account_id: str = "") -> ConditionalTable:
    """The user's newest conditional order with this id; 3001 for none and for another's."""
    wanted = [account for account in account_ids_of(venue, user_id) if account_id in ("", account)]
    row = None
    if wanted and is_sound(order_id):
        rows = ConditionalTable.objects.filter(venue=venue_number(venue), account_id__in=wanted)
        row = rows.filter(order_id=order_id).order_by("-id").first()
    if row is None:
        raise ExchangeError(ORDER_NOT_FOUND)
    return row


MOST_SHOWN = 1_000


def living_or_of(venue: str, account_id: str, trading_day: int) -> list[ConditionalTable]:
    """An account's that live or were placed on a trading day: the newest 1 000, oldest first."""
    rows = ConditionalTable.objects.filter(venue=venue_number(venue), account_id=account_id)
    rows = rows.filter(Q(status__in=LIVING) | Q(trading_day=trading_day)).order_by("-id")
    return list(rows[:MOST_SHOWN])[::-1]


def inserted_on(venue: str, account_id: str, day: int) -> list[ConditionalTable]:
    """An account's that were placed on a day of Shanghai's calendar: the newest 1 000, oldest first."""
    start = datetime(day // 10_000, day // 100 % 100, day % 100, tzinfo=SHANGHAI)
    first_ns = int(start.timestamp()) * NS_PER_SECOND
    rows = ConditionalTable.objects.filter(
        venue=venue_number(venue),
        account_id=account_id,
        insert_time_ns__gte=first_ns,
        insert_time_ns__lt=first_ns + 86_400 * NS_PER_SECOND,
    )
    return list(rows.order_by("-id")[:MOST_SHOWN])[::-1]


def conditional_by_uid(venue: str, uid: int) -> ConditionalTable | None:
    """A conditional order by the sequence that took it."""
    return ConditionalTable.objects.filter(venue=venue_number(venue), uid=uid).first()


def row_of(table: ConditionalTable) -> ConditionalRow:
    """A row of the table as the core's."""
    return ConditionalRow(
        table.uid, table.account_id, table.order_id, table.label, _STATUS_NUMBER[table.status],
        table.trading_day, table.insert_time_ns, table.touched_time_ns, table.needs_all,
        [list(Condition(**condition)) for condition in table.conditions],
        [list(ConditionalOrder(**order)) for order in table.orders], table.touched,
        _TIME_NUMBER[table.time_condition], table.gtd_date, table.cancels_closes,
        table.client_tag, table.code,
    )  # fmt: skip


def table_data(table: ConditionalTable) -> dict[str, Any]:
    """A conditional order of the table as JSON."""
    return conditional_data(row_of(table))


def conditional_data(row: ConditionalRow) -> dict[str, Any]:
    """A conditional order as JSON: prices in yuan, times in ms."""
    conditions = [Condition(*values) for values in row.conditions]
    return {
        "order_id": row.order_id,
        "uid": row.uid,
        "account_id": row.account_id,
        "kind": row.label,
        "status": CONDITIONAL_STATUS[row.status],
        "needs_all": bool(row.needs_all),
        "conditions": [
            _condition(condition, done) for condition, done in zip(conditions, row.touched, strict=True)
        ],
        "orders": [_order(ConditionalOrder(*values)) for values in row.orders],
        "time_condition": TIME_CONDITION[row.time_condition],
        "gtd_date": row.gtd_date,
        "client_tag": row.client_tag,
        "code": row.code,
        "reason": message(row.code, {}) if row.code else "",
        "trading_day": row.trading_day,
        "insert_time": row.insert_time_ns // NS_PER_MS,
        "touch_time": row.touched_time_ns // NS_PER_MS,
    }


def _condition(condition: Condition, is_touched: int) -> dict[str, Any]:
    return {
        "kind": ConditionKind(condition.kind).name,
        "instrument_id": condition.symbol,
        "price_source": PriceSource(condition.source).name,
        "relation": Relation(condition.relation).name,
        "price": to_number(condition.price),
        "price2": to_number(condition.price2),
        "time": condition.time_ns // NS_PER_MS,
        "touched": bool(is_touched),
    }


def _order(order: ConditionalOrder) -> dict[str, Any]:
    return {
        "instrument_id": order.symbol,
        "direction": DIRECTION[order.direction],
        "offset": ConditionalOffset(order.offset).name,
        "volume": order.volume,
        "close_all": bool(order.close_all),
        "order_type": ConditionalPrice(order.price_kind).name,
        "price": to_number(order.limit_price),
    }
