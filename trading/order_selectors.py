"""Reads of orders, trades and flows."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet

from exchange_site.exceptions import ExchangeError
from trading.engine.codes import ORDER_NOT_FOUND
from trading.models import CashFlow, Order, Trade, TradingAccount
from trading.representations import order_data
from trading.selectors import is_sound, venue_number


def order_by_uid(venue: str, account_id: str, uid: int) -> dict[str, Any] | None:
    """An order by the sequence that decided it."""
    number = venue_number(venue)
    row = Order.objects.filter(venue=number, account_id=account_id, uid=uid).first()
    if row is None:
        return None
    owner = TradingAccount.objects.filter(venue=number, account_id=account_id)
    return order_data(row, owner.values_list("user_id", flat=True).first() or "")


def account_ids_of(venue: str, user_id: str) -> list[str]:
    """The user's accounts."""
    rows = TradingAccount.objects.filter(venue=venue_number(venue), user_id=user_id)
    return list(rows.values_list("account_id", flat=True))


def newest_order(
    venue: str, user_id: str, order_id: str, account_id: str = "", trading_day: int = 0
) -> Order:
    """The user's newest order with this client id; 3001 for none and for another's (H-7)."""
    own = account_ids_of(venue, user_id)
    wanted = [account for account in own if account_id in ("", account)]
    if not wanted or not is_sound(order_id):
        raise ExchangeError(ORDER_NOT_FOUND)
    rows = Order.objects.filter(venue=venue_number(venue), account_id__in=wanted, order_id=order_id)
    if trading_day:
        rows = rows.filter(trading_day=trading_day)
    row = rows.order_by("-id").first()
    if row is None:
        raise ExchangeError(ORDER_NOT_FOUND)
    return row


class Filters(dict[str, Any]):
    """Checked filters of a list: account_ids, symbol, status, direction, trading_day, start, end.

    `account_ids` None means every account; only staff may ask so.
    """


def _filtered(rows: QuerySet[Any], filters: Filters, moment: str) -> QuerySet[Any]:
    accounts = filters["account_ids"]
    wanted = Q() if accounts is None else Q(account_id__in=accounts)
    for name in ("symbol", "direction", "trading_day"):
        if filters.get(name):
            wanted &= Q(**{name: filters[name]})
    for name, comparison in (("start", "gte"), ("end", "lt")):
        value: datetime | None = filters.get(name)
        if value is not None:
            wanted &= Q(**{f"{moment}__{comparison}": value})
    return rows.filter(wanted)


def orders(venue: str, filters: Filters) -> QuerySet[Order]:
    """Orders of accounts; `status` may also be `working`."""
    rows = _filtered(Order.objects.filter(venue=venue_number(venue)), filters, "insert_time")
    status = filters.get("status")
    if status == "working":
        return rows.filter(status__in=["Submitted", "PartiallyFilled"])
    return rows.filter(status=status) if status else rows


def trades(venue: str, filters: Filters) -> QuerySet[Trade]:
    """Trades of accounts."""
    return _filtered(Trade.objects.filter(venue=venue_number(venue)), filters, "time")


def flows(venue: str, account_id: str) -> QuerySet[CashFlow]:
    """Movements of money of an account."""
    return CashFlow.objects.filter(venue=venue_number(venue), account_id=account_id)


def all_flows(venue: str, filters: Filters) -> QuerySet[CashFlow]:
    """Movements of money of accounts, of one `kind` or all."""
    rows = _filtered(CashFlow.objects.filter(venue=venue_number(venue)), filters, "time")
    return rows.filter(kind=filters["kind"]) if filters.get("kind") else rows


def owners_of(venue: str, rows: Iterable[Order]) -> dict[str, str]:
    """The users of the accounts of these orders, by account."""
    accounts = {row.account_id for row in rows}
    found = TradingAccount.objects.filter(venue=venue_number(venue), account_id__in=accounts)
    return dict(found.values_list("account_id", "user_id"))


def flow_by_reference(venue: str, account_id: str, reference: str) -> CashFlow | None:
    """The flow that a money reference stands for."""
    return flows(venue, account_id).filter(reference=reference).first()
