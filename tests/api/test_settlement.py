"""Settlement over REST: prices, two persons, running, resuming, results (T-90 … T-95)."""

from collections.abc import Iterator
from typing import Any

import pytest

from accounts import selectors as account_selectors
from accounts import venue_settings
from settlement import run_services
from settlement.models import SettlementPrice, SettlementRun
from settlement.selectors import reported_trading_day
from tests.api.conftest import COPPER, Person, Site, await_until, make_user, order_body, price
from trading.models import AccountDay, AuditLog, SettlementDay


@pytest.fixture
def dora(site: Site) -> Person:
    """Settles."""
    return make_user("dora", groups=("settlement",), scopes=("read", "admin"))


@pytest.fixture
def eve(site: Site) -> Person:
    """The second person."""
    return make_user("eve", groups=("settlement",), scopes=("read", "admin"))


@pytest.fixture
def two_persons(site: Site) -> Iterator[None]:
    venue_settings.write(site.venue, {"two_person_settlement": 1})
    account_selectors._settings.clear()
    yield
    venue_settings.write(site.venue, {"two_person_settlement": 0})
    account_selectors._settings.clear()


def trade(site: Site, buyer: Person, seller: Person, at: float | None = None) -> None:
    """One lot of copper changes hands."""
    at = price() if at is None else at
    for person, direction in ((buyer, "BUY"), (seller, "SELL")):
        answer = person.post("order/submit", order_body(person, direction=direction, price=at))
        assert answer.status in (200, 201), answer
    site.settle_tables()


def finished(day: int) -> SettlementDay:
    return await_until(lambda: SettlementDay.objects.filter(trading_day=day, state="DONE").first(), 20)


def today(site: Site) -> int:
    """The worker's trading day once tables and worker agree on it."""
    site.settle_tables()
    return await_until(
        lambda: (
            (day := reported_trading_day(site.venue))
            and run_services.trading.trading_day(site.venue) == day
            and day
        )
    )


def settle(site: Site, dora: Person) -> int:
    day = today(site)
    answer = dora.post("admin/settlement/execute", {"reason": "day's end"})
    assert answer.status == 200, answer
    finished(day)
    today(site)
    return day


def test_a_day_is_priced_settled_and_told(site: Site, alice: Person, bob: Person, dora: Person) -> None:
    trade(site, alice, bob)
    day = today(site)
    at = price(2)
    answer = dora.post("admin/settlement/set-price", {"instrument_id": COPPER.symbol, "settlement_price": at})
    assert (answer.status, answer.data["settlement_date"], answer.data["missing"]) == (200, day, [])
    before = next(row for row in dora.get("admin/settlement/preview").data["items"]
                  if row["account_id"] == alice.account_id)  # fmt: skip
    assert settle(site, dora) == day
    told = dora.get(f"admin/settlement/detail/{day}?page_size=500").data
    mine = next(row for row in told["accounts"] if row["account_id"] == alice.account_id)
    gained = 2 * COPPER.price_tick * 5 / 10_000
    assert mine["position_profit"] == before["position_profit"] == pytest.approx(gained)
    for name in ("balance", "margin", "commission", "close_profit", "force_close"):
        assert mine[name] == before[name], name
    assert (told["status"], told["failed_accounts"]) == ("DONE", [])
    assert (
        told["settled_accounts"]
        == told["total_accounts"]
        == AccountDay.objects.filter(trading_day=day).count()
    )
    run = SettlementRun.objects.get(trading_day=day)
    assert run_services.follow(run).state == "DONE"


def test_a_settled_day_cannot_be_settled_again(site: Site, dora: Person) -> None:
    day = settle(site, dora)
    run = SettlementRun.objects.get(trading_day=day)
    with pytest.raises(run_services.ExchangeError) as refused:
        run_services.execute(run=run)
    assert refused.value.code == 6004
    assert SettlementDay.objects.filter(trading_day=day).count() == 1


@pytest.mark.parametrize("ticks,code", [(0.5, 1011), (100_000, 1010)])
def test_a_strange_price_must_be_confirmed(site: Site, dora: Person, ticks: float, code: int) -> None:
    today(site)
    body = {
        "instrument_id": COPPER.symbol,
        "settlement_price": str(price(0) + ticks * COPPER.price_tick / 10_000),
    }
    refused = dora.post("admin/settlement/set-price", body)
    assert refused.code == code and refused.error and refused.error["extra"]["confirm"] is True
    assert dora.post("admin/settlement/set-price", {**body, "confirm": True}).status == 200
    back = {"instrument_id": COPPER.symbol, "settlement_price": price(0)}
    assert dora.post("admin/settlement/set-price", back).status == 200


def test_a_batch_with_one_bad_entry_sets_nothing(site: Site, dora: Person) -> None:
    today(site)
    SettlementPrice.objects.update(chosen=None)
    prices = [
        {"instrument_id": COPPER.symbol, "settlement_price": price(1)},
        {"instrument_id": "SHFE.nothing", "settlement_price": 1},
    ]
    answer = dora.post("admin/settlement/batch-set-prices", {"prices": prices})
    assert answer.code == 1007 and answer.error
    assert [fault["index"] for fault in answer.error["extra"]["faults"]] == [1]
    assert not SettlementPrice.objects.filter(chosen__isnull=False).exists()


