"""The ledger from T-50 … T-56: every figure is replayed from the day's list of fills."""

from dataclasses import dataclass, replace
from fractions import Fraction

PPM = 10**6
PPB = 10**9


def round_half_up(numerator: int, denominator: int) -> int:
    """Half away from zero, as money is rounded (T-2)."""
    if numerator < 0:
        return -round_half_up(-numerator, denominator)
    whole, rest = divmod(numerator, denominator)
    return whole + 1 if 2 * rest >= denominator else whole


@dataclass(frozen=True)
class Bucket:
    """Lots of one age on one side, with their costs (T-50).

    ``margin_cost`` is the sum of position cost × margin ratio (ppm) of its lots.
    """

    lots: int = 0
    open_cost: int = 0
    position_cost: int = 0
    margin_cost: int = 0

    def add(self, lots: int, cost: int, margin_ppm: int) -> "Bucket":
        return Bucket(
            self.lots + lots,
            self.open_cost + cost,
            self.position_cost + cost,
            self.margin_cost + cost * margin_ppm,
        )

    def take(self, lots: int) -> tuple["Bucket", int]:
        """The bucket without `lots` at average cost, and the position cost taken."""
        if lots == self.lots:
            return Bucket(), self.position_cost
        cost = round_half_up(self.position_cost * lots, self.lots)
        rest = Bucket(
            self.lots - lots,
            self.open_cost - round_half_up(self.open_cost * lots, self.lots),
            self.position_cost - cost,
            self.margin_cost - round_half_up(self.margin_cost * cost, self.position_cost),
        )
        return rest, cost

    def with_margin(self, margin_ppm: int) -> "Bucket":
        return replace(self, margin_cost=self.position_cost * margin_ppm)


@dataclass(frozen=True)
class Side:
    today: Bucket = Bucket()
    history: Bucket = Bucket()

    @property
    def lots(self) -> int:
        return self.today.lots + self.history.lots

    @property
    def position_cost(self) -> int:
        return self.today.position_cost + self.history.position_cost

    @property
    def margin(self) -> int:
        return round_half_up(self.today.margin_cost + self.history.margin_cost, PPM)

    def settled(self, price: int, multiple: int, margin_ppm: int) -> "Side":
        """All lots as history at the settlement price (T-92)."""
        cost = price * self.lots * multiple
        open_cost = self.today.open_cost + self.history.open_cost
        return Side(Bucket(), Bucket(self.lots, open_cost, cost, cost * margin_ppm))


@dataclass(frozen=True)
class Fill:
    """One account's half of a trade; a close says how many lots of each age it takes."""

    side: int  # 0 long, 1 short: the side that changes
    opens: bool
    price: int
    today: int
    history: int
    commission: int
    margin_ppm: int


@dataclass(frozen=True)
class Remargin:
    """All lots of both sides come under new margin rates (T-56, apply_now)."""

    margin_ppm: tuple[int, int]


@dataclass(frozen=True)
class Replayed:
    sides: tuple[Side, Side]
    close_profit: int
    commission: int


def close_part(bucket: Bucket, lots: int, value: int, sign: int) -> tuple[Bucket, int]:
    """One of the steps of a close: the bucket after it and its profit (T-50)."""
    rest, cost = bucket.take(lots)
    return rest, sign * (value - cost)


def closed(side: Side, fill: Fill, multiple: int) -> tuple[Side, int]:
    sign = 1 if fill.side == 0 else -1
    today, history, profit = side.today, side.history, 0
    if fill.today:
        today, gain = close_part(today, fill.today, fill.price * fill.today * multiple, sign)
        profit += gain
    if fill.history:
        value = fill.price * fill.history * multiple
        history, gain = close_part(history, fill.history, value, sign)
        profit += gain
    return Side(today, history), profit


def replay(start: tuple[Side, Side], entries: list[Fill | Remargin], multiple: int) -> Replayed:
    """A position and its realised figures from the morning's lots and the day's entries."""
    sides, profit, commission = list(start), 0, 0
    for entry in entries:
        if isinstance(entry, Remargin):
            sides = [
                Side(side.today.with_margin(ppm), side.history.with_margin(ppm))
                for side, ppm in zip(sides, entry.margin_ppm, strict=True)
            ]
            continue
        commission += entry.commission
        side = sides[entry.side]
        if entry.opens:
            cost = entry.price * entry.today * multiple
            sides[entry.side] = Side(side.today.add(entry.today, cost, entry.margin_ppm), side.history)
        else:
            sides[entry.side], gain = closed(side, entry, multiple)
            profit += gain
    return Replayed((sides[0], sides[1]), profit, commission)


def fee(turnover: int, lots: int, rate: tuple[int, int]) -> int:
    """Turnover × ratio + lots × fee per lot, rounded once (T-56)."""
    return round_half_up(turnover * rate[0] + lots * rate[1] * PPB, PPB)


def frozen(price: int, left: int, multiple: int, rate_ppm: int) -> int:
    """What an opening order freezes as margin (T-54)."""
    return round_half_up(price * left * multiple * rate_ppm, PPM)


def reaches(margin: int, balance: int, ppm: int) -> bool:
    """Is the risk ratio at or above a threshold; a balance ≤ 0 is above all (T-52)?"""
    return margin > 0 and (balance <= 0 or Fraction(margin, balance) >= Fraction(ppm, PPM))


def exceeds(margin: int, balance: int, ppm: int) -> bool:
    """Is the risk ratio above a limit?"""
    return margin > 0 and (balance <= 0 or Fraction(margin, balance) > Fraction(ppm, PPM))


def ratio_ppm(margin: int, balance: int) -> int:
    """Margin ÷ balance in ppm, −1 for a balance ≤ 0 under margin."""
    if not margin:
        return 0
    return int(Fraction(margin * PPM, balance)) if balance > 0 else -1
