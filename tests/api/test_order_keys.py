"""Idempotency-Key on the order rows other than submit, whose order_id does the same (H-6)."""

import pytest

from accounts.models import IdempotencyKey
from tests.api.conftest import COPPER, Person
from tests.api.test_orders import order_body

CLOSE = {"instrument_id": COPPER.symbol, "side": "LONG"}


def resting(person: Person, order_id: str) -> dict[str, str]:
    """A resting order of the person; what names it."""
    body = order_body(person, order_id=order_id, price=str(COPPER.middle / 10_000 - 500))
    answer = person.post("order/submit", body)
    assert answer.data["status"] == "Submitted", answer.text
    return {"account_id": person.account_id, "order_id": order_id}


def test_a_repeated_cancel_is_answered_as_the_first(alice):
    named = resting(alice, "k1")
    first = alice.post("order/cancel", named, idempotency_key="cancel-1")
    second = alice.post("order/cancel", named, idempotency_key="cancel-1")
    assert first.status == second.status == 200 and second.data == first.data
    assert alice.post("order/cancel", named).code == 3002


def test_a_cancel_whose_answer_was_lost_is_sent_again_under_the_same_command(alice):
    named = resting(alice, "k2")
    alice.post("order/cancel", named, idempotency_key="lost-1")
    IdempotencyKey.objects.filter(user=alice.user, key="lost-1").update(status=None, answer=None)
    assert alice.post("order/cancel", named, idempotency_key="lost-1").status == 200


def test_a_refusal_is_remembered_too(alice):
    named = {"account_id": alice.account_id, "order_id": "nobody"}
    assert alice.post("order/cancel", named, idempotency_key="no-1").code == 3001
    resting(alice, "nobody")
    assert alice.post("order/cancel", named, idempotency_key="no-1").code == 3001
    assert alice.post("order/cancel", named, idempotency_key="no-2").status == 200


@pytest.mark.parametrize(
    "path,body",
    [
        ("order/cancel", {"order_id": "x"}),
        ("order/cancel-batch", {"order_ids": ["x"]}),
        ("order/cancel-all", {}),
        ("order/modify", {"order_id": "x", "volume": 3}),
        ("order/close", CLOSE),
    ],
)
def test_other_content_under_a_known_key_is_refused(alice, path, body):
    sent = {"account_id": alice.account_id, **body}
    alice.post(path, sent, idempotency_key=f"same{path}")
    answer = alice.post("order/cancel", {**sent, "order_id": "other"}, idempotency_key=f"same{path}")
    assert (answer.status, answer.code) == (409, 1013)


def test_a_repeated_batch_places_its_orders_once(alice):
    price = str(COPPER.middle / 10_000 - 500)
    orders = [{k: v for k, v in order_body(alice, price=price).items() if k != "order_id"}] * 2
    answers = [
        alice.post("order/submit-batch", {"orders": orders}, idempotency_key="batch-1") for _ in range(2)
    ]
    assert answers[0].data["success_count"] == 2 and answers[1].data == answers[0].data
    IdempotencyKey.objects.filter(user=alice.user).update(status=None, answer=None)
    again = alice.post("order/submit-batch", {"orders": orders}, idempotency_key="batch-1")
    assert again.data["success_count"] == 2
    assert alice.post("order/cancel-all", {"account_id": alice.account_id}).data["cancelled"] == 2


def test_a_repeated_modify_changes_once(alice):
    named = resting(alice, "k3")
    first = alice.post("order/modify", {**named, "volume": 4}, idempotency_key="modify-1")
    assert alice.post("order/modify", {**named, "volume": 5}).data["volume"] == 5
    second = alice.post("order/modify", {**named, "volume": 4}, idempotency_key="modify-1")
    assert second.data == first.data and first.data["volume"] == 4
    assert alice.get("order/k3").data["volume"] == 5


@pytest.mark.parametrize("key", ["x" * 300, "tab\tkey", "ключ"])
def test_a_key_that_is_none_is_refused(alice, key):
    named = {"account_id": alice.account_id, "order_id": "x"}
    assert alice.post("order/cancel", named, idempotency_key=key).code == 9008


def test_the_stranger_may_use_the_same_key(alice, charlie):
    named = resting(alice, "k4")
    stolen = charlie.post("order/cancel", named, idempotency_key="shared-1")
    assert (stolen.status, stolen.code) == (404, 1006)
    assert alice.post("order/cancel", named, idempotency_key="shared-1").status == 200


@pytest.mark.parametrize("text", ["a\x00b", "a\ud800b"])
def test_a_refusal_that_quotes_what_no_database_takes_is_kept_all_the_same(alice, text):
    sent = {"account_id": alice.account_id, "order_id": "x", text: 1}
    answers = [alice.post("order/modify", sent, idempotency_key=f"odd{len(text)}") for _ in range(2)]
    assert [answer.code for answer in answers] == [1008, 1008]
