"""The projector: what it writes, and that nothing makes it write twice or skip (A-7)."""

import threading
import time
from collections.abc import Callable
from decimal import Decimal

import psycopg
import pytest
import redis
from django.db import connection

from exchange_site.streams import Keys
from tests.db.events import DAY, EventMaker, market, trading
from tests.db.support import append, project, projector, start_projector, tables
from trading import models
from trading.archive import Archiver
from trading.engine import messages as m
from trading.engine.units import SCALE
from trading.partitions import rows_in_default
from trading.projection import HANDLERS, SequenceGap, UnknownEvent
from trading.projector import CursorMoved, EventsMissing, NumberTaken
from trading.projector_process import catch_up, rebuild

pytestmark = pytest.mark.django_db(transaction=True)
PAUSE = threading.Event()  # never set: a pause between looks at a condition
ALICE, BOB = f"ACC_{0:032x}", f"ACC_{1:032x}"
COPPER = "SHFE.cu2700"


def renamed(maker: EventMaker, venue: str) -> EventMaker:
    maker.events[0][5] = venue
    return maker


def wait_for(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Until a condition holds; fails the test when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        PAUSE.wait(0.02)


def cursor_at(venue: str) -> int:
    row = models.ProjectorCursor.objects.filter(venue=venue).first()
    return row.seq if row else 0


def test_every_event_type_is_handled() -> None:
    assert set(HANDLERS) == set(m.EVENTS)


def test_it_writes_an_order_with_its_terms_and_key() -> None:
    maker = market()
    uid = maker.accept(ALICE, COPPER, 1, volume=3)
    project(maker.take())
    order = models.Order.objects.get()
    assert order.id == (1 << 52) + uid * 16
    assert (order.account_id, order.order_id, order.symbol) == (ALICE, f"S{uid}", COPPER)
    assert (order.direction, order.offset, order.status) == ("SELL", "OPEN", "Submitted")
    assert (order.volume, order.volume_left, order.limit_price) == (3, 3, Decimal("80000.0000"))
    assert order.insert_time.timestamp() == pytest.approx(order.insert_time_ns / 1e9, abs=1e-6)
    assert order.trading_day == DAY
    assert models.Venue.objects.get().code == "main"


def test_it_writes_both_sides_of_a_trade_and_what_they_changed() -> None:
    maker = market()
    resting = maker.accept(ALICE, COPPER, 1)
    project(maker.take())
    taking = maker.accept(BOB, COPPER, 0)
    maker.trade(taking, resting)
    project(maker.take())
    taker, maker_side = models.Trade.objects.order_by("id")
    assert (taker.account_id, taker.direction, taker.is_taker) == (BOB, "BUY", True)
    assert (maker_side.account_id, maker_side.is_taker) == (ALICE, False)
    assert taker.counter_account_id == ALICE and maker_side.counter_account_id == BOB
    assert taker.trade_id == f"S{taking}|{taker.exchange_trade_id}"
    assert set(models.Order.objects.values_list("status", "volume_left")) == {("Filled", 0)}
    assert models.Position.objects.get(account_id=BOB).long_today == 1
    assert models.Position.objects.get(account_id=ALICE).short_today == 1
    assert models.TradingAccount.objects.get(account_id=BOB).commission == Decimal("20")
    assert models.Instrument.objects.get(symbol=COPPER).open_interest == 1


def test_an_order_refused_and_one_cancelled_say_why() -> None:
    maker = market()
    uid = maker.accept(ALICE, COPPER, 1)
    maker.cancel(uid, m.EndReason.SELF_TRADE, 1005)
    row = [maker.seq + 1, *maker.orders[uid][1:]]
    row[2], row[17], row[18] = "mine", 0, m.OrderStatus.REJECTED
    maker.add(m.OrderRejected(row, 1001, {"need": "10000.00 \\ 元"}))
    project(maker.take())
    cancelled = models.Order.objects.get(uid=uid)
    assert (cancelled.status, cancelled.end_reason, cancelled.code) == (
        "Cancelled",
        "SELF_TRADE",
        1005,
    )
    refused = models.Order.objects.get(order_id="mine")
    assert (refused.status, refused.code) == ("Rejected", 1001)
    assert refused.params == {"need": "10000.00 \\ 元"}
    assert models.RejectCount.objects.get().count == 1


def test_money_moves_leave_a_flow_and_the_accounts_figures() -> None:
    maker = market()
    project(maker.take())
    flow = models.CashFlow.objects.get(account_id=ALICE)
    assert flow.amount == flow.balance_after == Decimal(10**12) / SCALE
    assert flow.flow_id.startswith(f"TXN{DAY}")
    account = models.TradingAccount.objects.get(account_id=ALICE)
    assert account.realised_balance == flow.balance_after
    assert models.MoneyReference.objects.filter(reference=flow.reference).exists()


def test_free_text_reaches_the_table_unchanged() -> None:
    maker = market()
    strange = "tab\there \\N back\\slash None 铜"
    maker.deposit(ALICE, 5, 10**12, remark=strange, reference="r1")
    maker.deposit(ALICE, 5, 10**12, remark="\\N", reference="r2")
    project(maker.take())
    assert models.CashFlow.objects.get(reference="r1").remark == strange
    assert models.CashFlow.objects.get(reference="r2").remark == "\\N"


def test_calendar_sessions_settings_and_phases_are_replaced() -> None:
    maker = market()
    maker.add(m.SessionsSet([["day", [[0, 3, 540, 615]]], ["old", [[0, 3, 540, 600]]]]))
    maker.add(m.SessionsSet([["day", [[0, 3, 540, 615], [0, 3, 630, 690]]]]))
    maker.add(m.CalendarSet([DAY, 20261124]))
    maker.add(m.PhaseChanged("day", 3, DAY))
    maker.add(m.SettingsChanged({"max_risk_ppm": 900_000}, "test"))
    maker.add(m.VenueHalted("drill"))
    project(maker.take())
    assert list(models.TradingDay.objects.values_list("day", flat=True)) == [DAY, 20261124]
    template = models.SessionTemplate.objects.get()
    assert (template.name, template.phase) == ("day", "CONTINUOUS")
    assert models.SessionSection.objects.count() == 2
    assert models.Venue.objects.get().is_halted
    from accounts.models import VenueSetting

    assert VenueSetting.objects.get(name="max_risk_ppm").value == 900_000


def test_a_settlement_is_followed_from_begin_to_finish() -> None:
    maker = market()
    trading(maker, 1)
    maker.add(m.SettlementBegun("R1", DAY, 4))
    positions = [maker.position(ALICE, COPPER, 0, 1)]
    maker.add(
        m.AccountSettled(
            "R1", DAY, ALICE, 0, 10**12, 0, 0, 5 * SCALE, 20_0000, 10**12, 0, 0, False,
            maker.funds(ALICE, pre_balance=10**12), positions,
        )
    )  # fmt: skip
    project(maker.take())
    assert models.Venue.objects.get().is_settling
    maker.add(m.SettlementFinished("R1", DAY, 20261124, 4, 80_0000, 0, [ALICE]))
    project(maker.take())
    run = models.SettlementDay.objects.get()
    assert (run.state, run.settled_accounts, run.run_id) == ("DONE", 4, "R1")
    assert run.force_closed_accounts == [ALICE] and run.total_accounts == 4
    day = models.AccountDay.objects.get()
    assert (day.position_profit, day.balance) == (Decimal(5), Decimal(10**8))
    assert models.TradingAccount.objects.get(account_id=ALICE).pre_balance == Decimal(10**8)
    venue = models.Venue.objects.get()
    assert (venue.trading_day, venue.is_settling) == (20261124, False)


def test_rows_go_to_their_days_and_none_to_the_default_partition() -> None:
    maker = market()
    trading(maker, 20)
    project(maker.take())
    with connection.cursor() as cursor:
        assert rows_in_default(cursor) == 0
        cursor.execute(f"SELECT count(*) FROM trading_order_p{DAY}")
        assert cursor.fetchone() == (40,)


def test_events_projected_again_change_nothing() -> None:
    maker = market()
    trading(maker, 30)
    events = maker.take()
    project(events)
    before = tables()
    models.ProjectorCursor.objects.update(seq=0)
    with projector() as running:
        running.replay(events[:37])
        running.replay(events)
    after = tables()
    before.pop("trading_rejectcount")
    after.pop("trading_rejectcount")
    assert after == before


def test_the_size_of_batches_does_not_show_in_the_tables(name: str) -> None:
    maker = renamed(market(), name)
    trading(maker, 20)
    maker.cancel(maker.accept(ALICE, COPPER, 0))
    events = maker.take()
    with projector(name) as running:
        for event in events:
            running.replay([event])
    one_by_one = tables()
    models.ProjectorCursor.objects.all().delete()
    with projector(name) as running:
        running.writer.empty()
    assert not models.Order.objects.exists()
    project(events, name)
    assert tables() == one_by_one


def test_the_number_of_statements_does_not_follow_the_number_of_rows() -> None:
    maker = market()
    project(maker.take())
    counts = []
    for trades in (5, 500):
        trading(maker, trades)
        with projector() as running:
            running.replay(maker.take())
            counts.append(running.writer.statements)
    assert counts[0] == counts[1]


def test_a_second_projector_waits_for_the_first() -> None:
    with projector() as running:
        from trading.projector import Writer
        from trading.projector_process import database_dsn

        other = Writer(database_dsn(), running.writer.venue)
        assert not other.try_lock()
        other.close()


def test_a_moved_cursor_ends_the_projector_and_writes_nothing() -> None:
    maker = market()
    with projector() as running:
        running.replay(maker.take())
        models.ProjectorCursor.objects.update(seq=1)
        trading(maker, 1)
        with pytest.raises(CursorMoved):
            running.replay(maker.take())
    assert not models.Order.objects.exists()


def test_a_missing_sequence_stops_it_and_names_the_event() -> None:
    maker = market()
    trading(maker, 2)
    events = maker.take()
    del events[15]
    with projector() as running, pytest.raises(SequenceGap, match="event 16 is missing"):
        running.replay(events)


def test_an_unknown_event_stops_it() -> None:
    maker = market()
    maker.add(m.VenueHalted("x"))
    maker.events[-1][2] = 9
    with projector() as running, pytest.raises(UnknownEvent, match="VenueHalted version 9"):
        running.replay(maker.take())


def test_it_follows_the_stream_and_tells_where_it_is(name: str, stream_server: redis.Redis) -> None:
    maker = renamed(market(), name)
    trading(maker, 100)
    append(stream_server, name, maker.take())
    told: list[int] = []
    with projector(name, told) as running:
        while running.projection.last_seq < maker.seq:
            running.step()
        running.settle()
    assert told[-1] == maker.seq == cursor_at(name)
    assert models.Trade.objects.count() == 200


def test_a_log_behind_the_tables_is_refused(name: str, stream_server: redis.Redis) -> None:
    maker = renamed(market(), name)
    events = maker.take()
    project(events, name)
    append(stream_server, name, events[:5])
    with projector(name) as running, pytest.raises(EventsMissing, match="log ends at event 5"):
        catch_up(running, running.source, name)


def test_killed_at_any_moment_it_ends_with_the_same_tables(name: str, stream_server: redis.Redis) -> None:
    maker = renamed(market(20, 5), name)
    process = start_projector(name)
    for _ in range(3):
        trading(maker, 4_000, 20, 5)
        append(stream_server, name, maker.take())
        reached = cursor_at(name)
        wait_for(lambda reached=reached: cursor_at(name) > reached)  # type: ignore[misc]
        process.kill()
        process.wait()
        process = start_projector(name)
    trading(maker, 10, 20, 5)
    append(stream_server, name, maker.take())
    wait_for(lambda: cursor_at(name) == maker.seq)
    process.terminate()
    assert process.wait(timeout=10) == 0
    live = tables()
    assert len(live["trading_trade"]) == 24_020
    assert int(stream_server.hget(Keys(name).cursors, "projector")) == maker.seq
    assert rebuild(name, note=lambda text: None) == maker.seq
    assert tables() == live


def test_it_outlives_a_broken_connection_to_either_server(name: str, stream_server: redis.Redis) -> None:
    maker = renamed(market(), name)
    process = start_projector(name)
    append(stream_server, name, maker.take())
    wait_for(lambda: cursor_at(name) == maker.seq)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'projector'"
        )
    trading(maker, 10)
    append(stream_server, name, maker.take())
    wait_for(lambda: cursor_at(name) == maker.seq)
    stream_server.client_kill_filter(_type="normal", skipme=True)
    trading(maker, 10)
    append(stream_server, name, maker.take())
    wait_for(lambda: cursor_at(name) == maker.seq)
    process.terminate()
    assert process.wait(timeout=10) == 0
    assert models.Trade.objects.count() == 40


