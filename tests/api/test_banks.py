"""Banks, transfers, passwords, status and own rates of an account (T-100, T-101, H)."""

import uuid
from typing import Any

import pytest

from accounts import bank_services as banks
from accounts import selectors as account_selectors
from accounts import venue_settings
from accounts.models import Bank, BankAccount, MoneyRequest
from tests.api.conftest import COPPER, PASSWORD, Answer, Person, Site, make_user, order_body
from trading import selectors
from trading.ledger_audit import audit
from trading.models import AuditLog, CashFlow, Instrument

SCALE = 10_000
BANK_PASSWORD, FUND_PASSWORD = "bank-secret", "fund-secret"


@pytest.fixture
def signed(site: Site, alice: Person) -> Person:
    """Alice, signed with the demonstration bank, 50 000 yuan there, with a fund password."""
    banks.sign_demonstration(
        venue=site.venue, account_id=alice.account_id, password=BANK_PASSWORD, balance=50_000
    )
    assert fund_password(alice, PASSWORD, FUND_PASSWORD).status == 200
    return alice


def fund_password(person: Person, old: str, new: str, account_id: str = "") -> Answer:
    body = {"kind": "fund", "old_password": old, "new_password": new}
    return person.post(f"account/{account_id or person.account_id}/password", body)


def move(person: Person, amount: str, account_id: str = "", key: str = "", **changes: Any) -> Answer:
    body = {
        "account_id": account_id or person.account_id, "bank_id": "DEMO", "amount": amount,
        "bank_password": BANK_PASSWORD, "future_password": FUND_PASSWORD, **changes,
    }  # fmt: skip
    return person.post("account/transfer", body, **({"idempotency_key": key} if key else {}))


def balance(person: Person) -> float:
    return float(person.get(f"account/{person.account_id}").data["balance"])


def test_money_goes_in_and_out_and_the_books_prove_it(site: Site, signed: Person) -> None:
    answer = move(signed, "1000.05")
    assert (answer.status, answer.data["kind"], answer.data["amount"]) == (200, "transfer", 1000.05)
    assert answer.data["flow_id"].startswith("TXN") and answer.data["method"] == "bank:DEMO"
    assert move(signed, "-500.02").data["amount"] == -500.02
    assert balance(signed) == 1_000_500.03
    (bank,) = signed.get(f"account/{signed.account_id}/banks").data["items"]
    assert (bank["bank_id"], bank["is_demonstration"], bank["balance"]) == ("DEMO", True, 49_499.97)
    assert bank["number"] == "****0001"
    shown = signed.get(f"account/{signed.account_id}/transfers").data["items"]
    assert [row["amount"] for row in shown] == [-500.02, 1000.05]
    site.settle_tables()
    assert [one for one in audit(selectors.venue_number(site.venue)) if signed.account_id in str(one)] == []


def test_the_same_key_moves_once(site: Site, signed: Person) -> None:
    key = uuid.uuid4().hex
    first, again = move(signed, "700", key=key), move(signed, "700", key=key)
    assert first.data["flow_id"] == again.data["flow_id"]
    site.settle_tables()
    assert CashFlow.objects.filter(account_id=signed.account_id, kind="transfer").count() == 1
    assert move(signed, "701", key=key).code == 1013


def test_what_is_not_there_does_not_move(signed: Person) -> None:
    assert move(signed, "50000.01").code == 9006
    assert move(signed, "-1000000.01").code == 2004
    assert move(signed, "0").code == 9008
    assert move(signed, "1.00001").code == 9008
    assert move(signed, "5", bank_id="NONE").code == 9007
    assert balance(signed) == 1_000_000


def test_a_bank_without_a_link_answers_so(site: Site, signed: Person) -> None:
    bank = Bank.objects.create(bank_id=f"B{uuid.uuid4().hex[:8]}", name="a real one")
    row = BankAccount(venue=site.venue, account_id=signed.account_id, bank=bank, number="62220000")
    banks.set_bank_password(row, BANK_PASSWORD)
    row.save()
    assert move(signed, "5", bank_id=bank.bank_id).code == 9005


def test_wrong_passwords_are_refused_and_lock(signed: Person) -> None:
    assert move(signed, "5", bank_password="wrong").code == 9001
    for _ in range(5):
        answer = move(signed, "5", future_password="wrong")
        assert answer.code == 9001 and answer.error
        assert answer.error["extra"]["field"] == "future_password"
    locked = move(signed, "5")
    assert locked.code == 9004 and locked.error and locked.error["extra"]["retry_after"] > 800
    assert signed.get(f"account/{signed.account_id}/status").data["fund_password_locked"]
    kept = banks.fund_password_of(signed_venue(), signed.account_id)
    assert kept is not None and FUND_PASSWORD not in kept.password
    banks.unlock(kept)
    assert move(signed, "5").status == 200


def signed_venue() -> str:
    from django.conf import settings

    return str(settings.VENUE)


