"""What surrounds a command: poison, quarantine, upgrades, audit of the state, figures on demand."""

import json

import pytest

from tests.engine.builders import (
    ALICE,
    BUY,
    MONDAY,
    OPEN,
    SELL,
    at,
    envelope,
    fields,
    limit,
    market,
    must,
    of,
    only,
    run,
    trade,
    yuan,
)  # fmt: skip
from trading.engine.apply import quarantine, reject, upgrade
from trading.engine.codes import CODES
from trading.engine.figures import account_figures, reaches, risk_ratio_ppm, withdrawable
from trading.engine.hashing import full_hash, trading_hash, validate
from trading.engine.messages import COMMANDS, EVENTS, FundsRow, SetProduct, SetRates
from trading.engine.snapshot import dump, load
from trading.engine.state import ENGINE_VERSION, State
from trading.engine.units import divide_half_up, fee_for, margin_for

SYMBOL = "DCE.m2605"


# Envelope (A-23a, A-14)


def test_an_entry_that_does_not_decode_is_passed_over_with_5003() -> None:
    state = market()
    before = trading_hash(state)
    entry = envelope(state.time_ns + 5, ALICE)
    events = reject(state, entry, "PlaceOrder", 5003, {"field": "volume"})
    found = only(events, "CommandRejected")
    assert (found.command_type, found.code, found.user_id) == ("PlaceOrder", 5003, ALICE)
    assert events[0][3:5] == [entry.time_ns, entry.command_id]
    assert state.last_stream_id == entry.stream_id
    assert trading_hash(state) == before


def test_poison_still_brings_the_time_and_its_boundaries() -> None:
    state = market()
    events = reject(state, envelope(at(MONDAY, "10:15")), "X", 5003, {})
    assert [event[1] for event in events] == ["PhaseChanged", "PhaseChanged", "CommandRejected"]


def test_a_quarantined_entry_is_named_and_skipped() -> None:
    state = market()
    before = trading_hash(state)
    entry = envelope(state.time_ns)
    found = only(quarantine(state, entry, "bug 7"), "CommandQuarantined")
    assert (found.stream_id, found.reason) == (entry.stream_id, "bug 7")
    assert trading_hash(state) == before


def test_poison_before_the_venue_exists_is_passed_over_in_silence() -> None:
    state = State()
    assert reject(state, envelope(1), "X", 5003, {}) == []
    assert state.event_seq == 0


def test_an_upgrade_is_told_with_both_versions() -> None:
    state = market()
    state.engine_version = ENGINE_VERSION - 1
    found = only(upgrade(state), "EngineUpgraded")
    assert (found.from_version, found.to_version) == (ENGINE_VERSION - 1, ENGINE_VERSION)
    assert state.engine_version == ENGINE_VERSION


def test_the_first_event_with_the_commands_id_decides_it() -> None:
    state = market()
    events = must(state, limit("A", BUY, OPEN, 1, 100), at=at(MONDAY, "10:30"))
    with_id = [event for event in events if event[4]]
    assert with_id[0][1] == "OrderAccepted"
    assert [event[0] for event in events] == list(range(events[0][0], events[0][0] + len(events)))


# Audit (T-58)


@pytest.mark.parametrize("field", ["margin", "frozen_margin", "frozen_commission"])
def test_the_audit_names_an_account_whose_sums_are_wrong(field: str) -> None:
    state = market()
    trade(state, "A", "B", 1, 100)
    assert validate(state) == []
    account = state.accounts["A"]
    setattr(account, field, getattr(account, field) + 1)
    faults = validate(state)
    assert len(faults) == 1 and faults[0].startswith(f"A: {field} is ")


@pytest.mark.parametrize("field", ["frozen_today", "opening", "frozen_his"])
def test_the_audit_names_a_side_whose_lots_are_wrong(field: str) -> None:
    state = market()
    trade(state, "A", "B", 1, 100)
    side = state.accounts["A"].positions[SYMBOL].sides[0]
    setattr(side, field, getattr(side, field) + 1)
    assert validate(state) == [f"A: {SYMBOL} side 0 is inconsistent"]


