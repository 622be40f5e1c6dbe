"""Contests: entry, the trading window, frozen money, ranking, results (O-53)."""

import csv
import io
import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from settlement import contest_selectors, contest_services
from settlement.models import Contest, ContestEntry
from tests.api.conftest import Api, Person, Site, make_user, order_body, price

DAY = timedelta(days=1)


def make_contest(site: Site, **given: Any) -> Contest:
    """A contest that takes entries now and trades from tomorrow on."""
    now = timezone.now()
    times = {
        "entry_from": now - DAY,
        "entry_until": now + DAY,
        "starts_at": now + DAY,
        "ends_at": now + 5 * DAY,
    }
    code = f"c{uuid.uuid4().hex[:8]}"
    values = {"venue": site.venue, "code": code, "title": "Contest", "is_published": True, **times, **given}
    return Contest.objects.create(**values)


def entered(site: Site, contest: Contest, name: str, nickname: str = "") -> Person:
    """Somebody who takes part, with the contest's account as theirs."""
    person = make_user(name)
    answer = person.post(f"contests/{contest.code}/enter", {"nickname": nickname or person.user.username})
    assert answer.status == 201, answer
    person.account_id = answer.data["account_id"]
    site.settle_tables()
    return person


def bring(site: Site, now: datetime) -> None:
    """What the job does, as if it were this time."""
    contest_services.bring_to_due(site.venue, now)
    site.settle_tables()
    contest_selectors._rankings.clear()


def during(contest: Contest) -> datetime:
    return contest.starts_at + timedelta(hours=1)


def start(contest: Contest) -> None:
    """Let trading have begun a minute ago by the clock on the wall, too."""
    Contest.objects.filter(pk=contest.pk).update(starts_at=timezone.now() - timedelta(minutes=1))
    contest.refresh_from_db()


def test_who_enters_gets_an_account_with_the_start_money_that_cannot_trade_yet(site: Site) -> None:
    contest = make_contest(site, start_money=250_000)
    alice = entered(site, contest, "alice")
    account = alice.get(f"account/{alice.account_id}").data
    assert (account["balance"], account["status"]) == (250_000, "FROZEN")
    assert alice.post("order/submit", order_body(alice)).code == 2002


def test_trading_is_open_in_its_window_only_and_money_never_moves(site: Site) -> None:
    contest = make_contest(site)
    alice = entered(site, contest, "alice")
    start(contest)
    bring(site, timezone.now())
    assert alice.post("order/submit", order_body(alice)).code == 0
    money = {"account_id": alice.account_id, "amount": "1", "method": "web", "remark": ""}
    assert alice.post("account/withdraw", money).code == 2002
    assert alice.post("account/deposit", money).code == 9006
    bring(site, contest.ends_at + timedelta(seconds=1))
    assert alice.post("order/submit", order_body(alice)).code == 2002
    assert alice.get("orders?status=working").data["items"] == []
    assert alice.post("account/withdraw", money).code == 2002


def test_a_second_entry_a_taken_nickname_and_a_late_one_are_refused(site: Site, charlie: Person) -> None:
    contest = make_contest(site)
    alice = entered(site, contest, "alice", "Wanderer")
    path = f"contests/{contest.code}/enter"
    assert alice.post(path, {"nickname": "another"}).code == 2001
    assert charlie.post(path, {"nickname": "wanderer"}).code == 2001
    assert charlie.post(path, {"nickname": "x"}).code == 9008
    assert charlie.post(path, {"nickname": "charlie", "account_id": "A"}).code == 9008
    assert charlie.post("contests/nothing/enter", {"nickname": "charlie"}).code == 9007
    Contest.objects.filter(pk=contest.pk).update(entry_until=timezone.now())
    assert charlie.post(path, {"nickname": "charlie"}).code == 9006
    assert ContestEntry.objects.filter(contest=contest).count() == 1


def test_an_entry_whose_account_never_came_is_taken_up_again(site: Site) -> None:
    contest = make_contest(site)
    person = make_user("alice")
    entry = contest_services._entered(contest, person.user, "again")
    answer = person.post(f"contests/{contest.code}/enter", {"nickname": "again"})
    assert (answer.status, answer.data["account_id"]) == (201, entry.account_id)