def test_a_csv_names_every_bad_line_and_sets_nothing(site: Site) -> None:
    today(site)
    run = run_services.current_run(venue=site.venue)
    SettlementPrice.objects.update(chosen=None)
    text = f"instrument_id,settlement_price\n{COPPER.symbol},{price(1)}\nSHFE.cu,x\n\nSHFE.zz,1,2\n"
    faults = run_services.import_prices(run=run, text=text, user_id="")
    assert [fault["index"] for fault in faults] == [3, 5]
    assert not SettlementPrice.objects.filter(chosen__isnull=False).exists()
    off = f"instrument_id,settlement_price\nSHFE.nothing,5\n{COPPER.symbol},{price(0.5)}\n"
    assert [fault["index"] for fault in run_services.import_prices(run=run, text=off, user_id="")] == [2, 3]
    good = f"\ufeffinstrument_id,settlement_price\n{COPPER.symbol},{price(1)}\n"
    assert run_services.import_prices(run=run, text=good, user_id="d") == []
    assert SettlementPrice.objects.get(chosen__isnull=False).symbol == COPPER.symbol
    assert run_services.import_prices(run=run, text="a,b\n", user_id="")[0]["index"] == 1


def test_a_held_instrument_without_a_price_stops_it(
    site: Site, alice: Person, bob: Person, dora: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    trade(site, alice, bob)
    day = today(site)
    SettlementPrice.objects.filter(run__trading_day=day).delete()
    monkeypatch.setattr(run_services, "propose_prices", lambda venue: {})
    answer = dora.post("admin/settlement/execute", {})
    assert (answer.status, answer.code) == (422, 6001)
    assert answer.error and COPPER.symbol in answer.error["extra"]["missing"]
    assert today(site) == day


def test_two_persons_settle_where_the_venue_wants_it(
    site: Site, dora: Person, eve: Person, two_persons: None
) -> None:
    day = today(site)
    assert dora.post("admin/settlement/execute", {"reason": "first"}).code == 2006
    assert dora.post("admin/settlement/execute", {"reason": "myself"}).code == 2006
    assert AuditLog.objects.filter(action="settle", user_id=dora.user_id, code=2006).count() == 2
    assert eve.post("admin/settlement/execute", {"reason": "second"}).status == 200
    finished(day)
    run = SettlementRun.objects.get(trading_day=day)
    assert (run.asked_by, run.started_by) == (dora.user_id, eve.user_id)
    today(site)


def test_another_price_needs_another_request(
    site: Site, dora: Person, eve: Person, two_persons: None
) -> None:
    day = today(site)
    assert dora.post("admin/settlement/execute", {}).code == 2006
    changed = {"instrument_id": COPPER.symbol, "settlement_price": price(1)}
    assert dora.post("admin/settlement/set-price", changed).status == 200
    assert eve.post("admin/settlement/execute", {}).code == 2006
    assert dora.post("admin/settlement/execute", {}).status == 200
    finished(day)
    today(site)


def test_a_run_that_a_crash_left_before_the_log_is_sent_again(
    site: Site, dora: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = today(site)
    run = run_services.current_run(venue=site.venue)
    run_services.compute_prices(run=run)

    def die(run: SettlementRun) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(run_services, "_append", die)
        with pytest.raises(KeyboardInterrupt):
            run_services.execute(run=run)
    assert SettlementRun.objects.get(trading_day=day).state == "RUNNING"
    assert run_services.resume(venue=site.venue) == 1
    finished(day)
    assert run_services.resume(venue=site.venue) == 0
    assert SettlementRun.objects.get(trading_day=day).state == "DONE"
    today(site)


def test_sent_twice_it_is_one_settlement(site: Site) -> None:
    day = today(site)
    run = run_services.current_run(venue=site.venue)
    run_services.compute_prices(run=run)
    run = run_services.execute(run=run)
    run_services._append(run)
    finished(day)
    assert SettlementDay.objects.filter(trading_day__gte=day).count() == 1
    today(site)


def test_the_schedule_settles_once_the_time_has_come(site: Site) -> None:
    day = today(site)
    assert run_services.settle_when_due(venue=site.venue, trading_day=day, now_ns=1) is False
    assert run_services.settle_when_due(venue=site.venue, trading_day=day, now_ns=1 << 62) is True
    finished(day)
    assert run_services.settle_when_due(venue=site.venue, trading_day=day, now_ns=1 << 62) is False
    today(site)


def test_history_is_bounded_by_dates(site: Site, dora: Person) -> None:
    day = settle(site, dora)
    shown = dora.get(f"admin/settlement/history?start_date={day}&end_date={day}").data["items"]
    assert [row["settlement_date"] for row in shown] == [day]
    assert dora.get("admin/settlement/history?start_date=yesterday").code == 9008
    assert dora.get("admin/settlement/detail/19990101").code == 9007


@pytest.mark.parametrize("path", ["set-price", "batch-set-prices", "execute"])
def test_strangers_settle_nothing(site: Site, charlie: Person, bob: Person, nobody: Any, path: str) -> None:
    for who, status in ((charlie, 403), (bob, 403), (nobody, 401)):
        assert who.post(f"admin/settlement/{path}", {}).status == status


@pytest.mark.parametrize("path", ["run", "preview", "history", "detail/20261123"])
def test_strangers_see_nothing(site: Site, charlie: Person, nobody: Any, path: str) -> None:
    assert charlie.get(f"admin/settlement/{path}").status == 403
    assert nobody.get(f"admin/settlement/{path}").status == 401