def test_the_audit_names_an_instrument_whose_lots_do_not_match() -> None:
    state = market()
    trade(state, "A", "B", 1, 100)
    state.instruments[SYMBOL].open_interest += 1
    assert validate(state) == [f"{SYMBOL}: long 1, short 1, open interest 2"]


def test_the_audit_names_a_level_that_does_not_add_up() -> None:
    state = market()
    must(state, limit("A", BUY, OPEN, 1, 100))
    book = state.instruments[SYMBOL].book
    book.sides[0].levels[yuan(100)].volume += 1
    assert validate(state) == [f"{SYMBOL}: level {yuan(100)} of side 0 is inconsistent"]


# Snapshot


def test_a_snapshot_is_plain_lists_of_small_ints() -> None:
    """Every int fits 63 bits (A-23a), so that any codec can carry it."""
    state = market(product={"margin_ppm": 999_983})
    must(state, SetRates("account:B", SYMBOL, [333_331, 777_777, *[None] * 6]))
    trade(state, "A", "B", 7, "100.5")
    lists = json.loads(json.dumps(dump(state)))
    stack = [lists]
    while stack:
        item = stack.pop()
        if isinstance(item, list):
            stack += item
        else:
            assert item is None or isinstance(item, bool | str) or -(2**63) <= item < 2**64
    assert full_hash(load(lists)) == full_hash(state)


def test_held_margin_survives_a_restore_after_the_product_changed() -> None:
    state = market()
    trade(state, "A", "B", 3, 100)
    trade(state, "B", "A", 1, 100)
    row = state.products["DCE.m"].row()
    must(state, SetProduct([*row[:5], True]))
    loaded = load(json.loads(json.dumps(dump(state))))
    assert full_hash(loaded) == full_hash(state)
    order = limit("C", BUY, OPEN, 1, 100, order_id="x")
    first = must(state, order, at=state.time_ns + 1)
    second = must(loaded, order, at=loaded.time_ns + 1)
    assert [event[5:] for event in first] == [event[5:] for event in second]
    assert validate(loaded) == validate(state) == []


# Figures and units (T-1, T-2, T-52)


def test_half_goes_up_and_away_from_zero() -> None:
    assert [divide_half_up(n, 2) for n in (-3, -1, 0, 1, 3)] == [-2, -1, 0, 1, 2]
    assert [divide_half_up(n, 4) for n in (1, 2, 5, 6, 7, -1, -2)] == [0, 1, 1, 2, 2, 0, -1]
    assert fee_for(10**9, 3, 1, 2) == 7, "1.0 + 6"
    assert fee_for(5 * 10**8, 0, 1, 0) == 1, "0.5"
    assert margin_for(499_999) == 0 and margin_for(500_000) == 1


def test_a_ratio_without_balance_is_above_everything() -> None:
    assert risk_ratio_ppm(0, -5) == 0
    assert risk_ratio_ppm(1, 0) == risk_ratio_ppm(1, -1) == -1
    assert risk_ratio_ppm(2, 3) == 666_666
    assert not reaches(0, -1, 1)
    assert reaches(1, 0, 10**9) and reaches(95, 100, 950_000) and not reaches(94, 100, 950_000)


def test_nothing_negative_may_be_withdrawn() -> None:
    assert withdrawable(-1, 0, False) == 0
    assert withdrawable(100, 30, True) == 70
    assert withdrawable(100, -30, True) == 100


def test_figures_of_an_account_without_positions_are_its_money() -> None:
    funds = FundsRow("A", 100, 50, 20, 0, 0, 0, 0, 10, 1, 0)
    found = account_figures(funds, [], {})
    assert found.static_balance == found.balance == 130
    assert (found.available, found.frozen, found.risk_ratio_ppm) == (119, 11, 0)


def test_every_message_and_code_is_known_by_its_name() -> None:
    assert all(kind.__name__ == name for (name, _), kind in {**COMMANDS, **EVENTS}.items())
    assert all(1000 <= code <= 9999 for code in CODES)
    state = market()
    events = run(state, limit("A", SELL, OPEN, 1, 100))[1]
    assert fields(events[0]) == of(events, "OrderAccepted")[0]
