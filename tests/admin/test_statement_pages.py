"""Statements in the admin: the list, a day's page, its files, who may see them (T-93, O-6)."""

from collections.abc import Callable

import pytest
from django.test import Client

from tests.admin.rows import fill
from trading.models import AccountDay


@pytest.fixture
def day(db: None) -> AccountDay:
    fill(1)
    return AccountDay.objects.get()


@pytest.mark.parametrize(
    ("kind", "media_type", "begins"),
    [("text", "text/plain", b""), ("csv", "text/csv", b"\xef\xbb\xbf"), ("pdf", "application/pdf", b"%PDF-")],
)
def test_each_file_of_a_day_is_given(
    root: Client, day: AccountDay, kind: str, media_type: str, begins: bytes
) -> None:
    answer = root.get(f"/admin/trading/accountday/{day.pk}/statement.{kind}")
    assert answer.status_code == 200 and answer["Content-Type"].startswith(media_type)
    assert answer.content.startswith(begins)
    if kind != "pdf":
        assert day.account_id in answer.content.decode()


def test_the_list_links_the_files_and_the_page_shows_the_statement(root: Client, day: AccountDay) -> None:
    listed = root.get("/admin/trading/accountday/").content.decode()
    for kind in ("text", "csv", "pdf"):
        assert f"/{day.pk}/statement.{kind}" in listed
    shown = root.get(f"/admin/trading/accountday/{day.pk}/change/").content.decode()
    assert "exchange-statement" in shown and "期末结存" in shown


@pytest.mark.parametrize("address", ["1/statement.pdf", f"{2**70}/statement.pdf"])
def test_a_day_or_kind_that_is_not_there_is_not_found(root: Client, day: AccountDay, address: str) -> None:
    assert root.get(f"/admin/trading/accountday/{address}").status_code == 404
    assert root.get(f"/admin/trading/accountday/{day.pk}/statement.exe").status_code == 404


def test_strangers_get_no_statement(client_of: Callable[[str], Client], day: AccountDay) -> None:
    url = f"/admin/trading/accountday/{day.pk}/statement.text"
    assert client_of("").get(url).status_code == 403
    assert client_of("auditor").get(url).status_code == 200
    assert Client().get(url).status_code == 302
