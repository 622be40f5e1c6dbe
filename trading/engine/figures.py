"""The one place where figures that follow the price are computed (T-52, T-58a).

Shared by worker, web, REST and tests; works on rows as they stand in events.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from trading.engine.messages import FundsRow, PositionRow
from trading.engine.units import PPM

ABOVE_EVERY_THRESHOLD = -1


class AccountFigures(NamedTuple):
    """Money in 1/10 000 yuan; `risk_ratio_ppm` is −1 when above every threshold."""

    static_balance: int
    balance: int
    available: int
    position_profit: int
    float_profit: int
    margin: int
    frozen: int
    risk_ratio_ppm: int
    withdrawable: int


class SideFigures(NamedTuple):
    float_profit: int
    position_profit: int


def risk_ratio_ppm(margin: int, balance: int) -> int:
    """Margin ÷ balance in ppm, rounded down; −1 with margin on a balance ≤ 0 (T-52)."""
    if not margin:
        return 0
    if balance <= 0:
        return ABOVE_EVERY_THRESHOLD
    return margin * PPM // balance


def reaches(margin: int, balance: int, threshold_ppm: int) -> bool:
    """Is the risk ratio at or above a threshold, compared in ints (T-52)?"""
    if not margin:
        return False
    return balance <= 0 or margin * PPM >= threshold_ppm * balance


def side_figures(row: PositionRow, is_long: bool, mark: int, volume_multiple: int) -> SideFigures:
    """Float and position profit of one side at a price (T-51)."""
    if is_long:
        value = mark * (row.long_today + row.long_his) * volume_multiple
        open_cost = row.long_open_cost_today + row.long_open_cost_his
        position_cost = row.long_position_cost_today + row.long_position_cost_his
        return SideFigures(value - open_cost, value - position_cost)
    value = mark * (row.short_today + row.short_his) * volume_multiple
    open_cost = row.short_open_cost_today + row.short_open_cost_his
    position_cost = row.short_position_cost_today + row.short_position_cost_his
    return SideFigures(open_cost - value, position_cost - value)


def account_figures(
    funds: FundsRow,
    positions: Iterable[PositionRow],
    marks: Mapping[str, tuple[int, int]],
    excludes_profit: bool = False,
) -> AccountFigures:
    """Figures of one account; ``marks[symbol]`` = (mark price, volume multiple).

    The mark is the last price, before the day's first trade the previous settlement price.
    ``excludes_profit`` keeps unrealised profit out of what may be withdrawn (T-100).
    """
    position_profit = float_profit = 0
    for row in positions:
        mark, multiple = marks[row.symbol]
        for is_long in (True, False):
            side = side_figures(row, is_long, mark, multiple)
            position_profit += side.position_profit
            float_profit += side.float_profit
    static_balance = funds.pre_balance + funds.deposit - funds.withdraw
    balance = static_balance + funds.close_profit + position_profit - funds.commission - funds.premium
    frozen = funds.frozen_margin + funds.frozen_commission + funds.frozen_premium
    available = balance - funds.margin - frozen
    return AccountFigures(
        static_balance,
        balance,
        available,
        position_profit,
        float_profit,
        funds.margin,
        frozen,
        risk_ratio_ppm(funds.margin, balance),
        withdrawable(available, position_profit, excludes_profit),
    )


def withdrawable(available: int, position_profit: int, excludes_profit: bool) -> int:
    """What may be paid out (T-100)."""
    if excludes_profit:
        available -= max(position_profit, 0)
    return max(available, 0)
