"""The desired set: which symbols somebody wants, whatever connections there are (G-10)."""

from collections.abc import Iterable

GRACE_S = 10.0
"""So long after the last has left a symbol stays subscribed: most come back."""


class Wanted:
    """Symbols with the parties that want them; `added` and `due` are what the pool acts on."""

    def __init__(self, grace_s: float = GRACE_S) -> None:
        self.grace_s = grace_s
        self._by_symbol: dict[str, set[str]] = {}
        self._by_party: dict[str, set[str]] = {}
        self._leaving: dict[str, float] = {}
        self._added: dict[str, None] = {}

    def __contains__(self, symbol: str) -> bool:
        return symbol in self._by_symbol or symbol in self._leaving

    def __len__(self) -> int:
        return len(self._by_symbol)

    def symbols(self) -> list[str]:
        """Everything somebody wants now."""
        return list(self._by_symbol)

    def add(self, party: str, symbols: Iterable[str]) -> None:
        """A party wants symbols besides what it wants already."""
        mine = self._by_party.setdefault(party, set())
        for symbol in symbols:
            mine.add(symbol)
            parties = self._by_symbol.get(symbol)
            if parties is None:
                parties = self._by_symbol[symbol] = set()
                if self._leaving.pop(symbol, None) is None:
                    self._added[symbol] = None
            parties.add(party)

    def remove(self, party: str, symbols: Iterable[str], now: float) -> None:
        """A party no longer wants symbols; unknown ones do no harm."""
        mine = self._by_party.get(party, set())
        for symbol in list(symbols):
            if symbol not in mine:
                continue
            mine.discard(symbol)
            parties = self._by_symbol[symbol]
            parties.discard(party)
            if not parties:
                del self._by_symbol[symbol]
                self._let_go(symbol, now)
        if not mine:
            self._by_party.pop(party, None)

    def _let_go(self, symbol: str, now: float) -> None:
        if self._added.pop(symbol, 0) is None:
            return  # nobody has subscribed it yet
        self._leaving[symbol] = now + self.grace_s

    def replace(self, party: str, symbols: Iterable[str], now: float) -> None:
        """A party wants exactly these."""
        wanted = set(symbols)
        known = set(self._by_party.get(party, ()))
        self.add(party, wanted - known)
        self.remove(party, known - wanted, now)

    def leave(self, party: str, now: float) -> None:
        """A party is gone."""
        self.remove(party, set(self._by_party.get(party, ())), now)

    def parties(self) -> list[str]:
        """Who wants something."""
        return list(self._by_party)

    def take_added(self) -> list[str]:
        """Symbols wanted since the last call that nobody wanted before."""
        added, self._added = list(self._added), {}
        return added

    def take_due(self, now: float) -> list[str]:
        """Symbols whose grace time is over."""
        due = [symbol for symbol, at in self._leaving.items() if at <= now]
        for symbol in due:
            del self._leaving[symbol]
        return due
