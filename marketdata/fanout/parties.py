"""Whose accounts an event concerns (A-41)."""

from typing import Any

from trading.engine.messages import EVENT_HEADER, EVENTS

_ORDER_ACCOUNT = 1  # place of the account in OrderRow, OrderChange and ConditionalRow
_ROW_ACCOUNT = 0  # in AccountRow, FundsRow and PositionRow


def _places() -> dict[str, tuple[tuple[int, ...], ...]]:
    """Event type → the paths to its account ids."""
    paths: dict[str, tuple[tuple[int, ...], ...]] = {}
    for (name, _), fields in EVENTS.items():
        at = {field: EVENT_HEADER + place for place, field in enumerate(fields._fields)}
        if name == "Traded":
            paths[name] = tuple((at[side], 0, _ORDER_ACCOUNT) for side in ("taker", "maker"))
        elif "account_id" in at:
            paths[name] = ((at["account_id"],),)
        elif "order" in at:
            paths[name] = ((at["order"], _ORDER_ACCOUNT),)
        elif "funds" in at:
            paths[name] = ((at["funds"], _ROW_ACCOUNT),)
        elif name == "AccountChanged":
            paths[name] = ((at["row"], _ROW_ACCOUNT),)
        elif name == "ConditionalChanged":
            paths[name] = ((at["row"], _ORDER_ACCOUNT),)
    return paths


_PLACES = _places()
VENUE_WIDE = frozenset(name for name, _ in EVENTS if name not in _PLACES)
"""Types that concern no single account."""


def _at(event: list[Any], path: tuple[int, ...]) -> str:
    value: Any = event
    for place in path:
        value = value[place]
    return str(value)


def accounts_in(event: list[Any]) -> tuple[str, ...]:
    """The accounts an event concerns; none for venue-wide and unknown types."""
    paths = _PLACES.get(event[1])
    if paths is None:
        return ()
    if len(paths) == 1:
        return (_at(event, paths[0]),)
    return tuple(dict.fromkeys(_at(event, path) for path in paths))
