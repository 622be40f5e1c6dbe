"""POST /api/order/submit."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import AuthToken
from exchange_site.streams import Keys, log_client
from tests.api.conftest import CONTRACTS, COPPER, await_until, order_body, price
from trading import commands
from trading.engine.messages import SetSettings


def test_it_accepts_a_resting_order_and_tells_its_ids(alice):
    answer = alice.post("order/submit", order_body(alice, order_id="first"))
    assert answer.status == 200, answer.text
    data = answer.data
    assert data["order_id"] == "first" and data["status"] == "Submitted"
    assert data["exchange_order_id"].isdigit() and data["uid"] > 0
    assert data["instrument_id"] == COPPER.symbol and data["remaining_volume"] == 1
    assert data["user_id"] == alice.user_id and data["price"] == price(-10)
    assert int(answer.headers["X-Event-Seq"]) >= data["uid"]


def test_it_tells_a_fill_with_its_average_price(alice, charlie):
    charlie.post("order/submit", order_body(charlie, direction="SELL", volume=2, price=price(3)))
    answer = alice.post("order/submit", order_body(alice, volume=2, price=price(5)))
    assert answer.data["status"] == "Filled" and answer.data["avg_price"] == price(3)
    assert answer.data["filled_volume"] == 2 and answer.data["remaining_volume"] == 0


def test_a_market_order_is_immediate_and_its_rest_cancels(alice, charlie):
    contract = CONTRACTS[1]
    there = {"instrument_id": contract.symbol}
    charlie.post("order/submit", order_body(charlie, direction="SELL", price=price(1, contract), **there))
    body = order_body(alice, order_type="MARKET", price=..., volume=3, **there)
    answer = alice.post("order/submit", body)
    assert answer.status == 200, answer.text
    assert answer.data["time_condition"] == "IOC" and answer.data["order_type"] == "ANY"
    assert answer.data["status"] == "Cancelled" and answer.data["filled_volume"] == 1
    assert answer.data["reason"]


def test_it_takes_strings_bare_ids_towards_and_other_names(alice):
    body = order_body(
        alice, instrument_id=COPPER.symbol.partition(".")[2], direction=..., offset=..., towards=2,
        price=..., limit_price=f"{price(-10):.4f}", order_type=..., price_type="limit", volume="1",
        user_id=alice.user_id,
    )  # fmt: skip
    answer = alice.post("order/submit", body)
    assert answer.status == 200, answer.text
    assert answer.data["direction"] == "BUY" and answer.data["instrument_id"] == COPPER.symbol


def test_it_reads_a_float_with_an_error_as_the_price_that_is_meant(alice):
    answer = alice.post("order/submit", order_body(alice, price=price(-10) - 1e-11))
    assert answer.data["price"] == price(-10)


def test_the_same_order_id_again_is_the_same_order(alice):
    body = order_body(alice)
    first = alice.post("order/submit", body)
    second = alice.post("order/submit", body)
    assert second.status == 200 and second.data["uid"] == first.data["uid"]
    other = alice.post("order/submit", {**body, "volume": 2})
    assert (other.status, other.code) == (409, 1013)


def test_a_repeated_refusal_is_refused_again(alice):
    body = order_body(alice, volume=100_000)
    first = alice.post("order/submit", body)
    second = alice.post("order/submit", body)
    assert first.code == second.code != 0 and second.error["extra"]["repeated"]


def test_an_idempotency_key_does_what_an_order_id_does(alice):
    body = order_body(alice, order_id=...)
    first = alice.post("order/submit", body, idempotency_key="once")
    second = alice.post("order/submit", body, idempotency_key="once")
    assert first.data["uid"] == second.data["uid"]
    other = alice.post("order/submit", {**body, "volume": 2}, idempotency_key="once")
    assert other.code == 1013


def test_without_an_order_id_the_core_names_it(alice):
    answer = alice.post("order/submit", order_body(alice, order_id=...))
    assert answer.data["order_id"] == f"S{answer.data['uid']}"


REFUSALS = [
    ({"volume": 1.5}, 1008, "volume"),
    ({"volume": 0}, 1008, None),
    ({"volume": True}, 1008, "volume"),
    ({"volume": ""}, 1008, "volume"),
    ({"volume": "NaN"}, 1008, "volume"),
    ({"volume": ...}, 1008, "volume"),
    ({"volume": 10**30}, 1008, "volume"),
    ({"price": 10**30}, 1008, "price"),
    ({"price": "1e5"}, 1008, "price"),
    ({"price": ""}, 1008, "price"),
    ({"price": False}, 1008, "price"),
    ({"price": [1]}, 1008, "price"),
    ({"price": ...}, 1008, "price"),
    ({"price": 1, "limit_price": 1}, 1008, "price"),
    ({"direction": "UP"}, 1008, "direction"),
    ({"direction": 1}, 1008, "direction"),
    ({"offset": ...}, 1008, "offset"),
    ({"towards": 1}, 1008, "towards"),
    ({"order_type": "ICEBERG"}, 1008, "order_type"),
    ({"time_condition": 7}, 1008, "time_condition"),
    ({"order_id": "a b"}, 1008, "order_id"),
    ({"order_id": "x" * 129}, 1008, "order_id"),
    ({"order_id": 5}, 1008, "order_id"),
    ({"client_tag": "a\x00b"}, 1008, "client_tag"),
    ({"client_tag": "\ud800"}, 1008, "client_tag"),
    ({"surprise": 1}, 1008, "surprise"),
    ({"gtd_date": "tomorrow"}, 1008, "gtd_date"),
    ({"account_id": {}}, 1008, "account_id"),
    ({"account_id": "ACC_none"}, 1006, None),
    ({"instrument_id": "SHFE.none"}, 1007, None),
    ({"instrument_id": "none"}, 1007, None),
    ({"time_condition": "GFA"}, 1012, None),
    ({"order_type": "ANY", "time_condition": "GFD"}, 1012, None),
    ({"price": 0.00011}, 1008, "price"),
    ({"price": 0.0001}, 1011, None),
    ({"price": 1e8}, 1010, None),
    ({"offset": "CLOSE"}, 2005, None),
    ({"user_id": "0" * 32}, 1006, None),
]


@pytest.mark.parametrize(("changes", "code", "field"), REFUSALS)
def test_it_refuses_with_the_code_and_the_field(alice, changes, code, field):
    answer = alice.post("order/submit", order_body(alice, **changes))
    assert answer.code == code, answer.text
    if field:
        assert answer.error["extra"]["field"] == field and field in answer.error["message"]


def test_it_refuses_what_alice_cannot_pay_in_both_languages(site):
    poor = site.person("alice", cash=10)
    share = {"product_share_ppm": 0}
    assert commands.send(site.venue, SetSettings(share)).ok
    english = poor.post("order/submit", order_body(poor))
    chinese = poor.chinese().post("order/submit", order_body(poor))
    assert commands.send(site.venue, SetSettings({"product_share_ppm": 500_000})).ok
    assert (english.status, english.code) == (422, 1001)
    assert english.error["message"].startswith("insufficient funds: required ")
    assert chinese.error["message"].startswith("资金不足: 需要 ")
    assert english.error["extra"]["status"] == "Rejected"


def test_it_refuses_to_trade_with_oneself(alice):
    contract = CONTRACTS[2]
    there = {"instrument_id": contract.symbol, "price": price(0, contract)}
    assert alice.post("order/submit", order_body(alice, direction="SELL", **there)).status == 200
    assert alice.post("order/submit", order_body(alice, **there)).code == 1005


def test_charlie_cannot_trade_for_alice_nor_tell_whether_she_exists(alice, charlie):
    hers = charlie.post("order/submit", order_body(alice))
    missing = charlie.post("order/submit", {**order_body(alice), "account_id": "ACC_" + "0" * 32})
    assert (hers.status, hers.code) == (404, 1006)
    assert hers.error["message"] == missing.error["message"]


def test_nobody_is_asked_to_sign_in(alice, nobody):
    answer = nobody.post("order/submit", order_body(alice))
    assert (answer.status, answer.code) == (401, 9002)
    alice.token = "0" * 64
    assert alice.post("order/submit", order_body(alice)).code == 9001


def test_a_token_that_may_only_read_places_nothing(alice):
    _, alice.token = AuthToken.objects.create(alice.user, None, name="r", scopes=["read"])
    answer = alice.post("order/submit", order_body(alice))
    assert (answer.status, answer.code) == (403, 9006)


@pytest.mark.parametrize("raw", [b" ", b"[]", b"{", b"null", b'{"a":NaN}', b"\xff", b'"x"', b"[" * 9000])
def test_it_refuses_bodies_that_are_no_object(alice, raw):
    answer = alice.call("POST", "order/submit", raw=raw)
    assert (answer.status, answer.code) == (400, 9003), answer.text


def test_it_refuses_a_body_of_a_megabyte(alice):
    answer = alice.call("POST", "order/submit", raw=b'{"a":"' + b"x" * (1 << 20) + b'"}')
    assert (answer.status, answer.code) == (413, 9003)


def test_it_answers_other_methods_in_the_envelope(alice):
    assert alice.get("order/submit").status == 405


def test_the_order_path_asks_the_database_nothing(alice):
    alice.post("order/submit", order_body(alice))
    with CaptureQueriesContext(connection) as captured:
        answer = alice.post("order/submit", order_body(alice))
    assert answer.status == 200 and len(captured) == 0


def test_a_revoked_token_is_refused_within_a_second(alice):
    alice.post("order/submit", order_body(alice))
    AuthToken.objects.filter(user=alice.user).delete()
    assert await_until(lambda: alice.post("order/submit", order_body(alice)).code == 9001, 1.5)


def test_it_answers_202_without_a_verdict_and_asks_what_became_of_it(site, alice, settings):
    quiet = f"{site.venue}q"
    settings.EXCHANGE_VENUE = quiet
    keys = Keys(quiet)
    with log_client() as log:
        log.set(keys.lease, "somebody", px=10_000)
        answer = alice.post("order/submit", order_body(alice, order_id="silent"))
        assert answer.status == 202 and answer.data["status"] == "PendingRisk"
        await_until(lambda: log.xlen(keys.commands) == 2)
        types = [fields[b"t"] for _, fields in log.xrange(keys.commands)]
        log.delete(keys.lease, keys.commands)
    assert types == [b"PlaceOrder", b"ResolveOrder"]


def test_it_answers_4001_without_a_worker(site, alice, settings):
    settings.EXCHANGE_VENUE = f"{site.venue}n"
    answer = alice.chinese().post("order/submit", order_body(alice))
    assert (answer.status, answer.code) == (503, 4001)
    assert answer.error["message"].startswith("撮合引擎未初始化")


def test_too_many_orders_are_told_when_to_come_back(site, alice, monkeypatch):
    from exchange_site.ratelimit import Limit
    from trading import selectors

    known = (10**9, Limit(1, 2))
    monkeypatch.setitem(selectors._order_limits, (site.venue, alice.user_id), known)
    answers = [alice.post("order/submit", order_body(alice)) for _ in range(3)]
    assert [answer.code for answer in answers] == [0, 0, 9004]
    assert answers[2].status == 429 and int(answers[2].headers["Retry-After"]) >= 1


def test_new_openings_wait_while_the_tables_are_too_far_behind(alice, monkeypatch):
    from exchange_site.exceptions import ExchangeError
    from trading import order_services

    monkeypatch.setattr(order_services, "_pressure_now", lambda venue: ExchangeError(9005))
    order_services._pressure.clear()
    assert alice.post("order/submit", order_body(alice)).code == 9005
    assert alice.post("order/submit", order_body(alice, offset="CLOSE")).code == 2005
    order_services._pressure.clear()
