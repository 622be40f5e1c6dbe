"""The books of a trading week against a ledger worked out by hand (R-5, T-20 … T-24, T-38, T-90 … T-92).

Every figure below is in yuan and was computed on paper from the rules, with its arithmetic
beside it; nothing here asks the code what it should be.
"""

import json
from typing import Any

import pytest

from tests.engine.builders import of, yuan
from tests.engine.trading_week import (
    CU,
    EXPIRY,
    HOUSE,
    IF,
    MONDAY,
    NEXT_MONDAY,
    THURSDAY,
    TUESDAY,
    A,
    B,
    D,
    M,
    Week,
    whole_week,
)
from trading.engine.apply import apply
from trading.engine.hashing import full_hash, validate
from trading.engine.messages import AccountSettled, EndReason, InstrumentStatus, Phase, PositionRow
from trading.engine.snapshot import dump, load
from trading.engine.state import State
from trading.engine.watchstate import LiquidationStatus


@pytest.fixture(scope="module")
def week() -> Week:
    return whole_week()


LEDGER: dict[tuple[int, str], dict[str, str]] = {
    # ------------------------------------------------------------------ Alice, copper (5 t a lot)
    (MONDAY, A): {
        "pre_balance": "0",
        "deposit": "1050000",  # 1 000 000 + 50 000
        "withdraw": "0",
        # 2 lots bought in the auction at 70 000, one sold as today's at 70 500
        "close_profit": "2500",  # (70 500 − 70 000) × 5
        "position_profit": "1500",  # (70 300 − 70 000) × 5
        # open 2 × 350 000 × 0.00005 = 35; today's close 352 500 × 0.0001 = 35.25
        "commission": "70.25",
        "balance": "1053929.75",  # 1 050 000 + 2 500 + 1 500 − 70.25
        "margin": "35150",  # 70 300 × 5 × 10 %
    },
    (TUESDAY, A): {
        "pre_balance": "1053929.75",
        "deposit": "0",
        "withdraw": "0",
        # the history lot: (70 400 − 70 300) × 5 = 500; one of today's: (70 250 − 70 200) × 5 = 250
        "close_profit": "750",
        "position_profit": "-1000",  # 2 lots of today: (70 100 − 70 200) × 5 × 2
        # open 3 × 351 000 × 0.00005 = 52.65; history close 352 000 × 0.00005 = 17.60;
        # today's close 351 250 × 0.0001 = 35.125
        "commission": "105.375",
        "balance": "1053574.375",  # 1 053 929.75 + 750 − 1 000 − 105.375
        "margin": "70100",  # 2 × 70 100 × 5 × 10 %
    },
    (THURSDAY, A): {
        "pre_balance": "1053574.375",
        "deposit": "0",
        "withdraw": "3000",
        "close_profit": "-250",  # the auction's price 70 050: (70 050 − 70 100) × 5
        # history lot (69 800 − 70 100) × 5 = −1 500; the carried order's, bought at 69 500:
        # (69 800 − 69 500) × 5 = 1 500
        "position_profit": "0",
        # close 350 250 × 0.00005 = 17.5125; open 347 500 × 0.00005 = 17.375
        "commission": "34.8875",
        "balance": "1050289.4875",  # 1 053 574.375 − 3 000 − 250 + 0 − 34.8875
        "margin": "69800",  # 2 × 69 800 × 5 × 10 %
    },
    (EXPIRY, A): {
        "pre_balance": "1050289.4875",
        "deposit": "0",
        "withdraw": "0",
        "close_profit": "500",  # (69 900 − 69 800) × 5
        "position_profit": "1000",  # (70 000 − 69 800) × 5
        "commission": "17.475",  # 349 500 × 0.00005
        "balance": "1051772.0125",  # 1 050 289.4875 + 1 500 − 17.475
        "margin": "35000",  # 70 000 × 5 × 10 %
    },
    # ------------------------------------- Bob, meal (10 t, 1.50 a lot) and a short index (300)
    (MONDAY, B): {
        "pre_balance": "0",
        "deposit": "2000000",
        "withdraw": "100000",
        "close_profit": "0",
        # meal 6 @ 3 000 in the auction, 2 @ 3 005: cost 180 000 + 60 100 = 240 100, worth
        # 8 × 30 050 = 240 400: 300; index short: (4 010 − 4 002) × 300 = 2 400
        "position_profit": "2700",
        # 8 × 1.50 = 12; 4 010 × 300 × 0.000023 = 27.669
        "commission": "39.669",
        "balance": "1902660.331",  # 1 900 000 + 2 700 − 39.669
        # meal 240 400 × 8 % = 19 232; index 4 002 × 300 × 12 % = 144 072
        "margin": "163304",
    },
    (TUESDAY, B): {
        "pre_balance": "1902660.331",
        "deposit": "0",
        "withdraw": "0",
        # 3 history at 3 000: 90 000 − 240 400 × 3 ∕ 8 = −150; then 3 at 2 995, today's two
        # first: 59 900 − 59 800 = 100, one of history: 29 950 − 150 250 ∕ 5 = −100
        "close_profit": "-150",
        # 4 history: 4 × 29 600 − 120 200 = −1 800; one of today at 2 963: −30; index
        # (4 002 − 3 990) × 300 = 3 600
        "position_profit": "1770",
        "commission": "13.5",  # (3 + 2 + 3 + 1) × 1.50
        "balance": "1904266.831",  # 1 902 660.331 − 150 + 1 770 − 13.50
        # 5 × 29 600 × 8 % = 11 840; 3 990 × 300 × 12 % = 143 640
        "margin": "155480",
    },
    (THURSDAY, B): {
        "pre_balance": "1904266.831",
        "deposit": "0",
        "withdraw": "0",
        "close_profit": "0",
        # 5 × (29 150 − 29 600) = −2 250; one of today (2 915 − 2 921) × 10 = −60; index
        # (3 990 − 4 020) × 300 = −9 000
        "position_profit": "-11310",
        "commission": "1.5",
        "balance": "1892955.331",  # 1 904 266.831 − 11 310 − 1.50
        # 6 × 29 150 × 8 % = 13 992; 4 020 × 300 × 12 % = 144 720
        "margin": "158712",
    },
    (EXPIRY, B): {
        "pre_balance": "1892955.331",
        "deposit": "0",
        "withdraw": "0",
        "close_profit": "0",
        # 6 × (28 300 − 29 150) = −5 100; the index is paid out at 4 035.4:
        # (4 020 − 4 035.4) × 300 = −4 620
        "position_profit": "-9720",
        "commission": "0",  # paying out an expired contract costs nothing
        "balance": "1883235.331",
        "margin": "13584",  # 6 × 28 300 × 8 %; the index is gone
    },
    # ----------------------------------------------------------------------- Dan, meal, thin
    (MONDAY, D): {
        "pre_balance": "0",
        "deposit": "60000",
        "withdraw": "0",
        "close_profit": "0",
        "position_profit": "-1000",  # 20 × (3 005 − 3 010) × 10
        "commission": "30",  # 20 × 1.50
        "balance": "58970",
        "margin": "48080",  # 20 × 30 050 × 8 %
    },
    (TUESDAY, D): {
        "pre_balance": "58970",
        "deposit": "5000",  # after the margin call
        "withdraw": "0",
        "close_profit": "0",
        "position_profit": "-9000",  # 20 × (2 960 − 3 005) × 10
        "commission": "0",
        "balance": "54970",
        "margin": "47360",  # 20 × 29 600 × 8 %
    },
    (THURSDAY, D): {
        "pre_balance": "54970",
        "deposit": "0",
        "withdraw": "0",
        "close_profit": "-2000",  # liquidated 5 @ 2 920: 5 × (2 920 − 2 960) × 10
        "position_profit": "-6750",  # 15 × (2 915 − 2 960) × 10
        "commission": "7.5",  # 5 × 1.50
        "balance": "46212.5",
        "margin": "34980",  # 15 × 29 150 × 8 %
    },
    (EXPIRY, D): {
        "pre_balance": "46212.5",
        "deposit": "0",
        "withdraw": "0",
        "close_profit": "0",
        "position_profit": "-12750",  # 15 × (2 830 − 2 915) × 10
        "commission": "0",
        "balance": "33462.5",
        "margin": "33960",  # 15 × 28 300 × 8 %: 101.5 % of the balance
    },
}

