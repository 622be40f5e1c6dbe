"""Figures of a contest: return, drawdown, Sharpe, places. Ratios are figures to show, never money."""

import math
from collections.abc import Sequence
from typing import NamedTuple

BY_RETURN, BY_DRAWDOWN, BY_SHARPE = "return", "drawdown", "sharpe"


class Track(NamedTuple):
    """What is kept of a contestant's equity between two samples; money in 1/10 000 yuan.

    `mean` and `squares` are Welford's running mean and sum of squares of the relative changes
    from sample to sample.
    """

    equity: int
    peak: int
    drawdown: float = 0.0
    changes: int = 0
    mean: float = 0.0
    squares: float = 0.0


class Standing(NamedTuple):
    """A contestant's figures at a moment; `is_ranked` is false below the least number of trades."""

    key: int
    profit_ratio: float
    drawdown: float
    sharpe: float | None
    is_ranked: bool


def begun(start: int) -> Track:
    """The track of somebody who has the start money and has not traded."""
    return Track(start, start)


def sampled(track: Track, equity: int) -> Track:
    """The track after one more sample."""
    changes = track.changes + 1
    change = equity / track.equity - 1 if track.equity > 0 else 0.0
    mean = track.mean + (change - track.mean) / changes
    squares = track.squares + (change - track.mean) * (change - mean)
    peak = max(track.peak, equity)
    return Track(equity, peak, drawdown_with(track, equity), changes, mean, squares)


def drawdown_with(track: Track, equity: int) -> float:
    """The largest fall from a peak so far, as a share of the peak."""
    peak = max(track.peak, equity)
    return max(track.drawdown, (peak - equity) / peak if peak > 0 else 0.0)


def sharpe(track: Track) -> float | None:
    """Mean over standard deviation of the changes between samples, not annualised; None without spread."""
    if track.changes < 2 or track.squares <= 0:
        return None
    return track.mean / math.sqrt(track.squares / (track.changes - 1))


def profit_ratio(equity: int, start: int) -> float:
    """Profit over start money."""
    return (equity - start) / start


def places(standings: Sequence[Standing], by: str) -> list[tuple[int | None, int]]:
    """(place, key), best first; equal figures share a place, who is not ranked comes last with None."""
    ranked = sorted((row for row in standings if row.is_ranked), key=lambda row: _order(row, by))
    found: list[tuple[int | None, int]] = []
    place, last = 0, None
    for number, row in enumerate(ranked, 1):
        order = _order(row, by)[:2]
        place = place if order == last else number
        last = order
        found.append((place, row.key))
    return found + [(None, row.key) for row in standings if not row.is_ranked]


def _order(row: Standing, by: str) -> tuple[float, float, int]:
    """Sorts the best first; the return decides between equals, then who came first."""
    if by == BY_DRAWDOWN:
        return row.drawdown, -row.profit_ratio, row.key
    if by == BY_SHARPE:
        return (math.inf if row.sharpe is None else -row.sharpe), -row.profit_ratio, row.key
    return -row.profit_ratio, row.drawdown, row.key
