"""Large withdrawals wait for a second person (T-100, O-4)."""

from collections.abc import Iterator

import pytest

from accounts import selectors as account_selectors
from accounts import venue_settings
from accounts.models import MoneyRequest
from tests.api.conftest import Person, Site
from trading.models import AuditLog, CashFlow

SCALE = 10_000


@pytest.fixture(autouse=True)
def large(site: Site) -> Iterator[None]:
    """Above 1 000 yuan a withdrawal waits, an operator's too."""
    names = {"withdraw_approval_above": 1_000 * SCALE, "two_person_withdrawal": 1}
    venue_settings.write(site.venue, names)
    account_selectors._settings.clear()
    yield
    venue_settings.write(site.venue, dict.fromkeys(names, 0))
    account_selectors._settings.clear()


def ask(alice: Person, amount: str = "5000") -> int:
    body = {"account_id": alice.account_id, "amount": amount, "method": "bank", "remark": "rent"}
    answer = alice.post("account/withdraw", body)
    assert (answer.status, answer.code) == (409, 2006) and answer.error
    return int(answer.error["extra"]["request_id"])


def decide(person: Person, number: int, what: str = "approve") -> object:
    return person.post(f"management/approvals/{number}/{what}", {"reason": "seen"})


def test_a_small_withdrawal_does_not_wait(alice: Person) -> None:
    body = {"account_id": alice.account_id, "amount": "1000", "method": "bank", "remark": ""}
    assert alice.post("account/withdraw", body).status == 200


def test_a_large_one_is_paid_when_a_second_person_approves(site: Site, alice: Person, bob: Person) -> None:
    number = ask(alice)
    assert alice.get(f"account/{alice.account_id}").data["balance"] == 1_000_000
    answer = decide(bob, number)
    assert (answer.status, answer.data["status"]) == (200, "completed")
    assert answer.data["flow_id"].startswith("TXN")
    site.settle_tables()
    assert alice.get(f"account/{alice.account_id}").data["balance"] == 995_000
    assert AuditLog.objects.get(action="approve_withdrawal", target=str(number)).user_id == bob.user_id


def test_it_is_paid_once(alice: Person, bob: Person) -> None:
    number = ask(alice)
    assert decide(bob, number).status == 200
    assert decide(bob, number).code == 9008
    row = MoneyRequest.objects.get(pk=number)
    MoneyRequest.objects.filter(pk=number).update(state="approved")  # as a crash would have left it
    assert decide(bob, number).data["flow_id"] == row.flow_id
    assert CashFlow.objects.filter(account_id=alice.account_id, amount__lt=0).count() == 1


def test_a_rejected_one_is_never_paid(alice: Person, bob: Person) -> None:
    number = ask(alice)
    assert decide(bob, number, "reject").data["status"] == "cancelled"
    assert decide(bob, number).code == 9008
    assert alice.get(f"account/{alice.account_id}").data["balance"] == 1_000_000


def test_one_that_is_no_longer_covered_fails(alice: Person, bob: Person) -> None:
    number = ask(alice, "2000000")
    assert decide(bob, number).code == 2004
    assert MoneyRequest.objects.get(pk=number).state == "failed"


def test_nobody_approves_their_own(site: Site, bob: Person, alice: Person) -> None:
    body = {"account_id": alice.account_id, "amount": "5000", "method": "bank", "reason": "asked for"}
    asked = bob.post("management/withdraw", body)
    assert asked.code == 2006 and asked.error
    number = asked.error["extra"]["request_id"]
    assert decide(bob, number).code == 9006
    assert AuditLog.objects.filter(action="approve_withdrawal", target=str(number), code=9006).exists()
    other = site.person("eve", groups=("operator",), scopes=("read", "admin"))
    assert decide(other, number).status == 200


def test_the_same_key_asks_once(alice: Person) -> None:
    body = {"account_id": alice.account_id, "amount": "5000", "method": "bank", "remark": ""}
    for _ in range(2):
        assert alice.post("account/withdraw", body, idempotency_key="k1").code == 2006
    assert MoneyRequest.objects.filter(account_id=alice.account_id).count() == 1


def test_strangers_neither_ask_nor_decide(
    alice: Person, bob: Person, charlie: Person, nobody: Person
) -> None:
    body = {"account_id": alice.account_id, "amount": "5000", "method": "bank", "remark": ""}
    assert charlie.post("account/withdraw", body).code == 1006
    number = ask(alice)
    for what in ("approve", "reject"):
        assert (decide(charlie, number, what).status, decide(nobody, number, what).status) == (403, 401)
    assert charlie.get("management/approvals").status == 403
    assert bob.get("management/approvals").data["items"][0]["request_id"] == number
    assert decide(bob, 10**9).code == 9007
