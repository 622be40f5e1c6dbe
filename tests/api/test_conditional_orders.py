"""/api/conditional-orders: kept by the core, seen in the tables, refused with a code (T-70)."""

import pytest

from tests.api.conftest import CONTRACTS, await_until, make_user, order_body, price
from trading.engine.units import SCALE
from trading.models import ConditionalOrder

GOLD = CONTRACTS[1]
PATH = "conditional-orders"
_numbers = iter(range(10**6))


def level(ticks=0):
    return price(ticks, GOLD)


def trade_at(buyer, seller, ticks, contract=GOLD, volume=1):
    """One trade, which sets the last price."""
    terms = {"instrument_id": contract.symbol, "volume": volume, "price": price(ticks, contract)}
    assert seller.post("order/submit", order_body(seller, direction="SELL", **terms)).status == 200
    answer = buyer.post("order/submit", order_body(buyer, **terms))
    assert answer.data["status"] == "Filled", answer.text


def stop_body(person, **changes):
    body = {
        "account_id": person.account_id,
        "order_id": f"stop{next(_numbers)}",
        "kind": "STOP_LOSS",
        "instrument_id": GOLD.symbol,
        "direction": "SELL",
        "offset": "CLOSE",
        "volume": 1,
        "trigger_price": level(-5),
    }
    body.update(changes)
    return {name: value for name, value in body.items() if value is not ...}


@pytest.fixture
def holder(site):
    """Alice, long two lots at the middle."""
    alice, other = site.person("alice", 10**8), site.person("bob", 10**8)
    trade_at(alice, other, 0, volume=2)
    alice.other = other
    return alice


def place(person, **changes):
    answer = person.post(PATH, stop_body(person, **changes))
    assert answer.status == 201, answer.text
    return answer.data


def test_a_stop_is_kept_shown_and_cancelled(holder):
    answer = holder.post(PATH, stop_body(holder, order_id="mine"))
    assert answer.status == 201 and int(answer.headers["X-Event-Seq"]) == answer.data["uid"]
    data = answer.data
    assert (data["order_id"], data["kind"], data["status"]) == ("mine", "STOP_LOSS", "WAITING")
    condition = data["conditions"][0]
    assert (condition["relation"], condition["price"]) == ("LE", level(-5))
    assert holder.get(f"{PATH}/mine").data == data
    assert holder.get(f"{PATH}?status=working").data["items"] == [data]
    gone = holder.delete(f"{PATH}/mine")
    assert gone.status == 200 and gone.data["status"] == "CANCELLED"
    assert int(gone.headers["X-Event-Seq"]) > data["uid"]
    assert holder.get(f"{PATH}?status=working").data["items"] == []
    again = holder.delete(f"{PATH}?order_id=mine&account_id={holder.account_id}")
    assert (again.status, again.code) == (409, 3002)


def test_the_projector_writes_every_step_into_the_table(holder):
    data = place(holder, client_tag="algo")
    holder.post(f"{PATH}/{data['order_id']}/suspend")
    row = await_until(lambda: ConditionalOrder.objects.filter(uid=data["uid"], status="SUSPENDED").first())
    assert (row.account_id, row.order_id, row.label) == (holder.account_id, data["order_id"], "STOP_LOSS")
    assert row.client_tag == "algo" and row.orders[0]["volume"] == 1
    assert row.conditions[0]["price"] == round(level(-5) * SCALE)
    resumed = holder.post(f"{PATH}/{data['order_id']}/resume")
    assert resumed.data["status"] == "WAITING"
    assert holder.post(f"{PATH}/{data['order_id']}/resume").code == 3002


def test_a_stop_triggers_once_and_its_order_is_there(holder, site):
    third = site.person("charlie", 10**8)
    resting = order_body(third, instrument_id=GOLD.symbol, price=level(-6), volume=3)
    third.post("order/submit", resting)
    data = place(holder, trigger_price=level(-6))
    seller = order_body(holder.other, instrument_id=GOLD.symbol, direction="SELL", price=level(-6), volume=1)
    holder.other.post("order/submit", seller)
    shown = await_until(
        lambda: (
            holder.get(f"{PATH}/{data['order_id']}").data["status"] == "TRIGGERED"
            and holder.get(f"orders?instrument_id={GOLD.symbol}").data["items"]
        )
    )
    placed = [row for row in shown if row["order_id"].startswith(data["order_id"])]
    assert [(row["direction"], row["filled_volume"]) for row in placed] == [("SELL", 1)]
    assert holder.delete(f"{PATH}/{data['order_id']}").code == 3002


