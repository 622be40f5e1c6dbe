"""The seeded price walk (M-20)."""

from marketdata.robots.process import PriceProcess

WAIT_MS = 1_000


def walk(seed: str, steps: int, *, price: int = 5_000, lower: int = 4_600, upper: int = 5_400) -> list[int]:
    process = PriceProcess(seed, price, 5_000)
    prices = []
    for step in range(steps):
        process.advance(1 + step * 2 * WAIT_MS, WAIT_MS, lower, upper)
        prices.append(process.price)
    return prices


def test_the_same_seed_walks_the_same_way():
    assert walk("one", 2_000) == walk("one", 2_000)
    assert walk("one", 2_000) != walk("two", 2_000)


def test_it_moves_one_tick_at_a_time_in_whole_ticks():
    prices = walk("one", 2_000)
    steps = {abs(after - before) for before, after in zip(prices, prices[1:], strict=False)}
    assert steps <= {0, 1}
    assert all(isinstance(price, int) for price in prices)


def test_it_stays_near_its_anchor_for_a_day_of_moves():
    assert all(4_800 <= price <= 5_200 for price in walk("day", 20_000))


def test_it_never_leaves_the_limits():
    prices = walk("edge", 5_000, price=4_990, lower=4_985, upper=4_995)
    assert min(prices) >= 4_985
    assert max(prices) <= 4_995


def test_it_waits_between_two_moves_and_does_not_catch_up():
    process = PriceProcess("slow", 5_000, 5_000)
    assert not process.advance(1, WAIT_MS, 1, 9_999)
    assert not process.advance(2, WAIT_MS, 1, 9_999)
    process.advance(10_000_000, WAIT_MS, 1, 9_999)
    assert abs(process.price - 5_000) == 1
