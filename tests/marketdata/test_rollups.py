"""Bars brought to what their ticks and minutes give, exports, and what the tables need not keep."""

import io
from collections.abc import Iterator
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from pyarrow import parquet

from exchange_site.streams import cache_client, log_client
from marketdata import models, retention, rollups
from marketdata.bars.book import MINUTE
from marketdata.exporting import Range, export
from marketdata.partitions import partition_days
from tests.db.events import DAY, EventMaker
from tests.db.support import project
from tests.marketdata.support import Tape, append, follow, price, recorder
from trading.engine.sessions import midnight_ns
from trading.models import Order, Venue
from trading.partitions import ensure_partitions

pytestmark = pytest.mark.django_db(transaction=True)
CU01 = "SHFE.cu2701"
SECOND = 10**9
NINE = midnight_ns(DAY) + 9 * 3600 * SECOND


@pytest.fixture
def venue() -> Iterator[str]:
    """A venue with a finished day of trades, and the next day begun."""
    name = f"t{uuid4().hex[:12]}"
    tape = Tape(name)
    tape.now_ns = NINE - SECOND
    tape.instrument(CU01, expire_date=20270115)
    for n in range(900):
        tape.fill(NINE + n * 7 * SECOND, CU01, price(100 + n * 7 % 13), 1 + n % 3, n)
    tape.settle(midnight_ns(DAY) + 16 * 3600 * SECOND, price(100), 5, CU01)
    tape.fill(midnight_ns(DAY + 1) + 9 * 3600 * SECOND, CU01, price(101), 1, 6)
    with log_client() as log, cache_client() as cache:
        append(log, name, tape.events)
        with recorder(name) as (running, source):
            follow(running, source)
        Venue.objects.create(id=1, code=name, mode="always", trading_day=DAY + 1)
        yield name
        for client in (log, cache):
            keys = client.keys(f"x:{{{name}}}:*")
            if keys:
                client.delete(*keys)


def bars(seconds: int) -> list[models.MinuteBar]:
    return list(models.MinuteBar.objects.filter(symbol=CU01, duration_s=seconds).order_by("bar_id"))


def test_stored_bars_are_what_their_ticks_and_minutes_give(venue):
    assert rollups.differences_of_day(venue, DAY) == []
    assert rollups.check_last_day(venue) == []


def test_a_changed_bar_is_reported_and_repaired_under_its_id(venue):
    models.MinuteBar.objects.filter(symbol=CU01, duration_s=300, bar_id=4).update(volume=1)
    found = rollups.check_last_day(venue)
    assert [(one.symbol, one.duration_ns, one.have.volume) for one in found] == [(CU01, 5 * MINUTE, 1)]
    assert "wanted" in str(found[0])
    assert rollups.backfill(venue, [DAY], [CU01]) == (1, [])
    assert rollups.check_last_day(venue) == []


def test_a_missing_bar_gets_the_id_that_was_left_free(venue):
    before = [(row.bar_id, row.datetime_ns, row.volume) for row in bars(60)]
    models.MinuteBar.objects.filter(symbol=CU01, duration_s=60, bar_id=7).delete()
    assert "missing" in str(rollups.check_last_day(venue)[0])
    call_command("backfill_bars", "--venue", venue, "--from", str(DAY))
    assert [(row.bar_id, row.datetime_ns, row.volume) for row in bars(60)] == before
    assert rollups.backfill(venue, [DAY]) == (0, [])


def test_a_bar_that_has_no_free_id_is_reported_and_left_out(venue):
    models.MinuteBar.objects.filter(symbol=CU01, duration_s=3600, bar_id=1).delete()
    models.MinuteBar.objects.filter(symbol=CU01, duration_s=3600, bar_id=0).delete()
    with pytest.raises(CommandError):
        call_command("backfill_bars", "--venue", venue, "--from", str(DAY))


def test_due_rollups_repair_the_last_hours_from_their_minutes(venue):
    models.MinuteBar.objects.filter(symbol=CU01, duration_s=300, bar_id=14).update(high=price(9))
    Venue.objects.filter(code=venue).update(trading_day=DAY)
    said = rollups.rollup_due(venue, NINE + 6_400 * SECOND)
    assert said.startswith("1 bars set, 0 ")
    assert rollups.check_last_day(venue) == []
    assert rollups.rollup_due(venue, NINE + 6_400 * SECOND).startswith("0 bars set")