@pytest.mark.parametrize(
    ("changes", "relations"),
    [
        ({"kind": "TAKE_PROFIT", "trigger_price": level(9)}, ["GE"]),
        ({"kind": "TOUCH", "trigger_price": level(-9)}, ["LE"]),
        ({"kind": "TRAILING", "trigger_price": ..., "distance": level(3) - level(0)}, ["LE"]),
        ({"kind": "OCO", "trigger_price2": level(9)}, ["LE", "GE"]),
        ({"kind": "STOP_LOSS", "direction": "BUY", "trigger_price": level(9)}, ["GE"]),
        ({"kind": "TIME", "trigger_price": ..., "time": 4_102_444_800_000}, ["GE"]),
        ({"kind": "MARKET_OPEN", "trigger_price": ...}, ["GE"]),
        ({"kind": "BREAK_EVEN", "trigger_price": level(4)}, ["GE"]),
        ({"kind": "PRICE_RANGE", "trigger_price": level(5), "trigger_price2": level(8)}, ["GE"]),
        ({"order_type": "LIMIT", "price": level(-8)}, ["LE"]),
        ({"volume": ..., "close_all": True}, ["LE"]),
        ({"price_source": "BID"}, ["LE"]),
        ({"time_condition": "GTD", "gtd_date": 20991231}, ["LE"]),
    ],
)
def test_every_kind_is_taken(site, changes, relations):
    alice, other = site.person("alice", 10**8), site.person("bob", 10**8)
    trade_at(alice, other, 0)
    data = place(alice, **changes)
    assert data["status"] == "WAITING"
    assert [condition["relation"] for condition in data["conditions"]] == relations


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"kind": "ODD"}, 1008, "kind"),
        ({"kind": ...}, 1008, "kind"),
        ({"kind": 5}, 1008, "kind"),
        ({"direction": ...}, 1008, "direction"),
        ({"offset": "AWAY"}, 1008, "offset"),
        ({"volume": ...}, 1008, "volume"),
        ({"volume": 0.5}, 1008, "volume"),
        ({"volume": 0}, 1008, "volume"),
        ({"close_all": "yes"}, 1008, "close_all"),
        ({"close_all": True, "offset": "OPEN"}, 1008, "close_all"),
        ({"trigger_price": ...}, 1008, "trigger_price"),
        ({"trigger_price": "NaN"}, 1008, "trigger_price"),
        ({"trigger_price": level(5)}, 1008, "trigger_price"),
        ({"kind": "TRAILING"}, 1008, "distance"),
        ({"kind": "OCO"}, 1008, "trigger_price2"),
        ({"kind": "TIME"}, 1008, "time"),
        ({"kind": "TIME", "time": 1}, 1008, "time"),
        ({"order_type": "LIMIT"}, 1008, "price"),
        ({"time_condition": "IOC"}, 1008, "time_condition"),
        ({"time_condition": "GTD"}, 1008, "gtd_date"),
        ({"order_id": "a b"}, 1008, "order_id"),
        ({"nonsense": 1}, 1008, "nonsense"),
        ({"account_id": 7}, 1008, "account_id"),
        ({"instrument_id": "SHFE.none"}, 1007, None),
    ],
)
def test_bad_input_is_refused_and_names_its_field(site, changes, code, field):
    alice, other = site.person("alice", 10**8), site.person("bob", 10**8)
    trade_at(alice, other, 0)
    answer = alice.post(PATH, stop_body(alice, **changes))
    assert answer.code == code, answer.text
    if field:
        assert answer.error["extra"]["field"] == field
    assert alice.get(PATH).data["items"] == []


def test_the_same_key_keeps_one_and_the_same_id_is_1013(holder):
    body = stop_body(holder)
    first = holder.post(PATH, body, idempotency_key="once")
    assert first.status == 201
    assert holder.post(PATH, body, idempotency_key="once").data == first.data
    assert holder.post(PATH, body).code == 1013
    assert holder.post(PATH, stop_body(holder), idempotency_key="once").code == 1013
    assert len(holder.get(PATH).data["items"]) == 1


def test_charlie_sees_and_touches_nothing(holder, charlie, nobody):
    data = place(holder)
    name = data["order_id"]
    assert charlie.post(PATH, stop_body(holder)).code == 1006
    assert charlie.post(PATH, stop_body(charlie, user_id=holder.user_id)).code == 1006
    assert charlie.get(PATH).data["items"] == []
    assert charlie.get(f"{PATH}?account_id={holder.account_id}").code == 1006
    for path in (name, f"{name}?account_id={holder.account_id}", "none", "%00"):
        missing = charlie.get(f"{PATH}/{path}")
        assert (missing.status, missing.code) == (404, 3001)
    assert charlie.delete(f"{PATH}/{name}").code == 3001
    assert charlie.delete(f"{PATH}/{name}?account_id={holder.account_id}").code == 1006
    assert charlie.post(f"{PATH}/{name}/suspend").code == 3001
    for answer in (nobody.get(PATH), nobody.post(PATH, {}), nobody.delete(f"{PATH}/{name}")):
        assert (answer.status, answer.code) == (401, 9002)
    reader = make_user("dora", scopes=("read",))
    assert reader.post(PATH, {}).code == 9006
    assert holder.get(f"{PATH}/{name}").data["status"] == "WAITING"
