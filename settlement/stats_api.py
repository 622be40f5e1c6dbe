"""GET /api/stats/…: counts, profit, risk, places, positions, market (H)."""

from typing import Any

from rest_framework import serializers
from rest_framework.response import Response

from accounts.selectors import setting_or
from exchange_site.documented import documented
from exchange_site.exceptions import ExchangeError
from exchange_site.fields import TextIn
from settlement import stats_selectors as stats
from settlement.schemas import ACCOUNT_ID
from trading import order_selectors, selectors
from trading.command_view import validated
from trading.engine.codes import ACCOUNT_NOT_FOUND, INVALID_FIELD, NOT_PERMITTED
from trading.lists import ReadView, query

TAG = "statistics"
MOST_PLACES = 100
SUMS: dict[str, Any] = {
    "key": "20261123", "trades": 12, "volume": 30, "wins": 4, "losses": 2, "turnover": 11_158_500.0,
    "commission": 558.0, "close_profit": 1500.0, "win_rate": 0.667, "profit_factor": 2.5,
}  # fmt: skip
PROFIT = {
    "date": 20261123,
    "profit": 481.4,
    "commission": 18.6,
    "balance": 1_000_481.4,
    "total_profit": 481.4,
}
RISK = {
    "account_id": ACCOUNT_ID, "risk_ratio": 0.0446, "level": "normal", "balance": 1_000_481.4,
    "margin": 44_634.0, "available": 955_847.4, "position_profit": 500.0,
}  # fmt: skip
HELD = {
    "instrument_id": "SHFE.cu2701", "long": 1, "short": 0, "net": 1, "margin": 44_634.0,
    "position_profit": 500.0, "float_profit": 500.0,
}  # fmt: skip
TRADED = {"instrument_id": "SHFE.cu2701", "trades": 6, "volume": 15, "turnover": 5_579_250.0}
PLACE = {"place": 1, "name": "main", "profit": 481.4, "profit_ratio": 0.0005}


def _shape(name: str, example: dict[str, Any], empty: tuple[str, ...] = ()) -> Any:
    """A serializer with the fields of an example; those in `empty` may be null."""
    kinds = {int: serializers.IntegerField, float: serializers.FloatField, str: serializers.CharField}
    fields = {key: kinds[type(value)](allow_null=key in empty) for key, value in example.items()}
    return type(name, (serializers.Serializer,), fields)


SumsOut = _shape("TradeSumsOut", SUMS, ("win_rate", "profit_factor"))
ProfitOut = _shape("ProfitDayOut", PROFIT)
TradeStatsOut = type(
    "TradeStatsOut", (serializers.Serializer,), {"items": SumsOut(many=True), "total": SumsOut()}
)
ProfitStatsOut = type(
    "ProfitStatsOut",
    (serializers.Serializer,),
    {
        "items": ProfitOut(many=True),
        "total_profit": serializers.FloatField(),
        "max_drawdown": serializers.FloatField(),
        "sharpe": serializers.FloatField(allow_null=True, help_text="by days, not annualised"),
    },
)


def _items(name: str, example: dict[str, Any]) -> Any:
    return type(f"{name}sOut", (serializers.Serializer,), {"items": _shape(f"{name}Out", example)(many=True)})


RiskStatsOut, HeldStatsOut = _items("RiskStat", RISK), _items("HeldStat", HELD)
MarketStatsOut, PlacesOut = _items("MarketStat", TRADED), _items("RankingPlace", PLACE)


class SpanIn(serializers.Serializer):  # type: ignore[misc]
    """What a statistic is asked for."""

    account_id = TextIn(required=False, max_length=128)
    by = serializers.ChoiceField(sorted(stats.KEYS), required=False, default="day")
    start_date = serializers.IntegerField(min_value=19700101, max_value=99991231, required=False)
    end_date = serializers.IntegerField(min_value=19700101, max_value=99991231, required=False)


