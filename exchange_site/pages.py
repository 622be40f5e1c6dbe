"""What every page of the site shares: texts for its scripts, headers, a thread of its own (O-7, O-50)."""

import functools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language, gettext

from exchange_site import audit
from exchange_site.env import BASE_DIR
from exchange_site.views import in_thread

SCRIPTS = BASE_DIR / "exchange_site" / "static" / "terminal"
SCRIPT_TEXT = re.compile(r"\b_\(\s*\"((?:[^\"\\]|\\.)*)\"")
"""A text of a script: `_("…")`."""
SCRIPT_IMPORT = re.compile(r"^import .* from \"(\.[^\"]+)\";", re.MULTILINE)
POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self'",
        "style-src 'self'",
        "style-src-attr 'unsafe-inline'",  # the chart library places its canvases so
        "img-src 'self' data:",
        "connect-src 'self'{sockets}",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
Answer = Callable[..., HttpResponse]


@functools.cache
def script_texts() -> tuple[str, ...]:
    """Every text that the scripts show, in English."""
    found: set[str] = set()
    for path in sorted(Path(SCRIPTS).glob("*.js")):
        found |= set(SCRIPT_TEXT.findall(path.read_text("utf-8")))
    return tuple(sorted(found))


@functools.cache
def modules(entry: str) -> tuple[str, ...]:
    """The static paths of every module that a script imports, so that a page asks for all at once."""
    found: list[str] = []
    todo = [SCRIPTS / entry]
    while todo:
        path = todo.pop()
        name = str(path.relative_to(SCRIPTS.parent))
        if name in found:
            continue
        found.append(name)
        if path.parent == SCRIPTS:
            imported = SCRIPT_IMPORT.findall(path.read_text("utf-8"))
            todo += [(path.parent / target).resolve() for target in imported]
    return tuple(sorted(found))


def texts() -> dict[str, str]:
    """The scripts' texts in the language of this request; those that differ from English."""
    if (get_language() or "en").startswith("en"):
        return {}
    return {text: gettext(text) for text in script_texts()}


def setup(request: HttpRequest, **more: Any) -> dict[str, Any]:
    """What the scripts of a page start with; holds nothing but plain values."""
    user: Any = request.user
    who = {"user_id": user.pk.hex, "username": user.username} if user.is_authenticated else {}
    return {"venue": settings.VENUE, "language": get_language(), "texts": texts(), **who, **more}


def render_page(request: HttpRequest, template: str, context: dict[str, Any] | None = None) -> HttpResponse:
    """A page with its headers: no script but our own files, nobody's frame, never cached."""
    given = dict(context or {})
    given["setup"] = setup(request, **given.pop("setup", {}))
    status = given.pop("status", 200)
    response = render(request, template, given, status=status)
    scheme = "wss" if request.is_secure() else "ws"
    # Browsers differ on whether 'self' covers sockets of the same host.
    response["Content-Security-Policy"] = POLICY.format(sockets=f" {scheme}://{request.get_host()}")
    response["Cache-Control"] = "no-store"
    response["Referrer-Policy"] = "same-origin"
    return response


def page(*, signed_in: bool = False) -> Callable[[Answer], Any]:
    """A view in the pool of threads; `signed_in` sends strangers to the sign-in page and back."""

    def wrap(view: Answer) -> Any:
        def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if signed_in and not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            if request.method == "POST":
                with audit.acting(request):
                    return view(request, *args, **kwargs)
            return view(request, *args, **kwargs)

        @functools.wraps(view)
        async def asynchronous(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            return await in_thread(functools.partial(answer, request, *args, **kwargs))

        return asynchronous

    return wrap
