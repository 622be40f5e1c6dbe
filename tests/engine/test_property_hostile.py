"""Whatever the codec lets through is answered: `apply` never raises and stays sound (A-23a, R-3).

``ENGINE_SEEDS`` runs other seeds.
"""

import json
import os
import random
from typing import Any

import pytest

from tests.engine.builders import (
    ALICE,
    BUY,
    CALENDAR,
    CHARLIE,
    MONDAY,
    OPEN,
    SELL,
    TEMPLATES,
    add_account,
    drain,
    instrument_row,
    limit,
    market,
    must,
    product_row,
    run,
    trade,
    yuan,
)
from trading.codec import MalformedCommand, decode_command, encode_command
from trading.engine import messages as m
from trading.engine.hashing import full_hash, validate
from trading.engine.snapshot import dump, load
from trading.engine.state import State

SEEDS = [int(seed) for seed in os.environ.get("ENGINE_SEEDS", "1,2").split(",")]
COMMANDS = 4_000
SYMBOL = "DCE.m2605"

BASES: list[Any] = [
    m.CreateVenue("test", 1, 0, MONDAY),
    m.SetCalendar(CALENDAR),
    m.SetSessions(TEMPLATES),
    m.SetSettings({"max_risk_ppm": 950_000}),
    m.SetProduct(product_row("DCE", "m")),
    m.SetProduct(product_row("SHFE", "cu")),
    m.CreateInstrument(instrument_row("DCE.m2607")),
    m.UpdateInstrument(SYMBOL, {"position_limit": 0, "list_date": MONDAY}),
    m.SuspendInstrument(SYMBOL),
    m.ResumeInstrument(SYMBOL),
    m.ResumeInstrument(SYMBOL),
    m.UpdateInstrument(SYMBOL, {"price_tick": 5_000}),
    m.DelistInstrument("DCE.m2607"),
    m.OpenAccount("D", "d" * 32, "Dora", "individual"),
    m.ApproveAccount("A"),
    m.SetAccount("A", {"group": "vip", "is_market_maker": 1, "max_order_amount": 0}),
    m.FreezeAccount("A", 1, True, "x"),
    m.UnfreezeAccount("A"),
    m.UnfreezeAccount("A"),
    m.CloseAccount("D"),
    m.SetRates("account:A", SYMBOL, [100_000, 100_000, 0, 500, 0, 500, 0, 500]),
    m.SetRates("", "DCE.m", [100_000, 100_000, 0, 500, 0, 500, 0, 500], True),
    m.Deposit("A", yuan(100), "ref"),
    m.Withdraw("A", yuan(100), "ref"),
    m.ReverseFlow("flow", "A", yuan(1), "ref"),
    *[limit("ABC"[n % 3], n % 2, OPEN, 2, 100 + n % 3, order_id=f"o{n}") for n in range(24)],
    limit("C", BUY, OPEN, 1, 99, time_condition=3, gtd_date=20260109),
    limit("C", BUY, OPEN, 3, 104, time_condition=0, volume_condition=1, min_volume=2),
    m.CheckOrder("A", "x", SYMBOL, BUY, OPEN, 1, 0, yuan(100)),
    m.CancelOrder("A", "o1"),
    m.CancelAll("A"),
    m.ModifyOrder("A", "o1", yuan(99), 3),
    m.ResolveOrder("A", "o2"),
    m.HaltVenue("x"),
    m.ResumeVenue("x"),
    m.ResumeVenue("x"),
    m.Tick(),
    m.BeginSettlement("r", [[SYMBOL, yuan(100)]]),
]
INTS = [-(2**62), -(10**9), -1, 0, 1, 2, 3, 4, 5, 6, 7, 99, 4_999, 10**6, 20260132, 20260109, 2**62]
TEXTS = ["", "A", "B", "nobody", SYMBOL, "DCE.m", "x" * 200, "day", "none", "合约", "account:A", "o3"]
ANYTHING: list[Any] = [None, True, False, [], [1], [[1]], "text", 0, -1, {}, {"a": 1}]


def mutate(value: Any, dice: random.Random, depth: int = 0) -> Any:
    """The value, or something hostile in its place or somewhere inside it."""
    if depth > 1 and dice.random() < 0.1:
        return dice.choice(ANYTHING)
    if isinstance(value, bool):
        return dice.choice([True, False])
    if isinstance(value, int):
        return dice.choice([value + dice.randint(-2, 2), dice.choice(INTS)])
    if isinstance(value, str):
        return dice.choice(TEXTS)
    if isinstance(value, dict):
        key = dice.choice([*value, "unknown", "status"])
        return {**value, key: mutate(value.get(key, 0), dice, depth + 1)}
    if isinstance(value, list) and value:
        index = dice.randrange(len(value))
        longer = [*value, dice.choice(ANYTHING)]
        inside = [*value[:index], mutate(value[index], dice, depth + 1), *value[index + 1 :]]
        return dice.choice([inside, inside, inside, inside, value[:index], longer])
    return value


def hostile(dice: random.Random) -> Any:
    command = dice.choice(BASES)
    fields = list(command)
    for _ in range(dice.choice([0, 1, 1, 1, 2, 3])):
        if fields:
            index = dice.randrange(len(fields))
            fields[index] = mutate(fields[index], dice, 1)
    if isinstance(command, m.PlaceOrder) and dice.random() < 0.8:
        fields[1] = f"h{dice.randrange(10**9)}"
    return type(command)(*fields)


def as_read_from_the_log(command: Any) -> Any:
    """Through the codec both ways, None when it does not let the command in."""
    try:
        kind, version, payload = encode_command(command)
        return decode_command(kind, version, payload)
    except MalformedCommand:
        return None


def live_market() -> State:
    state = market()
    must(state, m.SetSettings({"orders_burst": 10**6, "orders_per_second": 10**5}))
    trade(state, "A", "B", 5, 100)
    add_account(state, "A2", ALICE)
    must(state, limit("A2", SELL, OPEN, 3, 104, time_condition=4))
    return state


@pytest.mark.parametrize("seed", SEEDS)
def test_no_command_that_decodes_makes_the_core_raise(seed: int) -> None:
    print(f"seed {seed}")
    dice = random.Random(seed)
    state, taken = live_market(), 0
    for number in range(COMMANDS):
        command = as_read_from_the_log(hostile(dice))
        if command is None:
            continue
        taken += 1
        clock = state.time_ns + dice.choice([0, 0, 10**6, 10**9, 60 * 10**9])
        try:
            run(state, command, at=clock, user=dice.choice(["", "", ALICE, CHARLIE]))
        except Exception as error:
            raise AssertionError(f"seed {seed}, entry {number}: {command}") from error
        if number % 100 == 0:
            drain(state)
            assert validate(state) == [], (seed, number)
            restored = load(json.loads(json.dumps(dump(state))))
            assert full_hash(restored) == full_hash(state), (seed, number)
        if number % 200 == 199:
            state = live_market()
    assert taken > COMMANDS // 2
