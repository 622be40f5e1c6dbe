"""The ladder a maker wants and the commands that bring it there (M-20)."""

import pytest

from marketdata.robots.quoting import (
    Cancel,
    Holding,
    Move,
    Place,
    Quote,
    choose_offset,
    ladder,
    plan,
    quote_lots,
)
from trading.engine.messages import Direction, Offset

BUY, SELL = Direction.BUY, Direction.SELL


def standing(bids: list[int], asks: list[int]) -> list[Quote]:
    return [Quote(f"b{price}", BUY, price, 10) for price in bids] + [
        Quote(f"a{price}", SELL, price, 10) for price in asks
    ]


def carried_out(quotes: list[Quote], actions: list) -> list[Quote]:
    """The book after the actions; raises when own orders would meet on the way."""
    book = {quote.order_id: quote for quote in quotes}
    for number, action in enumerate(actions):
        if isinstance(action, Cancel):
            del book[action.order_id]
            continue
        if isinstance(action, Move):
            book[action.order_id] = book[action.order_id]._replace(price=action.price)
        else:
            book[f"n{number}"] = Quote(f"n{number}", action.direction, action.price, 10)
        bids = [quote.price for quote in book.values() if quote.direction == BUY]
        asks = [quote.price for quote in book.values() if quote.direction == SELL]
        assert not bids or not asks or max(bids) < min(asks), f"own orders meet at {action}"
    return list(book.values())


def prices(quotes: list[Quote], direction: int) -> list[int]:
    return sorted(quote.price for quote in quotes if quote.direction == direction)


@pytest.mark.parametrize("spread", [1, 2, 3, 8])
def test_the_ladder_has_five_levels_a_side_and_the_wanted_spread(spread):
    bids, asks = ladder(5_000, spread, 5, 1, 9_999)
    assert len(bids) == len(asks) == 5
    assert asks[0] - bids[0] == spread
    assert bids == sorted(bids, reverse=True)
    assert asks == sorted(asks)


def test_the_ladder_ends_at_the_price_limits():
    bids, asks = ladder(5_000, 1, 5, 4_998, 5_002)
    assert bids == [5_000, 4_999, 4_998]
    assert asks == [5_001, 5_002]


def test_an_empty_book_is_filled_with_ten_orders():
    actions = plan(*ladder(5_000, 1, 5, 1, 9_999), [])
    assert len(actions) == 10
    assert all(isinstance(action, Place) for action in actions)


def test_a_ladder_that_stands_needs_no_command():
    bids, asks = ladder(5_000, 1, 5, 1, 9_999)
    assert plan(bids, asks, standing(bids, asks)) == []


@pytest.mark.parametrize("move", [1, -1])
def test_a_moved_tick_costs_two_commands(move):
    quotes = standing(*ladder(5_000, 1, 5, 1, 9_999))
    actions = plan(*ladder(5_000 + move, 1, 5, 1, 9_999), quotes)
    assert len(actions) == 2
    assert all(isinstance(action, Move) for action in actions)


@pytest.mark.parametrize("spread", [1, 2, 5])
@pytest.mark.parametrize("move", [-40, -3, -1, 1, 2, 4, 40])
def test_own_orders_never_meet_while_the_ladder_moves(spread, move):
    bids, asks = ladder(5_000 + move, spread, 5, 1, 9_999)
    quotes = standing(*ladder(5_000, spread, 5, 1, 9_999))
    after = carried_out(quotes, plan(bids, asks, quotes))
    assert prices(after, BUY) == sorted(bids)
    assert prices(after, SELL) == sorted(asks)


@pytest.mark.parametrize("side", [BUY, SELL])
def test_a_swept_side_is_filled_again_without_meeting_the_other(side):
    quotes = [quote for quote in standing(*ladder(5_000, 1, 5, 1, 9_999)) if quote.direction != side]
    for move in (-3, 0, 3):
        bids, asks = ladder(5_000 + move, 1, 5, 1, 9_999)
        after = carried_out(quotes, plan(bids, asks, quotes))
        assert prices(after, BUY) == sorted(bids)
        assert prices(after, SELL) == sorted(asks)


def test_a_second_quote_at_one_price_is_taken_away():
    bids, asks = ladder(5_000, 1, 5, 1, 9_999)
    quotes = standing(bids, asks) + [Quote("twin", BUY, bids[0], 10)]
    assert plan(bids, asks, quotes) == [Cancel("twin")]


def test_a_quote_stays_under_the_largest_amount_of_an_order():
    assert quote_lots(4_500 * 10_000, 300, 20) == 6
    assert quote_lots(3_150 * 10_000, 10, 500) == 60
    assert quote_lots(9_000_000 * 10_000, 10, 500) == 1


@pytest.mark.parametrize(
    ("own", "opposite", "separate", "expected"),
    [
        (Holding(), Holding(), False, (Offset.OPEN, 5)),
        (Holding(), Holding(3, 4, 7), False, (Offset.CLOSE, 5)),
        (Holding(), Holding(3, 4, 7), True, (Offset.OPEN, 5)),
        (Holding(), Holding(6, 0, 6), True, (Offset.CLOSETODAY, 5)),
        (Holding(), Holding(0, 6, 6), True, (Offset.CLOSE, 5)),
        (Holding(0, 0, 48), Holding(), False, None),
        (Holding(0, 0, 48), Holding(2, 0, 9), False, (Offset.CLOSE, 2)),
        (Holding(0, 0, 48), Holding(2, 1, 9), True, (Offset.CLOSETODAY, 2)),
    ],
)
def test_an_order_closes_where_it_can_and_opens_within_the_limit(own, opposite, separate, expected):
    assert choose_offset(5, own, opposite, 50, separate) == expected
