"""The risk desk's reads: accounts by risk ratio, margin per instrument, liquidations (T-80 … T-82)."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import QuerySet

from accounts.selectors import setting_or, user_names
from trading.choices import RISK_LEVEL
from trading.codec import to_number
from trading.engine.figures import AccountFigures, account_figures, reaches
from trading.engine.messages import PositionRow
from trading.engine.settings import SETTINGS
from trading.engine.units import PPM, SCALE
from trading.models import LiquidationRecord, LiquidationStep, RiskNotice, TradingAccount
from trading.representations import funds_row, ratio_of, units_of
from trading.selectors import (
    Marks,
    accounts_of,
    marks_for,
    open_positions,
    venue_number,
)

_THRESHOLDS = ("risk_warning_ppm", "risk_high_ppm", "risk_critical_ppm", "liquidation_ppm")


class Thresholds(NamedTuple):
    """Where the levels begin, in ppm of the balance, ascending (T-80)."""

    warning: int
    high: int
    critical: int
    liquidation: int

    def level(self, margin: int, balance: int) -> str:
        """The level of a margin on a balance."""
        return RISK_LEVEL[sum(reaches(margin, balance, ppm) for ppm in self)]


class Watched(NamedTuple):
    """An account with margin at the prices of this moment."""

    account: TradingAccount
    figures: AccountFigures
    positions: list[PositionRow]
    marks: Marks
    level: str

    @property
    def order(self) -> float:
        """What the desk sorts by: the ratio, those above every threshold first."""
        return ratio_of(self.figures.risk_ratio_ppm)


def thresholds(venue: str) -> Thresholds:
    """The venue's levels."""
    return Thresholds(*(setting_or(venue, name, SETTINGS[name].default) for name in _THRESHOLDS))


def watched(venue: str) -> list[Watched]:
    """Every account that holds margin, the riskiest first."""
    accounts = list(accounts_of(venue).filter(margin__gt=0))
    positions = open_positions(venue, [account.account_id for account in accounts])
    marks = marks_for(venue, {row.symbol for rows in positions.values() for row in rows})
    levels = thresholds(venue)
    found = []
    for account in accounts:
        rows = positions[account.account_id]
        figures = account_figures(funds_row(account), rows, marks)
        level = levels.level(figures.margin, figures.balance)
        found.append(Watched(account, figures, rows, marks, level))
    return sorted(found, key=lambda one: (-one.order, one.account.account_id))


def rows_data(rows: Sequence[Watched]) -> list[dict[str, Any]]:
    """Accounts as `risk/accounts` shows them (H-8)."""
    names = user_names({one.account.user_id for one in rows})
    return [
        {
            "user_id": one.account.user_id,
            "account_id": one.account.account_id,
            "user_name": names.get(one.account.user_id, ""),
            "balance": to_number(one.figures.balance),
            "margin": to_number(one.figures.margin),
            "available": to_number(one.figures.available),
            "risk_ratio": ratio_of(one.figures.risk_ratio_ppm),
            "unrealized_pnl": to_number(one.figures.float_profit),
            "position_count": len(one.positions),
            "level": one.level,
        }
        for one in rows
    ]


def summary(venue: str) -> dict[str, Any]:
    """`risk/margin-summary` (H-8): all accounts together, and the margin per instrument."""
    rows = watched(venue)
    levels = Counter(one.level for one in rows)
    ratios = [one.order for one in rows]
    day = LiquidationRecord.objects.filter(venue=venue_number(venue))
    return {
        "total_accounts": accounts_of(venue).count(),
        "total_margin_used": to_number(sum(one.figures.margin for one in rows)),
        "total_available": to_number(sum(one.figures.available for one in rows)),
        "average_risk_ratio": sum(ratios) / len(ratios) if ratios else 0.0,
        "high_risk_count": levels["High"],
        "critical_risk_count": levels["Critical"] + levels["Liquidation"],
        "liquidation_count": day.count(),
        "instruments": margin_per_instrument(rows),
    }


