"""The path of an account's equity through a day, marked at minute closes. Money in 1/10 000 yuan."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple


class Step(NamedTuple):
    """Something that changed the account at a moment."""

    time_ns: int
    money: int = 0  # flows in (+) and out (−), commission (−)
    symbol: str = ""
    lots: int = 0  # bought (+), sold (−)
    value: int = 0  # price × |lots| × multiple


class Holding(NamedTuple):
    """Net lots with which the day began, at the previous settlement price."""

    lots: int
    mark: int
    multiple: int


def equity_path(
    opening: int,
    holdings: Mapping[str, Holding],
    steps: Iterable[Step],
    marks: Sequence[tuple[int, str, int]],
) -> list[tuple[int, int]]:
    """[(time_ns, equity)] at the end of each minute that has a mark.

    `marks` are (minute's end ns, symbol, close). Futures are marked to market, so that equity =
    opening + money moved + value of the lots now − what they cost, whatever was open or closed.
    """
    lots = {symbol: holding.lots for symbol, holding in holdings.items()}
    price = {symbol: holding.mark for symbol, holding in holdings.items()}
    cash = opening - sum(held.lots * held.mark * held.multiple for held in holdings.values())
    waiting = sorted(steps)
    done = 0
    path: list[tuple[int, int]] = []
    for time_ns, symbol, close in sorted(marks):
        while done < len(waiting) and waiting[done].time_ns <= time_ns:
            cash += _apply(waiting[done], lots)
            done += 1
        price[symbol] = close
        value = sum(n * price[name] * holdings[name].multiple for name, n in lots.items() if n)
        if path and path[-1][0] == time_ns:
            path.pop()
        path.append((time_ns, cash + value))
    return path


def _apply(step: Step, lots: dict[str, int]) -> int:
    """Book a step's lots; the cash it brings."""
    if not step.symbol:
        return step.money
    lots[step.symbol] = lots.get(step.symbol, 0) + step.lots
    return step.money - (step.value if step.lots > 0 else -step.value)
