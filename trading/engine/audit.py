"""Does the state agree with itself? Used at settlement, on loading and in tests (T-58, T-92)."""

from trading.engine.entities import Account
from trading.engine.messages import Offset
from trading.engine.state import State
from trading.engine.units import margin_for
from trading.engine.watchaudit import condition_faults, risk_faults


def account_faults(account: Account) -> list[str]:
    """Every sum of an account that its positions and orders do not add up to."""
    orders = account.orders.values()
    expected = {
        "margin": sum(position.margin for position in account.positions.values()),
        "frozen_margin": sum(order.frozen_margin for order in orders),
        "frozen_commission": sum(order.frozen_commission for order in orders),
    }
    faults = [
        f"{account.account_id}: {name} is {getattr(account, name)}, its parts add up to {value}"
        for name, value in expected.items()
        if getattr(account, name) != value
    ]
    return faults + _side_faults(account)


def _side_faults(account: Account) -> list[str]:
    """Lots frozen and lots working of each side against the orders that cause them."""
    faults = []
    working: dict[tuple[str, int], list[int]] = {}
    for order in account.orders.values():
        closes = order.offset != Offset.OPEN
        is_short = 1 - order.direction if closes else order.direction
        sums = working.setdefault((order.instrument.symbol, is_short), [0, 0, 0])
        sums[0] += 0 if closes else order.left
        sums[1] += order.frozen_today
        sums[2] += order.frozen_his
    for symbol, position in account.positions.items():
        for is_short, side in enumerate(position.sides):
            sums = working.get((symbol, is_short), [0, 0, 0])
            sound = (
                [side.opening, side.frozen_today, side.frozen_his] == sums
                and 0 <= side.frozen_today <= side.today
                and 0 <= side.frozen_his <= side.his
                and side.margin == margin_for(side.weight_today + side.weight_his)
            )
            if not sound:
                faults.append(f"{account.account_id}: {symbol} side {is_short} is inconsistent")
    return faults


def validate(state: State) -> list[str]:
    """Every inconsistency of the whole state; empty when sound (T-58)."""
    faults = []
    for account in state.accounts.values():
        faults += account_faults(account)
    for symbol, instrument in state.instruments.items():
        sides = [position.sides for position in instrument.holders.values()]
        long = sum(side[0].lots() for side in sides)
        short = sum(side[1].lots() for side in sides)
        if not long == short == instrument.open_interest:
            interest = instrument.open_interest
            faults.append(f"{symbol}: long {long}, short {short}, open interest {interest}")
        for direction, side in enumerate(instrument.book.sides):
            for key in side.keys:
                level = side.levels[key]
                live = list(level.live())
                if (len(live), sum(order.left for order in live)) != (
                    level.count,
                    level.volume,
                ):
                    faults.append(f"{symbol}: level {key} of side {direction} is inconsistent")
    return faults + condition_faults(state) + risk_faults(state)