def margin_per_instrument(rows: Iterable[Watched]) -> list[dict[str, Any]]:
    """Lots and margin of each instrument over the accounts, the largest margin first."""
    sums: dict[str, list[int]] = {}
    for one in rows:
        for row in one.positions:
            line = sums.get(row.symbol, [0, 0, 0, 0])
            parts = (*lots(row), _margin(row), 1)
            sums[row.symbol] = [before + part for before, part in zip(line, parts, strict=True)]
    return [
        {
            "instrument_id": symbol,
            "long": long,
            "short": short,
            "margin": to_number(margin),
            "accounts": count,
        }
        for symbol, (long, short, margin, count) in sorted(
            sums.items(), key=lambda item: (-item[1][2], item[0])
        )
    ]


def lots(row: PositionRow) -> tuple[int, int]:
    """(long, short) of a position."""
    return row.long_today + row.long_his, row.short_today + row.short_his


def _margin(row: PositionRow) -> int:
    return row.long_margin + row.short_margin


def moves(one: Watched, levels: Thresholds) -> list[dict[str, Any]]:
    """Per instrument: margin, and the price at which it alone would liquidate the account.

    Margin stands on the day's base price, so only the balance moves with the market (T-50).
    """
    spare = one.figures.balance - one.figures.margin * PPM // levels.liquidation
    found = []
    for row in one.positions:
        mark, multiple = one.marks[row.symbol]
        long, short = lots(row)
        per_unit = (long - short) * multiple
        price = mark - spare / per_unit if per_unit else 0.0
        found.append(
            {
                "instrument_id": row.symbol,
                "long": long,
                "short": short,
                "margin": to_number(_margin(row)),
                "mark": to_number(mark),
                "liquidation_price": round(price / SCALE, 4) if price > 0 else None,
                "move": price / mark - 1 if price > 0 and mark else None,
            }
        )
    return found


def liquidations(venue: str, start: datetime | None, end: datetime | None) -> QuerySet[LiquidationRecord]:
    """Records of liquidations, newest first."""
    rows = LiquidationRecord.objects.filter(venue=venue_number(venue))
    if start is not None:
        rows = rows.filter(time__gte=start)
    return rows.filter(time__lt=end) if end is not None else rows


def liquidations_data(rows: Sequence[LiquidationRecord]) -> list[dict[str, Any]]:
    """Records as `risk/liquidations` shows them (H-8)."""
    steps = LiquidationStep.objects.filter(record_id__in=[row.record_id for row in rows])
    symbols: dict[str, set[str]] = {}
    for record_id, symbol in steps.values_list("record_id", "symbol"):
        symbols.setdefault(record_id, set()).add(symbol)
    return [
        {
            "record_id": row.record_id,
            "account_id": row.account_id,
            "time": int(row.time.timestamp() * 1000),
            "status": row.status,
            "risk_ratio_before": ratio_of(row.risk_ratio_before_ppm),
            "risk_ratio_after": ratio_of(row.risk_ratio_after_ppm),
            "pre_balance": to_number(units_of(row.pre_balance)),
            "post_balance": to_number(units_of(row.post_balance)),
            "loss": to_number(units_of(row.pre_balance - row.post_balance)),
            "instruments": sorted(symbols.get(row.record_id, ())),
            "remark": row.reason or row.cause,
        }
        for row in rows
    ]


def held_back(venue: str, account_ids: Sequence[str] | None = None) -> dict[str, str]:
    """Account id → why an operator holds it back from liquidation."""
    notices = RiskNotice.objects.filter(venue=venue_number(venue), kind__in=("hold_back", "release"))
    if account_ids is not None:
        notices = notices.filter(account_id__in=account_ids)
    last = notices.order_by("account_id", "-id").distinct("account_id")
    return {row.account_id: row.remark for row in last if row.kind == "hold_back"}


def under_way(venue: str) -> list[LiquidationRecord]:
    """Liquidations that wait or run, the oldest first."""
    rows = LiquidationRecord.objects.filter(venue=venue_number(venue), status__in=("WAITING", "RUNNING"))
    return list(rows.order_by("id"))
