"""What fronts send becomes one clean model, each snapshot once and in order (M-1, G-3, G-13)."""

import sys
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata.feeds.gate import Gate
from marketdata.feeds.ticks import (
    RAW_FIELDS,
    BadTick,
    Days,
    Sanitiser,
    Tick,
    bare_symbol,
    copy_struct,
)

DBL_MAX = sys.float_info.max


def raw(**given: Any) -> tuple[Any, ...]:
    values: dict[str, Any] = dict.fromkeys(RAW_FIELDS, 0.0)
    values |= {name: 0 for name in RAW_FIELDS if "Volume" in name}
    values |= {
        "InstrumentID": "cu2701", "ExchangeID": "", "TradingDay": "20261123", "ActionDay": "20261123",
        "UpdateTime": "10:00:00", "UpdateMillisec": 500, "LastPrice": 74_000.0, "Volume": 10,
    }  # fmt: skip
    return copy_struct(SimpleNamespace(**{**values, **given}))


def tick(**given: Any) -> Tick:
    return Sanitiser().tick(raw(**given), given.pop("connection", ""))


def test_values_that_mean_none_become_none() -> None:
    made = tick(
        LastPrice=DBL_MAX, BidPrice1=float("nan"), AskPrice1=float("inf"), SettlementPrice=0.0,
        OpenInterest=-DBL_MAX, AskVolume1=-1, UpdateMillisec=-5,
    )  # fmt: skip
    assert (made.last_price, made.bid_price1, made.ask_price1, made.settlement_price) == (None,) * 4
    assert (made.open_interest, made.ask_volume1, made.update_millisec) == (None, 0, 0)
    assert tick(BidPrice1=-37.63).bid_price1 == -37.63


def test_names_are_decoded_once() -> None:
    assert tick(InstrumentID="沪铜".encode("gb18030")).instrument_id == "沪铜"


@pytest.mark.parametrize(
    ("clock", "said", "day"),
    [
        ("21:00:00", "20261123", "20261120"),  # an exchange that sends the trading day
        ("21:00:00", "20261120", "20261120"),
        ("00:30:00", "20261123", "20261121"),  # Friday's night ends on Saturday
        ("09:00:00", "", "20261123"),
        ("15:00:00", "20261120", "20261123"),
    ],
)
def test_night_ticks_lie_on_the_evening_before_their_trading_day(clock: str, said: str, day: str) -> None:
    made = tick(UpdateTime=clock, ActionDay=said)
    assert (made.trading_day, made.action_day) == ("20261123", day)
    assert made.datetime.startswith(f"{day[:4]}-{day[4:6]}-{day[6:]} {clock}")


def test_holidays_come_from_the_calendar() -> None:
    days = Days(lambda day: "20260930")
    made = Sanitiser(days).tick(raw(TradingDay="20261009", UpdateTime="21:00:00"))
    assert made.action_day == "20260930"


def test_times_rise_through_a_night_and_the_day_after() -> None:
    clocks = ["20:59:00", "23:59:59", "00:00:00", "02:29:59", "08:59:00", "11:30:00", "15:00:00"]
    times = [tick(UpdateTime=clock, ActionDay="20261123").timestamp for clock in clocks]
    assert times == sorted(times)


@pytest.mark.parametrize(
    "bad", [{"InstrumentID": ""}, {"UpdateTime": "x"}, {"UpdateTime": "25:00:00"}, {"TradingDay": "20261399"}]
)
def test_what_is_no_tick_is_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(BadTick):
        tick(**bad)


ANYTHING = st.one_of(
    st.floats(), st.integers(), st.text(max_size=12), st.binary(max_size=12), st.none(),
    st.sampled_from([DBL_MAX, -DBL_MAX, "20261123", "10:00:00"]),
)  # fmt: skip


@given(st.lists(ANYTHING, min_size=len(RAW_FIELDS), max_size=len(RAW_FIELDS)))
def test_whatever_a_front_sends_is_a_sound_tick_or_refused(values: list[Any]) -> None:
    try:
        made = Sanitiser().tick(tuple(values))
    except BadTick:
        return
    assert made.volume >= 0
    prices = [made.last_price, made.bid_price1, made.ask_price5, made.average_price]
    assert all(price is None or (price == price and abs(price) < 1e15 and price) for price in prices)


def test_the_exchange_in_front_of_a_symbol_is_taken_off_and_no_more() -> None:
    assert [bare_symbol(name) for name in ("SHFE.cu2701", "cu2701", "000001.SZ", "600000.SH")] == [
        "cu2701", "cu2701", "000001.SZ", "600000.SH",
    ]  # fmt: skip


def of(connection: str, second: int, volume: int, **given: Any) -> Tick:
    clock = f"10:{second // 60:02d}:{second % 60:02d}"
    made = tick(**{"UpdateTime": clock, "Volume": volume, **given})
    made.connection_id = connection
    return made


def test_a_snapshot_passes_once_and_none_goes_back() -> None:
    gate = Gate()
    assert gate.passes(of("a", 0, 1))
    assert not gate.passes(of("a", 0, 1))
    assert gate.passes(of("a", 1, 2))
    assert not gate.passes(of("b", 0, 1))
    assert not gate.passes(of("b", 1, 2, LastPrice=74_010.0))
    assert gate.passes(of("b", 2, 3))
    assert not gate.passes(of("a", 3, 2))
    assert (gate.passed, gate.duplicates, gate.backwards) == (3, 2, 2)


def test_snapshots_without_milliseconds_are_told_apart_by_what_they_say() -> None:
    gate = Gate()
    passed = [
        gate.passes(of("a", 0, 5, UpdateMillisec=0, BidPrice1=price))
        for price in (1.0, 2.0, 2.0, 1.0)
    ]  # fmt: skip
    assert passed == [True, True, False, True]


def test_a_new_trading_day_begins_with_no_volume_and_the_old_one_is_over() -> None:
    gate = Gate()
    assert gate.passes(of("a", 0, 500))
    assert gate.passes(of("a", 0, 0, TradingDay="20261124", UpdateTime="21:00:00"))
    assert not gate.passes(of("b", 59, 600))


def test_ticks_lost_while_a_symbol_moved_are_counted() -> None:
    gate = Gate()
    for volume in range(3):
        gate.passes(of("a", volume, volume))
    gate.moved("cu2701")
    gate.passes(of("b", 9, 40))
    assert (gate.gaps, gate.gap_ms) == (1, 7_000)
    gate.moved("cu2701")
    gate.passes(of("c", 10, 41))
    assert gate.gaps == 1


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 120), st.integers(0, 50)), max_size=60))
def test_numbers_have_no_gap_and_time_and_volume_never_fall(ticks: list[tuple[str, int, int]]) -> None:
    gate, passed = Gate(), []
    for connection, second, volume in ticks:
        made = of(connection, second, volume)
        if gate.passes(made):
            passed.append(made)
    assert [made.seq for made in passed] == list(range(1, len(passed) + 1))
    keys = [(made.timestamp, made.volume) for made in passed]
    assert keys == sorted(keys)
    assert len(ticks) == gate.passed + gate.duplicates + gate.backwards
