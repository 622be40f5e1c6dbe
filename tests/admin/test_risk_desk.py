"""The risk desk shows who stands where, and its buttons are commands with a reason (O-6, T-82)."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from tests.admin.desk import Desk
from tests.admin.test_operations import ACCOUNT, REASON, operate, results
from tests.log.conftest import ALICE, BOB, CONTRACTS, order
from trading.commands import send_many
from trading.engine import messages as core
from trading.engine.units import SCALE
from trading.models import AuditLog, LiquidationRecord

COPPER = CONTRACTS[0]


@pytest.fixture
def holders(desk: Desk, settings: Any) -> Desk:
    """Alice long and Bob short, three lots."""
    settings.EXCHANGE_VENUE = desk.name
    for trader, direction in ((BOB, 1), (ALICE, 0)):
        command = order(trader, direction=direction, volume=3, limit_price=COPPER.middle)
        assert send_many(desk.name, [command], user_id=trader.user_id, wait_s=30)[0].ok
    desk.project()
    return desk


def shown(client: Client, query: str = "") -> Any:
    answer = client.get(reverse("admin:trading_risk_desk") + query)
    assert answer.status_code == 200
    return answer.context_data


def test_it_shows_the_price_that_would_liquidate_each_holder(holders: Desk, root: Client) -> None:
    page = shown(root)
    by_account = {line["account_id"]: line for line in page["lines"]}
    assert set(by_account) == {ALICE.account_id, BOB.account_id}
    (long,), (short,) = (by_account[who.account_id]["moves"] for who in (ALICE, BOB))
    assert (long["long"], long["short"], short["long"], short["short"]) == (3, 0, 0, 3)
    equity, units = float(holders.account.realised_balance), 3 * holders.instrument.volume_multiple
    for move, sign in ((long, 1), (short, -1)):
        price = COPPER.middle / SCALE - sign * (equity - float(holders.account.margin)) / units
        assert move["liquidation_price"] == (pytest.approx(price, abs=0.01) if price > 0 else None)
    assert page["levels"][0]["count"] == 2
    (line,) = page["instruments"]
    assert (line["instrument_id"], line["long"], line["short"]) == (COPPER.symbol, 3, 3)
    assert shown(root, "?level=Critical")["lines"] == []


def test_its_buttons_liquidate_hold_back_and_let_go(
    holders: Desk, client_of: Callable[[str], Client]
) -> None:
    client = client_of("risk")
    assert [one["title"] for one in shown(client)["lines"][0]["buttons"]][:2] == ["Liquidate", "Hold back"]
    assert not results(operate(client, ACCOUNT, "hold-back", holders.account))[0].code
    assert holders.last()[0] == core.HoldLiquidation(ALICE.account_id, True, REASON)
    holders.project()
    line = {one["account_id"]: one for one in shown(client)["lines"]}[ALICE.account_id]
    assert (line["held"], line["buttons"][0]["title"]) == (REASON, "Let go")
    (refused,) = results(operate(client, ACCOUNT, "liquidate", holders.account))
    assert refused.code == 9008
    assert not results(operate(client, ACCOUNT, "let-go", holders.account))[0].code
    holders.project()
    assert not results(operate(client, ACCOUNT, "liquidate", holders.account))[0].code
    assert holders.last()[0] == core.ForceLiquidate(ALICE.account_id, REASON)
    holders.project()
    record = LiquidationRecord.objects.get(account_id=ALICE.account_id)
    assert (record.cause, record.reason) == ("operator", REASON)
    assert [one["record_id"] for one in shown(client)["running"]] == [record.record_id]
    audit = AuditLog.objects.filter(action="liquidate").order_by("id")
    assert [(row.code, row.before["held_back"]) for row in audit] == [(9008, REASON), (0, "")]


def test_who_may_look_may_not_act(holders: Desk, client_of: Callable[[str], Client]) -> None:
    assert all(not one["buttons"] for one in shown(client_of("auditor"))["lines"])
    offered = {one["title"] for line in shown(client_of("operator"))["lines"] for one in line["buttons"]}
    assert offered == {"Freeze", "Cancel all orders"}
    assert client_of("").get(reverse("admin:trading_risk_desk")).status_code == 403
