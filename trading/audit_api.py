"""The audit log over REST, for auditors (O-3, H)."""

from typing import Any

from rest_framework import serializers
from rest_framework.response import Response

from exchange_site.admin_base import any_of
from exchange_site.documented import documented
from exchange_site.exceptions import ExchangeError
from trading.engine.codes import INVALID_FIELD
from trading.lists import PAGES, MomentIn, StaffReadView, paged, query
from trading.models import AuditLog

ENTRY: dict[str, Any] = {
    "id": 42, "timestamp": 1795230000000, "venue": "main", "user_id": "7b1c0f3e9d5a4c1f8e2b6a7d9c0e1f22",
    "username": "bob", "address": "10.0.0.7", "action": "withdraw", "target_type": "account",
    "target": "ACC_7b1c0f3e9d5a4c1f8e2b6a7d9c0e1f22", "before": None, "after": {"amount": -1000.0},
    "reason": "asked by phone", "code": 0, "command_id": "0f3e9d5a4c1f8e2b6a7d9c0e1f227b1c", "seq": 1234,
}  # fmt: skip
EXACT = ("action", "username", "user_id", "target_type", "target", "address")
SEARCHED = ("username__icontains", "action__icontains", "target__icontains", "reason__icontains")
MAX_TEXT = 200


class EntryOut(serializers.Serializer):  # type: ignore[misc]
    id = serializers.IntegerField()
    timestamp = serializers.IntegerField()
    venue = serializers.CharField()
    user_id = serializers.CharField()
    username = serializers.CharField()
    address = serializers.CharField(allow_null=True)
    action = serializers.CharField()
    target_type = serializers.CharField()
    target = serializers.CharField()
    before = serializers.JSONField(allow_null=True)
    after = serializers.JSONField(allow_null=True)
    reason = serializers.CharField()
    code = serializers.IntegerField()
    command_id = serializers.CharField()
    seq = serializers.IntegerField(allow_null=True)


class EntriesOut(serializers.Serializer):  # type: ignore[misc]
    items = EntryOut(many=True)
    next_cursor = serializers.CharField(allow_null=True)


def entry_data(row: AuditLog) -> dict[str, Any]:
    """One entry: who, when, from where, what, before, after, why."""
    names = [name for name in ENTRY if name != "timestamp"]
    return {name: getattr(row, name) for name in names} | {"timestamp": round(row.at.timestamp() * 1_000)}


class AuditLogs(StaffReadView):
    right = "trading.view_auditlog"

    @documented(
        "What was done, tried and refused, failed log-ins and denials too; newest first",
        answer=EntriesOut,
        example={"items": [ENTRY], "next_cursor": None},
        errors=(INVALID_FIELD,),
        parameters=(
            *(query(name, "exactly") for name in EXACT),
            query("search", "text in user name, action, target or reason"),
            query("code", "0: what was done", int),
            query("start", "ms, inclusive", int),
            query("end", "ms, exclusive", int),
            *PAGES,
        ),
        tag="staff: audit",
    )
    def get(self, request: Any) -> Response:
        rows = AuditLog.objects.all()
        asked = {name: text for name, text in request.query_params.items() if text}
        for name, text in asked.items():
            if "\x00" in text or len(text) > MAX_TEXT:
                raise ExchangeError(INVALID_FIELD, {"field": name})
        rows = rows.filter(**{name: asked[name] for name in EXACT if name in asked and name != "address"})
        if "search" in asked:
            rows = rows.filter(any_of(SEARCHED, asked["search"]))
        if "address" in asked:
            rows = rows.filter(address__in=[valid(serializers.IPAddressField(), "address", asked["address"])])
        if "code" in asked:
            field = serializers.IntegerField(min_value=0, max_value=9_999)
            rows = rows.filter(code=valid(field, "code", asked["code"]))
        for name, lookup in (("start", "at__gte"), ("end", "at__lt")):
            if name in asked:
                rows = rows.filter(**{lookup: valid(MomentIn(), name, asked[name])})
        return paged(request, rows, lambda found: [entry_data(row) for row in found])


def valid(field: Any, name: str, text: str) -> Any:
    """A checked value of the query; 9008 naming it otherwise."""
    try:
        return field.run_validation(text)
    except serializers.ValidationError as error:
        raise ExchangeError(INVALID_FIELD, {"field": name}) from error
