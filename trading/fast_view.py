"""Views of the order path: on the event loop, without the ORM, one JSON body in and out (A-43).

A token looked up within the last second needs no database and a verdict holds up no
thread. A caller this process does not know yet is looked up in the pool.
"""

import json
import math
from io import BytesIO
from typing import Any, NamedTuple

from django.http import HttpRequest, HttpResponse
from rest_framework import exceptions
from rest_framework.authentication import SessionAuthentication
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts import services as users
from accounts.authentication import TokenAuthentication, remembered, token_in
from accounts.models import User
from exchange_site.api import StrictJSONParser, envelope, error_of, exception_handler
from exchange_site.exceptions import ExchangeError
from exchange_site.ratelimit import Draw, Limit, atake, by_user_or_address
from exchange_site.views import check_size, in_thread, scope_for
from trading import selectors
from trading.command_view import TRANSIENT
from trading.order_services import Answer, anote_write

_parser = StrictJSONParser()


class Call(NamedTuple):
    """One request of a known user."""

    venue: str
    user: User
    user_id: str
    body: dict[str, Any]
    request: HttpRequest
    command_id: str = ""
    """Of the request's Idempotency-Key; commands after the first have ids made from it."""


class FastView(APIView):
    """Base of order views; subclasses have `async def post(self, call)` that gives an Answer."""

    scope = ""
    is_keyed = True
    """Whether an Idempotency-Key makes a row of its own; an order's id does the same (H-6)."""

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Any:
        async def view(request: HttpRequest, **kwargs: Any) -> HttpResponse:
            return await cls(**initkwargs).serve(request)

        view.cls = cls  # type: ignore[attr-defined]  # the schema generator looks for it
        view.initkwargs = initkwargs  # type: ignore[attr-defined]
        view.csrf_exempt = True  # type: ignore[attr-defined]  # sessions are checked in `_slowly`
        return view

    async def post(self, call: Call) -> Answer:
        """Carry the request out."""
        raise NotImplementedError

    async def serve(self, request: HttpRequest) -> HttpResponse:
        """Authenticate, limit, parse, carry out, answer in the envelope."""
        call: Call | None = None
        try:
            call = await self._call(request)
            key = request.headers.get("Idempotency-Key", "")
            if key and self.is_keyed:
                return await self._once(call, key)
            return await self._carry_out(call)
        except Exception as error:  # noqa: BLE001  one handler turns all of them into codes
            seq = error.extra.get("event_seq", 0) if isinstance(error, ExchangeError) else 0
            if call is not None and seq:  # a refusal by the core is an event too
                await anote_write(venue=call.venue, user_id=call.user_id, seq=seq)
            return _refusal(error)

    async def _carry_out(self, call: Call) -> HttpResponse:
        answer: Answer = await self.post(call)
        await anote_write(venue=call.venue, user_id=call.user_id, seq=answer.seq)
        response = _json(envelope(answer.data), answer.status)
        if answer.seq:
            response["X-Event-Seq"] = str(answer.seq)
        return response

    async def _once(self, call: Call, key: str) -> HttpResponse:
        """Carry out once for the key; a repeat gets the first answer."""
        digest = users.request_digest(f"POST {call.request.path}", call.body)
        claimed = await in_thread(lambda: users.claim(user=call.user, key=key, digest=digest))
        if claimed.status is not None:
            return _json(claimed.answer, claimed.status)
        try:
            response = await self._carry_out(call._replace(command_id=claimed.command_id))
        except ExchangeError as error:
            await in_thread(_settle_refusal, claimed, error)
            raise
        if response.status_code != 202:  # an undecided command is asked for again under the same id
            kept = {"status": response.status_code, "answer": json.loads(response.content)}
            await in_thread(lambda: users.keep_answer(claimed=claimed, **kept))
        return response

    async def _call(self, request: HttpRequest) -> Call:
        if request.method != "POST":
            raise exceptions.MethodNotAllowed(request.method or "")
        check_size(request)
        user, token = await self._caller(request)
        if token is not None and not token.allows(scope_for(self, "POST")):
            raise exceptions.PermissionDenied
        venue, user_id = selectors.current_venue(), user.pk.hex
        body = _body(request)
        limit = selectors.known_order_limit(venue, user_id)
        if limit is None:
            limit = await in_thread(selectors.order_limit, venue, user_id)
        await atake(self.draws(request, user, limit, body))
        return Call(venue, user, user_id, body, request)

    async def _caller(self, request: HttpRequest) -> tuple[User, Any]:
        text = token_in(request.META.get("HTTP_AUTHORIZATION", ""))
        caller = remembered(text) if text is not None else None
        if caller is not None:
            return caller.user, caller.token
        return await in_thread(_slowly, request)

    def draws(self, request: HttpRequest, user: User, limit: Limit, body: dict[str, Any]) -> list[Draw]:
        """The buckets an order draws from (H-5)."""
        request.user = user
        return by_user_or_address(request, "order", limit, self.cost(body))

    def cost(self, body: dict[str, Any]) -> int:
        """How many orders the request counts as."""
        return 1


def _settle_refusal(claimed: Any, error: ExchangeError) -> None:
    """Keep a refusal; free the key where nothing happened; keep it open where nobody knows."""
    if error.extra.get("pending"):
        return
    if error.code in TRANSIENT:
        users.give_up(claimed=claimed)
    else:
        users.keep_answer(claimed=claimed, status=error.http_status, answer=error_of(error))


def _slowly(request: HttpRequest) -> tuple[User, Any]:
    """User and token as the other views find them, session and CSRF included."""
    schemes = [TokenAuthentication(), SessionAuthentication()]
    known = Request(request, authenticators=schemes, parsers=[_parser])
    if not known.user.is_authenticated:
        raise exceptions.NotAuthenticated
    return known.user, known.auth


def _body(request: HttpRequest) -> dict[str, Any]:
    kind = request.META.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise exceptions.UnsupportedMediaType(kind[:64])
    body: dict[str, Any] = _parser.parse(BytesIO(request.body))
    return body


def _json(data: Any, status: int) -> HttpResponse:
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), default=str)
    return HttpResponse(text.encode("utf-8", "replace"), status=status, content_type="application/json")


def _refusal(error: Exception) -> HttpResponse:
    """The same refusal that the other views give."""
    shown = exception_handler(error, {})
    response = _json(shown.data, shown.status_code)
    wait = (shown.data["error"]["extra"] or {}).get("retry_after")
    if wait is not None:
        response["Retry-After"] = str(math.ceil(wait))
    return response
