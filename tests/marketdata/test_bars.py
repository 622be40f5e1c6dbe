"""Bars of a simulated week: bucketing, closing, ids, and three ways to the same bars (M-10 … M-13)."""

import pytest

from marketdata.bars.book import PERIODS, SymbolBars
from marketdata.bars.clock import DAY_NS
from marketdata.bars.fold import Folder, Piece, folded, is_duration
from tests.marketdata.week import DAYS, MINUTE, SECOND, at, clocks, trades
from trading.engine.sessions import midnight_ns

THURSDAY, FRIDAY, MONDAY, WEDNESDAY, _ = DAYS
HALF_SECOND = SECOND // 2
TEMPLATES = ["night0230", "night2300", "day", "index", "always"]


def live(found, template, book=None, taken=None, by_the_clock=False):
    """All bars of some trades as the live book finishes them, the unfinished ones last."""
    tables, bars = clocks(), book or SymbolBars()
    rows = taken if taken is not None else {index: [] for index in range(len(PERIODS))}
    for trade in found:
        bars.start(tables.clock(template, trade.trading_day))
        if by_the_clock:
            bars.close_due(trade.time_ns)
        bars.trade(trade.time_ns, trade.price, trade.lots, trade.amount, trade.open_oi, trade.close_oi)
        for index, row in bars.done:
            rows[index].append(row)
        bars.done.clear()
    return bars, rows


def finished(bars, rows):
    for index, row, _ in bars.rows():
        rows[index].append(row)
    return rows


def pieces(found):
    """Ticks of the trades: everything inside half a second is one piece."""
    window = None
    for trade in found:
        piece = Piece(trade.time_ns, trade.trading_day, *[trade.price] * 4, trade.lots, trade.amount,
                      trade.open_oi, trade.close_oi)  # fmt: skip
        if window and (window.trading_day, window.time_ns // HALF_SECOND) == (
            piece.trading_day, piece.time_ns // HALF_SECOND,
        ):  # fmt: skip
            window = Piece(window.time_ns, window.trading_day, window.open, max(window.high, piece.high),
                           min(window.low, piece.low), piece.close, window.volume + piece.volume,
                           window.amount + piece.amount, window.open_oi, piece.close_oi)  # fmt: skip
            continue
        if window:
            yield window
        window = piece
    yield window


def as_pieces(rows):
    return [Piece(*row[1:]) for row in rows]


@pytest.mark.parametrize("template", TEMPLATES)
def test_live_bars_equal_those_recomputed_from_ticks_and_rolled_up(template):
    found = list(trades(template))
    rows = finished(*live(found, template))
    tables = clocks()

    def clock_of(day):
        return tables.clock(template, day)

    ticks = list(pieces(found))
    assert len(ticks) < len(found)
    for index, duration in enumerate(PERIODS):
        assert as_pieces(rows[index]) == folded(ticks, duration, clock_of)
        for finer in range(index):
            assert as_pieces(rows[index]) == folded(as_pieces(rows[finer]), duration, clock_of)


@pytest.mark.parametrize("template", TEMPLATES)
def test_bars_closed_by_the_clock_are_those_closed_by_the_next_trade(template):
    found = list(trades(template, step_s=70.0))
    told = finished(*live(found, template, by_the_clock=True))
    once = {index: list({row[0]: row for row in rows}.values()) for index, rows in told.items()}
    assert once == finished(*live(found, template))


