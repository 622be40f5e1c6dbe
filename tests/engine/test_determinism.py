"""The same commands give the same events and hashes, anywhere and after any restore (A-2, A-23, A-46)."""

import gc
import json
import os
import random
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.engine.reference.compare import REFUSED, Pair
from trading.engine.apply import apply
from trading.engine.hashing import full_hash, trading_hash
from trading.engine.messages import Envelope, Tick
from trading.engine.snapshot import dump, load
from trading.engine.state import State

Log = list[tuple[Envelope, Any]]
COMMANDS = 3_000


@pytest.fixture(scope="module")
def recorded() -> tuple[Log, str, str]:
    """A log, the digest of its events, the hash of the state it ends in."""
    pair = Pair(seed=7)
    pair.run(COMMANDS)
    state, digest = replay(pair.log)
    return pair.log, digest, full_hash(pair.state)


def replay(log: Log) -> tuple[State, str]:
    state, digest = State(), sha256()
    for envelope, command in log:
        _, events = apply(state, envelope, command)
        digest.update(repr(events).encode())
    return state, digest.hexdigest()


def through_json(state: State) -> State:
    """As a snapshot would bring it back, in another process."""
    return load(json.loads(json.dumps(dump(state))))


def test_a_replay_ends_in_the_same_state(recorded: tuple[Log, str, str]) -> None:
    log, _, expected = recorded
    state, _ = replay(log)
    assert full_hash(state) == expected


def test_restores_at_random_points_change_neither_events_nor_state(
    recorded: tuple[Log, str, str],
) -> None:
    log, expected_events, expected = recorded
    points = set(random.Random(11).sample(range(len(log)), 25))
    state, digest = State(), sha256()
    for number, (envelope, command) in enumerate(log):
        if number in points and state.venue:
            before = full_hash(state)
            state = through_json(state)
            assert full_hash(state) == before, number
        _, events = apply(state, envelope, command)
        digest.update(repr(events).encode())
    assert digest.hexdigest() == expected_events
    assert full_hash(state) == expected


def test_a_restore_in_the_middle_of_a_settlement_goes_on_the_same() -> None:
    """Work lists and the run itself are part of a snapshot (A-23, A-45)."""
    pair = Pair(seed=8)
    pair.run(1_500)
    run = [command for _, command in pair.log if type(command).__name__ == "BeginSettlement"]
    assert run, "the stream settles at least once"
    start = next(i for i, (_, command) in enumerate(pair.log) if command is run[0])
    state, _ = replay(pair.log[: start + 1])
    loaded = through_json(state)
    for envelope, command in pair.log[start + 1 :]:
        assert apply(loaded, envelope, command) == apply(state, envelope, command)
    assert full_hash(loaded) == full_hash(state)


def test_refusals_and_repeats_leave_the_trading_hash_as_it_was(
    recorded: tuple[Log, str, str],
) -> None:
    state, seen = State(), set()
    for envelope, command in recorded[0][:1_500]:
        if not state.venue:
            apply(state, envelope, command)
            continue
        apply(state, envelope._replace(command_id="0" * 32), Tick())  # what is due by then
        before = trading_hash(state)
        code, events = apply(state, envelope, command)
        if events and {event[1] for event in events} <= REFUSED:
            assert trading_hash(state) == before, (command, events)
            seen.add(code)
    assert len(seen) > 15, seen


@pytest.mark.parametrize("kind", ["order", "command"])
def test_a_repeated_command_is_answered_and_changes_nothing(kind: str) -> None:
    pair = Pair(seed=9)
    pair.run(200)
    envelope, command = next(
        entry for entry in reversed(pair.log)
        if type(entry[1]).__name__ == "PlaceOrder" and entry[1].order_id
        and entry[1].account_id != "nobody"
    )  # fmt: skip
    before = trading_hash(pair.state)
    again = envelope._replace(time_ns=pair.state.time_ns, user_id="")
    if kind == "order":
        again = again._replace(command_id="f" * 32)
    _, events = apply(pair.state, again, command)
    assert {event[1] for event in events} <= REFUSED
    assert trading_hash(pair.state) == before


def test_the_core_makes_no_reference_cycles(recorded: tuple[Log, str, str]) -> None:
    log = recorded[0]
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        state, _ = replay(log)
        gc.collect()
        # Threads of earlier tests may leave cycles of their own meanwhile.
        ours = [type(item) for item in gc.garbage if type(item).__module__.startswith("trading.engine")]
        assert ours == []
        assert state.event_seq > len(log) // 2
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


_SCRIPT = """
from tests.engine.test_determinism import replay
from tests.engine.reference.compare import Pair
from trading.engine.hashing import full_hash, trading_hash
pair = Pair(seed=7)
pair.run(1_500)
state, digest = replay(pair.log)
print(digest, full_hash(state), trading_hash(state), full_hash(pair.state))
"""


def test_two_hash_seeds_give_the_same_events_and_hashes() -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _SCRIPT], stdout=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(Path.cwd())},
        )
        for seed in ("0", "4242")
    ]  # fmt: skip
    first, second = (process.communicate(timeout=120)[0].split() for process in processes)
    assert first == second
    assert len(first) == 4 and first[1] == first[3]
