"""Missed notifications over REST (W-11)."""

from typing import Any

from rest_framework import serializers
from rest_framework.response import Response

from accounts.api import validated
from exchange_site.documented import documented
from exchange_site.exceptions import ExchangeError
from exchange_site.fields import TextIn
from trading.engine.codes import INVALID_FIELD
from trading.lists import ReadView, query
from trading.notification_selectors import notification_data, notifications_after
from trading.notifications import CHANNELS, KINDS, position_of

MOST = 500
EXAMPLE = {
    "message_id": "main-75376",
    "message_type": "order_filled",
    "user_id": "0123456789abcdef0123456789abcdef",
    "account_id": "ACC_0123456789abcdef0123456789abcdef",
    "channel": "trade",
    "priority": 1,
    "timestamp": 1795230000000,
    "source": "matching",
    "payload": {"order_id": "my-1", "instrument_id": "SHFE.cu2701", "remaining_volume": 0},
    "text": "Order my-1 filled",
}


class NotificationsIn(serializers.Serializer):  # type: ignore[misc]
    after = TextIn(required=False, max_length=64)
    limit = serializers.IntegerField(required=False, min_value=1, max_value=MOST, default=100)


class NotificationOut(serializers.Serializer):  # type: ignore[misc]
    message_id = serializers.CharField()
    message_type = serializers.ChoiceField(list(KINDS))
    user_id = serializers.CharField()
    account_id = serializers.CharField(allow_blank=True)
    channel = serializers.ChoiceField(CHANNELS)
    priority = serializers.IntegerField()
    timestamp = serializers.IntegerField()
    source = serializers.CharField()
    payload = serializers.DictField()
    text = serializers.CharField()


class NotificationsOut(serializers.Serializer):  # type: ignore[misc]
    items = NotificationOut(many=True)
    next_after = serializers.CharField(allow_null=True)


class Notifications(ReadView):
    @documented(
        "The caller's notifications after one of them, oldest first; without `after` the newest",
        answer=NotificationsOut,
        example={"items": [EXAMPLE], "next_after": "main-75376"},
        errors=(INVALID_FIELD,),
        parameters=(
            query("after", "a `message_id`: the last one that was received"),
            query("limit", "to 500", int),
        ),
        tag="notifications",
    )
    def get(self, request: Any) -> Response:
        given = {name: value for name, value in request.query_params.items() if name in ("after", "limit")}
        asked = validated(NotificationsIn, given)
        after = asked.get("after")
        position = None if after is None else position_of(self.venue, after)
        if after is not None and position is None:
            raise ExchangeError(INVALID_FIELD, {"field": "after"})
        user_id = request.user.pk.hex
        rows = notifications_after(self.venue, user_id, position, asked["limit"])
        items = [notification_data(self.venue, row, user_id) for row in rows]
        return Response({"items": items, "next_after": items[-1]["message_id"] if items else after})
