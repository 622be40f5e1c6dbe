"""The watcher's part of PromQL gives what Prometheus gives (O-33)."""

import math

import pytest

from monitoring.promql import BadExpression, Expression, Labels, Series


def labels(**own: str) -> Labels:
    return frozenset(own.items())


@pytest.fixture
def series() -> Series:
    """Two processes' counters over a minute, one of which began anew; a gauge; a histogram."""
    found = Series()
    for n in range(5):
        at = 15.0 * n
        found.add(at, [
            ("hits", labels(instance="a", code="1"), 30.0 * n),
            ("hits", labels(instance="b", code="2"), (10.0, 40.0, 15.0, 30.0, 45.0)[n]),
            ("lag", labels(part="x"), 0.5 * n),
            ("lag", labels(part="y"), 0.1),
            ("took_bucket", labels(le="0.1"), 10.0 * n),
            ("took_bucket", labels(le="0.2"), 20.0 * n),
            ("took_bucket", labels(le="+Inf"), 20.0 * n),
        ])  # fmt: skip
    return found


def answer(text: str, series: Series, at: float = 60.0) -> dict[Labels, float]:
    return Expression(text).evaluate(series, at)


def test_a_comparison_keeps_the_series_for_which_it_holds(series: Series) -> None:
    assert answer("lag > 1", series) == {labels(part="x"): 2.0}
    assert answer('lag{part="y"} > 1', series) == {}
    assert answer("max(lag) >= 2", series) == {labels(): 2.0}
    assert answer("min by (part) (lag) < 1", series) == {labels(part="y"): 0.1}


def test_a_rate_counts_through_a_restart(series: Series) -> None:
    found = answer("sum by (instance) (rate(hits[5m]))", series)
    assert found[labels(instance="a")] == pytest.approx(2.0)
    assert found[labels(instance="b")] == pytest.approx((30 + 15 + 15 + 15) / 60)


def test_shares_and_sums_follow_the_usual_order_of_operators(series: Series) -> None:
    assert answer("1 + 2 * 3 - 4 / 2", series) == {labels(): 5.0}
    share = answer('sum(rate(hits{code="1"}[1m])) / sum(rate(hits[1m])) > 0.5', series)
    assert share == {labels(): pytest.approx(2.0 / 3.25)}


def test_a_quantile_lies_within_its_bucket(series: Series) -> None:
    found = answer("histogram_quantile(0.75, sum by (le) (rate(took_bucket[5m])))", series)
    assert found == {labels(): pytest.approx(0.15)}


def test_and_keeps_what_both_have_or_takes_either(series: Series) -> None:
    assert answer("lag > 1 and lag < 3", series) == {labels(part="x"): 2.0}
    assert answer("lag > 1 and lag < 1", series) == {}
    assert set(answer("lag > 1 or lag < 1", series)) == {labels(part="x"), labels(part="y")}


def test_what_was_not_seen_for_long_says_nothing(series: Series) -> None:
    assert answer("lag > 1", series, at=200.0) == {}
    assert answer("sum(rate(hits[5m]))", series, at=200.0) == {}


def test_nothing_divided_by_nothing_is_no_number(series: Series) -> None:
    found = answer("0 / 0", series)
    assert math.isnan(found[labels()])


@pytest.mark.parametrize(
    "text", ["lag >", "rate(lag)", "sum(", "lag ! 1", "lag{part=}", "lag[5y]", "", ") lag", "lag lag"]
)
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(BadExpression):
        Expression(text).evaluate(Series(), 0.0)
