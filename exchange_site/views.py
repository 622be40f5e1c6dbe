"""The base of REST views: scopes, rate limits, and a thread of its own for each request.

Django runs every synchronous view of a process in one thread; a request that waits for the
worker's verdict or for the projector would hold up all others (R1.7). These run in a pool.
"""

import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import connections
from django.http import HttpRequest, HttpResponseBase
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.views import APIView

from exchange_site import audit, second_factor
from exchange_site.ratelimit import READS, Draw, by_user_or_address, take

_Answer = TypeVar("_Answer")
_THREADS = 16
_pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="rest")
READ_METHODS = ("GET", "HEAD", "OPTIONS")


async def in_thread(call: Callable[..., _Answer], *arguments: Any) -> _Answer:
    """Run a blocking call in the pool, in the caller's language; its connection goes back after."""

    def run() -> _Answer:
        try:
            return call(*arguments)
        finally:
            connections.close_all()

    return await sync_to_async(run, thread_sensitive=False, executor=_pool)()


def check_size(request: HttpRequest) -> None:
    """RequestDataTooBig for a body above `DATA_UPLOAD_MAX_MEMORY_SIZE`, announced or not."""
    if len(request.body) > (settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0):
        raise RequestDataTooBig("the body is too large")


def scope_for(view: Any, method: str) -> str:
    """The scope a method of a view needs: the view's own, else `read` to read, `trade` to write."""
    return getattr(view, "scope", "") or ("read" if method in READ_METHODS else "trade")


class HasScope(BasePermission):
    """The token carries the scope the view needs; a browser session carries all (H-2)."""

    def has_permission(self, request: Any, view: Any) -> bool:
        wanted = scope_for(view, request.method)
        if request.auth is None:
            allowed = wanted != "admin" or not second_factor.is_owed(request.user)
        else:
            allowed = request.auth.allows(wanted)
        if allowed:
            return True
        audit.denied(request, f"scope {wanted}")
        return False


class HasRight(BasePermission):
    """The user has the Django permission the view names in `right`; refusals are audited (O-3)."""

    def has_permission(self, request: Any, view: Any) -> bool:
        if request.user.has_perm(view.right):
            return True
        audit.denied(request, view.right)
        return False


class ExchangeView(APIView):
    """A synchronous view in the pool; limited per user and address (H-5)."""

    permission_classes: Any = (IsAuthenticated, HasScope)
    scope = ""

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Any:
        plain = super().as_view(**initkwargs)

        def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if request.method in READ_METHODS:
                response = plain(request, *args, **kwargs)
            else:
                with audit.acting(request):
                    response = plain(request, *args, **kwargs)
            return response.render() if hasattr(response, "render") else response

        @functools.wraps(plain)
        async def view(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            return await in_thread(functools.partial(answer, request, *args, **kwargs))

        return view

    def draws(self, request: Any) -> list[Draw]:
        """The rate-limit buckets this request draws from."""
        return by_user_or_address(request, "api", READS)

    def check_permissions(self, request: Any) -> None:
        """Size and rate first: a refusal costs the caller too."""
        check_size(request._request)
        take(self.draws(request))
        if request.method not in READ_METHODS and request.user.is_authenticated:
            audit.tell(**audit.named(request.user))
        super().check_permissions(request)


class PublicView(ExchangeView):
    """No log-in needed; one that is given is not even looked at."""

    authentication_classes = ()
    permission_classes = ()


class StaffView(ExchangeView):
    """For staff: the token's scope is `admin` and the user has the permission `right`."""

    permission_classes = (IsAuthenticated, HasScope, HasRight)
    scope = "admin"
    right = ""
