"""Lists over REST: checked query parameters, pages, and CSV for `Accept: text/csv` (H-4)."""

import csv
import io
import json
from typing import Any

from rest_framework.renderers import BaseRenderer
from rest_framework.response import Response

from exchange_site.api import EnvelopeRenderer
from exchange_site.fields import StrictSerializer, WholeIn
from exchange_site.views import ExchangeView

MAX_PAGE = 500
_FORMULA = ("=", "+", "-", "@", "\t")


class PageIn(StrictSerializer):
    """Which page of a numbered list."""

    page = WholeIn(least=1, most=100_000, required=False, default=1)
    page_size = WholeIn(least=1, most=MAX_PAGE, required=False, default=100)


class CsvRenderer(BaseRenderer):  # type: ignore[misc]
    """The items of a list as CSV, one line each; the next cursor stands in X-Next-Cursor."""

    media_type = "text/csv"
    format = "csv"
    charset = "utf-8"

    def render(self, data: Any, accepted_media_type: Any = None, renderer_context: Any = None) -> bytes:
        items = data["items"] if isinstance(data, dict) else data
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


class ListView(CsvMixin, ExchangeView):
    """A list of the caller's own things."""


def numbered(rows: Any, query: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """(the rows of the page, `total` and the next page); the page is `query`'s."""
    page, size = query["page"], query["page_size"]
    total = rows.count()
    items = list(rows[(page - 1) * size : page * size])
    following = page + 1 if page * size < total else None
    return items, {"total": total, "next_cursor": following}
