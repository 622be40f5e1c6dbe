"""The engine against the slow reference over random commands (R-4, T-58).

``ENGINE_SEEDS=1,2,3`` runs other seeds, ``ENGINE_COMMANDS`` another length.
"""

import os

import pytest

from tests.engine.reference.compare import Pair

SEEDS = [int(seed) for seed in os.environ.get("ENGINE_SEEDS", "1,2,3").split(",")]
COMMANDS = int(os.environ.get("ENGINE_COMMANDS", "10000"))


@pytest.mark.parametrize("seed", SEEDS)
def test_it_answers_random_commands_like_the_reference(seed: int) -> None:
    print(f"seed {seed}, {COMMANDS} commands")
    pair = Pair(seed)
    pair.run(COMMANDS)
    assert pair.trades > COMMANDS // 20, "too few trades to judge anything"
