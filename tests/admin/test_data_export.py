"""The admin hands out rows of a range of days as a file (M-22)."""

import io
from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse
from pyarrow import parquet

from tests.admin.rows import fill

ASKED = {"kind": "orders", "first": "20200101", "last": "20991231", "period": "1min"}


def url() -> str:
    return reverse("admin:marketdata_export")


def body(answer: object) -> bytes:
    return b"".join(answer.streaming_content)  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", ["ticks", "bars", "orders", "trades"])
@pytest.mark.django_db(transaction=True)
def test_every_kind_is_exported_in_both_formats_and_recorded(
    kind: str, client_of: Callable[[str], Client]
) -> None:
    from trading.models import AuditLog, Order

    fill(2)
    client = client_of("auditor")
    text = client.get(url(), {**ASKED, "kind": kind, "form": "csv"})
    assert text.status_code == 200
    lines = body(text).decode().splitlines()
    table = parquet.read_table(
        io.BytesIO(body(client.get(url(), {**ASKED, "kind": kind, "form": "parquet"})))
    )
    assert table.num_rows == len(lines) - 1
    assert table.column_names == lines[0].split(",")
    if kind == "orders":
        assert table.num_rows == Order.objects.count() > 0
    assert AuditLog.objects.filter(action="data_export").count() == 2


def test_the_page_asks_and_says_what_is_wrong(client_of: Callable[[str], Client]) -> None:
    client = client_of("operator")
    assert b'name="kind"' in client.get(url()).content
    for change in (
        {"first": "20261399"},
        {"first": "20991231", "last": "20200101"},
        {"kind": "x"},
        {"form": "x"},
    ):
        assert client.get(url(), {**ASKED, "form": "csv", **change}).status_code == 400


def test_who_may_not_see_orders_exports_none(client_of: Callable[[str], Client]) -> None:
    assert client_of("").get(url(), {**ASKED, "form": "csv"}).status_code == 403
    assert Client().get(url()).status_code == 302