def test_the_ranking_follows_profit_and_names_no_account(site: Site, nobody: Api) -> None:
    contest = make_contest(site)
    winner, loser, idle = (entered(site, contest, name) for name in ("alice", "bob", "dora"))
    start(contest)
    bring(site, timezone.now())
    for person, direction in ((loser, "BUY"), (winner, "SELL")):
        assert person.post("order/submit", order_body(person, direction=direction, price=price(20))).code == 0
    for person, direction in ((winner, "BUY"), (loser, "SELL")):
        sent = order_body(person, direction=direction, price=price(), offset="CLOSETODAY")
        assert person.post("order/submit", sent).code == 0
    site.settle_tables()
    contest_selectors._rankings.clear()
    answer = nobody.get(f"contests/{contest.code}/ranking")
    rows = answer.data["items"]
    assert [row["place"] for row in rows] == [1, 2, None]
    assert [row["nickname"] for row in rows] == [p.user.username for p in (winner, loser, idle)]
    assert rows[0]["profit_ratio"] > 0 > rows[1]["profit_ratio"]
    assert rows[0]["equity"] == winner.get(f"account/{winner.account_id}").data["balance"]
    assert winner.account_id not in answer.text
    assert winner.user_id not in answer.text


def test_the_end_keeps_the_figures_whatever_happens_later(site: Site, bob: Person) -> None:
    contest = make_contest(site)
    alice = entered(site, contest, "alice")
    bring(site, during(contest))
    bring(site, contest.ends_at)
    bring(site, contest.ends_at + timedelta(seconds=5))
    contest.refresh_from_db()
    assert contest.finished_at
    body = {
        "account_id": alice.account_id,
        "amount": "5000",
        "method": "x",
        "remark": "late",
        "reason": "late",
    }
    assert bob.post("management/deposit", body).code == 0
    site.settle_tables()
    contest_selectors._rankings.clear()
    assert contest_selectors.ranking(contest)[0]["equity"] == 1_000_000


def test_money_an_operator_adds_is_nobody_s_profit(site: Site, bob: Person) -> None:
    contest = make_contest(site)
    alice = entered(site, contest, "alice")
    body = {"account_id": alice.account_id, "amount": "5000", "method": "x", "remark": "", "reason": "gift"}
    assert bob.post("management/deposit", body).code == 0
    site.settle_tables()
    assert contest_selectors.ranking(contest)[0]["profit_ratio"] == 0


def test_a_disqualified_contestant_loses_place_and_trading_until_readmitted(site: Site) -> None:
    contest = make_contest(site, min_trades=0)
    alice = entered(site, contest, "alice")
    start(contest)
    bring(site, timezone.now())
    entry = ContestEntry.objects.select_related("contest").get(account_id=alice.account_id)
    contest_services.disqualify(entry=entry, reason="two accounts")
    bring(site, timezone.now())
    assert alice.post("order/submit", order_body(alice)).code == 2002
    assert contest_selectors.ranking(contest)[0]["place"] is None
    contest_services.readmit(entry=entry)
    bring(site, timezone.now())
    assert alice.post("order/submit", order_body(alice)).code == 0
    assert contest_selectors.ranking(contest)[0]["place"] == 1


def test_an_operator_s_own_freeze_stands(site: Site, bob: Person) -> None:
    contest = make_contest(site)
    alice = entered(site, contest, "alice")
    path = f"management/account/{alice.account_id}/freeze"
    assert bob.post(path, {"reason": "investigation"}).code == 0
    start(contest)
    bring(site, timezone.now())
    assert alice.post("order/submit", order_body(alice)).code == 2002


def test_results_name_who_is_who_for_staff_alone(site: Site, bob: Person, charlie: Person) -> None:
    contest = make_contest(site, is_published=False)
    Contest.objects.filter(pk=contest.pk).update(is_published=True)
    alice = entered(site, contest, "alice", "=1+1")
    Contest.objects.filter(pk=contest.pk).update(is_published=False)
    path = f"management/contests/{contest.code}/results"
    assert charlie.get(path).status == 403
    assert Api().get(path).status == 401
    assert bob.get(path).data["items"][0]["account_id"] == alice.account_id
    text = bob.get(path, Accept="text/csv").text
    assert next(csv.DictReader(io.StringIO(text)))["nickname"] == "'=1+1"


def test_what_is_not_published_is_not_there(site: Site, nobody: Api) -> None:
    contest = make_contest(site, is_published=False)
    for path in ("", "/ranking"):
        assert nobody.get(f"contests/{contest.code}{path}").code == 9007
    assert contest.code not in nobody.get("contests").text
    assert nobody.get("contests/%00").status == 404


@pytest.mark.parametrize("name", ["start_money", "sample_s", "code"])
def test_what_contestants_rely_on_no_longer_changes(site: Site, name: str) -> None:
    contest = make_contest(site)
    entered(site, contest, "alice")
    setattr(contest, name, {"code": "other"}.get(name, 77))
    with pytest.raises(Exception, match="no longer change"):
        contest.clean()
