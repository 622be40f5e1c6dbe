"""/api/admin/instruments, /api/admin/instrument/…, /api/admin/venue."""

from typing import Any

import pytest

from accounts import selectors as account_selectors
from accounts import venue_settings
from tests.api.conftest import COPPER, Api, make_user, order_body, price
from trading.engine.units import SCALE
from trading.models import AuditLog, DelistingRequest

PATH = "admin/instrument"
EXCHANGE, _, BARE = COPPER.symbol.partition(".")


def body_of(number: int, **changes: Any) -> dict[str, Any]:
    """A new contract of copper's product."""
    body = {
        "exchange_id": EXCHANGE,
        "instrument_id": f"new{number}",
        "product_id": COPPER.product_id if hasattr(COPPER, "product_id") else BARE.rstrip("0123456789"),
        "volume_multiple": 5,
        "price_tick": "10",
        "session_template": "always",
        "limit_up_ratio": "0.1",
        "limit_down_ratio": 0.1,
        "listing_price": 74000,
        **changes,
    }
    return {name: value for name, value in body.items() if value is not ...}


def test_an_operator_lists_a_contract_and_it_trades_at_once(bob, nobody):
    answer = bob.post(f"{PATH}/create", body_of(1, margin_ratio_long="0.2", reason="new month"))
    assert answer.status == 201, answer.text
    symbol = f"{EXCHANGE}.new1"
    assert answer.data == {"instrument_id": symbol, "status": "TRADING"}
    assert int(answer.headers["X-Event-Seq"]) > 0
    found = bob.get("admin/instruments?page_size=500").data["items"]
    item = next(item for item in found if item["instrument_id"] == symbol)
    assert item["pre_settlement"] == 74000 and item["upper_limit"] == 81400
    assert item["margin_ratio_long"] == 0.2 and item["margin_ratio_short"] is not None
    assert nobody.get(f"market/instruments/{symbol}").data == item
    row = AuditLog.objects.filter(action="create", target=symbol).get()
    assert (row.user_id, row.reason, row.code) == (bob.user_id, "new month", 0)


def test_a_known_symbol_is_2001(bob):
    answer = bob.post(f"{PATH}/create", body_of(0, instrument_id=BARE))
    assert (answer.status, answer.code) == (409, 2001)


def test_without_a_listing_price_it_stays_created_until_one_is_set(bob):
    assert bob.post(f"{PATH}/create", body_of(2, listing_price=...)).data["status"] == "CREATED"
    answer = bob.put(f"{PATH}/new2/update", {"listing_price": "100"})
    assert answer.data["status"] == "TRADING"


def test_the_same_key_lists_once(bob):
    body = body_of(3)
    first = bob.post(f"{PATH}/create", body, idempotency_key="new-3")
    again = bob.post(f"{PATH}/create", body, idempotency_key="new-3")
    assert (again.status, again.data) == (201, first.data)
    other = bob.post(f"{PATH}/create", body_of(4), idempotency_key="new-3")
    assert (other.status, other.code) == (409, 1013)


def test_terms_and_rates_change_without_a_restart(bob, alice):
    assert bob.post(f"{PATH}/create", body_of(5)).status == 201
    symbol = f"{EXCHANGE}.new5"
    body = order_body(alice, instrument_id=symbol, price=74000)
    assert alice.post("order/check", body).data["margin"] > 0
    change = {"margin_ratio_long": "0.5", "max_limit_volume": 1, "name_zh": "新铜"}
    assert bob.put(f"{PATH}/{symbol}/update", change).status == 200
    assert alice.post("order/check", body).data["margin"] == 74000 * 5 * 0.5
    assert alice.post("order/check", {**body, "volume": 2}).data["code"] == 1008
    found = bob.get("admin/instruments?page_size=500").data["items"]
    item = next(item for item in found if item["instrument_id"] == symbol)
    assert item["name_zh"] == "新铜" and item["margin_ratio_long"] == 0.5
    assert bob.put(f"{PATH}/{symbol}/update", {"margin_ratio_long": None}).status == 200
    assert alice.post("order/check", body).data["margin"] < 74000 * 5 * 0.5


def test_suspension_stops_orders_and_keeps_cancels(bob, alice):
    assert bob.post(f"{PATH}/create", body_of(6)).status == 201
    symbol = f"{EXCHANGE}.new6"
    body = order_body(alice, instrument_id=symbol, price=74000)
    assert alice.post("order/submit", body).code == 0
    assert bob.put(f"{PATH}/{symbol}/suspend", {"reason": "news"}).data["status"] == "SUSPENDED"
    again = alice.post("order/submit", {**body, "order_id": "again"})
    assert again.code == 1009
    again = bob.put(f"{PATH}/{symbol}/suspend")
    assert (again.status, again.code) == (400, 9008) and again.error["extra"]["status"] == "SUSPENDED"
    mine = {"account_id": alice.account_id, "order_id": body["order_id"]}
    assert alice.post("order/cancel", mine).code == 0
    assert bob.put(f"{PATH}/{symbol}/resume").data["status"] == "TRADING"


