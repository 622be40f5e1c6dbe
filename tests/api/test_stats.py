"""Statistics agree with the trades and days they are made of (H)."""

import pytest

from accounts import selectors as account_selectors
from accounts import venue_settings
from tests.api.conftest import COPPER, Api, Person, Site, order_body, price
from trading import selectors
from trading.models import AccountDay, Instrument, Trade


def trade(buyer: Person, seller: Person, offset: str = "OPEN", ticks: int = 0) -> None:
    """One lot between two persons."""
    terms = {"price": price(ticks), "offset": offset}
    assert seller.post("order/submit", order_body(seller, direction="SELL", **terms)).status == 200
    assert buyer.post("order/submit", order_body(buyer, direction="BUY", **terms)).status == 200


def test_own_trades_are_summed_as_they_are(site: Site, alice: Person, bob: Person) -> None:
    trade(alice, bob)
    trade(bob, alice, "CLOSETODAY", 2)
    site.settle_tables()
    multiple = Instrument.objects.get(symbol=COPPER.symbol).volume_multiple
    rows = list(Trade.objects.filter(account_id=alice.account_id))
    total = alice.get("stats/trades").data["total"]
    assert (total["trades"], total["volume"], total["wins"], total["losses"]) == (2, 2, 1, 0)
    assert total["turnover"] == float(sum(row.price * row.volume for row in rows) * multiple)
    assert total["commission"] == float(sum(row.commission for row in rows))
    assert total["close_profit"] == float(sum(row.close_profit for row in rows)) > 0
    assert (total["win_rate"], total["profit_factor"]) == (1.0, None)
    for by in ("day", "week", "month", "instrument"):
        (item,) = alice.get(f"stats/trades?by={by}&account_id={alice.account_id}").data["items"]
        assert {**item, "key": ""} == total
    traded = {row["instrument_id"]: row for row in alice.get("stats/market").data["items"]}
    assert traded[COPPER.symbol]["trades"] >= 2


def test_positions_and_risk_are_those_of_the_account(site: Site, alice: Person, bob: Person) -> None:
    trade(alice, bob)
    site.settle_tables()
    (held,) = alice.get(f"stats/position/{alice.account_id}").data["items"]
    assert (held["instrument_id"], held["long"], held["short"], held["net"]) == (COPPER.symbol, 1, 0, 1)
    (risk,) = alice.get("stats/risk").data["items"]
    account = alice.get(f"account/{alice.account_id}").data
    assert (risk["risk_ratio"], risk["margin"]) == (account["risk_ratio"], account["margin"])
    assert risk["level"] == "normal"


def day(site: Site, person: Person, number: int, before: int, after: int, deposit: int = 0) -> None:
    AccountDay.objects.create(
        id=hash((person.account_id, number)) % 2**60, venue_id=selectors.venue_number(site.venue),
        trading_day=number, seq=1, run_id="R", account_id=person.account_id, pre_balance=before,
        deposit=deposit, withdraw=0, close_profit=0, position_profit=0, commission=0, balance=after,
        margin=0, risk_ratio_ppm=0, must_liquidate=False, time_ns=0,
    )  # fmt: skip


def test_profit_leaves_money_moved_out(site: Site, alice: Person) -> None:
    day(site, alice, 20261116, 0, 1_000, deposit=1_000)
    day(site, alice, 20261117, 1_000, 1_100)
    day(site, alice, 20261118, 1_100, 1_545, deposit=500)
    found = alice.get(f"stats/pnl?account_id={alice.account_id}").data
    assert [row["profit"] for row in found["items"]] == [0, 100, -55]
    assert found["total_profit"] == 45 and found["items"][-1]["total_profit"] == 45
    assert found["max_drawdown"] == pytest.approx(55 / 1_600)
    part = alice.get("stats/pnl?start_date=20261117&end_date=20261117").data
    assert [row["date"] for row in part["items"]] == [20261117]


def test_rankings_are_there_only_where_published(site: Site, alice: Person) -> None:
    day(site, alice, 20261116, 0, 1_250, deposit=1_000)
    assert alice.get("stats/rankings").code == 9006
    venue_settings.write(site.venue, {"publish_rankings": 1})
    account_selectors._settings.clear()
    answer = alice.get("stats/rankings")
    venue_settings.write(site.venue, {"publish_rankings": 0})
    account_selectors._settings.clear()
    assert answer.data["items"][0]["profit_ratio"] == 0.25
    assert alice.account_id not in answer.text


def test_strangers_and_bad_queries_are_refused(alice: Person, charlie: Person, nobody: Api) -> None:
    for what in ("trades", "pnl", "risk"):
        assert charlie.get(f"stats/{what}?account_id={alice.account_id}").code == 1006
        assert nobody.get(f"stats/{what}").code == 9002
    assert charlie.get(f"stats/position/{alice.account_id}").code == 1006
    for bad in ("by=hour", "start_date=x", "end_date=-1"):
        answer = alice.get(f"stats/trades?{bad}")
        assert answer.code == 9008 and answer.error
        assert answer.error["extra"]["field"] == bad.partition("=")[0]
