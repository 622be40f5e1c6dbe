"""Feed connections over REST, for operators (`/api/feeds/…`)."""

from typing import Any

from rest_framework import serializers
from rest_framework.response import Response

from exchange_site.documented import IDEMPOTENCY, documented
from exchange_site.fields import StrictSerializer, TextIn
from exchange_site.views import StaffView
from marketdata.feeds import selectors, services
from marketdata.feeds.models import FeedConnection
from marketdata.feeds.store import feed_status
from trading.command_view import audited, validated
from trading.engine.codes import FEED_REFUSED, INVALID_FIELD, NOT_FOUND, SERVICE_UNAVAILABLE
from trading.lists import StaffReadView
from trading.order_services import Answer
from trading.selectors import current_venue

TAG = "feeds"
CONNECTION = {
    "connection_id": "first_telecom",
    "front_addr": "tcp://127.0.0.1:41000",
    "broker_id": "9999",
    "broker_name": "First",
    "network": "电信",
    "max_subscriptions": 300,
    "priority": 1,
    "enabled": True,
    "status": "LOGGED_IN",
    "quality": 98.5,
    "subscriptions": 120,
    "last_tick_s": 0.2,
    "error": "",
}
SUMS = (
    "wanted", "assigned", "waiting", "refused", "failovers", "ticks", "duplicates", "backwards", "gaps",
    "bad_ticks", "sessions", "messages",
)  # fmt: skip
STATUS = {
    "running": True, "kind": "simulated", "strategy": "connection_quality", "states": {"LOGGED_IN": 3},
    **dict.fromkeys(SUMS, 0),
}  # fmt: skip


class ConnectionOut(serializers.Serializer):  # type: ignore[misc]
    connection_id = serializers.CharField()
    front_addr = serializers.CharField()
    broker_id = serializers.CharField(allow_blank=True)
    broker_name = serializers.CharField(allow_blank=True)
    network = serializers.CharField(allow_blank=True)
    max_subscriptions = serializers.IntegerField()
    priority = serializers.IntegerField()
    enabled = serializers.BooleanField()
    status = serializers.CharField()
    quality = serializers.FloatField(allow_null=True, help_text="0 to 100; null without a running feed")
    subscriptions = serializers.IntegerField()
    last_tick_s = serializers.FloatField(allow_null=True)
    error = serializers.CharField(allow_blank=True)


class ConnectionsOut(serializers.Serializer):  # type: ignore[misc]
    items = ConnectionOut(many=True)
    total = serializers.IntegerField()


class FeedStatusOut(serializers.Serializer):  # type: ignore[misc]
    running = serializers.BooleanField()
    kind = serializers.CharField(allow_blank=True)
    strategy = serializers.CharField(allow_blank=True)
    states = serializers.DictField(child=serializers.IntegerField())
    wanted = serializers.IntegerField()
    assigned = serializers.IntegerField()
    waiting = serializers.IntegerField()
    refused = serializers.IntegerField()
    failovers = serializers.IntegerField()
    ticks = serializers.IntegerField()
    duplicates = serializers.IntegerField()
    backwards = serializers.IntegerField()
    gaps = serializers.IntegerField()
    bad_ticks = serializers.IntegerField()
    sessions = serializers.IntegerField()
    messages = serializers.IntegerField()


class FeedReasonIn(StrictSerializer):
    reason = TextIn(max_length=200)


class OperatedOut(serializers.Serializer):  # type: ignore[misc]
    connection_id = serializers.CharField()
    enabled = serializers.BooleanField()
    applied = serializers.BooleanField(help_text="a running feed has obeyed")


class Connections(StaffReadView):
    right = "marketdata.view_feedconnection"

    @documented(
        "The feed's connections",
        answer=ConnectionsOut,
        example={"items": [CONNECTION], "total": 1},
        tag=TAG,
        operation_id="feed_connections",
    )
    def get(self, request: Any) -> Response:
        venue = current_venue()
        live = selectors.live(venue)
        rows = FeedConnection.objects.filter(venue=venue)
        items = [selectors.connection_data(row, live.get(row.connection_id)) for row in rows]
        return Response({"items": items, "total": len(items)})


class FeedStatus(StaffReadView):
    right = "marketdata.view_feedconnection"

    @documented(
        "The feed as a whole", answer=FeedStatusOut, example=STATUS, tag=TAG, operation_id="feed_status"
    )
    def get(self, request: Any) -> Response:
        status = feed_status(current_venue())
        found = status or {}
        return Response(
            {
                "running": status is not None,
                "kind": found.get("kind", ""),
                "strategy": found.get("strategy", ""),
                "states": found.get("states", {}),
                **{name: found.get(name, 0) for name in SUMS},
            }
        )


class OperateConnection(StaffView):
    """`verb` is bound by the route."""

    right = "marketdata.operate_feeds"
    verb = ""

    def perform(self, request: Any, connection_id: str) -> Response:
        venue = current_venue()
        validated(FeedReasonIn, request.data)

        def act(command_id: str) -> Answer:
            return Answer(services.operate(venue, connection_id, self.verb))

        return audited(request, venue, f"feed_{self.verb}", "feedconnection", connection_id, act)


def operation(name: str, summary: str) -> Any:
    """A view that carries out one verb."""

    class View(OperateConnection):
        verb = name

        @documented(
            summary,
            answer=OperatedOut,
            example={"connection_id": "first_telecom", "enabled": True, "applied": True},
            request=FeedReasonIn,
            sent={"reason": "maintenance is over"},
            errors=(INVALID_FIELD, NOT_FOUND, FEED_REFUSED, SERVICE_UNAVAILABLE),
            parameters=(IDEMPOTENCY,),
            tag=TAG,
            operation_id=f"feed_connection_{name}",
        )
        def post(self, request: Any, connection_id: str) -> Response:
            return self.perform(request, connection_id)

    return View


Enable = operation("enable", "Let a connection connect")
Disable = operation("disable", "Close a connection and keep it closed")
Reconnect = operation("reconnect", "Close a connection and connect it anew")
