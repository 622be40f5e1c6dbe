"""What a desk learns from events and does next (M-20); no clock, no network."""

from typing import Any

import pytest

from marketdata.robots.desk import ANSWER_MS, REFUSED_REST_MS, Desk, Pace, Terms, View
from marketdata.robots.quoting import Holding
from trading.engine.messages import (
    CancelAll,
    CommandDone,
    Direction,
    FillSide,
    FundsRow,
    ModifyOrder,
    Offset,
    OrderAccepted,
    OrderCancelled,
    OrderChange,
    OrderRejected,
    OrderRow,
    OrderStatus,
    Phase,
    PlaceOrder,
    PositionRow,
    TimeCondition,
    Traded,
)

SYMBOL = "SHFE.cu2701"
MAKER, CROWD, ALICE = "ACC_maker", "ACC_crowd", "ACC_alice"
TICK = 10 * 10_000
TERMS = Terms(SYMBOL, TICK, 5, 500, 3_000)
VIEW = View(int(Phase.CONTINUOUS), 0, 0, 0, 8_000, 8_000, 7_360, 8_640)
PACE = Pace()
RESTART = "r" * 32


class Venue:
    """Answers a desk's commands as the core would, without matching."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.seq = 100
        self.command = 0

    def tell(self, kind: type, *fields: Any, command_id: str = "") -> None:
        self.seq += 1
        self.desk.learn([self.seq, kind.__name__, 1, 0, command_id, *fields])

    def accept(self, order: PlaceOrder) -> OrderRow:
        row = OrderRow(
            self.seq + 1, order.account_id, f"S{self.seq + 1}", order.symbol, order.direction,
            order.offset, order.volume, 0, order.limit_price, order.time_condition, 0, 0, 0,
            "SPECULATION", "", 20260105, 0, 1, int(OrderStatus.SUBMITTED), order.volume, 0, 0, 0,
        )  # fmt: skip
        self.tell(OrderAccepted, list(row), funds(order.account_id), None)
        return row

    def fill(self, maker: OrderRow, lots: int, taker_account: str = ALICE) -> None:
        left = maker.volume - lots
        status = OrderStatus.PARTIALLY_FILLED if left else OrderStatus.FILLED
        sides = [
            list(FillSide(change(taker_account, "S1", 0, OrderStatus.FILLED), 1, 0, 0, 0,
                          funds(taker_account), position(taker_account, short_today=lots))),
            list(FillSide(change(maker.account_id, maker.order_id, left, status), 0, 0, 0, 0,
                          funds(maker.account_id), position(maker.account_id, long_today=lots))),
        ]  # fmt: skip
        self.tell(Traded, SYMBOL, 1, 20260105, maker.limit_price, lots, 1, *sides, 10)


def funds(account: str) -> list[Any]:
    return list(FundsRow(account, *([0] * 10)))


def position(account: str, **lots: int) -> list[Any]:
    empty = PositionRow(account, SYMBOL, *([0] * 18))
    return list(empty._replace(**lots))


def change(account: str, order_id: str, left: int, status: int) -> list[Any]:
    return list(OrderChange(1, account, order_id, SYMBOL, 20260105, 1, int(status), left, 0, 0, 0))


@pytest.fixture
def desk() -> Desk:
    """A desk whose start-over has been answered."""
    desk = Desk(TERMS, MAKER, CROWD, "7:SHFE.cu")
    assert desk.restart(RESTART, 0) == CancelAll(MAKER)
    Venue(desk).tell(CommandDone, "CancelAll", 0, command_id=RESTART)
    return desk


def quoted(desk: Desk) -> tuple[Venue, list[OrderRow]]:
    """The desk with its ten quotes in the book."""
    venue = Venue(desk)
    return venue, [venue.accept(order) for order in desk.requote(VIEW, PACE, 1)]


def test_it_starts_by_cancelling_what_an_earlier_run_left():
    desk = Desk(TERMS, MAKER, CROWD, "7:SHFE.cu")
    assert desk.is_waiting(0)
    assert desk.restart(RESTART, 0) == CancelAll(MAKER)
    assert desk.restart("x" * 32, 1) is None
    assert desk.is_waiting(1)
    Venue(desk).tell(CommandDone, "CancelAll", 0, command_id=RESTART)
    assert not desk.is_waiting(2)


def test_it_waits_until_every_order_of_an_earlier_run_has_ended():
    desk = Desk(TERMS, MAKER, CROWD, "7:SHFE.cu")
    desk.restart(RESTART, 0)
    venue = Venue(desk)
    venue.tell(CommandDone, "CancelAll", 2, command_id=RESTART)
    for order_id in ("S1", "S2"):
        assert desk.is_waiting(1)
        row = change(MAKER, order_id, 3, OrderStatus.CANCELLED)
        venue.tell(OrderCancelled, row, 1, 0, funds(MAKER), None)
    assert not desk.is_waiting(2)


def test_it_asks_again_when_its_start_over_was_not_answered():
    desk = Desk(TERMS, MAKER, CROWD, "7:SHFE.cu")
    desk.restart(RESTART, 0)
    assert desk.restart("x" * 32, ANSWER_MS) == CancelAll(MAKER)


def test_it_quotes_five_levels_on_both_sides_with_orders_without_id(desk):
    orders = desk.requote(VIEW, PACE, 1)
    assert len(orders) == 10
    assert {order.order_id for order in orders} == {""}
    assert {order.account_id for order in orders} == {MAKER}
    assert all(order.limit_price % TICK == 0 for order in orders)
    assert sorted(order.limit_price // TICK for order in orders) == list(range(7_996, 8_006))


def test_it_sends_nothing_while_the_price_has_not_moved_a_tick(desk):
    quoted(desk)
    assert desk.requote(VIEW, PACE, 2) == []


def test_it_moves_two_quotes_when_the_price_moves_a_tick(desk):
    quoted(desk)
    moved = desk.requote(VIEW, PACE, 1_000_000)
    assert len(moved) == 2
    assert all(isinstance(command, ModifyOrder) for command in moved)


def test_it_puts_back_only_the_quote_that_was_filled(desk):
    venue, rows = quoted(desk)
    best_bid = max((row for row in rows if row.direction == 0), key=lambda row: row.limit_price)
    venue.fill(best_bid, best_bid.volume)
    replaced = desk.requote(VIEW, PACE, 2)
    assert [order.limit_price for order in replaced] == [best_bid.limit_price]


def test_a_partly_filled_quote_stays(desk):
    venue, rows = quoted(desk)
    venue.fill(rows[0], 1)
    assert desk.quotes[rows[0].order_id].left == rows[0].volume - 1
    assert desk.requote(VIEW, PACE, 2) == []


def test_it_closes_the_lots_its_quotes_bought(desk):
    venue, rows = quoted(desk)
    desk.holdings[MAKER] = (Holding(30, 0, 30), Holding())
    ask = min((row for row in rows if row.direction == 1), key=lambda row: row.limit_price)
    venue.tell(
        OrderCancelled, change(MAKER, ask.order_id, 0, OrderStatus.CANCELLED), 1, 0,
        funds(MAKER), None,
    )  # fmt: skip
    (order,) = desk.requote(VIEW, PACE, 2)
    assert order.offset == Offset.CLOSETODAY
    assert desk.holdings[MAKER][0].today == 30 - order.volume


def test_it_opens_no_more_than_its_limit(desk):
    desk.holdings[MAKER] = (Holding(0, 0, 10_000), Holding(0, 0, 10_000))
    assert desk.requote(VIEW, PACE, 1) == []


def test_it_stays_out_of_the_market_outside_continuous_trading(desk):
    assert desk.requote(VIEW._replace(phase=int(Phase.BREAK)), PACE, 1) == []
    assert crowd_order(desk, VIEW._replace(phase=int(Phase.BREAK), bid=7_999, ask=8_001)) is None


def crowd_order(desk: Desk, view: View) -> PlaceOrder | None:
    desk.trade(view, PACE, 1)
    return desk.trade(view, PACE, 1_000_000)


def test_the_crowd_takes_the_best_price_it_sees_and_rests_nothing(desk):
    order = crowd_order(desk, VIEW._replace(bid=7_999, ask=8_001))
    assert order is not None
    assert order.account_id == CROWD
    assert order.time_condition == TimeCondition.IOC
    wanted = 8_001 if order.direction == Direction.BUY else 7_999
    assert order.limit_price == wanted * TICK


def test_the_crowd_waits_about_a_second_between_orders(desk):
    view = VIEW._replace(bid=7_999, ask=8_001)
    sent = sum(desk.trade(view, PACE, now) is not None for now in range(0, 60_000, 100))
    assert 45 <= sent <= 80


def test_the_crowd_never_trades_on_a_stale_book(desk):
    venue, _ = quoted(desk)
    stale = VIEW._replace(bid=7_999, ask=8_001, as_of_seq=desk.last_seq - 1)
    assert crowd_order(desk, stale) is None
    assert desk.trade(stale._replace(as_of_seq=venue.seq), PACE, 2_000_000) is not None


@pytest.mark.parametrize("hole", [{"bid": 0}, {"ask": 0}, {"bid": 8_001, "ask": 8_001}])
def test_the_crowd_never_trades_on_half_a_book(desk, hole):
    assert crowd_order(desk, VIEW._replace(**{"bid": 7_999, "ask": 8_001, **hole})) is None


def test_the_crowd_leans_against_its_position(desk):
    desk.requote(VIEW, PACE, 1)
    desk.holdings[CROWD] = (Holding(0, 0, 252), Holding())
    view = VIEW._replace(bid=7_999, ask=8_001)
    orders = [desk.trade(view, PACE, now) for now in range(1, 400_000, 2_000)]
    sells = [order for order in orders if order and order.direction == Direction.SELL]
    assert len(sells) > 150


def test_an_answer_that_never_comes_makes_it_start_over(desk):
    desk.sent("c" * 32, 0)
    assert desk.is_waiting(ANSWER_MS - 1)
    assert not desk.must_restart
    assert desk.is_waiting(ANSWER_MS)
    assert desk.restart(RESTART, ANSWER_MS) == CancelAll(MAKER)


def test_a_command_that_never_reached_the_log_is_forgotten(desk):
    desk.sent("c" * 32, 0)
    desk.refused("c" * 32)
    assert not desk.is_waiting(1)


def test_it_rests_after_a_refusal_and_notes_missing_money(desk):
    row = OrderRow(1, MAKER, "S1", SYMBOL, 0, 0, 1, 0, TICK, 2, 0, 0, 0, "", "", 0, 0, 0, 5, 1, 0, 0, 0)
    Venue(desk).tell(OrderRejected, list(row), 1001, {})
    assert desk.short_of_money == {MAKER}
    assert desk.is_waiting(10)
    assert not desk.is_waiting(10 + REFUSED_REST_MS)


def test_orders_of_others_are_not_its_business(desk):
    venue = Venue(desk)
    venue.accept(PlaceOrder(ALICE, "a1", SYMBOL, 0, 0, 3, limit_price=TICK))
    assert desk.quotes == {}
