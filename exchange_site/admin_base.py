"""What every page of the admin shares: paging without full counts, read-only lists, labels (O-5)."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from django.contrib import admin
from django.core.exceptions import EmptyResultSet, ValidationError
from django.core.paginator import Paginator
from django.db import connections
from django.db.models import DateTimeField, DecimalField, Model, Q, QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property
from unfold.admin import ModelAdmin

EXACT_COUNT_LIMIT = 10_000
SHANGHAI = ZoneInfo("Asia/Shanghai")
Lookup = str | Callable[[str], Q]


class EstimatingPaginator(Paginator):
    """Counts to EXACT_COUNT_LIMIT, and above that asks the query planner (R4.1).

    A full count of a table with millions of rows takes longer than the page it serves.
    """

    is_estimate = False

    @cached_property
    def count(self) -> int:
        queryset = self.object_list
        if not isinstance(queryset, QuerySet):
            return super().count
        planned = planned_rows(queryset)
        if planned < EXACT_COUNT_LIMIT:
            counted = queryset.order_by()[: EXACT_COUNT_LIMIT + 1].count()
            if counted <= EXACT_COUNT_LIMIT:
                return counted
        self.is_estimate = True
        return max(planned, EXACT_COUNT_LIMIT)


def planned_rows(queryset: QuerySet[Any]) -> int:
    """How many rows the planner expects the query to give."""
    if queryset.query.is_empty():
        return 0
    try:
        sql, params = queryset.order_by().query.sql_with_params()
    except EmptyResultSet:  # conditions that no row can meet, such as a day in an empty list of days
        return 0
    with connections[queryset.db].cursor() as cursor:
        cursor.execute(f"EXPLAIN {sql}", params)
        first_line = cursor.fetchone()[0]
    found = re.search(r"rows=(\d+)", first_line)
    return int(found[1]) if found else 0


def shanghai(time_ns: int) -> str:
    """Shanghai wall time of a UTC nanosecond stamp; empty when there is none."""
    if not time_ns:
        return ""
    moment = datetime.fromtimestamp(time_ns // 1_000_000_000, UTC).astimezone(SHANGHAI)
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def label_fields(labels: dict[str, Any], *models: type[Model]) -> None:
    """Give columns that carry no label of their own the one in `labels`.

    Only what is shown changes, never what migrations see.
    """
    for model in models:
        for field in model._meta.fields:
            if field.name in labels and getattr(field, "_verbose_name", None) is None:
                field.verbose_name = labels[field.name]


def figure(value: Any) -> Any:
    """Money with two to four decimals, times to the second in Shanghai, the rest as it is."""
    if isinstance(value, Decimal):
        whole, _point, decimals = f"{value:,.4f}".partition(".")
        return f"{whole}.{decimals[:2]}{decimals[2:].rstrip('0')}"
    if isinstance(value, datetime):
        return value.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")
    return value


@cache
def readable(model: type[Model], name: Any) -> Any:
    """A column for a money or time field of a model; anything else stays what it is."""
    found = [field for field in model._meta.fields if field.name == name]
    if not found or not isinstance(found[0], DecimalField | DateTimeField):
        return name

    def column(row: Any) -> Any:
        return figure(getattr(row, name))

    column.__name__ = name
    column.short_description = found[0].verbose_name  # type: ignore[attr-defined]
    column.admin_order_field = name  # type: ignore[attr-defined]
    return column


def readable_lines(model: type[Model], lines: Sequence[Any]) -> list[Any]:
    """The same for the lines of a fieldset, whose items may be pairs."""
    return [
        tuple(readable(model, name) for name in line)
        if isinstance(line, list | tuple)
        else readable(model, line)
        for line in lines
    ]


class ExchangeModelAdmin(ModelAdmin):
    """Base of every ModelAdmin: estimated counts, no drop-downs of whole tables, 50 rows a page."""

    paginator = EstimatingPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    list_max_show_all = 200
    list_filter_submit = False
    list_fullwidth = True
    compressed_fields = True
    warn_unsaved_form = True
    empty_value_display = "–"
    # How a search term becomes a lookup on an indexed column: pattern → fields, or functions that
    # make a condition of the term; first match wins.
    search_rules: ClassVar[Sequence[tuple[str, tuple[Lookup, ...]]]] = ()

    def get_search_fields(self, request: HttpRequest) -> Sequence[str]:
        """Fields of the rules: without any Django draws no search box."""
        ruled = [str(name) for _pattern, names in self.search_rules for name in names]
        return ruled or super().get_search_fields(request)

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        """The columns, money and times as people read them."""
        return [readable(self.model, name) for name in super().get_list_display(request)]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Search each term by the first rule it fits; a term that fits none finds nothing."""
        if not self.search_rules:
            return super().get_search_results(request, queryset, search_term.replace("\x00", ""))
        for term in search_term.replace("\x00", "").split():
            queryset = self.search_one(queryset, term)
        return queryset, False

    def search_one(self, queryset: QuerySet[Any], term: str) -> QuerySet[Any]:
        """Rows that one search term finds."""
        for pattern, fields in self.search_rules:
            if re.fullmatch(pattern, term):
                try:
                    return queryset.filter(any_of(fields, term))
                except (ValueError, ValidationError):  # reads like a day or a number, is none
                    break
        return queryset.none()


def any_of(fields: Sequence[Lookup], value: str) -> Any:
    """A condition that holds when any of the lookups matches the value."""
    condition = Q()
    for name in fields:
        condition |= Q(**{name: value}) if isinstance(name, str) else name(value)
    return condition


class ReadOnlyAdmin(ExchangeModelAdmin):
    """Rows that only the projector, the core or a signal writes: looked at, never edited (O-2)."""

    actions: ClassVar[Any] = []
    warn_unsaved_form = False

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """The page of a row, money and times as people read them."""
        sets = super().get_fieldsets(request, obj)
        return [
            (title, {**options, "fields": readable_lines(self.model, options["fields"])})
            for title, options in sets
        ]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Actions without Django's bulk deletion."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions
