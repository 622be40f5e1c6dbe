"""REST routes under /api/."""

from django.urls import path

from marketdata import api, kline_api
from marketdata.feeds import api as feeds

urlpatterns = [
    path("market/instruments", api.Instruments.as_view()),
    path("market/instruments/<str:instrument_id>", api.OneInstrument.as_view()),
    path("market/tick/<str:instrument_id>", api.Tick.as_view()),
    path("market/orderbook/<str:instrument_id>", api.OrderBook.as_view()),
    path("market/recent-trades/<str:instrument_id>", api.RecentTrades.as_view()),
    path("market/kline/<str:instrument_id>", kline_api.Klines.as_view()),
    path("market/ticks/<str:instrument_id>", kline_api.Ticks.as_view()),
    path("market/snapshot", kline_api.Snapshot.as_view()),
    path("klines/<str:instrument_id>/<str:period>", kline_api.KlinesOfPeriod.as_view()),
    path("feeds/connections", feeds.Connections.as_view()),
    path("feeds/status", feeds.FeedStatus.as_view()),
    path("feeds/connections/<str:connection_id>/enable", feeds.Enable.as_view()),
    path("feeds/connections/<str:connection_id>/disable", feeds.Disable.as_view()),
    path("feeds/connections/<str:connection_id>/reconnect", feeds.Reconnect.as_view()),
]
