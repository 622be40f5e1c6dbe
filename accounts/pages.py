"""Pages for people: sign up, in and out, password, tokens, market, terminal (O-50, O-51, O-54)."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth import login, logout, update_session_auth_hash
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe
from rest_framework.exceptions import APIException, ValidationError

from accounts import selectors, services
from accounts.api import validated
from accounts.models import User
from accounts.reset_api import ResetIn, reset
from accounts.serializers import LoginIn, PasswordChangeIn, RegisterIn, TokenIn, TokenKeyIn
from exchange_site.exceptions import ExchangeError, message
from exchange_site.pages import modules, page, render_page
from exchange_site.ratelimit import LOGIN, Draw, client_address, take

BACKEND = "django.contrib.auth.backends.ModelBackend"


def form_of(request: HttpRequest) -> dict[str, Any]:
    """The posted fields without the CSRF token and the page to go on to."""
    given = request.POST.dict()
    given.pop("csrfmiddlewaretoken", None)
    given.pop("next", None)
    return {name: value for name, value in given.items() if value != ""}


def faults_of(work: Callable[[], Any]) -> list[str]:
    """Do it; what it was refused with, in the reader's language."""
    try:
        work()
    except ExchangeError as error:
        said = error.extra.get("fields", {}) if error.extra else {}
        more = [str(text) for texts in said.values() for text in texts]
        return more or [message(error.code, error.params)]
    except ValidationError as error:
        return field_faults(error.detail)
    except APIException as error:
        return [str(error.detail)]
    return []


def field_faults(detail: Any) -> list[str]:
    """`field: what is wrong` for each bad field."""
    if not isinstance(detail, dict):
        return [str(text) for text in detail]
    return [f"{name}: {text}" for name, texts in detail.items() for text in texts]


def next_of(request: HttpRequest, otherwise: str = "home") -> str:
    """Where to go on to: a page of this site, else the one named, the terminal."""
    asked = request.POST.get("next") or request.GET.get("next") or ""
    safe = url_has_allowed_host_and_scheme(asked, {request.get_host()}, request.is_secure())
    return asked if safe else reverse(otherwise)


def shown(request: HttpRequest, template: str, faults: list[str], **more: Any) -> HttpResponse:
    """A form's page again with what is wrong, 422, or for the first time."""
    status = 422 if faults else 200
    return render_page(request, template, {"faults": faults, "status": status, "sent": request.POST, **more})


# ------------------------------------------------------------------ in and out


@page()
def sign_up(request: HttpRequest) -> HttpResponse:
    """A new user, signed in at once; then the page to open an account."""
    is_open = selectors.registration_is_open()
    faults: list[str] = []
    if request.method == "POST":

        def work() -> None:
            take([Draw(f"login:a:{client_address(request)}", LOGIN)])
            user = services.register(**validated(RegisterIn, form_of(request)))
            login(request, user, backend=BACKEND)

        faults = faults_of(work)
        if not faults:
            return HttpResponseRedirect(reverse("accounts-page"))
    return shown(request, "public/sign_up.html", faults, is_open=is_open)


@page()
def sign_in(request: HttpRequest) -> HttpResponse:
    """A session for a name and its password; locked and limited like every log-in."""
    faults: list[str] = []
    if request.method == "POST":
        faults = faults_of(lambda: begin_session(request))
        if not faults:
            return HttpResponseRedirect(next_of(request))
    return shown(request, "public/sign_in.html", faults, next=next_of(request))


def begin_session(request: HttpRequest) -> None:
    """Sign in with the posted name and password; ExchangeError 9001, 9004."""
    body = validated(LoginIn, form_of(request))
    name = body["username"].lower()
    take([Draw(f"login:a:{client_address(request)}", LOGIN), Draw(f"login:u:{name}", LOGIN)])
    login(request, services.sign_in(request=request, **body), backend=BACKEND)


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """End this session."""
    logout(request)
    return HttpResponseRedirect(reverse("home"))


