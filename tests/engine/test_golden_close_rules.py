"""What CLOSE, CLOSETODAY and CLOSEYESTERDAY take on each exchange (T-55, T-54)."""

import pytest

from tests.engine.builders import (
    BUY,
    CLOSE,
    CLOSETODAY,
    CLOSEYESTERDAY,
    OPEN,
    SELL,
    at,
    limit,
    market,
    must,
    of,
    only,
    run,
    settle,
    trade,
    yuan,
)  # fmt: skip
from trading.engine import codes
from trading.engine.messages import CancelOrder, ModifyOrder, PositionRow, SetSettings, Tick
from trading.engine.snapshot import dump, load
from trading.engine.state import State

SEPARATE = ["SHFE.cu2605", "INE.sc2605"]
JOINT = ["DCE.m2605", "CZCE.MA605", "GFEX.si2605", "CFFEX.IF2605"]
HISTORY, TODAY = 3, 2

TAKES = [
    # offset, lots → today's, history lots; None: 2005 with held, free
    *[(symbol, CLOSE, lots, found) for symbol in SEPARATE
      for lots, found in ((3, (0, 3)), (1, (0, 1)), (4, None))],
    *[(symbol, CLOSE, lots, found) for symbol in JOINT
      for lots, found in ((1, (1, 0)), (3, (2, 1)), (5, (2, 3)), (6, None))],
    *[(symbol, CLOSETODAY, lots, found) for symbol in SEPARATE + JOINT
      for lots, found in ((2, (2, 0)), (3, None))],
    *[(symbol, CLOSEYESTERDAY, lots, found) for symbol in SEPARATE + JOINT
      for lots, found in ((3, (0, 3)), (4, None))],
]  # fmt: skip


def holding(symbol: str, direction: int = BUY, clock: str = "09:30") -> State:
    """A holds 3 history and 2 today's lots of one side; B the other side."""
    state = market(symbol)
    buyer, seller = ("A", "B") if direction == BUY else ("B", "A")
    trade(state, buyer, seller, HISTORY, 100, symbol)
    settle(state, {symbol: yuan(101)})
    run(state, Tick(), at=at(20260106, clock))
    trade(state, buyer, seller, TODAY, 100, symbol)
    return state


def lots_of(state: State, symbol: str, direction: int) -> tuple[int, int]:
    row = PositionRow(*state.accounts["A"].positions[symbol].row())
    if direction == BUY:
        return row.long_today, row.long_his
    return row.short_today, row.short_his


@pytest.mark.parametrize("direction", [BUY, SELL], ids=["long", "short"])
@pytest.mark.parametrize(("symbol", "offset", "lots", "expected"), TAKES)
def test_a_close_takes_the_lots_its_exchange_and_offset_name(
    symbol: str, offset: int, lots: int, expected: tuple[int, int] | None, direction: int
) -> None:
    state = holding(symbol, direction)
    must(state, limit("C", direction, OPEN, lots, 100, symbol))
    code, events = run(state, limit("A", 1 - direction, offset, lots, 100, symbol))
    if expected is None:
        held = TODAY if offset == CLOSETODAY else HISTORY
        if offset == CLOSE and symbol in JOINT:
            held = HISTORY + TODAY
        assert code == 2005
        params = only(events, "OrderRejected").params
        assert params == {"held": held, "free": held, "lots": lots}
        assert lots_of(state, symbol, direction) == (TODAY, HISTORY)
        return
    assert code == 0
    assert len(of(events, "Traded")) == 1
    today, history = lots_of(state, symbol, direction)
    assert (TODAY - today, HISTORY - history) == expected


def test_history_lots_may_be_closed_first_where_the_venue_says_so() -> None:
    state = holding("DCE.m2605")
    must(state, SetSettings({"close_history_first": 1}))
    trade(state, "C", "A", 4, 100, sell_offset=CLOSE)
    assert lots_of(state, "DCE.m2605", BUY) == (1, 0)


@pytest.mark.parametrize("symbol", JOINT)
def test_each_exchange_may_have_a_closing_rule_of_its_own(symbol: str) -> None:
    """2 follows the venue, 0 and 1 do not; the other exchanges keep theirs."""
    own = f"close_history_first_{symbol.partition('.')[0].lower()}"
    for venue_rule, rule, expected in [(0, 1, (1, 0)), (1, 0, (0, 1)), (1, 2, (1, 0)), (0, 2, (0, 1))]:
        state = holding(symbol)
        must(state, SetSettings({"close_history_first": venue_rule, own: rule}))
        trade(state, "C", "A", 4, 100, symbol, sell_offset=CLOSE)
        assert lots_of(state, symbol, BUY) == expected
    state = holding("DCE.m2605")
    must(state, SetSettings({"close_history_first_czce": 1}))
    trade(state, "C", "A", 4, 100, sell_offset=CLOSE)
    assert lots_of(state, "DCE.m2605", BUY) == (0, 1)


