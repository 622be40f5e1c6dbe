"""The risk desk: accounts by risk ratio, live, and what the desk may do to them (O-6, T-80 … T-82)."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import gettext_lazy as _

from trading import risk_selectors as reads
from trading import selectors
from trading.admin.accounts import (
    CancelOrders,
    Freeze,
    Unfreeze,
    short_account,
)
from trading.admin.operations import CommandOperation
from trading.admin.risk_operations import HoldBack, LetGo, Liquidate
from trading.choices import RiskLevel
from trading.engine.units import SCALE
from trading.models import LiquidationRecord, TradingAccount
from trading.representations import ratio_of

ROWS_SHOWN = 100
COLOURS = {
    "Normal": "success", "Warning": "info", "High": "warning", "Critical": "danger", "Liquidation": "danger",
}  # fmt: skip
NEEDS = "trading.view_risknotice"


class RiskDeskMixin:
    """Puts the desk on a ModelAdmin."""

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.desk_view)  # type: ignore[attr-defined]
        return [path("desk/", view, name="trading_risk_desk"), *super().get_urls()]  # type: ignore[misc]

    def desk_view(self, request: HttpRequest) -> HttpResponse:
        """The page; its live part fetches itself again every three seconds."""
        if not request.user.has_perm(NEEDS):
            raise PermissionDenied(f"the risk desk needs {NEEDS}")
        context = {
            **self.admin_site.each_context(request),  # type: ignore[attr-defined]
            "title": _("Risk desk"),
            "opts": self.opts,  # type: ignore[attr-defined]
            **figures(request, selectors.current_venue()),
        }
        return TemplateResponse(request, "admin/exchange/risk_desk.html", context)


def figures(request: HttpRequest, venue: str) -> dict[str, Any]:
    """Everything the page shows, at the prices of this moment."""
    rows = reads.watched(venue)
    level = request.GET.get("level", "")
    chosen = [one for one in rows if level in ("", one.level)]
    return {
        "tiles": tiles(rows),
        "levels": level_links(rows, level),
        "lines": lines(request, venue, chosen[:ROWS_SHOWN]),
        "hidden": max(0, len(chosen) - ROWS_SHOWN),
        "running": [running_line(record) for record in reads.under_way(venue)],
        "instruments": [
            {**line, "shown": money(line["margin"])} for line in reads.margin_per_instrument(rows)
        ],
    }


def money(value: float) -> str:
    """Yuan with two decimals."""
    return f"{value:,.2f}"


def percent(ppm: int) -> str:
    """A risk ratio; one above every threshold has no number."""
    return "∞" if ppm < 0 else f"{ratio_of(ppm):.2%}"


def tiles(rows: Sequence[reads.Watched]) -> list[dict[str, Any]]:
    """The sums above the table."""
    margin = sum(one.figures.margin for one in rows) / SCALE
    available = sum(one.figures.available for one in rows) / SCALE
    highest = percent(rows[0].figures.risk_ratio_ppm) if rows else "–"
    return [
        {"title": _("Accounts with margin"), "value": f"{len(rows):,}"},
        {"title": _("Margin"), "value": money(margin)},
        {"title": _("Available"), "value": money(available)},
        {"title": _("Highest risk ratio"), "value": highest},
    ]


def level_links(rows: Sequence[reads.Watched], chosen: str) -> list[dict[str, Any]]:
    """One link for each level, with how many accounts stand there."""
    counts = Counter(one.level for one in rows)
    every = {"title": _("All"), "count": len(rows), "url": "?", "selected": not chosen}
    return [every, *(level_link(value, label, counts, chosen) for value, label in RiskLevel.choices)]


def level_link(value: str, label: Any, counts: Counter[str], chosen: str) -> dict[str, Any]:
    """The link to one level."""
    return {"title": label, "count": counts[value], "url": f"?level={value}", "selected": chosen == value}


def running_line(record: LiquidationRecord) -> dict[str, Any]:
    """One liquidation that is not over."""
    return {
        "record_id": record.record_id,
        "url": reverse("admin:trading_liquidationrecord_change", args=[record.pk]),
        "name": short_account(record.account_id),
        "status": record.get_status_display(),
        "ratios": f"{percent(record.risk_ratio_before_ppm)} → {percent(record.risk_ratio_after_ppm)}",
        "orders": record.orders,
        "lots": record.lots,
        "reason": record.reason,
    }


def lines(request: HttpRequest, venue: str, rows: Sequence[reads.Watched]) -> list[dict[str, Any]]:
    """One line for each account."""
    levels = reads.thresholds(venue)
    held = reads.held_back(venue, [one.account.account_id for one in rows])
    return [
        line(request, one, data, levels, held.get(one.account.account_id, ""))
        for one, data in zip(rows, reads.rows_data(rows), strict=True)
    ]


def line(
    request: HttpRequest, one: reads.Watched, data: dict[str, Any], levels: reads.Thresholds, held: str
) -> dict[str, Any]:
    """What the table shows of one account."""
    account = one.account
    return {
        "name": short_account(account.account_id),
        "account_id": account.account_id,
        "user_name": data["user_name"],
        "url": reverse("admin:trading_tradingaccount_change", args=[account.pk]),
        "level": RiskLevel(one.level).label,
        "colour": COLOURS[one.level],
        "held": held,
        "frozen": account.get_status_display() if account.status == "FROZEN" else "",
        "ratio": percent(one.figures.risk_ratio_ppm),
        "balance": money(data["balance"]),
        "margin": money(data["margin"]),
        "available": money(data["available"]),
        "profit": money(data["unrealized_pnl"]),
        "moves": [shown_move(move) for move in reads.moves(one, levels)],
        "buttons": buttons(request, account, is_held=bool(held)),
    }


def buttons(request: HttpRequest, account: TradingAccount, *, is_held: bool) -> list[dict[str, Any]]:
    """Links to the operations that make sense for the account and that the user may run."""
    frozen = account.status == "FROZEN"
    wanted: tuple[type[CommandOperation], ...] = (
        *((LetGo,) if is_held else (Liquidate, HoldBack)),
        Unfreeze if frozen else Freeze,
        CancelOrders,
    )
    return [
        {
            "title": kind.label,
            "danger": kind.variant == "danger",
            "url": reverse("admin:trading_tradingaccount_operate", args=[kind.name]) + f"?ids={account.pk}",
        }
        for kind in wanted
        if request.user.has_perm(kind.permission)
    ]


def shown_move(move: dict[str, Any]) -> dict[str, Any]:
    """A position with its liquidating price in words."""
    price = move["liquidation_price"]
    return {
        **move,
        "margin": money(move["margin"]),
        "mark": money(move["mark"]),
        "price": money(price) if price is not None else "–",
        "move": f"{move['move']:+.2%}" if move["move"] is not None else "",
    }
