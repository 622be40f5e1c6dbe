"""REST routes of QIFI and of what staff see and do beyond accounts."""

from django.urls import path

from trading import desk_api as desk
from trading import instrument_api as api
from trading.qifi_api import Qifi

urlpatterns = [
    path("qifi/<str:account_id>", Qifi.as_view()),
    path("management/orders", desk.Orders.as_view()),
    path("management/trades", desk.Trades.as_view()),
    path("management/transactions", desk.Transactions.as_view()),
    path("admin/venue", api.OneVenue.as_view()),
    path("admin/instruments", api.Instruments.as_view()),
    path("admin/instrument/create", api.Create.as_view()),
    path("admin/instrument/<str:instrument_id>/update", api.Update.as_view()),
    path("admin/instrument/<str:instrument_id>/suspend", api.Suspend.as_view()),
    path("admin/instrument/<str:instrument_id>/resume", api.Resume.as_view()),
    path("admin/instrument/<str:instrument_id>/delist", api.Delist.as_view()),
]