def test_a_closing_rule_of_an_exchange_survives_a_snapshot() -> None:
    state = holding("DCE.m2605")
    must(state, SetSettings({"close_history_first_dce": 1}))
    state = load(dump(state))
    trade(state, "C", "A", 4, 100, sell_offset=CLOSE)
    assert lots_of(state, "DCE.m2605", BUY) == (1, 0)


def test_a_closing_rule_is_0_1_or_2() -> None:
    state = holding("DCE.m2605")
    assert run(state, SetSettings({"close_history_first_dce": 3}))[0] == codes.INVALID_FIELD
    assert run(state, SetSettings({"close_history_first_shfe": 1}))[0] == codes.INVALID_FIELD


def test_a_close_over_both_buckets_books_each_at_its_own_cost() -> None:
    """Today's lots cost 100, history lots the settlement price 101; sold at 102."""
    state = holding("DCE.m2605")
    found = trade(state, "C", "A", 5, 102, sell_offset=CLOSE)
    assert found[0].taker[4] == yuan(2 * 200 * 2 + 3 * 200 * 1)


def test_lots_frozen_by_a_resting_close_are_not_free() -> None:
    state = holding("DCE.m2605")
    must(state, limit("A", SELL, CLOSE, 3, 105))
    code, events = run(state, limit("A", SELL, CLOSE, 3, 104))
    assert code == 2005
    assert only(events, "OrderRejected").params == {"held": 5, "free": 2, "lots": 3}
    code, events = run(state, limit("A", SELL, CLOSETODAY, 1, 104))
    assert only(events, "OrderRejected").params == {"held": 2, "free": 0, "lots": 1}
    must(state, limit("A", SELL, CLOSEYESTERDAY, 2, 104))


def test_a_resting_close_consumes_the_lots_it_froze() -> None:
    """T-54: split when accepted; lots closed meanwhile by another order change nothing."""
    state = holding("DCE.m2605")
    resting = only(must(state, limit("A", SELL, CLOSE, 3, 103)), "OrderAccepted")
    assert resting.position[9:11] == [2, 1]
    trade(state, "C", "A", 2, 102, sell_offset=CLOSEYESTERDAY)
    assert lots_of(state, "DCE.m2605", BUY) == (2, 1)
    must(state, limit("C", BUY, OPEN, 2, 103))
    assert lots_of(state, "DCE.m2605", BUY) == (0, 1)
    must(state, limit("C", BUY, OPEN, 1, 103))
    assert lots_of(state, "DCE.m2605", BUY) == (0, 0)


def test_a_resting_close_keeps_its_split_when_the_setting_changes() -> None:
    state = holding("DCE.m2605")
    must(state, limit("A", SELL, CLOSE, 4, 103, time_condition=2))
    must(state, SetSettings({"close_history_first": 1}))
    must(state, limit("C", BUY, OPEN, 4, 103))
    assert lots_of(state, "DCE.m2605", BUY) == (0, 1)


def test_a_cancelled_close_gives_its_lots_back() -> None:
    state = holding("SHFE.cu2605")
    order = limit("A", SELL, CLOSE, 3, 105, "SHFE.cu2605", order_id="x")
    must(state, order)
    ended = only(must(state, CancelOrder("A", "x")), "OrderCancelled")
    assert ended.position[9:11] == [0, 0]
    must(state, limit("A", SELL, CLOSE, 3, 105, "SHFE.cu2605"))


def test_a_shrunk_close_gives_back_history_lots_first() -> None:
    state = holding("DCE.m2605")
    must(state, limit("A", SELL, CLOSE, 4, 105, order_id="x"))
    row = only(must(state, ModifyOrder("A", "x", volume=1)), "OrderModified")
    assert row.position[9:11] == [1, 0]


def test_a_modified_close_is_checked_as_if_its_own_lots_were_free() -> None:
    state = holding("DCE.m2605")
    must(state, limit("A", SELL, CLOSE, 4, 105, order_id="x"))
    must(state, ModifyOrder("A", "x", volume=5))
    code, events = run(state, ModifyOrder("A", "x", volume=6))
    assert code == 2005
    assert only(events, "CancelRejected").params == {"held": 5, "free": 5, "lots": 6}
    row = PositionRow(*state.accounts["A"].positions["DCE.m2605"].row())
    assert (row.long_frozen_today, row.long_frozen_his) == (2, 3)
