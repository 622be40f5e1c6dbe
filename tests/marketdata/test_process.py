"""The market-data process: what it stores and tells, and that no kill loses or doubles any of it."""

import os
import random
import subprocess
import sys
import threading
import time
from uuid import uuid4

import pytest
import redis
from django.db import connection

from exchange_site.streams import Keys, cache_client, log_client
from marketdata import models, stored
from marketdata.bars.book import PERIODS
from marketdata.keys import MarketKeys, decode_bars, decode_current, decode_tick, encode
from marketdata.store import CursorTaken
from tests.db.events import DAY
from tests.log.conftest import await_until
from tests.marketdata.support import Tape, append, follow, price, recorder, reference, stream_events, tell
from trading.engine.sessions import midnight_ns
from trading.projector_process import database_dsn
from trading.quotes_writer import decode_quote

pytestmark = pytest.mark.django_db(transaction=True)
CU01, CU02 = "SHFE.cu2701", "SHFE.cu2702"
MAIN, INDEX = "KQ.m@SHFE.cu", "KQ.i@SHFE.cu"
SECOND = 10**9
PAUSE = threading.Event()  # never set: kills fall at moments of their own
NINE = midnight_ns(DAY) + 9 * 3600 * SECOND


@pytest.fixture
def log():
    with log_client() as client:
        yield client


@pytest.fixture
def cache():
    with cache_client() as client:
        yield client


@pytest.fixture
def venue(log: redis.Redis, cache: redis.Redis):
    name = f"t{uuid4().hex[:12]}"
    yield name
    for client in (log, cache):
        keys = client.keys(f"x:{{{name}}}:*")
        if keys:
            client.delete(*keys)


def traded(venue: str, trades: int = 400, seed: int = 3) -> Tape:
    """A venue with two contracts and a morning of trades, a second and a half apart."""
    source = random.Random(seed)
    tape = Tape(venue)
    tape.now_ns = NINE - SECOND
    tape.instrument(CU01, expire_date=20270115)
    tape.instrument(CU02, expire_date=20270215)
    moment, last = NINE, 100
    for n in range(trades):
        moment += source.randrange(3 * SECOND)
        last = max(50, last + source.randint(-3, 3))
        tape.fill(moment, source.choice([CU01, CU02]), price(last), source.randint(1, 5), n)
        tape.touch(moment + 5, CU01)
    return tape


