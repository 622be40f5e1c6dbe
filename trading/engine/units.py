"""Integer units of the core and the one way they are rounded (T-1, T-2, T-5).

Money and prices are ints in 1/10 000 yuan, volumes are lots, ratios are parts per
million (``_ppm``) or, for fees, parts per billion (``_ppb``), times are nanoseconds UTC.
"""

SCALE = 10_000
PPM = 1_000_000
PPB = 1_000_000_000

NS_PER_MS = 1_000_000
NS_PER_SECOND = 1_000_000_000
NS_PER_MINUTE = 60 * NS_PER_SECOND
NS_PER_DAY = 86_400 * NS_PER_SECOND
SHANGHAI_OFFSET_NS = 8 * 3_600 * NS_PER_SECOND

MAX_PRICE = 10**9 * SCALE
MAX_LOTS = 10**6
MAX_MONEY = 10**11 * SCALE
MAX_NOTIONAL = 10**13 * SCALE


def divide_half_up(numerator: int, denominator: int) -> int:
    """Return numerator / denominator rounded half away from zero; denominator > 0 (T-2)."""
    if numerator >= 0:
        return (2 * numerator + denominator) // (2 * denominator)
    return -((-2 * numerator + denominator) // (2 * denominator))


def fee_for(turnover: int, lots: int, ratio_ppb: int, per_lot: int) -> int:
    """Commission of a turnover and a number of lots, rounded once (T-56)."""
    return (turnover * ratio_ppb + lots * per_lot * PPB + PPB // 2) // PPB


def margin_for(cost_ppm: int) -> int:
    """Margin of a position cost already multiplied by its ratio in ppm, rounded once (T-53)."""
    return (cost_ppm + PPM // 2) // PPM
