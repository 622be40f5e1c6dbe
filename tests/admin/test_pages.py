"""Every page of the admin opens, costs the same with no rows and with fifty, needs no other host."""

import re
from typing import Any

import pytest
from django.contrib import admin
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from unfold.admin import ModelAdmin

from exchange_site.admin_base import (
    EstimatingPaginator,
    ExchangeModelAdmin,
    ReadOnlyAdmin,
    planned_rows,
)
from tests.admin.rows import DAY, fill, make_venue, order
from trading.models import Order
from trading.partitions import ensure_partitions

pytestmark = pytest.mark.django_db
FIRST_TABLE = re.compile(r'^(\w+).*? FROM "?(\w+).*$', re.DOTALL)
OTHER_HOST = re.compile(r"""(?:src|href|action)=["'](?:https?:)?//[^"']+|url\(["']?https?://""")


def listed() -> list[str]:
    return sorted(f"{model._meta.app_label}_{model._meta.model_name}" for model in registry())


def registry() -> dict[Any, Any]:
    return admin.site._registry


def list_url(name: str) -> str:
    return reverse(f"admin:{name}_changelist")


def body(response: Any) -> str:
    parts = response.streaming_content if response.streaming else [response.content]
    return b"".join(parts).decode()


def queries(client: Client, url: str) -> list[str]:
    """Tables a page's queries read once what is cached for ever is cached."""
    assert client.get(url).status_code == 200
    with CaptureQueriesContext(connection) as captured:
        assert client.get(url).status_code == 200
    return [FIRST_TABLE.sub(r"\1 \2", query["sql"]) for query in captured.captured_queries]


def test_a_list_asks_as_many_queries_with_fifty_rows_as_with_none(
    root: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trading.admin.home.CACHE_S", 600)  # what is cached stays cached
    monkeypatch.setattr("monitoring.home.BANNER_S", 600)
    make_venue()
    empty = {name: queries(root, list_url(name)) for name in listed()}
    fill(50)
    assert {name: queries(root, list_url(name)) for name in listed()} == empty


def test_every_list_and_row_opens_and_loads_nothing_from_another_host(root: Client) -> None:
    fill(1)
    for model in registry():
        name = f"{model._meta.app_label}_{model._meta.model_name}"
        row = model._default_manager.first()
        for url in (list_url(name), reverse(f"admin:{name}_change", args=[row.pk])):
            page = root.get(url)
            assert page.status_code == 200, url
            assert not OTHER_HOST.search(body(page)), url


def test_every_admin_is_drawn_by_unfold_and_counts_by_estimate() -> None:
    for model, model_admin in registry().items():
        assert isinstance(model_admin, ModelAdmin), model
        assert isinstance(model_admin, ExchangeModelAdmin), model
        assert model_admin.paginator is EstimatingPaginator, model
        assert not model_admin.show_full_result_count, model


def test_no_list_filters_or_edits_through_a_drop_down_of_a_whole_table() -> None:
    for model, model_admin in registry().items():
        picked = {*model_admin.autocomplete_fields, *model_admin.raw_id_fields}
        for field in model._meta.get_fields():
            is_edited = field.editable and not is_read_only(model_admin)
            if getattr(field, "many_to_one", False) and is_edited:
                assert field.name in picked, (model, field.name)


def is_read_only(model_admin: Any) -> bool:
    return isinstance(model_admin, ReadOnlyAdmin)


def test_a_big_table_is_not_counted(root: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(30)
    monkeypatch.setattr("exchange_site.admin_base.EXACT_COUNT_LIMIT", 10)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE trading_order")
    assert planned_rows(Order.objects.filter(trading_day=DAY)) > 10
    with CaptureQueriesContext(connection) as captured:
        page = root.get(list_url("trading_order"))
    counts = [query["sql"] for query in captured if "COUNT(*)" in query["sql"]]
    assert page.context_data["cl"].paginator.is_estimate
    assert "≈ " in body(page)
    assert not [sql for sql in counts if "trading_order" in sql]


def test_orders_of_another_day_are_shown_when_asked_for(root: Client) -> None:
    venue = make_venue()
    with transaction.atomic(), connection.cursor() as cursor:
        ensure_partitions(cursor, [20261120])
    order(1, venue)
    order(2, venue, trading_day=20261120)

    def ids(query: str) -> set[str]:
        page = root.get(list_url("trading_order") + query)
        return {row.order_id for row in page.context_data["cl"].result_list}

    assert ids("") == {"o1"}
    assert ids("?day=20261120") == {"o2"}
    assert ids("?day=all") == {"o1", "o2"}
    assert ids("?day=nonsense") == set()


@pytest.mark.parametrize(
    ("term", "found"),
    [("o1", {"o1"}), ("ACC_" + f"{2:032x}", {"o2"}), ("SHFE.cu0001", {"o1", "o2"}), ("x", set())],
)
def test_orders_are_found_by_order_account_and_symbol(term: str, found: set[str], root: Client) -> None:
    fill(2)
    page = root.get(list_url("trading_order"), {"q": term})
    assert {row.order_id for row in page.context_data["cl"].result_list} == found


def test_times_are_shanghai_times_and_money_has_its_decimals(root: Client) -> None:
    fill(1)
    page = body(root.get(list_url("trading_order")))
    assert "2026-11-23 10:00:00" in page
    assert "80,000.00" in page


def test_the_log_in_page_leads_to_the_control_room(client: Client) -> None:
    answer = client.get("/admin/login/")
    assert answer["Location"] == "/admin/login/?next=/admin/"
    assert not OTHER_HOST.search(body(client.get(answer["Location"])))


def test_lists_open_before_there_is_a_venue(root: Client) -> None:
    for name in listed():
        assert root.get(list_url(name)).status_code == 200, name