def test_a_held_contract_is_not_delisted_and_its_holders_are_named(bob, alice, charlie):
    assert bob.post(f"{PATH}/create", body_of(7)).status == 201
    symbol = f"{EXCHANGE}.new7"
    there = {"instrument_id": symbol, "price": 74000}
    assert charlie.post("order/submit", order_body(charlie, direction="SELL", **there)).code == 0
    assert alice.post("order/submit", order_body(alice, **there)).data["status"] == "Filled"
    answer = bob.delete(f"{PATH}/{symbol}/delist")
    assert (answer.status, answer.code) == (400, 9008)
    assert answer.error["extra"]["detail"].startswith(
        "Cannot delist new7: 2 account(s) have open positions. Accounts: ACC_"
    )


def test_a_free_contract_is_delisted_for_good(bob):
    assert bob.post(f"{PATH}/create", body_of(8)).status == 201
    assert bob.delete(f"{PATH}/new8/delist", {"reason": "end"}).data["status"] == "DELISTED"
    assert bob.put(f"{PATH}/{EXCHANGE}.new8/resume").code == 9008
    assert bob.put(f"{PATH}/new8/resume").code == 1007


@pytest.fixture
def two_persons(site):
    """The venue wants a second person for every delisting."""
    venue_settings.write(site.venue, {"two_person_delisting": 1})
    account_selectors._settings.clear()
    yield
    venue_settings.write(site.venue, {"two_person_delisting": 0})
    account_selectors._settings.clear()


def test_a_second_person_delists_where_the_venue_wants_two(bob, charlie, site, two_persons):
    assert bob.post(f"{PATH}/create", body_of(90)).status == 201
    for asked_now in (True, False):  # asked twice by one person it still waits
        answer = bob.delete(f"{PATH}/new90/delist", {"reason": "end"})
        assert (answer.status, answer.code, answer.error["extra"]["asked_now"]) == (409, 2006, asked_now)
    assert DelistingRequest.objects.get(symbol=f"{EXCHANGE}.new90").asked_by == bob.user_id
    assert charlie.delete(f"{PATH}/new90/delist", {"reason": "end"}).code == 9006
    codes = AuditLog.objects.filter(action="delist", user_id=bob.user_id).values_list("code", flat=True)
    assert 2006 in codes
    eve = site.person("eve", groups=("operator",), scopes=("read", "admin"))
    assert eve.delete(f"{PATH}/new90/delist", {"reason": "seen"}).data["status"] == "DELISTED"
    assert not DelistingRequest.objects.filter(symbol=f"{EXCHANGE}.new90").exists()


def test_the_venue_is_shown_to_staff(bob, site):
    answer = bob.get("admin/venue")
    assert answer.data["venue"] == site.venue and answer.data["trading_day"] > 20_000_000
    assert answer.data["settings"]["max_order_amount"] == 10_000_000 * SCALE
    assert "CONTINUOUS" in answer.data["phases"].values()


CALLS = [
    ("GET", "admin/instruments"),
    ("GET", "admin/venue"),
    ("POST", f"{PATH}/create"),
    ("PUT", f"{PATH}/{COPPER.symbol}/update"),
    ("PUT", f"{PATH}/{COPPER.symbol}/suspend"),
    ("PUT", f"{PATH}/{COPPER.symbol}/resume"),
    ("DELETE", f"{PATH}/{COPPER.symbol}/delist"),
]


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_charlie_and_strangers_are_refused(site, method, path):
    stranger = Api().call(method, path, {})
    assert (stranger.status, stranger.code) == (401, 9002)
    charlie = make_user("charlie")
    assert (charlie.call(method, path, {}).status, charlie.call(method, path, {}).code) == (403, 9006)
    scoped = make_user("charlie", scopes=("read", "trade", "admin"))
    assert scoped.call(method, path, {}).code == 9006
    chinese = charlie.chinese().call(method, path, {})
    assert chinese.error["message"].startswith("无权限")


@pytest.mark.parametrize(("method", "path"), CALLS[2:])
def test_lower_groups_and_tokens_without_the_scope_change_nothing(site, method, path):
    for group in ("auditor", "support", "settlement", "risk"):
        person = make_user(group, groups=(group,), scopes=("read", "trade", "admin"))
        assert person.call(method, path, {}).code == 9006
    operator = make_user("bob", groups=("operator",), scopes=("read", "trade"))
    assert operator.call(method, path, {}).code == 9006


def test_auditors_read(site):
    auditor = make_user("auditor", groups=("auditor",), scopes=("admin",))
    assert auditor.get("admin/instruments").status == 200
    assert auditor.get("admin/venue").status == 200


