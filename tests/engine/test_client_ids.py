"""The memory of client order ids: small, exact, the same for equal contents (A-5)."""

import random

import pytest

from trading.engine.clientids import UID_SHIFT, VERDICT_MASK, ClientIds


def filled(count: int, seed: int) -> tuple[ClientIds, dict[int, int]]:
    """A memory and a plain dict with the same random contents."""
    print(f"seed {seed}")
    source = random.Random(seed)
    memory, plain = ClientIds(), {}
    for uid in range(1, count + 1):
        digest, packed = source.getrandbits(64), uid << UID_SHIFT | source.getrandbits(46)
        memory.add(digest, uid, packed & VERDICT_MASK)
        plain[digest] = packed
    return memory, plain


@pytest.mark.parametrize("count", [0, 1, 100, 4_095, 4_096, 20_000])
def test_it_finds_everything_and_nothing_else(count: int) -> None:
    memory, plain = filled(count, seed=count)
    assert len(memory) == len(plain)
    assert all(memory.get(digest) == packed for digest, packed in plain.items())
    strangers = [digest ^ 1 for digest in plain if digest ^ 1 not in plain]
    assert all(digest not in memory for digest in strangers)
    assert memory.get(0) is None and memory.get(2**64 - 1) is None


@pytest.mark.parametrize("count", [100, 5_000])
def test_equal_contents_are_listed_alike_whatever_the_order_of_their_coming(count: int) -> None:
    memory, plain = filled(count, seed=7)
    other = ClientIds()
    for digest, packed in sorted(plain.items()):
        other.add(digest, packed >> UID_SHIFT, packed & VERDICT_MASK)
    listed = list(memory.items())
    assert listed == list(other.items())
    assert [entry[0] for entry in listed] == sorted(plain)
