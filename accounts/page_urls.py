"""Routes of the pages for people."""

from django.urls import path

from accounts import pages

urlpatterns = [
    path("", pages.home, name="home"),
    path("market", pages.market_page, name="market-page"),
    path("sign-up", pages.sign_up, name="sign-up"),
    path("sign-in", pages.sign_in, name="sign-in"),
    path("sign-out", pages.sign_out, name="sign-out"),
    path("password", pages.password, name="password-page"),
    path("reset/<str:token>", pages.reset_page, name="reset-page"),
    path("tokens", pages.tokens, name="tokens-page"),
    path("connect", pages.connect, name="connect-page"),
    path("accounts", pages.accounts, name="accounts-page"),
    path("console", pages.console, name="console-page"),
]
