"""/api/management/risk/…: accounts by risk ratio, margin, liquidations, hold-backs (T-80 … T-82)."""

import pytest

from tests.api.conftest import COPPER, await_until, order_body, price
from trading.models import AuditLog, LiquidationRecord, RiskNotice

RISK = "management/risk"
WHY = {"reason": "asked by the risk desk"}


@pytest.fixture
def holder(site):
    """Alice, long two lots against another."""
    alice, other = site.person("alice", 10**6), site.person("bob", 10**8)
    other.post("order/submit", order_body(other, direction="SELL", volume=2, price=price()))
    filled = alice.post("order/submit", order_body(alice, volume=2, price=price()))
    assert filled.data["status"] == "Filled", filled.text
    return alice


def test_it_lists_holders_by_ratio_and_sums_their_margin(holder, bob):
    rows = bob.get(f"{RISK}/accounts").data["items"]
    ratios = [row["risk_ratio"] for row in rows]
    assert ratios == sorted(ratios, reverse=True)
    mine = next(row for row in rows if row["account_id"] == holder.account_id)
    account = holder.get(f"account/{holder.account_id}").data
    assert {name: mine[name] for name in ("balance", "margin", "available", "risk_ratio")} == {
        name: account[name] for name in ("balance", "margin", "available", "risk_ratio")
    }
    assert (mine["position_count"], mine["level"]) == (1, "Normal")
    assert mine in bob.get(f"{RISK}/accounts?level=Normal").data["items"]
    assert bob.get(f"{RISK}/accounts?level=ODD").code == 9008
    summary = bob.get(f"{RISK}/margin-summary").data
    assert summary["total_margin_used"] == pytest.approx(sum(row["margin"] for row in rows))
    (line,) = [one for one in summary["instruments"] if one["instrument_id"] == COPPER.symbol]
    assert line["long"] == line["short"] >= 2


def test_an_operator_liquidates_and_it_is_recorded(holder, bob, site):
    buyer = site.person("dora", 10**8)
    buyer.post("order/submit", order_body(buyer, volume=2, price=price(-3)))
    answer = bob.post(f"{RISK}/force-liquidate", {"account_id": holder.account_id, **WHY})
    assert answer.status == 200 and answer.data["record_id"].startswith("LIQ"), answer.text
    audit = AuditLog.objects.get(target=holder.account_id, action="force_liquidate")
    assert (audit.username, audit.reason) == (bob.user.username, WHY["reason"])
    record = LiquidationRecord.objects.filter(record_id=answer.data["record_id"])
    await_until(lambda: record.filter(status="DONE").exists(), 60)
    rows = bob.get(f"{RISK}/liquidations").data["items"]
    (shown,) = [row for row in rows if row["record_id"] == answer.data["record_id"]]
    assert (shown["remark"], shown["instruments"]) == (WHY["reason"], [COPPER.symbol])
    again = bob.post(f"{RISK}/force-liquidate", {"account_id": holder.account_id, **WHY})
    assert again.code == 9008


def test_it_holds_an_account_back_and_lets_it_go(holder, bob, site):
    body = {"account_id": holder.account_id, **WHY}
    held = bob.post(f"{RISK}/hold-back", body, idempotency_key="h1")
    assert held.data == {"account_id": holder.account_id, "is_held": True, "reason": WHY["reason"]}
    assert bob.post(f"{RISK}/hold-back", body, idempotency_key="h1").data == held.data
    assert bob.post(f"{RISK}/force-liquidate", body).code == 9008
    assert bob.post(f"{RISK}/hold-back", {**body, "is_held": False}).data["is_held"] is False
    site.settle_tables()
    kinds = RiskNotice.objects.filter(account_id=holder.account_id).order_by("id")
    assert list(kinds.values_list("kind", flat=True)) == ["hold_back", "release"]


def test_only_the_risk_group_acts_and_bad_input_is_refused(holder, bob, charlie, nobody, site):
    body = {"account_id": holder.account_id, **WHY}
    operator = site.person("olga", groups=("operator",), scopes=("read", "trade", "admin"))
    for act in ("force-liquidate", "hold-back"):
        assert operator.post(f"{RISK}/{act}", body).code == 9006
        assert charlie.post(f"{RISK}/{act}", body).code == 9006
        assert nobody.post(f"{RISK}/{act}", body).code == 9002
        assert bob.post(f"{RISK}/{act}", {**body, "reason": ""}).code == 9008
        assert bob.post(f"{RISK}/{act}", {**body, "account_id": "ACC_" + "0" * 32}).code == 1006
    for path in ("accounts", "margin-summary", "liquidations"):
        assert charlie.get(f"{RISK}/{path}").code == 9006
    assert bob.get(f"{RISK}/liquidations?start_date=x").code == 9008