# ------------------------------------------------------------ password, tokens


@page(signed_in=True)
def password(request: HttpRequest) -> HttpResponse:
    """A new password; every token and every other session ends."""
    user: Any = request.user
    faults: list[str] = []
    if request.method == "POST":

        def work() -> None:
            take([Draw(f"login:p:{user.pk.hex}:{client_address(request)}", LOGIN)])
            body = validated(PasswordChangeIn, form_of(request))
            services.change_password(user=user, old=body["old_password"], new=body["new_password"])
            update_session_auth_hash(request, user)

        faults = faults_of(work)
    done = request.method == "POST" and not faults
    return shown(request, "public/password.html", faults, done=done)


@page()
def reset_page(request: HttpRequest, token: str) -> HttpResponse:
    """A new password by a one-time link (H-9)."""
    faults: list[str] = []
    if request.method == "POST":

        def work() -> None:
            take([Draw(f"login:a:{client_address(request)}", LOGIN)])
            body = validated(ResetIn, {"token": token, **form_of(request)})
            reset(request, body["token"], body["new_password"])

        faults = faults_of(work)
    return shown(request, "public/reset.html", faults, done=request.method == "POST" and not faults)


@page(signed_in=True)
def tokens(request: HttpRequest) -> HttpResponse:
    """The user's tokens: list, make (shown once), end."""
    user: Any = request.user
    made: list[str] = []
    faults: list[str] = []
    if request.method == "POST":
        key = request.POST.get("token_key")
        work = end_token if key else make_token
        faults = faults_of(lambda: work(request, user, made))
    rows = [selectors.token_data(row) for row in selectors.tokens_of(user)[:200]]
    return shown(request, "public/tokens.html", faults, tokens=rows, made=made, is_staff=user.is_staff)


def make_token(request: HttpRequest, user: User, made: list[str]) -> None:
    """Make the token that a form asks for."""
    given: dict[str, Any] = form_of(request)
    given["scopes"] = request.POST.getlist("scopes")
    if not given["scopes"]:
        raise ValidationError({"scopes": [_("choose at least one")]})
    body = validated(TokenIn, given)
    _token, text = services.make_token(
        user=user, name=body["name"], scopes=body["scopes"], days=body.get("expires_in_days"), within=None
    )
    made.append(text)


def end_token(request: HttpRequest, user: User, _made: list[str]) -> None:
    """End the token that a form names."""
    body = validated(TokenKeyIn, form_of(request))
    services.revoke_token(user=user, token_key=body["token_key"])


# --------------------------------------------------------- market and terminal


@page()
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """The terminal for those who are signed in, the market for everybody else."""
    if request.user.is_authenticated:
        return render_page(request, "terminal/terminal.html", {"modules": modules("main.js")})
    return market(request)


def market(request: HttpRequest) -> HttpResponse:
    """The market as everybody may see it."""
    is_open = selectors.registration_is_open()
    return render_page(request, "public/market.html", {"is_open": is_open})


market_page = page()(require_safe(market))


@page()
@require_safe
def connect(request: HttpRequest) -> HttpResponse:
    """The lines that point a TqSdk strategy here."""
    secure = request.is_secure()
    return render_page(
        request,
        "public/connect.html",
        {
            "http": f"{'https' if secure else 'http'}://{request.get_host()}",
            "ws": f"{'wss' if secure else 'ws'}://{request.get_host()}/ws/diff",
            "venue": settings.VENUE,
            "who": request.user.get_username() or "your_user",
        },
    )


@page(signed_in=True)
@require_safe
def accounts(request: HttpRequest) -> HttpResponse:
    """The user's accounts, a card each."""
    return render_page(request, "terminal/accounts.html", {"practice": settings.PRACTICE_MONEY})


@page(signed_in=True)
@require_safe
def console(request: HttpRequest) -> HttpResponse:
    """Send DIFF messages by hand and see the tree."""
    return render_page(request, "terminal/console.html")
