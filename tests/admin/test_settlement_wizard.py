"""The settlement wizard of the admin, with a worker and tables (O-6)."""

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from settlement.models import SettlementPrice, SettlementRun
from tests.admin.desk import Desk
from tests.log.conftest import CONTRACTS


@pytest.fixture
def run(desk: Desk, root: Client, settings: Any) -> SettlementRun:
    """Today's run, its prices computed."""
    settings.VENUE = settings.EXCHANGE_VENUE = desk.name
    page = operate(root, "prices")
    assert 'data-code="0"' in page, page
    return SettlementRun.objects.get(venue=desk.name)


def operate(
    client: Client, name: str, run: SettlementRun | None = None, stage: str = "confirm", **data: Any
) -> str:
    """One step of an operation; its page."""
    form = {"stage": stage, "reason": "day's end", "token": uuid4().hex, **data}
    if run is not None:
        form["ids"] = run.pk
    answer = client.post(f"/admin/settlement/settlementrun/operate/{name}/", form)
    assert answer.status_code == 200
    return answer.content.decode()


def test_from_prices_to_the_end_of_the_day(desk: Desk, root: Client, run: SettlementRun) -> None:
    symbol = CONTRACTS[0].symbol
    strange = {"instrument_id": symbol, "settlement_price": "0.5"}
    assert 'data-code="1011"' in operate(root, "set-price", run, **strange)
    price = CONTRACTS[0].middle // 10_000
    assert 'data-code="0"' in operate(root, "set-price", run, **{**strange, "settlement_price": price})
    assert SettlementPrice.objects.get(run=run, symbol=symbol).chosen == price
    bad = f"instrument_id,settlement_price\n{symbol},x\n\nSHFE.zz,2,3\nSHFE.yy,2\n{symbol},0.5\n"
    for stage in ("preview", "confirm"):
        page = operate(root, "import", run, stage, prices=bad)
        for line in (f"2: {symbol}", "4: SHFE.zz", "5: SHFE.yy", f"6: {symbol}"):
            assert line in page, (stage, line)
    assert SettlementPrice.objects.get(run=run, symbol=symbol).chosen == price
    assert "1011" in operate(root, "set-price", run, "preview", **strange)
    assert "Nobody holds a position." in operate(root, "settle", run, "preview")
    assert 'data-code="0"' in operate(root, "settle", run)
    desk.project()
    shown = root.get(f"/admin/settlement/settlementrun/{run.pk}/change/").content.decode()
    run.refresh_from_db()
    assert run.state in ("RUNNING", "DONE") and symbol in shown
    root.get("/admin/settlement/settlementrun/")
    run.refresh_from_db()
    assert run.state == "DONE"
    assert 'data-code="6004"' in operate(root, "settle", run)


def test_strangers_do_not_settle(desk: Desk, run: SettlementRun, django_user_model: Any) -> None:
    client = Client()
    client.force_login(django_user_model.objects.create(username="charlie", is_staff=True))
    url = f"/admin/settlement/settlementrun/operate/settle/?ids={run.pk}"
    assert client.get(url).status_code == 403
