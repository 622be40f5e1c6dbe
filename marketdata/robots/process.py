"""The price a robot believes in: a seeded walk in whole ticks (M-20)."""

import random

_REGIMES = (-1, 0, 0, 1)
_PULL_TICKS = 150
"""So far from its anchor, in ticks, the walk turns back for certain."""


class PriceProcess:
    """A walk of one tick at a time, with spells of drift and a pull towards its anchor.

    Prices are whole ticks, times milliseconds of any clock. The same seed and the same times
    give the same walk on every machine.
    """

    __slots__ = ("price", "anchor", "_source", "_regime", "_regime_left", "_next_ms")

    def __init__(self, seed: str, price: int, anchor: int) -> None:
        self.price = price
        self.anchor = anchor
        self._source = random.Random(seed)
        self._regime = 0
        self._regime_left = 0
        self._next_ms = 0

    def advance(self, now_ms: int, mean_wait_ms: int, lower: int, upper: int) -> bool:
        """Move when a move is due; did the price change? `lower` and `upper` bound it.

        However long nobody asked, one call is one tick at the most.
        """
        if now_ms < self._next_ms:
            return False
        first = not self._next_ms
        self._next_ms = now_ms + self._wait(mean_wait_ms)
        if first:
            return False
        before = self.price
        self.price = min(upper, max(lower, before + self._step()))
        return self.price != before

    def _wait(self, mean_wait_ms: int) -> int:
        return self._source.randrange(mean_wait_ms // 3, mean_wait_ms * 5 // 3 + 1)

    def _step(self) -> int:
        if not self._regime_left:
            self._regime = self._source.choice(_REGIMES)
            self._regime_left = self._source.randrange(20, 120)
        self._regime_left -= 1
        pull = (self.anchor - self.price) * 500 // _PULL_TICKS
        up_permille = 500 + 150 * self._regime + pull
        return 1 if self._source.randrange(1000) < up_permille else -1
