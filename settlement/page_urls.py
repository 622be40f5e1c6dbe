"""Routes of the contests' pages."""

from django.urls import path

from settlement import pages

urlpatterns = [
    path("contests", pages.contests, name="contests-page"),
    path("contests/<slug:code>", pages.contest, name="contest-page"),
]
