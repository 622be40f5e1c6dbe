"""Lists over REST: filters, cursor paging, JSON or CSV, newest first (H-4)."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import DataError
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.renderers import BaseRenderer
from rest_framework.response import Response

from exchange_site.api import CursorPages, EnvelopeRenderer, NumberedPages
from exchange_site.exceptions import ExchangeError
from exchange_site.fields import TextIn
from exchange_site.views import READ_METHODS, ExchangeView, StaffView
from trading import choices, order_selectors, selectors
from trading.engine.codes import INVALID_FIELD
from trading.order_selectors import Filters

_FORMULA = ("=", "+", "-", "@", "\t")
_LARGEST_MS = 253_402_300_799_000  # the last moment of the year 9999
STATUSES = [*choices.OrderStatus.choices, ("working", "working")]


class CsvRenderer(BaseRenderer):  # type: ignore[misc]
    """The items of a list as CSV, one line each, or one thing as one line.

    The next cursor of a list stands in X-Next-Cursor.
    """

    media_type = "text/csv"
    format = "csv"
    charset = "utf-8"

    def render(self, data: Any, accepted_media_type: Any = None, renderer_context: Any = None) -> bytes:
        items = data.get("items", [data]) if isinstance(data, dict) else data
        output = io.StringIO()
        writer = csv.DictWriter(output, list(items[0]) if items else [], extrasaction="ignore")
        if items:
            writer.writeheader()
            writer.writerows({name: cell(value) for name, value in item.items()} for item in items)
        return output.getvalue().encode("utf-8")


def cell(value: Any) -> Any:
    """A value as a CSV cell; text that a spreadsheet would run as a formula gets an apostrophe."""
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value


class CsvMixin:
    """A list that is also there as CSV; its refusals stay JSON."""

    renderer_classes = (EnvelopeRenderer, CsvRenderer)

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        final = super().finalize_response(request, response, *args, **kwargs)  # type: ignore[misc]
        if getattr(final, "is_enveloped", False):
            final.accepted_renderer = EnvelopeRenderer()
            final.accepted_media_type = EnvelopeRenderer.media_type
        elif isinstance(final, Response) and isinstance(final.data, dict) and final.data.get("next_cursor"):
            final["X-Next-Cursor"] = str(final.data["next_cursor"])
        return final


class MomentIn(serializers.Field):  # type: ignore[misc]
    """Milliseconds since 1970."""

    def to_internal_value(self, data: Any) -> datetime:
        text = str(data)
        if not (text.isascii() and text.isdigit()) or int(text[:20]) > _LARGEST_MS:
            raise serializers.ValidationError("milliseconds since 1970")
        return datetime.fromtimestamp(int(text) / 1000, UTC)


class FilterIn(serializers.Serializer):  # type: ignore[misc]
    """Query of a list of orders or trades."""

    account_id = TextIn(required=False)
    instrument_id = TextIn(required=False)
    status = serializers.ChoiceField(STATUSES, required=False)
    direction = serializers.ChoiceField(choices.Direction.choices, required=False)
    trading_day = serializers.IntegerField(min_value=19700101, max_value=99991231, required=False)
    start = MomentIn(required=False)
    end = MomentIn(required=False)


def query(name: str, text: str, kind: Any = str, enum: Any = None) -> OpenApiParameter:
    """A parameter of the query for the schema."""
    return OpenApiParameter(name, kind, OpenApiParameter.QUERY, description=text, enum=enum)


PAGES = (query("cursor", "from `next_cursor`"), query("page_size", "to 500", int))
NUMBERED = (query("page", "from 1", int), query("page_size", "to 500", int))
FILTERS = (
    query("instrument_id", "full symbol or unambiguous id"),
    query("direction", "", enum=["BUY", "SELL"]),
    query("trading_day", "yyyymmdd", int),
    query("start", "ms, inclusive", int),
    query("end", "ms, exclusive", int),
    *PAGES,
)
ACCOUNT = query("account_id", "one of the caller's; absent: all of them")
STATUS = query("status", "", enum=[value for value, _ in STATUSES])


def checked_filters(request: Any, venue: str, account_id: str = "", shape: Any = FilterIn) -> Filters:
    """The query's filters for the caller's own accounts; 1006 for another's (H-2)."""
    serializer = shape(data={name: value for name, value in request.query_params.items() if value != ""})
    serializer.is_valid(raise_exception=True)
    found: dict[str, Any] = dict(serializer.validated_data)
    user_id = request.user.pk.hex
    wanted = account_id or found.pop("account_id", "")
    if wanted:
        found["account_ids"] = [selectors.account_for(venue, wanted, user_id).account_id]
    else:
        found["account_ids"] = order_selectors.account_ids_of(venue, user_id)
    if found.get("instrument_id"):
        found["symbol"] = selectors.symbol_of(venue, found["instrument_id"])
    return Filters(found)


def paged(
    request: Any,
    rows: QuerySet[Any],
    show: Callable[[Sequence[Any]], list[Any]],
    numbered: bool = False,
) -> Response:
    """One page of rows; 9008 for a cursor that is none."""
    pages = NumberedPages() if numbered else CursorPages()
    try:
        found = pages.paginate_queryset(rows, request)
    except (ValueError, OverflowError, DataError, ValidationError) as error:
        raise ExchangeError(INVALID_FIELD, {"field": "cursor"}) from error
    return pages.get_paginated_response(show(found or []))


class ReadView(CsvMixin, ExchangeView):
    """A read of the caller's own things that waits for their last write (A-12)."""

    venue = ""
    behind = 0

    def initial(self, request: Any, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.venue = selectors.current_venue()
        self.behind = self.catch_up(request)

    def catch_up(self, request: Any) -> int:
        """Wait until the tables hold what this caller has seen answered."""
        if request.method not in READ_METHODS:
            return 0
        return selectors.catch_up_with(self.venue, request.user.pk.hex)

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        if self.behind:
            response["X-Behind"] = str(self.behind)
        return response


class StaffReadView(ReadView, StaffView):
    """For staff and what `right` lets them see: everything that is in the log by now."""

    def catch_up(self, request: Any) -> int:
        return selectors.catch_up_with_log(self.venue)
