"""The short way of plain orders gives what the general way gives, also where funds are short."""

import random
from collections import Counter
from typing import Any

import pytest

from tests.engine.reference.compare import Pair
from trading.engine import codes, orders
from trading.engine.apply import apply
from trading.engine.hashing import full_hash
from trading.engine.messages import Envelope, PlaceOrder, SetSettings, UpdateInstrument
from trading.engine.state import State
from trading.loadgen import OrderFlow, account_commands, make_contracts, make_traders, venue_commands

START_NS = 1_767_582_000_000_000_000
TRADERS, INSTRUMENTS, STEPS = 12, 3, 2_000
CASH = 300_000 * 10_000
WITHOUT_RISK_LIMITS = {"product_share_ppm": 0, "max_risk_ppm": 10**7, "liquidation_ppm": 10**7}
Log = list[tuple[Envelope, Any]]


def flow(seed: int, settings: dict[str, int]) -> Log:
    """Orders of accounts with little money, some of them closes, and limits that move meanwhile."""
    source = random.Random(seed)
    traders, contracts = make_traders(TRADERS), make_contracts(INSTRUMENTS)
    made = venue_commands("short", START_NS, contracts) + account_commands(traders, CASH)
    made.append(SetSettings(settings))
    steps = OrderFlow(seed, traders, contracts)
    commands = [("", command) for command in made]
    for _ in range(STEPS):
        trader, command = steps.step()
        if isinstance(command, PlaceOrder) and source.random() < 0.3:
            command = command._replace(offset=source.randrange(4), volume=source.randint(0, 3))
        commands.append((trader.user_id, command))
        if source.random() < 0.01:
            limit_ppm = source.choice([500, 2_000, 50_000, 100_000])
            changes = {"limit_up_ppm": limit_ppm, "limit_down_ppm": limit_ppm}
            commands.append(("", UpdateInstrument(source.choice(contracts).symbol, changes)))
    return [
        (Envelope(f"{number + 1}-0", START_NS + number * 10**7, f"{number:032x}", user_id), command)
        for number, (user_id, command) in enumerate(commands)
    ]


def played(log: Log) -> tuple[list[Any], str, Counter[int]]:
    """(events, hash, how often each code was answered) of a log."""
    state, events, answers = State(), [], Counter[int]()
    for envelope, command in log:
        code, new = apply(state, envelope, command)
        answers[code] += 1
        events += new
        assert_lots_are_not_overvalued(state)
    return events, full_hash(state), answers


def assert_lots_are_not_overvalued(state: State) -> None:
    """`low` never exceeds what the lots are worth, while it is said to hold."""
    for account in state.accounts.values():
        worth = sum(instrument.mark * units for instrument, units in account.exposures.items())
        assert account.low_epoch != state.price_epoch or account.low <= worth


def without_the_short_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orders, "enter_plain", lambda context, command: False)


@pytest.mark.parametrize(
    ("seed", "settings", "expected"),
    [
        (1, {}, codes.POSITION_LIMIT),
        (2, {"product_share_ppm": 0}, codes.RISK_RATIO_TOO_HIGH),
        (3, WITHOUT_RISK_LIMITS, codes.INSUFFICIENT_FUNDS),
        (4, {"max_order_amount": 150_000 * 10_000}, codes.ORDER_AMOUNT_TOO_LARGE),
    ],
)  # fmt: skip
def test_both_ways_agree_where_money_is_short(
    seed: int, settings: dict[str, int], expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = flow(seed, settings)
    short = played(log)
    without_the_short_way(monkeypatch)
    general = played(log)
    assert short == general
    assert short[2][codes.OK] > STEPS // 10
    for code in (expected, codes.SELF_TRADE, codes.PRICE_OUTSIDE_LIMITS):
        assert short[2][code], f"code {code} was never answered"


def test_both_ways_agree_over_settlements_auctions_and_hostile_commands(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pair = Pair(seed=21)
    pair.run(2_000)
    short = played(pair.log)
    without_the_short_way(monkeypatch)
    assert played(pair.log) == short


def test_the_short_way_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = Counter[bool]()
    enter = orders.enter_plain

    def counted(context: Any, command: Any) -> bool:
        taken[done := enter(context, command)] += 1
        return done

    monkeypatch.setattr(orders, "enter_plain", counted)
    played(flow(3, {}))
    assert taken[True] > taken.total() // 20, taken
