"""REST routes under /api/."""

from django.urls import path

from settlement import account_api as accounts
from settlement import api
from settlement import contest_api as contests
from settlement import stats_api as stats

urlpatterns = [
    path("account/<str:account_id>/statements", accounts.Statements.as_view()),
    path("account/<str:account_id>/statements/<str:date>", accounts.Statement.as_view()),
    path("account/<str:account_id>/curve", accounts.Curve.as_view()),
    path("stats/trades", stats.Trades.as_view()),
    path("stats/pnl", stats.Profit.as_view()),
    path("stats/risk", stats.Risk.as_view()),
    path("stats/market", stats.Market.as_view()),
    path("stats/rankings", stats.Rankings.as_view()),
    path("stats/position/<str:account_id>", stats.Held.as_view()),
    path("contests", contests.Contests.as_view()),
    path("contests/<str:code>", contests.OneContest.as_view()),
    path("contests/<str:code>/ranking", contests.Ranking.as_view()),
    path("contests/<str:code>/enter", contests.Enter.as_view()),
    path("management/contests/<str:code>/results", contests.Results.as_view(), name="contest-results"),
    path("admin/settlement/set-price", api.SetPrice.as_view()),
    path("admin/settlement/batch-set-prices", api.BatchSetPrices.as_view()),
    path("admin/settlement/execute", api.Execute.as_view()),
    path("admin/settlement/run", api.Run.as_view()),
    path("admin/settlement/preview", api.Preview.as_view()),
    path("admin/settlement/history", api.History.as_view()),
    path("admin/settlement/detail/<str:date>", api.Detail.as_view()),
]
