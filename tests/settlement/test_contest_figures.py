"""Places of a contest: return, drawdown and Sharpe worked out by hand (O-53)."""

import statistics

import pytest

from settlement import contest_figures as calc

YUAN = 10_000


def track(*equities: int) -> calc.Track:
    found = calc.begun(equities[0] * YUAN)
    for equity in equities[1:]:
        found = calc.sampled(found, equity * YUAN)
    return found


def test_the_drawdown_is_the_largest_fall_from_a_peak() -> None:
    assert track(100, 120, 90, 110, 130, 117).drawdown == pytest.approx(0.25)
    assert calc.drawdown_with(track(100, 120), 60 * YUAN) == pytest.approx(0.5)
    assert track(100, 101, 102).drawdown == 0


def test_sharpe_is_the_mean_over_the_deviation_of_the_changes() -> None:
    changes = [0.10, -0.05, 0.02]
    path = [1_000.0]
    for change in changes:
        path.append(path[-1] * (1 + change))
    found = calc.sharpe(track(*(round(value) for value in path)))
    assert found == pytest.approx(statistics.mean(changes) / statistics.stdev(changes), rel=1e-2)
    assert calc.sharpe(track(100, 100, 100)) is None
    assert calc.sharpe(track(100, 110)) is None


def test_nobody_divides_by_an_equity_that_is_gone() -> None:
    lost = track(100, 0, 0)
    assert lost.drawdown == 1
    assert calc.sampled(track(100, -50), 10 * YUAN).changes == 2


def standing(key: int, ratio: float, drawdown: float = 0, sharpe: float | None = None, ranked: bool = True):
    return calc.Standing(key, ratio, drawdown, sharpe, ranked)


def test_equals_share_a_place_and_who_is_not_ranked_comes_last() -> None:
    rows = [
        standing(1, 0.1),
        standing(2, 0.3, ranked=False),
        standing(3, 0.2),
        standing(4, 0.1),
        standing(5, 0),
    ]
    assert calc.places(rows, calc.BY_RETURN) == [(1, 3), (2, 1), (2, 4), (4, 5), (None, 2)]


def test_each_way_of_ranking_puts_its_own_best_first() -> None:
    rows = [standing(1, 0.1, 0.5, 2.0), standing(2, 0.5, 0.2, None), standing(3, 0.3, 0.1, 1.0)]
    assert [key for _place, key in calc.places(rows, calc.BY_RETURN)] == [2, 3, 1]
    assert [key for _place, key in calc.places(rows, calc.BY_DRAWDOWN)] == [3, 2, 1]
    assert [key for _place, key in calc.places(rows, calc.BY_SHARPE)] == [1, 3, 2]
