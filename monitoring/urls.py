"""REST routes under /api/."""

from django.urls import path

from monitoring import api

urlpatterns = [
    path("monitoring/system", api.System.as_view()),
    path("monitoring/storage", api.Storage.as_view()),
    path("monitoring/accounts", api.Accounts.as_view()),
    path("monitoring/orders", api.Orders.as_view()),
    path("monitoring/trades", api.Trades.as_view()),
    path("monitoring/report", api.ReportView.as_view()),
]