def test_a_denied_act_stands_in_the_audit_log(site):
    charlie = make_user("charlie")
    charlie.put(f"{PATH}/{COPPER.symbol}/suspend")
    charlie_admin = make_user("charlie", scopes=("admin",))
    charlie_admin.put(f"{PATH}/{COPPER.symbol}/suspend")
    assert AuditLog.objects.filter(action="permission_denied", user_id=charlie_admin.user_id).exists()


HOSTILE = [
    ({"exchange_id": ...}, "exchange_id"),
    ({"exchange_id": "NYSE"}, "exchange_id"),
    ({"exchange_id": ["SHFE"]}, "exchange_id"),
    ({"instrument_id": "a.b"}, "instrument_id"),
    ({"instrument_id": "a\x00"}, "instrument_id"),
    ({"instrument_id": "x" * 33}, "instrument_id"),
    ({"instrument_id": 7}, None),
    ({"product_id": "none"}, "product_id"),
    ({"volume_multiple": 0}, "volume_multiple"),
    ({"volume_multiple": True}, "volume_multiple"),
    ({"volume_multiple": 10**30}, "volume_multiple"),
    ({"price_tick": 0}, "price_tick"),
    ({"price_tick": "NaN"}, "price_tick"),
    ({"price_tick": 0.00001}, "price_tick"),
    ({"limit_up_ratio": 0}, "limit_up_ratio"),
    ({"limit_up_ratio": "1e-3"}, "limit_up_ratio"),
    ({"limit_down_ratio": 1.5}, "limit_down_ratio"),
    ({"limit_down_ratio": {}}, "limit_down_ratio"),
    ({"margin_ratio_long": 0}, "margin_ratio_long"),
    ({"margin_ratio_long": 1.01}, "margin_ratio_long"),
    ({"margin_ratio_long": False}, "margin_ratio_long"),
    ({"open_fee_ratio": -0.1}, "open_fee_ratio"),
    ({"open_fee_per_lot": -1}, "open_fee_per_lot"),
    ({"open_fee_per_lot": ""}, "open_fee_per_lot"),
    ({"session_template": "none"}, "session_template"),
    ({"session_template": "\ud800"}, "session_template"),
    ({"expire_date": 20261340}, "expire_date"),
    ({"expire_date": 20200101}, "expire_date"),
    ({"listing_price": "74001"}, "listing_price"),
    ({"self_trade_mode": 1}, "self_trade_mode"),
    ({"surprise": 1}, "surprise"),
]


@pytest.mark.parametrize(("changes", "field"), HOSTILE)
def test_bad_terms_are_9008_and_named(bob, changes, field):
    answer = bob.post(f"{PATH}/create", body_of(9, **changes))
    if field is None:
        assert answer.status < 500
        return
    assert (answer.status, answer.code) == (400, 9008), answer.text
    assert answer.error["extra"]["field"] == field


@pytest.mark.parametrize("body", [{}, {"reason": "x"}, {"exchange_id": "INE"}, {"price_tick": True}])
def test_an_update_without_sense_is_9008(bob, body):
    assert bob.put(f"{PATH}/{COPPER.symbol}/update", body).code == 9008


@pytest.mark.parametrize("symbol", ["SHFE.none", "none", "%00", "x" * 300, "💩"])
def test_an_unknown_instrument_is_1007(bob, symbol):
    for method, action in (("PUT", "suspend"), ("PUT", "resume"), ("DELETE", "delist")):
        answer = bob.call(method, f"{PATH}/{symbol}/{action}", {})
        assert answer.status == 404 and answer.code in (1007, 9007), answer.text
    assert bob.put(f"{PATH}/{symbol}/update", {"max_limit_volume": 3}).status == 404


def test_a_held_contract_keeps_its_multiple(bob, alice, charlie):
    there = {"price": price(0)}
    assert charlie.post("order/submit", order_body(charlie, direction="SELL", **there)).code == 0
    assert alice.post("order/submit", order_body(alice, **there)).code == 0
    answer = bob.put(f"{PATH}/{COPPER.symbol}/update", {"volume_multiple": 7})
    assert answer.code == 9008 and answer.error["extra"]["field"] == "volume_multiple"


RAW = [b"", b"[]", b"null", b"{", b'{"reason": NaN}', b"\xff", b'{"reason":"\\ud800"}']


@pytest.mark.parametrize("raw", RAW)
def test_a_body_that_is_no_object_is_refused(bob, raw):
    answer = bob.call("PUT", f"{PATH}/SHFE.none/suspend", raw=raw)
    assert 400 <= answer.status < 500


def test_a_megabyte_is_refused(bob):
    answer = bob.call("PUT", f"{PATH}/{COPPER.symbol}/suspend", raw=b'{"reason":"' + b"x" * 2**20 + b'"}')
    assert (answer.status, answer.code) == (413, 9003)