def test_weeks_and_months_are_rolled_up_once(venue):
    first = rollups.rollup_due(venue, NINE)
    assert first.endswith("2 weeks and months") or "weeks" in first
    rows = models.DayBar.objects.filter(symbol=CU01, duration_s__in=[rollups.WEEK_S, rollups.MONTH_S])
    day = models.DayBar.objects.get(symbol=CU01, duration_s=86_400, bar_id=1)
    assert {(row.bar_id, row.volume, row.close) for row in rows} == {(1, day.volume, day.close)}
    assert rollups.rollup_due(venue, NINE).endswith(" 0 weeks and months")


@pytest.mark.parametrize("kind", ["ticks", "bars"])
def test_exports_hold_every_row_of_the_days(venue, kind, tmp_path):
    wanted = Range(kind, DAY, DAY, CU01)
    table = models.Tick.objects if kind == "ticks" else models.MinuteBar.objects.filter(duration_s=60)
    count = table.filter(symbol=CU01, trading_day=DAY).count()
    text = io.BytesIO()
    assert export(venue, wanted, "csv", text) == count
    lines = text.getvalue().decode().splitlines()
    assert len(lines) == count + 1 and lines[0].startswith("venue_id,symbol") or "symbol" in lines[0]
    path = tmp_path / "rows.parquet"
    call_command(
        "export_data", kind, "--venue", venue, "--from", str(DAY), "--symbol", CU01, "--out", str(path)
    )
    rows = parquet.read_table(path)
    assert rows.num_rows == count
    assert sum(rows["amount"].to_pylist()) == sum(
        row.amount for row in table.filter(symbol=CU01, trading_day=DAY)
    )


def test_a_bad_export_is_refused(venue):
    with pytest.raises(ValueError):
        export(venue, Range("candles", DAY, DAY), "csv", io.BytesIO())
    for bad in (
        ["--from", "5"],
        ["--from", str(DAY), "--period", "x"],
        ["--from", str(DAY), "--period", "week"],
    ):
        with pytest.raises(CommandError):
            call_command("export_data", "bars", "--venue", venue, *bad)
    with pytest.raises(CommandError):
        call_command("export_data", "bars", "--venue", "nobody", "--from", str(DAY), "--out", "/dev/null")


def robots_orders() -> EventMaker:
    """Orders of a robot and a person: filled, cancelled, and working."""
    maker = EventMaker()
    maker.instrument(CU01)
    for account, is_robot in (("ROBOT", True), ("PERSON", False)):
        maker.account(account, is_robot=is_robot)
        maker.cancel(maker.accept(account, CU01, 0))
        maker.accept(account, CU01, 0)
    maker.trade(maker.accept("ROBOT", CU01, 0), maker.accept("PERSON", CU01, 1))
    return maker


def test_robots_orders_that_ended_unfilled_go_after_an_hour(transactional_db):
    maker = robots_orders()
    project(maker.take())
    last_ns = max(Order.objects.values_list("update_time_ns", flat=True))
    assert retention.delete_robot_orders("main", last_ns) == 0
    assert retention.delete_robot_orders("main", last_ns + 3_601 * SECOND) == 1
    left = Order.objects.values_list("account_id", "status")
    assert sorted(left) == [("PERSON", "Cancelled"), ("PERSON", "Filled"), ("PERSON", "Submitted"),
                            ("ROBOT", "Filled"), ("ROBOT", "Submitted")]  # fmt: skip
    assert retention.delete_robot_orders("main", last_ns + 3_601 * SECOND) == 0


def test_the_embedded_run_drops_the_days_before_the_last_three_but_not_those_with_working_orders(
    transactional_db, monkeypatch
):
    monkeypatch.setattr(retention.environment(), "EXCHANGE_EMBEDDED", True, raising=False)
    maker = robots_orders()
    project(maker.take())
    days = [DAY + n for n in range(1, 6)]
    with connection.cursor() as cursor:
        ensure_partitions(cursor, days)
    Venue.objects.filter(code="main").update(trading_day=DAY + 5)
    dropped = retention.drop_old_partitions()
    assert f"trading_trade_p{DAY}" in dropped and f"trading_order_p{DAY}" not in dropped
    with connection.cursor() as cursor:
        assert DAY in partition_days(cursor, "trading_order")
        assert [day for day in partition_days(cursor, "trading_trade") if day in (DAY, *days)] == days[1:]
        cursor.execute("UPDATE trading_order SET status = 'Cancelled' WHERE trading_day = %s", [DAY])
    assert f"trading_order_p{DAY}" in retention.drop_old_partitions()
    assert retention.drop_old_partitions() == []
