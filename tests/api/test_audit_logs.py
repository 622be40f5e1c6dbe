"""GET /api/audit/logs: read by auditors alone (O-3)."""

import pytest

from tests.api.conftest import Person, Site, make_user


@pytest.fixture
def auditor(site: Site) -> Person:
    return make_user("audrey", groups=("auditor",), scopes=("read", "admin"))


def test_what_an_operator_did_is_told_with_its_reason(alice: Person, bob: Person, auditor: Person) -> None:
    body = {"account_id": alice.account_id, "amount": "5", "method": "bank", "reason": "asked by phone"}
    assert bob.post("management/deposit", body).status == 200
    told = auditor.get(f"audit/logs?target={alice.account_id}&action=deposit").data["items"]
    assert [(row["user_id"], row["reason"], row["code"]) for row in told] == [
        (bob.user_id, "asked by phone", 0)
    ]
    assert told[0]["after"]["amount"] == 5.0 and told[0]["seq"]


def test_failed_log_ins_and_denials_are_there(
    alice: Person, bob: Person, nobody: Person, auditor: Person
) -> None:
    nobody.post("auth/login", {"username": alice.user.username, "password": "wrong"})
    failed = auditor.get(f"audit/logs?action=login_failed&username={alice.user.username}").data["items"]
    assert failed and failed[0]["code"] == 9001
    assert bob.get("audit/logs").status == 403
    denied = auditor.get(f"audit/logs?action=permission_denied&user_id={bob.user_id}").data["items"]
    assert denied and denied[0]["code"] == 9006


@pytest.mark.parametrize("query", ["code=x", "start=yesterday", "end=-1", "address=here", "action=a%00b"])
def test_a_bad_filter_is_named(auditor: Person, query: str) -> None:
    answer = auditor.get(f"audit/logs?{query}")
    assert answer.code == 9008 and answer.error
    assert answer.error["extra"]["field"] == query.partition("=")[0]


def test_only_auditors_read_it(bob: Person, charlie: Person, nobody: Person) -> None:
    assert (bob.get("audit/logs").status, charlie.get("audit/logs").status) == (403, 403)
    assert nobody.get("audit/logs").status == 401
