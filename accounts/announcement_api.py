"""Announcements over REST: everybody signed in reads, operators write (H)."""

from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone
from rest_framework import serializers
from rest_framework.response import Response

from accounts.models import Announcement
from accounts.serializers import DoneOut
from exchange_site.documented import documented
from exchange_site.exceptions import ExchangeError
from exchange_site.fields import TextIn
from exchange_site.views import READ_METHODS, StaffView
from trading.engine.codes import INVALID_FIELD, NOT_FOUND

MOST = 100
EXAMPLE = {
    "id": 7,
    "type": "maintenance",
    "priority": 1,
    "title": "Maintenance on Saturday",
    "text": "The exchange is closed from 10:00 to 12:00.",
    "valid_from": "2026-11-21T08:00:00+08:00",
    "valid_until": None,
}
SENT = {name: value for name, value in EXAMPLE.items() if name != "id"}
RIGHTS = {"POST": "add", "PATCH": "change", "DELETE": "delete"}


class AnnouncementIO(serializers.ModelSerializer):  # type: ignore[misc]
    """`priority` 0 (first) to 3; an end before the beginning is refused."""

    type = serializers.ChoiceField(
        Announcement._meta.get_field("kind").choices, source="kind", required=False
    )
    title = TextIn(max_length=120)
    text = TextIn(max_length=4_000, required=False, allow_blank=True)
    priority = serializers.IntegerField(min_value=0, max_value=3, required=False)

    class Meta:
        model = Announcement
        fields = ["id", "type", "priority", "title", "text", "valid_from", "valid_until"]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        row = self.instance
        begins = attrs.get("valid_from", getattr(row, "valid_from", timezone.now()))
        ends = attrs.get("valid_until", getattr(row, "valid_until", None))
        if ends is not None and ends <= begins:
            raise serializers.ValidationError({"valid_until": ["before valid_from"]})
        return attrs


class AnnouncementsOut(serializers.Serializer):  # type: ignore[misc]
    items = AnnouncementIO(many=True)


def in_force() -> "QuerySet[Announcement]":
    """Announcements that hold now, most important first."""
    now = timezone.now()
    open_end = Q(valid_until=None) | Q(valid_until__gt=now)
    return Announcement.objects.filter(open_end, valid_from__lte=now)


class AnnouncementView(StaffView):
    """Reading needs no right; writing the admin scope and the model's permission."""

    @property
    def reads(self) -> bool:
        return self.request.method in READ_METHODS

    @property
    def scope(self) -> str:  # type: ignore[override]
        return "read" if self.reads else "admin"

    @property
    def right(self) -> str:  # type: ignore[override]
        return f"accounts.{RIGHTS.get(self.request.method or '', 'view')}_announcement"

    def get_permissions(self) -> list[Any]:
        return super().get_permissions()[: 2 if self.reads else 3]


class Announcements(AnnouncementView):
    @documented(
        "Announcements in force, most important first",
        answer=AnnouncementsOut,
        example={"items": [EXAMPLE]},
        tag="announcements",
    )
    def get(self, request: Any) -> Response:
        return Response({"items": AnnouncementIO(in_force()[:MOST], many=True).data})

    @documented(
        "Announce",
        request=AnnouncementIO,
        sent=SENT,
        answer=AnnouncementIO,
        example=EXAMPLE,
        status=201,
        errors=(INVALID_FIELD,),
        tag="announcements",
    )
    def post(self, request: Any) -> Response:
        body = AnnouncementIO(data=request.data)
        body.is_valid(raise_exception=True)
        body.save(created_by=request.user)
        return Response(body.data, status=201)


class OneAnnouncement(AnnouncementView):
    @staticmethod
    def row(number: str) -> Announcement:
        is_number = number.isascii() and number.isdigit() and len(number) <= 18
        found = Announcement.objects.filter(pk=int(number)).first() if is_number else None
        if found is None:
            raise ExchangeError(NOT_FOUND, {}, {"field": "id"})
        return found

    @documented(
        "Change an announcement",
        request=AnnouncementIO(partial=True),
        sent={"priority": 0},
        answer=AnnouncementIO,
        example={**EXAMPLE, "priority": 0},
        errors=(INVALID_FIELD, NOT_FOUND),
        tag="announcements",
    )
    def patch(self, request: Any, number: str) -> Response:
        body = AnnouncementIO(self.row(number), data=request.data, partial=True)
        body.is_valid(raise_exception=True)
        body.save()
        return Response(body.data)

    @documented(
        "Take an announcement back",
        answer=DoneOut,
        example={"done": True},
        errors=(NOT_FOUND,),
        tag="announcements",
    )
    def delete(self, request: Any, number: str) -> Response:
        self.row(number).delete()
        return Response({"done": True})