HOUSE_BALANCE = {
    # What the three win the house loses: 2 500 + 1 500 + 2 700 − 1 000 = 5 700. Its fees:
    # copper 35 + 35.25, meal 28 × 1.50 = 42, index 27.669 → 139.919.
    MONDAY: "9994160.081",
    # 750 − 1 000 − 150 + 1 770 − 9 000 = −7 630. Fees: copper 52.65 + 17.60 + 17.5625, meal
    # 9 × 1.50 = 13.50 → 101.3125.
    TUESDAY: "10001688.7685",
    # −250 + 0 − 11 310 − 2 000 − 6 750 = −20 310. Fees: 17.5125 + 17.375 + 6 × 1.50 → 43.8875.
    THURSDAY: "10021954.881",
    # 500 + 1 000 − 9 720 − 12 750 = −20 970. Fee: 17.475.
    EXPIRY: "10042907.406",
}


@pytest.mark.parametrize(("day", "account"), LEDGER)
def test_the_account_settles_at_the_figures_of_the_paper(week: Week, day: int, account: str) -> None:
    found: AccountSettled = week.settled[day][account]
    expected = {name: yuan(figure) for name, figure in LEDGER[day, account].items()}
    assert {name: getattr(found, name) for name in expected} == expected


@pytest.mark.parametrize("day", HOUSE_BALANCE)
def test_what_the_three_win_or_lose_is_the_house_s(week: Week, day: int) -> None:
    assert week.settled[day][HOUSE].balance == yuan(HOUSE_BALANCE[day])


