"""GET and PUT /api/admin/rates/* (T-56)."""

import pytest

from tests.api.conftest import COPPER, Person, Site, order_body
from trading.models import AuditLog


def put(person: Person, kind: str = "commission", **body: object) -> object:
    return person.put(f"admin/rates/{kind}", {"target": COPPER.symbol, "reason": "notice", **body})


def test_an_accounts_rate_goes_before_the_others(site: Site, alice: Person, bob: Person) -> None:
    holder = f"account:{alice.account_id}"
    before = alice.post("order/check", order_body(alice)).data["commission"]
    answer = put(bob, holder=holder, open_fee_ratio="0", open_fee_per_lot="7.5")
    assert (answer.status, answer.data["open_fee_per_lot"], answer.data["close_fee_ratio"]) == (
        200,
        7.5,
        None,
    )
    assert alice.post("order/check", order_body(alice)).data["commission"] == 7.5 != before
    assert bob.post("order/check", order_body(bob)).data["commission"] == before
    row = next(row for row in bob.get("admin/rates/commission").data["items"] if row["holder"] == holder)
    assert row["target"] == COPPER.symbol and row["open_fee_per_lot"] == 7.5
    assert put(bob, holder=holder, open_fee_ratio=None, open_fee_per_lot=None).status == 200
    assert alice.post("order/check", order_body(alice)).data["commission"] == before
    assert AuditLog.objects.filter(action="set_rates", target=f"{holder} {COPPER.symbol}").count() == 2


def test_margin_and_commission_keep_apart(bob: Person, alice: Person) -> None:
    holder = f"account:{alice.account_id}"
    assert put(bob, "margin", holder=holder, margin_ratio_long="0.2").data["margin_ratio_long"] == 0.2
    assert put(bob, holder=holder, open_fee_per_lot="1").data["margin_ratio_long"] == 0.2
    assert put(bob, "margin", holder=holder, open_fee_per_lot="1").code == 9008
    assert put(bob, "margin", holder=holder).code == 9008


@pytest.mark.parametrize(
    "body,code",
    [
        ({"target": "SHFE.nothing"}, 1007),
        ({"holder": "account:nobody"}, 1006),
        ({"holder": "everybody"}, 9008),
        ({"open_fee_ratio": "-1"}, 9008),
    ],
)
def test_what_is_wrong_has_its_code(bob: Person, body: dict[str, str], code: int) -> None:
    assert put(bob, **{"open_fee_ratio": "0.0001", **body}).code == code


def test_strangers_neither_see_nor_set(charlie: Person, nobody: Person) -> None:
    for kind in ("commission", "margin"):
        assert (charlie.get(f"admin/rates/{kind}").status, nobody.get(f"admin/rates/{kind}").status) == (
            403,
            401,
        )
        assert (put(charlie, kind).status, put(nobody, kind).status) == (403, 401)
