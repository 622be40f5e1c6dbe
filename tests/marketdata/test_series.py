"""Series as sockets and pages read them: history and live rows, any duration, ids for ever (D-24)."""

import asyncio
import random
from collections.abc import Iterator
from uuid import uuid4

import pytest
import redis
from django.db import connection

from exchange_site.exceptions import ExchangeError
from exchange_site.streams import cache_client, log_client
from marketdata import models, series_derived, series_native
from marketdata.bars.clock import DAY_NS
from marketdata.bars.fold import Piece, folded
from marketdata.keys import MarketKeys
from marketdata.partitions import drop_partition
from marketdata.series import SeriesHub
from tests.db.events import DAY
from tests.marketdata.support import Tape, append, follow, price, recorder, reference
from trading.engine.sessions import midnight_ns

pytestmark = pytest.mark.django_db(transaction=True)
CU01, CU02, MAIN = "SHFE.cu2701", "SHFE.cu2702", "KQ.m@SHFE.cu"
SECOND = 10**9
MINUTE = 60 * SECOND
NINE = midnight_ns(DAY) + 9 * 3600 * SECOND


class Desk:
    """A venue whose events the test appends and records."""

    def __init__(self, venue: str, log: redis.Redis) -> None:
        self.venue, self.log = venue, log
        self.tape = Tape(venue)
        self.tape.now_ns = NINE - SECOND
        self.tape.instrument(CU01, expire_date=20270115)
        self.tape.instrument(CU02, expire_date=20270215)
        self.moment = NINE
        self.done = 0
        self.source = random.Random(5)

    def trade(self, count: int, step_s: float = 2.0) -> None:
        for n in range(count):
            self.moment += int(self.source.expovariate(1 / step_s) * SECOND) + 1
            self.tape.fill(self.moment, CU01, price(100 + self.source.randint(-9, 9)), 1 + n % 3, n)

    def next_day(self) -> None:
        self.tape.settle(midnight_ns(self.tape.day) + 16 * 3600 * SECOND, price(100), 5, CU01, CU02)
        self.moment = midnight_ns(self.tape.day) + 9 * 3600 * SECOND

    def record(self) -> None:
        append(self.log, self.venue, self.tape.events[self.done :])
        self.done = len(self.tape.events)
        with recorder(self.venue) as (running, source):
            follow(running, source)

    def bars(self, symbol: str, seconds: int) -> list:
        found, _, _ = reference(self.tape.events)
        return [
            row for (name, length, _), row in sorted(found.items()) if (name, length) == (symbol, seconds)
        ]

    def expected(self, duration_ns: int) -> list[Piece]:
        """Bars of any duration, from the reference's 3-second bars and ticks."""
        _, ticks, market = reference(self.tape.events)
        pieces = [
            Piece(t.time_ns, t.trading_day, t.open, t.high, t.low, t.last_price, t.lots, t.turnover,
                  t.open_oi, t.open_interest)
            for (symbol, _), t in sorted(ticks.items()) if symbol == CU01 and t.lots
        ]  # fmt: skip
        return folded(pieces, duration_ns, lambda day: market.clocks.clock("always", day))


@pytest.fixture
def desk() -> Iterator[Desk]:
    venue = f"t{uuid4().hex[:12]}"
    with log_client() as log, cache_client() as cache:
        yield Desk(venue, log)
        for client in (log, cache):
            keys = client.keys(f"x:{{{venue}}}:*")
            if keys:
                client.delete(*keys)


def with_hub(desk: Desk, check) -> None:
    async def run() -> None:
        hub = SeriesHub(desk.venue)
        try:
            await check(hub)
        finally:
            await hub.shutdown()

    asyncio.run(run())


async def until(condition) -> None:
    for _ in range(1_500):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the condition did not come true")


def figures(row) -> tuple:
    return (row.datetime_ns, row.trading_day, row.open, row.high, row.low, row.close, row.volume, row.amount,
            row.open_oi, row.close_oi)  # fmt: skip


