"""The edge: exact amounts, bounds, names, QIFI's numbers (T-3, T-30, T-37, A-23a)."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.log.conftest import CONTRACTS, order
from trading import codec
from trading.engine import messages as m
from trading.loadgen import venue_commands


@pytest.mark.parametrize(
    ("value", "units"),
    [
        (74.39999999999999, 744_000),
        ("74.4", 744_000),
        ("-0.0001", -1),
        (Decimal("1.5000"), 15_000),
        (7, 70_000),
        (12_345_678_901.23, 123_456_789_012_300),
        (0.1 + 0.2, 3_000),
        ("100000000000", 10**15),
    ],
)
def test_it_reads_amounts_exactly(value, units):
    assert codec.to_units(value) == units


@pytest.mark.parametrize(
    "value",
    [
        True, float("nan"), float("inf"), 1e30, 10**30, "1e5", "", "1.00005", 1.00005, "٣",
        "NaN", " 1", Decimal("NaN"), Decimal("1E+40"), 10**11 + 1, None, [1], "1" * 30,
    ],
)  # fmt: skip
def test_it_refuses_what_is_no_amount_and_names_the_field(value):
    with pytest.raises(ValueError, match="limit_price"):
        codec.to_units(value, "limit_price")


@given(st.integers(-(10**15), 10**15))
def test_every_amount_survives_the_edge_both_ways(units):
    assert codec.to_units(codec.to_decimal(units)) == units
    assert codec.to_units(str(codec.to_decimal(units))) == units
    assert codec.to_units(codec.to_number(units)) == units


@pytest.mark.parametrize("value", [1.5, "x", True, float("nan"), 10**7, None])
def test_it_refuses_what_is_no_number_of_lots(value):
    with pytest.raises(ValueError, match="volume"):
        codec.to_lots(value)


def test_it_reads_whole_lots_however_they_are_written():
    assert [codec.to_lots(value) for value in (3, 3.0, "3", Decimal(3))] == [3, 3, 3, 3]


@pytest.mark.parametrize("command", venue_commands("main", 1_790_000_000 * 10**9, CONTRACTS))
def test_every_command_comes_back_as_it_was(command):
    kind, version, payload = codec.encode_command(command)
    decoded = codec.decode_command(kind, version, payload)
    assert type(decoded) is type(command) and decoded == command


@pytest.mark.parametrize(
    ("bad", "named"),
    [
        (order(volume=10**6 + 1), "volume"),
        (order(limit_price=10**13 + 1), "limit_price"),
        (order(volume=True), "volume"),
        (order(volume=1.5), "volume"),
        (order(order_id="a\x00b"), "U\\+0000"),
        (order(client_tag="a\nb"), "U\\+000A"),
        (order(client_tag="x" * 300), "client_tag"),
        (order(symbol="\ud800"), "PlaceOrder"),
        (m.ModifyOrder("a", "b", 10**14), "limit_price"),
        (m.Deposit("a", 10**15 + 1, "r"), "amount"),
        (m.SetSettings({"x": 2**63}), "SetSettings"),
        (m.HaltVenue("bell\x07"), "U\\+0007"),
        (m.CreateInstrument(["SHFE", 1]), "CreateInstrument"),
        (m.SetRates("", "x", [1.5]), "SetRates"),
        (m.UpdateInstrument("s", {"a": 0.5}), "UpdateInstrument"),
        ("no command", "not a command"),
    ],
)
def test_it_refuses_a_command_out_of_bounds_and_says_what(bad, named):
    with pytest.raises(codec.MalformedCommand, match=named):
        codec.encode_command(bad)


@pytest.mark.parametrize(
    ("kind", "version", "payload"),
    [
        ("Nonsense", 1, b"\x90"),
        ("Tick", 2, b"\x90"),
        ("Tick", 1, b"\xc1"),
        ("PlaceOrder", 1, b"\x91\x01"),
        ("PlaceOrder", 1, b""),
        ("HaltVenue", 1, b"\x91\xa3\xff\xfe\xfd"),
        ("Tick", 1, msgspec.msgpack.encode([1])),
    ],
)
def test_it_refuses_bytes_that_are_no_command(kind, version, payload):
    with pytest.raises(codec.MalformedCommand):
        codec.decode_command(kind, version, payload)


def test_chinese_text_is_text():
    command = m.HaltVenue("交易所通知\u3000暂停")
    assert codec.decode_command(*codec.encode_command(command)) == command


def test_events_come_back_as_lists():
    events = [[1, "VenueHalted", 1, 5, "c", "r"], [2, "X", 1, 5, "c", {"a": 1}, [None, True]]]
    assert codec.decode_events(codec.encode_events(events)) == events


@pytest.mark.parametrize("text", ["a", "A_b.c:#@|+=~-9", "x" * 128])
def test_it_accepts_client_order_ids_of_the_pattern(text):
    assert codec.check_order_id(text) == text


@pytest.mark.parametrize("text", ["", "a b", "é", "x" * 129, "a\n", None, 5])
def test_it_refuses_other_client_order_ids(text):
    with pytest.raises(ValueError, match="order_id"):
        codec.check_order_id(text)


def test_it_reads_names_in_any_case_with_the_usual_aliases():
    assert codec.direction_from_name("buy") is m.Direction.BUY
    assert codec.offset_from_name("CLOSE_TODAY") is m.Offset.CLOSETODAY
    assert codec.offset_from_name("CloseYesterday") is m.Offset.CLOSEYESTERDAY
    assert codec.price_type_from_name("MARKET") is m.PriceType.ANY
    assert codec.time_condition_from_name("gtc") is m.TimeCondition.GTC
    assert codec.volume_condition_from_name("All") is m.VolumeCondition.ALL
    assert codec.name_of(m.Offset, 2) == "CLOSETODAY"


@pytest.mark.parametrize("name", ["", "BOTH", "0", None, 1, True])
def test_an_unknown_name_is_an_error_never_a_default(name):
    with pytest.raises(ValueError, match="Direction"):
        codec.direction_from_name(name)


@pytest.mark.parametrize("number", [1, -2, 3, -3, -1, 4, -4])
def test_towards_survives_both_ways(number):
    assert codec.to_towards(*codec.from_towards(number)) == number


def test_towards_two_is_read_as_one_and_others_are_refused():
    assert codec.from_towards(2) == codec.from_towards(1)
    for bad in (0, 5, True):
        with pytest.raises(ValueError, match="towards"):
            codec.from_towards(bad)