def test_the_week_adds_up_to_the_money_paid_in_less_the_fees(week: Week) -> None:
    """Paid in 1 047 000 + 1 900 000 + 65 000 + 10 000 000 = 13 012 000; fees: Alice 227.9875, Bob
    54.669, Dan 37.50, the house 302.594 = 622.7505."""
    last = week.settled[EXPIRY]
    assert sum(found.balance for found in last.values()) == yuan("13011377.2495")
    fees = sum(finished.total_commission for finished in week.finished.values())
    assert fees == yuan("622.7505")
    assert all(finished.total_profit == 0 for finished in week.finished.values())
    assert validate(week.state) == []


def lots(week: Week, day: int, account: str) -> dict[str, tuple[int, ...]]:
    """symbol → (long today, long history, short today, short history) after the settlement."""
    rows = [PositionRow(*row) for row in week.settled[day][account].positions]
    return {row.symbol: (row.long_today, row.long_his, row.short_today, row.short_his) for row in rows}


def test_lots_become_history_and_an_expired_contract_goes(week: Week) -> None:
    assert lots(week, MONDAY, A) == {CU: (0, 1, 0, 0)}
    assert lots(week, TUESDAY, A) == {CU: (0, 2, 0, 0)}
    assert lots(week, TUESDAY, B) == {M: (0, 5, 0, 0), IF: (0, 0, 0, 1)}
    assert lots(week, EXPIRY, B)[IF] == (0, 0, 0, 0)
    assert lots(week, THURSDAY, D) == {M: (0, 15, 0, 0)}
    assert IF not in week.state.accounts[B].positions
    assert week.state.instruments[IF].status == InstrumentStatus.EXPIRED
    assert week.state.instruments[IF].open_interest == 0


def test_the_open_cost_keeps_the_price_at_which_lots_were_bought(week: Week) -> None:
    """Bob's 8 for 240 100; 3 go (90 037.50), one more of the 5 (30 012.50): 120 050; one @ 2 963."""
    row = next(PositionRow(*row) for row in week.settled[TUESDAY][B].positions if row[1] == M)
    assert row.long_open_cost_his == yuan("120050") + yuan("29630")
    assert row.long_position_cost_his == yuan(5 * 29_600)


def ends(week: Week) -> dict[str, tuple[int, int]]:
    """order id → (reason, code) of its end, of the orders with names of their own."""
    found = of(week.events, "OrderCancelled")
    return {item.order[2]: (int(item.reason), item.code) for item in found if item.order[2].isalpha()}


def test_every_order_ends_when_its_time_is_over(week: Week) -> None:
    assert ends(week) == {
        "gfa": (EndReason.AUCTION_END, 0),
        "gfs": (EndReason.SECTION_END, 0),
        "gfd": (EndReason.DAY_END, 0),
        "gtd": (EndReason.DATE_REACHED, 0),
        "expires": (EndReason.CONTRACT_EXPIRED, 0),
    }


