"""/api/monitoring: measured figures, for auditors and up (H-8)."""

import os

import psutil
import pytest

from exchange_site.metrics.endpoint import Endpoint
from exchange_site.metrics.meter import Meter
from tests.api.conftest import CASH, COPPER, Person, Site, await_until, make_user

SECTIONS = ("system", "storage", "accounts", "orders", "trades")


@pytest.fixture
def auditor(site: Site) -> Person:
    return make_user("audrey", groups=("auditor",), scopes=("read", "admin"))


def body(person: Person, direction: str, **changes: object) -> dict[str, object]:
    return {
        "account_id": person.account_id, "instrument_id": COPPER.symbol, "direction": direction,
        "offset": "OPEN", "volume": 2, "order_type": "LIMIT", "price": COPPER.middle / 10_000, **changes,
    }  # fmt: skip


def test_the_host_and_the_processes_are_measured(site: Site, auditor: Person) -> None:
    meter = Meter("web", site.venue)
    meter.read_from(lambda: [("exchange_sockets", {"part": "diff"}, 3)])
    endpoint = Endpoint(meter)
    try:
        found = await_until(
            lambda: (data := auditor.get("monitoring/system").data)["ws_connections"] == 3 and data
        )
    finally:
        endpoint.stop()
    assert found["process_count"] >= 1 and found["uptime"] > 0
    assert 0 < found["memory_usage"] <= 100 and 0 <= found["cpu_usage"] <= 100
    assert found["disk_usage"] == pytest.approx(psutil.disk_usage(os.environ["DATA_DIR"]).percent, abs=2)


def test_accounts_orders_and_trades_are_counted(
    site: Site, alice: Person, bob: Person, auditor: Person
) -> None:
    site.settle_tables()
    before = {name: auditor.get(f"monitoring/{name}").data for name in SECTIONS}
    assert alice.post("order/submit", body(alice, "SELL")).status == 200
    assert bob.post("order/submit", body(bob, "BUY")).status == 200
    assert alice.post("order/submit", body(alice, "BUY", volume=0)).code == 1008
    site.settle_tables()
    after = {name: auditor.get(f"monitoring/{name}").data for name in SECTIONS}
    orders = {name: after["orders"][name] - before["orders"][name] for name in after["orders"]}
    assert orders["filled_orders"] == 2 and orders["pending_orders"] == 0
    trades = {name: after["trades"][name] - before["trades"][name] for name in after["trades"]}
    assert (trades["total_trades"], trades["total_volume"]) == (1, 2)
    value = COPPER.middle / 10_000 * 2 * 5
    assert trades["total_turnover"] == pytest.approx(value)
    accounts = after["accounts"]
    assert accounts["total_accounts"] >= 2 and accounts["active_accounts"] >= 2
    assert accounts["total_margin"] > before["accounts"]["total_margin"]
    assert 0 < accounts["total_balance"] <= CASH * accounts["total_accounts"]
    assert after["storage"]["memtable_entries"] > before["storage"]["memtable_entries"]
    assert after["storage"]["memtable_size"] > 0 and after["storage"]["events_behind"] == 0


def test_a_report_is_measured_kept_and_read_again(auditor: Person) -> None:
    assert auditor.get("monitoring/report?report_id=RPT0").code == 9007
    made = auditor.post("monitoring/report")
    assert made.status == 201 and made.data["report_id"].startswith("RPT")
    assert set(SECTIONS) <= set(made.data) and made.data["made_by"] == auditor.user.username
    assert auditor.get("monitoring/report").data == made.data
    assert auditor.get(f"monitoring/report?report_id={made.data['report_id']}").data == made.data
    assert auditor.get("monitoring/report?report_id=a%00b").code == 9007


@pytest.mark.parametrize("name", [*SECTIONS, "report"])
def test_others_are_refused(name: str, charlie: Person, nobody: Person, site: Site) -> None:
    helper = make_user("sue", groups=("support",), scopes=("read", "admin"))
    assert (charlie.get(f"monitoring/{name}").code, helper.get(f"monitoring/{name}").code) == (9006, 9006)
    assert nobody.get(f"monitoring/{name}").code == 9002
    assert charlie.post("monitoring/report").code == 9006