def test_a_number_of_another_venue_is_refused() -> None:
    project(market().take())
    with pytest.raises(NumberTaken, match="number 1 is venue main's"):
        project(renamed(market(), "second").take(), "second")


def test_rebuild_is_refused_while_a_projector_runs(name: str, stream_server: redis.Redis) -> None:
    append(stream_server, name, renamed(market(), name).take())
    with projector(name), pytest.raises(RuntimeError, match="stop it first"):
        rebuild(name)


def test_its_session_survives_a_batch_that_failed() -> None:
    maker = market()
    with projector() as running:
        running.replay(maker.take())
        maker.accept(ALICE, COPPER, 1)
        maker.events[-1][5][19] = 99  # more left than ordered
        with pytest.raises(psycopg.errors.CheckViolation, match="order_figures"):
            running.replay(maker.take())
        assert running.writer.cursor_seq() == running.seq


def archived(maker: EventMaker, name: str, client: redis.Redis) -> None:
    """Put the events into the stream and the archive, then trim the stream's first half."""
    append(client, name, maker.take())
    assert Archiver(name).run_once(force=True)
    client.xtrim(Keys(name).events, minid=f"{maker.seq // 2}-0", approximate=False)


def test_what_the_stream_no_longer_holds_comes_from_the_archive(
    name: str, stream_server: redis.Redis
) -> None:
    maker = renamed(market(), name)
    trading(maker, 200)
    stream_server.xadd(Keys(name).commands, {"t": "Tick"}, id="1-0")
    archived(maker, name, stream_server)
    assert rebuild(name, note=lambda text: None) == maker.seq
    assert models.Trade.objects.count() == 400


def test_without_the_archive_a_trimmed_log_stops_it_before_it_empties_anything(
    name: str, stream_server: redis.Redis
) -> None:
    maker = renamed(market(), name)
    trading(maker, 200)
    events = maker.take()
    append(stream_server, name, events)
    project(events, name)
    stream_server.xtrim(Keys(name).events, minid=f"{maker.seq - 10}-0", approximate=False)
    with pytest.raises(EventsMissing, match="does not reach back to event 1"):
        rebuild(name, note=lambda text: None)
    assert models.Trade.objects.count() == 400
    models.ProjectorCursor.objects.update(seq=100)
    with projector(name) as running, pytest.raises(EventsMissing, match="events 101 to"):
        catch_up(running, running.source, name)
