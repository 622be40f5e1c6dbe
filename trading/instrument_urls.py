"""REST routes of the staff's instrument endpoints."""

from django.urls import path

from trading import instrument_api as api

urlpatterns = [
    path("admin/venue", api.OneVenue.as_view()),
    path("admin/instruments", api.Instruments.as_view()),
    path("admin/instrument/create", api.Create.as_view()),
    path("admin/instrument/<str:instrument_id>/update", api.Update.as_view()),
    path("admin/instrument/<str:instrument_id>/suspend", api.Suspend.as_view()),
    path("admin/instrument/<str:instrument_id>/resume", api.Resume.as_view()),
    path("admin/instrument/<str:instrument_id>/delist", api.Delist.as_view()),
]