def rows_of_tables() -> tuple[dict, dict]:
    """(bars, ticks) as the tables have them, in the reference's form."""
    bars, ticks = {}, {}
    for duration in PERIODS:
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT symbol, {stored.BAR_COLUMNS} FROM {stored.table_of(duration)} WHERE duration_s = %s",
                [duration // SECOND],
            )
            for symbol, number, start, day, *figures in cursor.fetchall():
                bars[symbol, duration // SECOND, number] = (number, start, day, *figures[:-2])
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT symbol, {stored.TICK_COLUMNS} FROM marketdata_tick")
        for symbol, *row in cursor.fetchall():
            ticks[symbol, row[0]] = (*row[:10], *row[12:-1])
    return bars, ticks


def assert_tables_are_those_of_an_uninterrupted_run(events) -> None:
    bars, ticks, market = reference(events)
    have_bars, have_ticks = rows_of_tables()
    assert have_bars and have_ticks
    for key, row in have_bars.items():
        assert row == bars[key], key
    for key, row in have_ticks.items():
        assert row == tuple(ticks[key])[:-1], key
    current = {
        (ticker.symbol, PERIODS[index] // SECOND, row[0])
        for ticker in market.tickers.values()
        for index, row, _ in ticker.bars.rows()
    }
    assert set(bars) - current <= set(have_bars)
    states = {row.symbol: bytes(row.state) for row in models.TickerState.objects.all()}
    assert set(states) == set(market.tickers)


def test_it_stores_ticks_finished_bars_and_first_ids(venue, log):
    tape = traded(venue)
    append(log, venue, tape.events)
    with recorder(venue) as (running, source):
        follow(running, source)
    assert_tables_are_those_of_an_uninterrupted_run(tape.events)
    assert models.MarketCursor.objects.get(venue=venue).seq == tape.seq
    assert int(log.hget(Keys(venue).cursors, "marketdata")) == tape.seq
    firsts = {(row.symbol, row.duration_s): row.first_id for row in models.SeriesDay.objects.all()}
    assert {firsts[symbol, 60] for symbol in (CU01, CU02, MAIN, INDEX)} == {0}
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM ONLY marketdata_tick_default")
        assert cursor.fetchone()[0] == 0


def test_stopped_after_any_batch_and_started_again_it_gives_the_same_rows(venue, log):
    tape = traded(venue, 200)
    for start in range(0, len(tape.events), 90):
        append(log, venue, tape.events[start : start + 90])
        with recorder(venue) as (running, source):
            follow(running, source)
            # Told but never stored, as after a kill.
            running.market.add(tape.events[start + 90 : start + 120])
            running.publish(is_busy=True)
    assert_tables_are_those_of_an_uninterrupted_run(tape.events)


def test_a_venue_is_recorded_by_one_process_alone(venue, log):
    append(log, venue, traded(venue, 20).events)
    with recorder(venue) as (running, source):
        other = type(running.store)(running.store.connection.info.dsn, venue)
        assert not other.try_lock()
        other.close()
        models.MarketCursor.objects.filter(venue=venue).update(seq=5)
        with pytest.raises(CursorTaken):
            follow(running, source)
        running.writing = None


def test_the_cache_holds_the_current_bars_and_the_last_ticks(venue, log, cache):
    tape = traded(venue)
    append(log, venue, tape.events)
    with recorder(venue) as (running, source):
        follow(running, source)
    bars, ticks, _ = reference(tape.events)
    keys = MarketKeys(venue)
    current = dict(decode_current(cache.get(keys.bars_of(CU01))))
    for duration in PERIODS:
        series = (CU01, duration // SECOND)
        last = max(number for symbol, seconds, number in bars if (symbol, seconds) == series)
        newest = current[duration][-1]
        assert newest.id == last
        assert newest.volume == bars[*series, last][7]
    rows = [decode_tick(item) for item in cache.lrange(keys.ticks_of(CU01), 0, -1)]
    assert [row.id for row in rows] == sorted((row.id for row in rows), reverse=True)
    assert rows[-1].id == 0
    assert rows[0].id >= max(number for symbol, number in ticks if symbol == CU01) - 1
    told = [item for _, fields in cache.xrange(keys.bars) for item in decode_bars(fields[b"b"])]
    finished = {(symbol, duration, row.id) for symbol, duration, row in told if row.is_finished}
    assert {(symbol, seconds * SECOND, number) for symbol, seconds, number in rows_of_tables()[0]} <= finished


def test_a_cache_that_lost_everything_is_filled_again(venue, log, cache):
    tape = traded(venue, 50)
    append(log, venue, tape.events)
    keys = MarketKeys(venue)
    with recorder(venue) as (running, source):
        follow(running, source)
        before = cache.lrange(keys.ticks_of(CU01), 0, -1)
        cache.delete(keys.ticks_of(CU01), keys.bars_of(CU01))
        running.publisher.is_behind = True
        tell(running)
        assert [decode_tick(item).id for item in cache.lrange(keys.ticks_of(CU01), 0, -1)] == [
            decode_tick(item).id for item in before
        ]
        assert cache.exists(keys.bars_of(CU01))


def test_continuous_series_have_quotes_like_any_symbol(venue, log, cache):
    tape = traded(venue, 50)
    append(log, venue, tape.events)
    keys = MarketKeys(venue)
    view = {"symbol": CU01, "trading_day": DAY, "last_price": price(101), "bids": [[price(100), 2, 1]],
            "asks": [], "phase": "CONTINUOUS"}  # fmt: skip
    cache.set(keys.quote(CU01), encode(view))
    with recorder(venue) as (running, source):
        follow(running, source)
    main, index = (decode_quote(cache.get(keys.quote(symbol))) for symbol in (MAIN, INDEX))
    assert (main["symbol"], main["underlying"], main["bids"]) == (MAIN, CU01, [[price(100), 2, 1]])
    assert (index["symbol"], index["bids"], index["phase"]) == (INDEX, [], "CONTINUOUS")
    market = reference(tape.events)[2]
    assert index["last_price"] == market.tickers[INDEX].last
    assert index["volume"] == market.tickers[INDEX].volume


def spawn(venue: str) -> subprocess.Popen:
    environment = {**os.environ, "PROJECTOR_DATABASE_URL": database_dsn()}
    command = [sys.executable, "-m", "django", "run_marketdata", "--venue", venue]
    environment["DJANGO_SETTINGS_MODULE"] = "exchange_site.settings"
    return subprocess.Popen(command, env=environment)


def cursor_of(venue: str) -> int:
    row = models.MarketCursor.objects.filter(venue=venue).first()
    return row.seq if row else 0


def test_killed_at_random_moments_it_ends_with_the_rows_of_an_uninterrupted_run(venue, log):
    tape = traded(venue, 1_500)
    events, total = tape.events, len(tape.events)
    feeding = threading.Thread(target=_feed, args=(venue, events[:-1]))
    feeding.start()
    source = random.Random(11)
    process = spawn(venue)
    for part in (0.15, 0.4, 0.7):
        await_until(lambda part=part: cursor_of(venue) > total * part, 60)
        PAUSE.wait(source.random() / 3)
        process.kill()
        process.wait()
        process = spawn(venue)
    feeding.join()
    append(log, venue, events[-1:])
    await_until(lambda: cursor_of(venue) == total, 60)
    process.terminate()
    assert process.wait(30) == 0
    assert_tables_are_those_of_an_uninterrupted_run(stream_events(log, venue))


def _feed(venue: str, events: list) -> None:
    """All events within some seconds, so that kills fall between them."""
    with log_client() as client:
        for start in range(0, len(events), 20):
            append(client, venue, events[start : start + 20], 10)
            PAUSE.wait(0.03)


def test_a_restarted_process_is_warm_within_a_second(venue, log):
    append(log, venue, traded(venue, 300).events)
    with recorder(venue) as (running, source):
        follow(running, source)
    took = []
    for _ in range(3):  # other work on the machine may disturb one of them
        began = time.monotonic()
        with recorder(venue) as (running, source):
            running.publish(is_busy=True)
            took.append(time.monotonic() - began)
            assert running.market.seq == running.seq
    assert min(took) < 1.0
