"""REST routes under /api/."""

from django.urls import path

from trading import order_api as orders

urlpatterns = [
    path("order/submit", orders.Submit.as_view()),
    path("order/submit-batch", orders.SubmitBatch.as_view()),
    path("order/check", orders.Check.as_view()),
    path("order/cancel", orders.Cancel.as_view()),
    path("order/cancel-batch", orders.CancelBatch.as_view()),
    path("order/cancel-all", orders.CancelAllOrders.as_view()),
    path("order/modify", orders.Modify.as_view()),
    path("order/close", orders.Close.as_view()),
]
