"""Missed notifications: whose, in which order, after which one (W-11)."""

import pytest

from tests.api.conftest import COPPER, Person, Site, await_until
from trading import commands
from trading.codec import to_number
from trading.engine.messages import HaltVenue, ResumeVenue


def submit(person: Person, order_id: str, price: float = 0.0, **changes: object) -> None:
    body = {
        "account_id": person.account_id, "order_id": order_id, "instrument_id": COPPER.symbol,
        "direction": "BUY", "offset": "OPEN", "volume": 1, "price": price or to_number(COPPER.middle),
    }  # fmt: skip
    person.post("order/submit", body | changes)


def told(person: Person, query: str = "") -> list[dict[str, object]]:
    return person.get(f"notifications{query}").data["items"]


def test_an_order_and_its_fill_are_told_in_order(site: Site, alice: Person, charlie: Person) -> None:
    submit(charlie, "rest-1", direction="SELL")
    submit(alice, "take-1")
    submit(alice, "bad-1", price=0.01)
    items = await_until(
        lambda: (found := told(alice)) and found[-1]["message_type"] == "order_rejected" and found
    )
    mine = [one["message_type"] for one in items if one["account_id"] == alice.account_id]
    assert mine[-4:] == ["order_accepted", "trade_executed", "order_filled", "order_rejected"]
    last = items[-1]
    assert (last["priority"], last["channel"], last["payload"]["error_code"]) == (0, "trade", 1011)
    assert last["user_id"] == alice.user.pk.hex and "bad-1" in last["text"]


def test_after_gives_what_came_later_and_pages_go_on(site: Site, alice: Person) -> None:
    for number in range(4):
        submit(alice, f"far-{number}", price=to_number(COPPER.middle - 20 * COPPER.price_tick))
    everything = await_until(lambda: (found := told(alice)) and "far-3" in found[-1]["text"] and found)
    page = alice.get("notifications?limit=2").data
    assert [one["message_id"] for one in page["items"]] == [one["message_id"] for one in everything[-2:]]
    first = alice.get(f"notifications?after={everything[0]['message_id']}&limit=2").data
    assert first["items"] == everything[1:3]
    assert first["next_after"] == everything[2]["message_id"]
    assert told(alice, f"?after={everything[-1]['message_id']}") == []


def test_nobody_sees_anothers_and_texts_follow_the_language(
    site: Site, alice: Person, charlie: Person
) -> None:
    submit(alice, "own-1")
    await_until(lambda: any("own-1" in one["text"] for one in told(alice)))
    assert not [one for one in told(charlie, "?limit=500") if one["account_id"] == alice.account_id]
    assert any("报单" in one["text"] for one in alice.chinese().get("notifications").data["items"])


@pytest.mark.parametrize(
    "query", ["after=x", "after=main-", "limit=0", "limit=501", "limit=x", "after=other-1"]
)
def test_bad_cursors_are_refused_by_name(site: Site, alice: Person, query: str) -> None:
    answer = alice.get(f"notifications?{query}")
    assert (answer.status, answer.code) == (400, 9008)


def test_a_halt_is_told_to_everybody(site: Site, alice: Person, charlie: Person) -> None:
    commands.send(site.venue, HaltVenue("drill"), wait_s=10)
    commands.send(site.venue, ResumeVenue("over"), wait_s=10)
    for person in (alice, charlie):
        await_until(lambda who=person: any(one["message_type"] == "market_halt" for one in told(who)))