@pytest.mark.parametrize("template", TEMPLATES)
def test_ids_are_dense_starts_grow_and_volumes_agree(template):
    found = list(trades(template))
    rows = finished(*live(found, template))
    volume = sum(trade.lots for trade in found)
    for index in range(len(PERIODS)):
        assert [row[0] for row in rows[index]] == list(range(len(rows[index])))
        starts = [row[1] for row in rows[index]]
        assert starts == sorted(set(starts))
        assert sum(row[7] for row in rows[index]) == volume
        assert all(row[5] <= min(row[3], row[6]) <= max(row[3], row[6]) <= row[4] for row in rows[index])
    assert [row[2] for row in rows[6]] == DAYS


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_book_stored_at_any_moment_goes_on_as_if_nothing_had_happened(template):
    found = list(trades(template, step_s=200.0))
    whole = finished(*live(found, template))
    tables = clocks()
    for cut in range(1, len(found), len(found) // 12):
        bars, rows = live(found[:cut], template)
        again = SymbolBars()
        again.load(bars.dump(), tables.clock(template, found[cut - 1].trading_day))
        assert finished(*live(found[cut:], template, again, rows)) == whole


def bucket(template, day, moment, duration):
    return clocks().clock(template, day).bucket(moment, duration)


def test_a_bar_spans_the_morning_break_and_lunch():
    hour = 60 * MINUTE
    assert bucket("day", FRIDAY, at(FRIDAY, 10, 14), hour) == (at(FRIDAY, 10), at(FRIDAY, 11, 15))
    assert bucket("day", FRIDAY, at(FRIDAY, 11, 14), hour) == (at(FRIDAY, 10), at(FRIDAY, 11, 15))
    assert bucket("day", FRIDAY, at(FRIDAY, 13, 31), hour) == (at(FRIDAY, 11, 15), at(FRIDAY, 14, 15))
    assert bucket("day", FRIDAY, at(FRIDAY, 14, 59), hour) == (at(FRIDAY, 14, 15), at(FRIDAY, 15))


def test_a_bar_that_ends_with_the_break_closes_at_its_begin_and_the_next_starts_after_it():
    assert bucket("day", FRIDAY, at(FRIDAY, 10, 14, 59), 15 * MINUTE) == (at(FRIDAY, 10), at(FRIDAY, 10, 15))
    assert bucket("day", FRIDAY, at(FRIDAY, 10, 30), 15 * MINUTE) == (at(FRIDAY, 10, 30), at(FRIDAY, 10, 45))


def test_the_night_of_monday_is_that_of_friday_and_its_hours_do_not_meet_the_morning():
    hour = 60 * MINUTE
    assert bucket("night0230", MONDAY, at(FRIDAY, 26, 10), hour) == (at(FRIDAY, 26), at(FRIDAY, 26, 30))
    assert bucket("night0230", MONDAY, at(MONDAY, 9), hour) == (at(MONDAY, 9), at(MONDAY, 10))


def test_the_day_bar_begins_with_the_night_and_carries_the_trading_day():
    start, end = bucket("night0230", MONDAY, at(FRIDAY, 21), DAY_NS)
    assert (start, end) == (midnight_ns(MONDAY), at(MONDAY, 15))


def test_after_a_holiday_there_is_no_night():
    assert clocks().clock("night0230", WEDNESDAY).open_ns == at(WEDNESDAY, 9)


@pytest.mark.parametrize(
    ("moment", "start"),
    [
        (at(THURSDAY, 20, 59), at(THURSDAY, 21)),  # the auction's trades
        (at(THURSDAY, 26, 30), at(THURSDAY, 26, 29)),
        (at(THURSDAY, 26, 30, 5), at(THURSDAY, 26, 29)),  # logged 5 s late
        (at(THURSDAY, 26, 30, 6), at(FRIDAY, 9)),
        (at(FRIDAY, 10, 15, 3), at(FRIDAY, 10, 14)),
        (at(FRIDAY, 10, 29), at(FRIDAY, 10, 30)),
        (at(FRIDAY, 15, 0, 4), at(FRIDAY, 14, 59)),
        (at(FRIDAY, 15, 10), at(FRIDAY, 14, 59)),
    ],
)
def test_trades_at_the_edges_belong_to_the_bar_beside_them(moment, start):
    assert bucket("night0230", FRIDAY, moment, MINUTE)[0] == start


def test_around_the_clock_bars_follow_the_clock_and_end_with_the_day():
    hour = 60 * MINUTE
    assert bucket("always", FRIDAY, at(THURSDAY, 15, 31), hour) == (at(THURSDAY, 15, 30), at(THURSDAY, 16))
    assert bucket("always", FRIDAY, at(FRIDAY, 0, 10), hour) == (at(FRIDAY, 0), at(FRIDAY, 1))
    assert bucket("always", FRIDAY, at(FRIDAY, 15, 29), hour) == (at(FRIDAY, 15), at(FRIDAY, 15, 30))
    assert bucket("always", FRIDAY, at(THURSDAY, 23, 59, 59), 7 * MINUTE)[1] == at(FRIDAY, 0)


def test_a_day_settled_early_begins_bars_of_its_own():
    tables, bars = clocks(), SymbolBars()
    bars.start(tables.clock("always", THURSDAY))
    bars.trade(at(THURSDAY, 14, 0, 10), 100, 1, 100, 0, 1)
    bars.start(tables.clock("always", FRIDAY))
    bars.trade(at(THURSDAY, 14, 0, 20), 110, 2, 220, 1, 2)
    rows = {index: row for index, row, _ in bars.rows()}
    assert [row[0] for row in rows.values()] == [1] * 7
    assert rows[5][1] == at(THURSDAY, 14, 0, 1)
    assert rows[5][3:8] == (110, 110, 110, 110, 2)


def test_bars_close_by_the_clock_without_another_trade():
    tables, bars = clocks(), SymbolBars()
    bars.start(tables.clock("day", FRIDAY))
    bars.trade(at(FRIDAY, 14, 59, 58), 100, 1, 100, 0, 1)
    bars.close_due(at(FRIDAY, 15, 0, 4))
    assert not bars.done
    bars.close_due(at(FRIDAY, 15, 0, 5))
    assert [index for index, _ in bars.done] == list(range(7))
    assert bars.is_quiet


def test_a_bar_inside_a_session_closes_at_its_end():
    tables, bars = clocks(), SymbolBars()
    bars.start(tables.clock("day", FRIDAY))
    bars.trade(at(FRIDAY, 9, 30, 1), 100, 1, 100, 0, 1)
    bars.close_due(at(FRIDAY, 9, 30, 3))
    assert [index for index, _ in bars.done] == [0]
    bars.close_due(at(FRIDAY, 9, 31))
    assert [index for index, _ in bars.done] == [0, 1]


def test_a_trade_that_comes_after_its_bar_was_told_corrects_it_under_its_id():
    tables, bars = clocks(), SymbolBars()
    bars.start(tables.clock("day", FRIDAY))
    bars.trade(at(FRIDAY, 9, 30, 1), 100, 1, 100, 0, 1)
    bars.close_due(at(FRIDAY, 9, 32))
    bars.trade(at(FRIDAY, 9, 30, 2), 105, 2, 210, 1, 3)
    bars.close_due(at(FRIDAY, 9, 32))
    minutes = [row for index, row in bars.done if index == 1]
    assert [row[0] for row in minutes] == [0, 0]
    assert minutes[1][3:8] == (100, 105, 100, 105, 3)


def test_listing_gives_every_series_bar_0_before_all_others():
    tables, bars = clocks(), SymbolBars()
    clock = tables.clock("always", FRIDAY)
    bars.list_at(at(THURSDAY, 14, 7), 500, clock)
    zero = dict(bars.done)
    bars.done.clear()
    bars.start(clock)
    bars.trade(at(THURSDAY, 14, 7, 1), 100, 1, 100, 0, 1)
    for index, row, _ in bars.rows():
        assert zero[index][0] == 0 and zero[index][3:8] == (500, 500, 500, 500, 0)
        assert row[0] == 1 and zero[index][1] < row[1]
    assert bars.first_ids == [(index, FRIDAY, 0) for index in range(7)]


def test_the_first_id_of_each_trading_day_is_told_once():
    found = list(trades("night2300"))
    bars, rows = live(found, "night2300")
    rows = finished(bars, rows)
    for index in range(len(PERIODS)):
        firsts = {day: number for period, day, number in bars.first_ids if period == index}
        assert firsts == {day: next(r[0] for r in rows[index] if r[2] == day) for day in DAYS}
        assert len([entry for entry in bars.first_ids if entry[0] == index]) == len(DAYS)


@pytest.mark.parametrize("duration", [7 * SECOND, 90 * SECOND, 7 * MINUTE, 240 * MINUTE])
def test_any_duration_is_folded_from_ticks_without_losing_a_lot(duration):
    found = list(trades("night0230"))
    tables = clocks()
    bars = folded(pieces(found), duration, lambda day: tables.clock("night0230", day))
    assert sum(bar.volume for bar in bars) == sum(trade.lots for trade in found)
    starts = [bar.time_ns for bar in bars]
    assert starts == sorted(set(starts))


def test_a_folder_gives_back_the_bar_that_a_piece_finished():
    tables = clocks()
    folder = Folder(MINUTE, lambda day: tables.clock("day", day))
    first = Piece(at(FRIDAY, 9, 0, 1), FRIDAY, 1, 1, 1, 1, 1, 1, 0, 0)
    assert folder.add(first) is None
    assert folder.add(first._replace(time_ns=at(FRIDAY, 9, 1))) == first._replace(time_ns=at(FRIDAY, 9))


@pytest.mark.parametrize("duration", [SECOND, 86_400 * SECOND, 28 * DAY_NS])
def test_durations_of_whole_seconds_and_days_are_served(duration):
    assert is_duration(duration)


@pytest.mark.parametrize("duration", [0, -1, SECOND + 1, 86_401 * SECOND, 29 * DAY_NS, 36 * 3600 * SECOND])
def test_other_durations_are_not(duration):
    assert not is_duration(duration)