def test_without_a_fund_password_nothing_moves_and_setting_one_needs_the_old(
    site: Site, alice: Person
) -> None:
    banks.sign_demonstration(venue=site.venue, account_id=alice.account_id, password=BANK_PASSWORD, balance=9)
    assert move(alice, "5").code == 9001
    assert fund_password(alice, "wrong", FUND_PASSWORD).code == 9001
    assert fund_password(alice, PASSWORD, "short").code == 9008
    assert fund_password(alice, PASSWORD, FUND_PASSWORD).status == 200
    assert fund_password(alice, PASSWORD, "another-secret").code == 9001
    assert fund_password(alice, FUND_PASSWORD, "another-secret").status == 200
    assert move(alice, "5", future_password="another-secret").status == 200
    codes = AuditLog.objects.filter(action="fund_password", target=alice.account_id).values_list("code")
    assert sorted(code for (code,) in codes) == [0, 0, 9001, 9001, 9008]
    stored = AuditLog.objects.filter(target=alice.account_id).values_list("before", "after", "reason")
    assert FUND_PASSWORD not in str(list(stored))


def test_the_trading_password_is_the_users_own(alice: Person) -> None:
    body = {"kind": "trading", "old_password": "wrong", "new_password": "staple battery horse"}
    assert alice.post(f"account/{alice.account_id}/password", body).code == 9001
    done = alice.post(f"account/{alice.account_id}/password", {**body, "old_password": PASSWORD})
    assert done.status == 200
    alice.user.refresh_from_db()
    assert alice.user.check_password("staple battery horse")


def test_a_large_transfer_out_waits_for_a_second_person(site: Site, signed: Person, bob: Person) -> None:
    venue_settings.write(site.venue, {"withdraw_approval_above": 1_000 * SCALE})
    account_selectors._settings.clear()
    try:
        answer = move(signed, "-1000.01")
        assert answer.code == 2006 and answer.error
        number = answer.error["extra"]["request_id"]
        assert balance(signed) == 1_000_000
        assert MoneyRequest.objects.get(pk=number).kind == "transfer"
        done = bob.post(f"management/approvals/{number}/approve", {"reason": "seen"})
        assert (done.status, done.data["flow"]["kind"]) == (200, "transfer")
        site.settle_tables()
        assert balance(signed) == 998_999.99
        assert move(signed, "2000").status == 200
    finally:
        venue_settings.write(site.venue, {"withdraw_approval_above": 0})
        account_selectors._settings.clear()


def test_status_says_what_a_frozen_account_may_do(site: Site, signed: Person, bob: Person) -> None:
    status = signed.get(f"account/{signed.account_id}/status").data
    assert (status["status"], status["can_withdraw"], status["has_fund_password"]) == ("ACTIVE", True, True)
    body = {"mode": "WITHDRAW_ONLY", "reason": "dispute"}
    assert bob.post(f"management/account/{signed.account_id}/freeze", body).status == 200
    site.settle_tables()
    status = signed.get(f"account/{signed.account_id}/status").data
    assert (status["can_trade"], status["can_withdraw"], status["reason"]) == (True, False, "dispute")
    assert move(signed, "-5").code == 2002


def test_own_rates_are_those_an_order_is_checked_with(alice: Person, bob: Person) -> None:
    target = {"holder": f"account:{alice.account_id}", "target": COPPER.symbol, "reason": "agreed"}
    set_to = {**target, "open_fee_per_lot": "3.5", "open_fee_ratio": "0"}
    assert bob.put("admin/rates/commission", set_to).status == 200
    assert bob.put("admin/rates/margin", {**target, "margin_ratio_long": "0.2"}).status == 200
    query = f"?instrument_id={COPPER.symbol}"
    (fees,) = alice.get(f"account/{alice.account_id}/commission{query}").data["items"]
    (margins,) = alice.get(f"account/{alice.account_id}/margin{query}").data["items"]
    assert (fees["open_fee_per_lot"], fees["open_fee_ratio"]) == (3.5, 0)
    assert margins["margin_ratio_long"] == 0.2
    body = order_body(alice, order_id=...)
    checked = alice.post("order/check", body).data
    value = float(body["price"]) * Instrument.objects.get(symbol=COPPER.symbol).volume_multiple
    assert (checked["commission"], checked["margin"]) == (3.5, pytest.approx(value * 0.2))
    assert len(alice.get(f"account/{alice.account_id}/margin").data["items"]) >= 4


def test_strangers_learn_and_move_nothing(signed: Person, charlie: Person, nobody: Person) -> None:
    for what in ("banks", "transfers", "status", "commission", "margin"):
        path = f"account/{signed.account_id}/{what}"
        assert (charlie.get(path).code, nobody.get(path).code) == (1006, 9002)
    assert move(charlie, "5", account_id=signed.account_id).code == 1006
    assert fund_password(charlie, PASSWORD, "another-secret", signed.account_id).code == 1006
    reader = make_user("reader", scopes=("read",))
    assert move(reader, "5", account_id=signed.account_id).code == 9006