@pytest.mark.parametrize("seconds", [3, 60, 300, 86_400])
def test_a_kept_series_serves_every_bar_under_its_id(desk: Desk, seconds: int, monkeypatch) -> None:
    monkeypatch.setattr(series_native, "TAIL", 40)
    monkeypatch.setattr(series_native, "BLOCK", 16)
    desk.trade(400)
    desk.next_day()
    desk.trade(300)
    desk.record()

    async def check(hub: SeriesHub) -> None:
        series = await hub.open(CU01, seconds * SECOND)
        expected = desk.bars(CU01, seconds)
        assert (series.first_id, series.last_id) == (0, len(expected) - 1)
        rows = await series.rows(-5, 10**9)
        assert [(row.id, *figures(row)) for row in rows] == expected
        middle = await series.rows(len(expected) // 3, len(expected) // 2)
        assert [(row.id, *figures(row)) for row in middle] == expected[
            len(expected) // 3 : len(expected) // 2 + 1
        ]
        for number in range(0, len(expected), 7):
            assert await series.id_at(expected[number][1]) == number
            assert await series.id_at(expected[number][1] - 1) == max(0, number - 1)

    with_hub(desk, check)


@pytest.mark.parametrize("duration", [7 * SECOND, 9 * SECOND, 90 * SECOND, 7 * MINUTE, 240 * MINUTE])
def test_any_other_duration_is_folded_with_ids_of_its_own(desk: Desk, duration: int, monkeypatch) -> None:
    monkeypatch.setattr(series_derived, "KEPT", 30)
    desk.trade(300)
    desk.next_day()
    desk.trade(300)
    desk.tape.touch(desk.moment + SECOND, CU01)  # ends the half second of the last trade
    desk.record()

    async def check(hub: SeriesHub) -> None:
        series = await hub.open(CU01, duration)
        expected = desk.expected(duration)
        rows = await series.rows(1, 10**9)
        assert [Piece(*figures(row)) for row in rows] == expected
        assert [row.id for row in rows] == list(range(1, len(expected) + 1))
        zero = (await series.rows(0, 0))[0]
        assert (zero.id, zero.volume, zero.open) == (0, 0, price(80_000))
        assert zero.datetime_ns < expected[0].time_ns
        for number in range(1, len(expected), 5):
            assert await series.id_at(expected[number].time_ns + 1) == number + 1

    with_hub(desk, check)


def test_several_days_are_folded_from_day_bars(desk: Desk) -> None:
    for _ in range(2):
        desk.trade(20)
        desk.next_day()
    desk.trade(20)
    desk.record()

    async def check(hub: SeriesHub) -> None:
        series = await hub.open(CU01, 2 * DAY_NS)
        days = desk.bars(CU01, 86_400)
        rows = await series.rows(0, 10)
        assert [(row.id, row.volume) for row in rows] == [
            (0, 0),
            (1, days[1][7] + days[2][7]),
            (2, days[3][7]),
        ]
        assert rows[1].datetime_ns == midnight_ns(DAY)
        assert await series.id_at(midnight_ns(DAY + 1)) == 1

    with_hub(desk, check)


@pytest.mark.parametrize("seconds", [3, 7, 60, 120, 86_400, 2 * 86_400])
def test_live_rows_come_without_a_gap_and_equal_what_is_read_afterwards(desk: Desk, seconds: int) -> None:
    desk.trade(60)
    desk.record()

    async def check(hub: SeriesHub) -> None:
        series = await hub.open(CU01, seconds * SECOND)
        first = series.last_id
        told: dict = {}
        series.listen(lambda row: told.__setitem__(row.id, row))
        for _ in range(4):
            desk.trade(30)
            await asyncio.to_thread(desk.record)
        desk.next_day()
        desk.trade(10)
        await asyncio.to_thread(desk.record)
        desk.tape.touch(desk.moment + SECOND, CU01)  # ends the half second of the last trade
        await asyncio.to_thread(desk.record)
        last = desk.expected(seconds * SECOND)[-1] if seconds < 86_400 else None
        await until(lambda: told and max(told) == series.last_id and (
            last is None or figures(told[series.last_id]) == tuple(last)))  # fmt: skip
        rows = await series.rows(first + 1, series.last_id)
        assert [row.id for row in rows] == list(range(first + 1, series.last_id + 1))
        assert {row.id: figures(row) for row in rows} == {n: figures(told[n]) for n in told if n > first}
        again = SeriesHub(desk.venue)
        other = await again.open(CU01, seconds * SECOND)
        assert [figures(row) for row in await other.rows(0, 10**6)] == [
            figures(row) for row in await series.rows(0, 10**6)
        ]
        await again.shutdown()

    with_hub(desk, check)


def test_ticks_are_a_series_too(desk: Desk) -> None:
    desk.trade(100)
    desk.record()

    async def check(hub: SeriesHub) -> None:
        series = await hub.open(CU01, 0)
        _, ticks, _ = reference(desk.tape.events)
        rows = await series.rows(0, 10**6)
        *over, _under_way = [tick for (symbol, _), tick in sorted(ticks.items()) if symbol == CU01]
        assert [(row.id, row.last_price, row.volume) for row in rows] == [
            (tick.id, tick.last_price, tick.volume) for tick in over
        ]
        shown = rows[5].diff()
        assert shown["last_price"] == rows[5].last_price / 10_000
        assert (shown["bid_price1"], shown["ask_volume5"]) == ("-", 0)

    with_hub(desk, check)


def test_what_the_reader_missed_is_told_when_the_cache_is_back(desk: Desk) -> None:
    desk.trade(30)
    desk.record()

    async def check(hub: SeriesHub) -> None:
        series = await hub.open(CU01, 3 * SECOND)
        told: list[int] = []
        series.listen(lambda row: told.append(row.id))
        desk.trade(30)
        await asyncio.to_thread(desk.record)
        with cache_client() as cache:  # the stream's entries are gone before they were read
            cache.delete(MarketKeys(desk.venue).bars)
            cache.client_kill_filter(_type="normal", skipme=True)
        await until(lambda: told and max(told) == len(desk.bars(CU01, 3)) - 1)
        assert sorted(set(told)) == list(range(min(told), max(told) + 1))
        assert series.last_id == max(told)

    with_hub(desk, check)


def test_a_symbol_that_never_traded_has_bar_0_alone(desk: Desk) -> None:
    desk.record()

    async def check(hub: SeriesHub) -> None:
        for duration in (0, 3 * SECOND, MINUTE, 2 * MINUTE, DAY_NS, 3 * DAY_NS):
            for symbol in (CU02, MAIN):
                series = await hub.open(symbol, duration)
                assert (series.first_id, series.last_id) == (0, 0)
                assert len(await series.rows(0, 5)) == 1

    with_hub(desk, check)


def test_ids_do_not_depend_on_what_the_tables_still_have(desk: Desk) -> None:
    desk.trade(100)
    desk.next_day()
    desk.trade(60)
    desk.record()

    async def numbers(hub: SeriesHub) -> None:
        for duration in (3 * SECOND, 9 * SECOND):
            series = await hub.open(CU01, duration)
            rows = await series.rows(0, 10**6)
            found[duration].append({row.datetime_ns: row.id for row in rows})

    found: dict[int, list] = {3 * SECOND: [], 9 * SECOND: []}
    with_hub(desk, numbers)
    with connection.cursor() as cursor:
        drop_partition(cursor, "marketdata_secondbar", DAY)
    desk.next_day()
    desk.trade(40)
    desk.record()
    with_hub(desk, numbers)
    for before, after in found.values():
        assert min(after.values()) > 0
        assert all(before[moment] == number for moment, number in after.items() if moment in before)
        assert set(before) & set(after)


@pytest.mark.parametrize(
    ("symbol", "duration", "code"),
    [("SHFE.no", MINUTE, 1007), (CU01, 5, 9008), (CU01, -SECOND, 9008), (CU01, 29 * DAY_NS, 9008)],
)
def test_unknown_symbols_and_durations_are_refused(desk: Desk, symbol: str, duration: int, code: int) -> None:
    desk.record()

    async def check(hub: SeriesHub) -> None:
        with pytest.raises(ExchangeError) as refusal:
            await hub.open(symbol, duration)
        assert refusal.value.code == code

    with_hub(desk, check)


def test_before_anything_is_recorded_series_are_not_served(desk: Desk) -> None:
    async def check(hub: SeriesHub) -> None:
        with pytest.raises(ExchangeError) as refusal:
            await hub.open(CU01, MINUTE)
        assert refusal.value.code == 9005

    with_hub(desk, check)


def test_a_series_lives_until_its_last_user_has_closed_it(desk: Desk) -> None:
    desk.trade(10)
    desk.record()

    async def check(hub: SeriesHub) -> None:
        one, two = await asyncio.gather(hub.open(CU01, 2 * MINUTE), hub.open(CU01, 2 * MINUTE))
        assert one is two
        await hub.close(one)
        assert await hub.open(CU01, 2 * MINUTE) is one
        await hub.close(one)
        await hub.close(one)
        assert not hub._opened and not hub._native
        assert await hub.open(CU01, 2 * MINUTE) is not one

    with_hub(desk, check)


def test_a_listener_that_raises_does_not_end_the_others(desk: Desk) -> None:
    desk.trade(5)
    desk.record()

    async def check(hub: SeriesHub) -> None:
        series = await hub.open(CU01, MINUTE)
        told: list = []

        def fail(row) -> None:
            raise ValueError

        series.listen(fail)
        series.listen(told.append)
        desk.trade(5)
        await asyncio.to_thread(desk.record)
        await until(lambda: told)
        series.unlisten(fail)
        series.unlisten(fail)

    with_hub(desk, check)


def test_first_ids_are_stored_once_for_every_process(desk: Desk) -> None:
    desk.trade(50)
    desk.record()

    async def check(hub: SeriesHub) -> None:
        other = SeriesHub(desk.venue)
        await asyncio.gather(hub.open(CU01, 7 * MINUTE), other.open(CU01, 7 * MINUTE))
        await other.shutdown()

    with_hub(desk, check)
    stored = models.SeriesDay.objects.filter(symbol=CU01, duration_s=7 * 60)
    assert [(row.trading_day, row.first_id) for row in stored] == [(DAY, 1)]