def test_the_gtc_order_is_carried_and_trades_on_the_day_after_the_holiday(week: Week) -> None:
    carried = [item for item in of(week.events, "OrderCarried") if item.order[2] == "gtc"]
    assert [item.order[9:11] for item in carried] == [[yuan(34_750), yuan("17.375")]], "69 500 × 5 × 10 %"
    filled = [item for item in of(week.events, "Traded") if item.maker[0][2] == "gtc"]
    assert [(item.price, item.trading_day) for item in filled] == [(yuan(69_500), THURSDAY)]


def test_the_auctions_trade_at_one_price_nearest_the_last_settlement(week: Week) -> None:
    found = [
        (item.symbol, item.price, item.volume, item.trading_day)
        for item in of(week.events, "Traded") if item.taker_direction == -1
    ]  # fmt: skip
    assert found == [
        (CU, yuan(70_000), 2, MONDAY), (M, yuan(3_000), 6, MONDAY), (CU, yuan(70_050), 1, THURSDAY),
    ]  # fmt: skip


def opened(week: Week, template: str) -> list[tuple[int, int]]:
    """(phase, trading day) of the first phase of each day of a template."""
    firsts: dict[int, int] = {}
    for item in of(week.events, "PhaseChanged"):
        if item.template == template:
            firsts.setdefault(item.trading_day, item.phase)
    return [(phase, day) for day, phase in firsts.items()]


def test_each_day_begins_with_its_auction(week: Week) -> None:
    days = [MONDAY, TUESDAY, THURSDAY, EXPIRY, NEXT_MONDAY]
    assert opened(week, "night0230") == [(Phase.AUCTION_ORDER, day) for day in days]
    assert opened(week, "day") == [(Phase.AUCTION_ORDER, day) for day in days]


def test_dan_is_called_for_the_sum_that_cures(week: Week) -> None:
    """Tuesday at 2 963: 58 970 − 8 400 = 50 570; 48 080 ∕ 95 % = 50 610.5263…: 40.5264 is missing.
    Friday: 33 960 ∕ 95 % = 35 747.3684…, less 33 462.50: 2 284.8685. Thursday at 2 921 he stands
    at 47 170: 47 360 ∕ 95 % = 49 852.6315…: 2 682.6316."""
    calls = [(item.cause, item.amount) for item in of(week.events, "MarginCall")]
    assert calls == [
        ("price", yuan("40.5264")), ("price", yuan("2682.6316")), ("settlement", yuan("2284.8685")),
    ]  # fmt: skip


def test_dan_is_liquidated_until_he_is_sound_and_cured_the_second_time(week: Week) -> None:
    """5 lots at 2 920 leave 15 × 2 368 = 35 520 of margin on 46 962.50: 75.6 %, below 80 %."""
    steps = [(item.symbol, item.closed, item.value) for item in of(week.events, "LiquidationStepped")]
    assert steps == [(M, 5, 5 * yuan(2_920))]
    states = [LiquidationStatus(item.status).name for item in of(week.events, "LiquidationChanged")]
    assert states == ["WAITING", "RUNNING", "DONE", "WAITING", "CURED"]
    called = of(week.events, "LiquidationChanged")[3]
    assert (called.pre_balance, called.post_balance) == (yuan("33462.5"), yuan("33462.5"))
    assert called.risk_ratio_before_ppm == 1_014_867, "33 960 ∕ 33 462.50"
    assert week.finished[EXPIRY].force_closed_accounts == [D]
    assert [week.finished[day].force_closed_accounts for day in (MONDAY, TUESDAY, THURSDAY)] == [[]] * 3


# --------------------------------------------------------------------- replay


def replay(log: list[Any], state: State | None = None) -> tuple[State, list[Any]]:
    state, events = state or State(), []
    for envelope, command in log:
        events += apply(state, envelope, command)[1]
    return state, events


def test_a_replay_of_the_week_gives_the_same_events_and_state(week: Week) -> None:
    state, events = replay(week.log)
    assert events == week.events
    assert full_hash(state) == full_hash(week.state)


@pytest.mark.parametrize("day", [MONDAY, TUESDAY, THURSDAY, EXPIRY])
def test_a_restore_between_two_days_goes_on_the_same(week: Week, day: int) -> None:
    cut = week.commands_by[day]
    before, _events = replay(week.log[:cut])
    again = load(json.loads(json.dumps(dump(before))))
    assert full_hash(replay(week.log[cut:], again)[0]) == full_hash(week.state)
