"""REST routes under /api/."""

from django.urls import path

from accounts import announcement_api, api, reset_api

urlpatterns = [
    path("announcements", announcement_api.Announcements.as_view()),
    path("announcements/<str:number>", announcement_api.OneAnnouncement.as_view()),
    path("auth/register", api.Register.as_view()),
    path("auth/login", api.Login.as_view()),
    path("auth/logout", api.Logout.as_view()),
    path("auth/logoutall", api.LogoutAll.as_view()),
    path("auth/current-user", api.CurrentUser.as_view()),
    path("auth/password", api.Password.as_view()),
    path("auth/password/reset", reset_api.Reset.as_view()),
    path("auth/tokens", api.Tokens.as_view()),
    path("auth/tokens/<str:token_key>", api.OneToken.as_view()),
]
