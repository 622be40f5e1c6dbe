"""Statements and the equity curve over REST (T-93)."""

import csv
import io

import pytest

from marketdata.sockets.diff import hooks
from settlement.diff_statements import text_of
from settlement.rendering import shown_width
from tests.api.conftest import COPPER, Person, Site, order_body, price
from tests.api.test_settlement import dora as dora
from tests.api.test_settlement import settle, trade


@pytest.fixture
def day(site: Site, alice: Person, bob: Person, dora: Person) -> int:
    """A settled day on which Alice bought two lots of Bob and sold one back."""
    trade(site, alice, bob)
    trade(site, alice, bob)
    trade(site, bob, alice, price(3))
    return settle(site, dora)


def test_the_figures_are_the_settled_ones(site: Site, alice: Person, dora: Person, day: int) -> None:
    told = alice.get(f"account/{alice.account_id}/statements/{day}").data
    settled = dora.get(f"admin/settlement/detail/{day}?page_size=500").data["accounts"]
    mine = next(row for row in settled if row["account_id"] == alice.account_id)
    for name in ("balance", "commission", "margin", "position_profit", "close_profit", "risk_ratio"):
        assert told[name] == mine[name], name
    assert len(told["trades"]) == 3
    opened = told["pre_balance"] + told["deposit"] - told["withdraw"]
    result = told["close_profit"] + told["position_profit"] - told["commission"]
    assert told["balance"] == pytest.approx(opened + result)
    assert sum(row["commission"] for row in told["trades"]) == pytest.approx(told["commission"])
    assert [flow["amount"] for flow in told["transfers"]] == [1_000_000.0]


def test_it_keeps_the_positions_of_its_day(
    site: Site, alice: Person, bob: Person, dora: Person, day: int
) -> None:
    before = alice.get(f"account/{alice.account_id}/statements/{day}").data["positions"]
    assert before and {row["instrument_id"] for row in before} == {COPPER.symbol}
    assert sum(row["margin"] for row in before) > 0
    trade(site, alice, bob)
    assert alice.get(f"account/{alice.account_id}/statements/{day}").data["positions"] == before


def test_the_text_is_a_statement_as_brokers_print_it(site: Site, alice: Person, day: int) -> None:
    answer = alice.get(f"account/{alice.account_id}/statements/{day}?format=text")
    assert answer.headers["Content-Type"].startswith("text/plain")
    for words in ("交易结算单(盯市)", "期末结存 Balance c/f", "成交记录", "持仓汇总", str(day)):
        assert words in answer.text
    heads = [line for line in answer.text.splitlines() if line.startswith("| 合约")]
    assert len(heads) == 2 and all(shown_width(line) < 200 for line in heads)


def test_csv_and_pdf_are_there_to_keep(site: Site, alice: Person, day: int) -> None:
    url = f"account/{alice.account_id}/statements/{day}"
    table = list(csv.reader(io.StringIO(alice.get(url, accept="text/csv").text)))
    assert [row[0] for row in table].count("trades") == 4
    raw = alice.client.get(f"/api/{url}?format=pdf", HTTP_AUTHORIZATION=f"Token {alice.token}")
    assert raw.headers["Content-Disposition"] == f'attachment; filename="statement-{day}.pdf"'
    assert raw.content.startswith(b"%PDF-") and len(raw.content) > 2_000


def test_days_are_listed_newest_first(site: Site, alice: Person, dora: Person, day: int) -> None:
    second = settle(site, dora)
    shown = alice.get(f"account/{alice.account_id}/statements").data["items"]
    assert [row["date"] for row in shown] == [second, day]
    assert shown[0]["pre_balance"] == shown[1]["balance"]


def test_the_curve_tells_the_days_and_equity_now(site: Site, alice: Person, day: int) -> None:
    told = alice.get(f"account/{alice.account_id}/curve").data
    assert [row["date"] for row in told["days"]] == [day]
    assert told["balance"] == told["days"][-1]["balance"]


def test_strangers_see_no_statement(
    site: Site, alice: Person, charlie: Person, nobody: Person, day: int
) -> None:
    for path in ("statements", f"statements/{day}", f"statements/{day}?format=pdf", "curve"):
        url = f"account/{alice.account_id}/{path}"
        assert (charlie.get(url).status, nobody.get(url).status) == (404, 401)
        assert charlie.get(url).error == charlie.get(f"account/ACC_{'0' * 32}/{path}").error


def test_a_day_that_was_not_settled_is_not_found(site: Site, alice: Person) -> None:
    assert alice.get(f"account/{alice.account_id}/statements/19990101").code == 9007
    assert alice.get(f"account/{alice.account_id}/statements/today").code == 9008


def test_orders_of_the_next_day_do_not_change_it(site: Site, alice: Person, day: int) -> None:
    before = alice.get(f"account/{alice.account_id}/statements/{day}").data
    assert alice.post("order/submit", order_body(alice)).status in (200, 201)
    assert alice.get(f"account/{alice.account_id}/statements/{day}").data == before


def test_diff_clients_get_the_same_text(site: Site, alice: Person, charlie: Person, day: int) -> None:
    assert hooks.statement is text_of
    shown = alice.get(f"account/{alice.account_id}/statements/{day}?format=text").text
    assert text_of(site.venue, alice.account_id, day) == shown
    assert text_of(site.venue, alice.account_id, 0) == shown
    assert text_of(site.venue, alice.account_id, 20200101) == ""
