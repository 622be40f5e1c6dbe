"""Any sequence of quotes and commands: a trigger fires at most once, its partner never (T-70).

``ENGINE_SEEDS`` runs other seeds.
"""

import json
import os
import random
from collections import Counter
from typing import Any

import pytest

from tests.engine.builders import (
    ALICE,
    BUY,
    CHARLIE,
    CLOSE,
    OPEN,
    SELL,
    envelope,
    limit,
    market,
    must,
    of,
    trade,
)
from tests.engine.test_conditional import SYMBOL
from trading.engine import messages as m
from trading.engine.apply import apply
from trading.engine.conditions import ConditionalStatus, ConditionKind, Relation
from trading.engine.hashing import full_hash, validate
from trading.engine.snapshot import dump, load
from trading.engine.state import State
from trading.engine.units import NS_PER_SECOND

SEEDS = [int(seed) for seed in os.environ.get("ENGINE_SEEDS", "1,2,3").split(",")]
COMMANDS = 600
TICK = 5_000
FAILING = {(status, ConditionalStatus.FAILED) for status in (2, 5)}
OVER = [ConditionalStatus.TRIGGERED, ConditionalStatus.CANCELLED, ConditionalStatus.EXPIRED]


def condition(dice: random.Random, state: State, leg: int) -> list[Any]:
    """Any condition near the market."""
    kind = dice.choice([0, 0, 0, 1, 1, 2, 3, 4, 5])
    price = state.instruments[SYMBOL].mark + dice.randint(-6, 6) * TICK
    if kind == ConditionKind.TRAILING:
        price = dice.randint(1, 6) * TICK
    price2 = price + dice.randint(0, 4) * TICK if kind == ConditionKind.PRICE_RANGE else 0
    time_ns = state.time_ns + dice.randint(1, 60) * NS_PER_SECOND if kind == ConditionKind.TIME else 0
    source, relation = dice.randrange(3), dice.randrange(len(Relation))
    return [kind, SYMBOL, source, relation, max(price, TICK), max(price2, 0), time_ns, leg]


def conditional(dice: random.Random, state: State, number: int) -> m.PlaceConditional:
    """One to three conditions; with legs each places an order of its own, as OCO does."""
    count, has_legs = dice.randint(1, 3), dice.random() < 0.5
    legs = [n if has_legs else -1 for n in range(count)]
    orders = [
        [SYMBOL, dice.choice([BUY, SELL]), dice.choice([OPEN, CLOSE]), dice.randint(1, 3),
         False, dice.choice([1, 2, 3, 4]), 0, True, leg, 2]
        for leg in legs
    ]  # fmt: skip
    conditions = [condition(dice, state, leg) for leg in legs]
    return m.PlaceConditional(
        "A", f"c{number}", "OCO", conditions, orders, not has_legs and dice.random() < 0.3
    )


def any_command(dice: random.Random, state: State, number: int) -> tuple[Any, str]:
    """(command, user): a new conditional, a change of one, a quote or a trade."""
    if (roll := dice.random()) < 0.25:
        return conditional(dice, state, number), ALICE
    if roll < 0.4:
        known = [*state.conditions.ids.get("A", {}), "c0"]
        return m.ChangeConditional("A", dice.choice(known[-12:]), dice.randrange(3)), ALICE
    if roll < 0.45:
        return m.CancelAll(dice.choice("BC")), ""
    if roll < 0.5:
        return m.Tick(), ""
    price = state.instruments[SYMBOL].mark + dice.randint(-3, 3) * TICK
    order = limit("BC"[number % 2], dice.choice([BUY, SELL]), OPEN, 1, 100)
    return order._replace(limit_price=price, order_id=f"q{number}"), ""


class Watch:
    """Follows every conditional order through its events."""

    def __init__(self) -> None:
        self.ended: dict[int, int] = {}
        self.touched: dict[str, list[int]] = {}
        self.placed: Counter[str] = Counter()

    def see(self, events: list[list[Any]]) -> None:
        for entry in of(events, "ConditionalChanged"):
            row = m.ConditionalRow(*entry.row)
            former = self.ended.get(row.uid)
            assert former is None or (former, row.status) in FAILING, row
            if row.status in OVER or row.status == ConditionalStatus.FAILED:
                self.ended[row.uid] = row.status
                self.touched[row.order_id] = row.touched
        for kind in ("OrderAccepted", "OrderRejected"):
            self.placed.update(entry.order[2] for entry in of(events, kind) if entry.order[1] == "A")

    def check(self) -> None:
        """Each order is placed at most once, and only the leg whose condition came true."""
        for order_id, count in self.placed.items():
            name, _, rest = order_id.partition("_")
            if not name.startswith("c") or not rest:
                continue
            assert count == 1, order_id
            assert any(self.touched[name]), order_id


def legs_of(watch: Watch, log: list[tuple[Any, Any]]) -> None:
    """Of an order with legs only one leg's order was ever placed."""
    for _, command in log:
        if isinstance(command, m.PlaceConditional) and command.conditions[0][7] >= 0:
            placed = {key for key in watch.placed if key.startswith(f"{command.order_id}_")}
            numbers = {key.split("_")[2] for key in placed}
            assert len(numbers) <= 1, (command, placed)


def start() -> State:
    state = market()
    limits = {"conditionals_per_day": 10**4, "conditionals_valid": 10**4}
    must(state, m.SetSettings({"orders_burst": 10**6, "orders_per_second": 10**5, **limits}))
    trade(state, "A", "B", 9, 100)
    return state


def restored(state: State) -> State:
    return load(json.loads(json.dumps(dump(state))))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_trigger_fires_once_and_a_replay_gives_the_same_state(seed: int) -> None:
    print(f"seed {seed}")
    dice, state, watch = random.Random(seed), start(), Watch()
    first, log = restored(state), []
    for number in range(COMMANDS):
        command, user = any_command(dice, state, number)
        entry = envelope(state.time_ns + dice.choice([0, 10**6, NS_PER_SECOND]), user or CHARLIE)
        if not user:
            entry = envelope(entry.time_ns)
        log.append((entry, command))
        watch.see(apply(state, entry, command)[1])
        if number % 20 == 0:
            assert validate(state) == [], (seed, number)
        if number == COMMANDS // 2:
            state = restored(state)
    watch.check()
    legs_of(watch, log)
    assert Counter(watch.ended.values())[ConditionalStatus.CANCELLED] and watch.placed, seed
    for entry, command in log:
        apply(first, entry, command)
    assert full_hash(first) == full_hash(state)


def test_an_index_that_lost_a_condition_is_found() -> None:
    state = start()
    terms = [int(ConditionKind.PRICE), SYMBOL, 0, int(Relation.LE), 900_000, 0, 0, -1]
    order = [SYMBOL, SELL, CLOSE, 1, False, 1, 0, True, -1, 2]
    apply(state, envelope(state.time_ns, ALICE), m.PlaceConditional("A", "s", "STOP", [terms], [order]))
    assert validate(state) == []
    for pair in state.conditions.index[SYMBOL].halves:
        for half in pair:
            half.ladder.clear()
    assert len(validate(state)) == 1
    state.risk.levels["nobody"] = 9
    assert len(validate(state)) == 2