ACCOUNT = query("account_id", "one of the caller's; absent: all of them")
SPAN = (query("start_date", "yyyymmdd", int), query("end_date", "yyyymmdd", int))


class StatsView(ReadView):
    def asked(self, request: Any) -> dict[str, Any]:
        """The checked query with the caller's account ids; 1006 for another's."""
        body = validated(SpanIn, {name: text for name, text in request.query_params.items() if text})
        user_id = request.user.pk.hex
        if body.get("account_id"):
            own = [selectors.account_for(self.venue, body["account_id"], user_id).account_id]
        else:
            own = order_selectors.account_ids_of(self.venue, user_id)
        return {"start_date": None, "end_date": None, **body, "own": own}


class Trades(StatsView):
    @documented(
        "Own trades in sums by day, week, month or instrument",
        answer=TradeStatsOut,
        example={"items": [SUMS], "total": {**SUMS, "key": ""}},
        errors=(ACCOUNT_NOT_FOUND, INVALID_FIELD),
        parameters=(ACCOUNT, query("by", "", enum=sorted(stats.KEYS)), *SPAN),
        tag=TAG,
    )
    def get(self, request: Any) -> Response:
        given = self.asked(request)
        span = (given["start_date"], given["end_date"])
        return Response(stats.trades(self.venue, given["own"], given["by"], *span))


class Profit(StatsView):
    @documented(
        "Profit of an account's settled days, its drawdown and Sharpe ratio",
        answer=ProfitStatsOut,
        example={"items": [PROFIT], "total_profit": 481.4, "max_drawdown": 0.0, "sharpe": None},
        errors=(ACCOUNT_NOT_FOUND, INVALID_FIELD),
        parameters=(query("account_id", "may be left out with one account"), *SPAN),
        tag=TAG,
    )
    def get(self, request: Any) -> Response:
        given = self.asked(request)
        if len(given["own"]) != 1:
            raise ExchangeError(INVALID_FIELD, {"field": "account_id"})
        return Response(stats.pnl(self.venue, given["own"][0], given["start_date"], given["end_date"]))


class Risk(StatsView):
    @documented(
        "Risk ratio and level of own accounts now",
        answer=RiskStatsOut,
        example={"items": [RISK]},
        errors=(ACCOUNT_NOT_FOUND, INVALID_FIELD),
        parameters=(ACCOUNT,),
        tag=TAG,
    )
    def get(self, request: Any) -> Response:
        own = self.asked(request)["own"]
        rows = selectors.accounts_of(self.venue).filter(account_id__in=own)
        return Response({"items": stats.risk(self.venue, list(rows))})


class Held(ReadView):
    @documented(
        "Lots and profit of an account's positions",
        answer=HeldStatsOut,
        example={"items": [HELD]},
        errors=(ACCOUNT_NOT_FOUND,),
        tag=TAG,
    )
    def get(self, request: Any, account_id: str) -> Response:
        account = selectors.account_for(self.venue, account_id, request.user.pk.hex)
        return Response({"items": stats.positions(self.venue, account.account_id)})


class Market(StatsView):
    @documented(
        "Trades and turnover of each instrument on a trading day",
        answer=MarketStatsOut,
        example={"items": [TRADED]},
        errors=(INVALID_FIELD,),
        parameters=(query("start_date", "yyyymmdd; absent: today", int),),
        tag=TAG,
    )
    def get(self, request: Any) -> Response:
        return Response({"items": stats.market(self.venue, self.asked(request)["start_date"])})


class Rankings(ReadView):
    @documented(
        "The first hundred accounts by return on money put in; 9006 unless the venue publishes it",
        answer=PlacesOut,
        example={"items": [PLACE]},
        errors=(NOT_PERMITTED,),
        tag=TAG,
    )
    def get(self, request: Any) -> Response:
        if not setting_or(self.venue, "publish_rankings", 0):
            raise ExchangeError(NOT_PERMITTED, {}, {"reason": "rankings are not published"})
        return Response({"items": stats.rankings(self.venue, MOST_PLACES)})
