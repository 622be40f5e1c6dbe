"""Contests over REST: see, enter, ranking, results (O-53)."""

from typing import Any, ClassVar

from rest_framework import serializers
from rest_framework.response import Response

from exchange_site.documented import IDEMPOTENCY, PUBLIC, documented
from exchange_site.fields import StrictSerializer, TextIn
from exchange_site.views import PublicView
from settlement import contest_selectors as selectors
from settlement import contest_services as services
from trading import selectors as trading
from trading.command_view import carry_out, validated
from trading.engine import codes
from trading.lists import CsvMixin, ReadView, StaffReadView

TAG = "contests"
MOST_PLACES = 500
CONTEST: dict[str, Any] = {
    "code": "spring", "title": "Spring contest", "text": "", "phase": "running", "ranking": "return",
    "start_money": 1_000_000.0, "min_trades": 1, "entry_from": 1795200000000, "entry_until": 1795230000000,
    "starts_at": 1795230000000, "ends_at": 1795830000000, "finished_at": None, "contestants": 12,
}  # fmt: skip
PLACE: dict[str, Any] = {
    "place": 1, "nickname": "wanderer", "equity": 1_012_500.0, "profit_ratio": 0.0125, "drawdown": 0.004,
    "sharpe": 0.31, "trades": 18, "disqualified": False,
}  # fmt: skip
RESULT = {
    **PLACE, "user_name": "alice", "user_id": "0" * 32, "account_id": "ACC_" + "0" * 32,
    "entered_at": 1795200000000, "reason": "",
}  # fmt: skip


class EnterIn(StrictSerializer):
    nickname = TextIn(min_length=2, max_length=32, trim_whitespace=True)


class EnteredOut(serializers.Serializer):  # type: ignore[misc]
    account_id = serializers.CharField()
    nickname = serializers.CharField()


class ContestOut(serializers.Serializer):  # type: ignore[misc]
    code = serializers.CharField()
    title = serializers.CharField()
    text = serializers.CharField()
    phase = serializers.ChoiceField(["announced", "entry", "waiting", "running", "ended", "finished"])
    ranking = serializers.ChoiceField(["return", "drawdown", "sharpe"])
    start_money = serializers.FloatField()
    min_trades = serializers.IntegerField()
    entry_from = serializers.IntegerField()
    entry_until = serializers.IntegerField()
    starts_at = serializers.IntegerField()
    ends_at = serializers.IntegerField()
    finished_at = serializers.IntegerField(allow_null=True)
    contestants = serializers.IntegerField()


class ContestsOut(serializers.Serializer):  # type: ignore[misc]
    items = ContestOut(many=True)


class PlaceOut(serializers.Serializer):  # type: ignore[misc]
    place = serializers.IntegerField(allow_null=True)
    nickname = serializers.CharField()
    equity = serializers.FloatField()
    profit_ratio = serializers.FloatField()
    drawdown = serializers.FloatField()
    sharpe = serializers.FloatField(allow_null=True)
    trades = serializers.IntegerField()
    disqualified = serializers.BooleanField()


class RankingOut(serializers.Serializer):  # type: ignore[misc]
    items = PlaceOut(many=True)


class ContestResultOut(PlaceOut):
    user_name = serializers.CharField()
    user_id = serializers.CharField()
    account_id = serializers.CharField()
    entered_at = serializers.IntegerField()
    reason = serializers.CharField()


class ContestResultsOut(serializers.Serializer):  # type: ignore[misc]
    items = ContestResultOut(many=True)


class Contests(PublicView):
    @documented(
        "Published contests, newest first",
        answer=ContestsOut,
        example={"items": [CONTEST]},
        common=PUBLIC,
        tag=TAG,
        operation_id="contests_list",
    )
    def get(self, request: Any) -> Response:
        rows = selectors.published(trading.current_venue())[:100]
        return Response({"items": [selectors.contest_data(row) for row in rows]})


class OneContest(PublicView):
    @documented(
        "A contest",
        answer=ContestOut,
        example=CONTEST,
        common=PUBLIC,
        errors=(codes.NOT_FOUND,),
        tag=TAG,
        operation_id="contest_retrieve",
    )
    def get(self, request: Any, code: str) -> Response:
        return Response(selectors.contest_data(selectors.contest_of(trading.current_venue(), code)))


class Ranking(CsvMixin, PublicView):
    @documented(
        "The places of this moment, or the final ones; the first 500 as JSON, all of them as CSV",
        answer=RankingOut,
        example={"items": [PLACE]},
        common=PUBLIC,
        errors=(codes.NOT_FOUND,),
        tag=TAG,
    )
    def get(self, request: Any, code: str) -> Response:
        contest = selectors.contest_of(trading.current_venue(), code)
        most = None if request.accepted_renderer.format == "csv" else MOST_PLACES
        return Response({"items": selectors.ranking(contest)[:most]})


class Enter(ReadView):
    @documented(
        "Take part: an account with the start money, frozen until trading begins",
        request=EnterIn,
        sent={"nickname": "wanderer"},
        answer=EnteredOut,
        example={"account_id": "ACC_" + "0" * 32, "nickname": "wanderer"},
        status=201,
        errors=(codes.NOT_FOUND, codes.ACCOUNT_EXISTS, codes.INVALID_FIELD, codes.WORKER_NOT_RUNNING),
        parameters=(IDEMPOTENCY,),
        tag=TAG,
    )
    def post(self, request: Any, code: str) -> Response:
        body = validated(EnterIn, request.data)
        return carry_out(
            request,
            self.venue,
            lambda _command_id: services.enter(
                venue=self.venue, user=request.user, code=code, nickname=body["nickname"]
            ),
        )


class Results(StaffReadView):
    """Who is who: for staff alone."""

    right: ClassVar[str] = "settlement.view_contestentry"

    @documented(
        "The ranking with users and accounts, JSON or CSV",
        answer=ContestResultsOut,
        example={"items": [RESULT]},
        errors=(codes.NOT_FOUND,),
        tag=TAG,
    )
    def get(self, request: Any, code: str) -> Response:
        contest = selectors.contest_of(self.venue, code, for_staff=True)
        return Response({"items": selectors.results(contest)})
