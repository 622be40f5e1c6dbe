"""The `/ws` socket: requests answered in turn, notifications and the market pushed (W-10 … W-12)."""

import asyncio
import logging
import time
from collections import deque
from contextlib import AbstractContextManager
from functools import cached_property
from typing import Any

import msgspec
import redis
from django.db import DatabaseError
from django.http import HttpRequest
from django.utils import translation

from accounts.socket_login import Credential, is_sound, request_of, sign_in_socket, username_of
from exchange_site.exceptions import ExchangeError, public_params
from exchange_site.exceptions import message as text_of
from marketdata.fanout.hub import Fanout, fanout
from marketdata.fanout.threads import in_database_thread
from marketdata.sockets.base import OVERLOAD, POLICY, RESTART, UNAUTHENTICATED, Closed, Socket
from marketdata.sockets.figures import FIGURES
from marketdata.sockets.typed import market, messages, own
from marketdata.sockets.typed.orders import OrderDesk
from marketdata.sockets.typed.outbox import Item, Outbox, Overflow
from trading.engine.codes import (
    AUTHENTICATION_FAILED,
    INVALID_FIELD,
    MALFORMED_MESSAGE,
    NOT_AUTHENTICATED,
    SERVICE_UNAVAILABLE,
    TOO_MANY_REQUESTS,
)

LOGIN_S = 10.0
STALE_S, SILENT_S, LOOK_S = 10.0, 60.0, 2.5
MOST_WAITING = 1_000
NOBODY = Credential("", "", "")
_log = logging.getLogger(__name__)
_encode = msgspec.json.Encoder().encode


class TypedSocket(Socket):
    """One connection of the typed protocol."""

    protocol = "typed"
    hub: Fanout

    def __init__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        super().__init__(scope, receive, send)
        self.credential = NOBODY
        self.language = self._language(self._header(b"accept-language"))
        self.outbox = Outbox(FIGURES.drop)
        self.market = market.MarketDesk(self)
        self.own = own.OwnDesk(self)
        self.orders = OrderDesk(self)
        self.is_stale = False
        self._heard_at = time.monotonic()
        self._waiting: deque[Any] = deque()
        self._worker: asyncio.Task[Any] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._watch: asyncio.TimerHandle | None = None

    def _header(self, wanted: bytes) -> str:
        found = [value for name, value in self.scope.get("headers", ()) if name == wanted]
        return found[0].decode("latin-1") if found else ""

    @staticmethod
    def _language(text: str) -> str:
        return "zh-hans" if text.strip().lower().startswith("zh") else "en"

    @cached_property
    def request(self) -> HttpRequest:
        """The handshake, for the lock and the limits."""
        return request_of(self.scope)

    def speaking(self) -> AbstractContextManager[Any]:
        """Texts in the client's language."""
        return translation.override(self.language)

    def usernames(self) -> set[str]:
        return {self.credential.username} if self.credential.username else set()

    def subscriptions(self) -> int:
        return sum(map(len, self.market.channels.values()))

    def waiting_messages(self) -> int:
        return len(self.outbox)

    def dropped(self) -> int:
        return self.refused + self.outbox.dropped + self.outbox.merged

    # -------------------------------------------------------------- the connection

    async def on_open(self) -> None:
        try:
            self.hub = await fanout()
        except (DatabaseError, redis.RedisError, OSError) as error:
            _log.warning("a socket came before the servers: %s", error)
            raise Closed(RESTART, "starting") from error
        self._watch = self.loop.call_later(LOOK_S, self._look)

    def on_close(self) -> None:
        for timer in (self._timer, self._watch):
            if timer is not None:
                timer.cancel()
        if hasattr(self, "hub"):
            self.market.close()
            self.own.close()
            self.hub.registry.leave(self)

    def on_breach(self, code: int) -> None:
        self.refuse(None, ExchangeError(TOO_MANY_REQUESTS))

    def _look(self) -> None:
        """Is anybody there, and did they say who they are? (W-1, W-4)"""
        now = time.monotonic()
        self._watch = self.loop.call_later(LOOK_S, self._look)
        heard_at = self._heard_at if self._flow is None else max(self._heard_at, self._flow.heard_at)
        silence = now - heard_at
        if silence > SILENT_S:
            self.end(POLICY, "no sign of life")
            return
        if silence > STALE_S and not self.is_stale:
            self._tell_others()
        self.is_stale = silence > STALE_S
        if self._flow is not None and silence > LOOK_S:
            self._flow.ping()
        follows = any(self.market.channels.values())
        if not (self.credential.user_id or follows or self._worker) and now - self._opened_at > LOGIN_S:
            self.end(UNAUTHENTICATED, "nobody signed in")

    @cached_property
    def _opened_at(self) -> float:
        return self._heard_at

    def _tell_others(self) -> None:
        """The user's other sockets learn that this one has stopped answering."""
        for other in self.hub.registry.others_of(self):
            if isinstance(other, TypedSocket):
                other.own.notice("stale")
                other.flush()

    # -------------------------------------------------------------------- requests

    def on_text(self, text: str | bytes) -> None:
        _ = self._opened_at
        self._heard_at = time.monotonic()
        self.is_stale = False
        try:
            message = messages.decode(text)
        except messages.Malformed as error:
            self._error(error.request_id, MALFORMED_MESSAGE, {}, {"reason": str(error)})
            return
        if isinstance(message, messages.Ping):
            self.answer(message, "pong", timestamp=time.time_ns() // 1_000_000)
        elif len(self._waiting) >= MOST_WAITING:
            self.refuse(message, ExchangeError(TOO_MANY_REQUESTS))
        else:
            self._waiting.append(message)
            if self._worker is None:
                self._worker = self.spawn(self._work())

    async def _work(self) -> None:
        try:
            while self._waiting and self.is_open:
                message = self._waiting.popleft()
                try:
                    await self._handle(message)
                except ExchangeError as error:
                    self.refuse(message, error)
                except (DatabaseError, redis.RedisError, OSError) as error:
                    _log.warning("a request could not be served: %s", error)
                    self.refuse(message, ExchangeError(SERVICE_UNAVAILABLE))
        finally:
            self._worker = None

    async def _handle(self, message: Any) -> None:
        if isinstance(message, messages.Auth):
            await self._sign_in(message)
        elif isinstance(message, messages.Subscribe):
            self._subscribe(message)
        elif isinstance(message, messages.Unsubscribe):
            self._unsubscribe(message)
        elif isinstance(message, messages.GetSubscriptions):
            self.answer(message, "subscriptions_response", **self._subscriptions())
        elif not self.credential.user_id:
            raise ExchangeError(NOT_AUTHENTICATED)
        elif isinstance(message, messages.Query):
            data = await self.own.query(message)
            kind = message.__struct_config__.tag
            with self.speaking():
                self.answer(message, "query_response", request_type=kind, data=data)
        else:
            await self.orders.handle(message)

    async def _sign_in(self, message: messages.Auth) -> None:
        """By token, by user and password, or by the session of the page that opened the socket."""
        if self.credential.user_id:
            raise ExchangeError(INVALID_FIELD, {"field": "type", "reason": "this socket is signed in"})
        try:
            found = await in_database_thread(self._credential, message)
            await self.hub.registry.join(self, found)
        except ExchangeError as error:
            self._answer_sign_in(message, False, error)
            return
        self.credential = found
        if message.language:
            self.language = self._language(message.language)
        await self.own.open(found.user_id)
        self._answer_sign_in(message, True)

    def _credential(self, message: messages.Auth) -> Credential:
        secret = message.token or message.password
        if not is_sound(message.user_id, secret):
            raise ExchangeError(AUTHENTICATION_FAILED)
        name = username_of(message.user_id)
        return sign_in_socket(request=self.request, username=name, password=secret)

    def _answer_sign_in(self, message: Any, success: bool, error: ExchangeError | None = None) -> None:
        with self.speaking():
            text = "" if error is None else text_of(error.code, error.params)
        self.answer(
            message, "auth_response", success=success, user_id=self.credential.user_id,
            user_name=self.credential.username, account_ids=list(self.own.images),
            error_code=0 if error is None else error.code, error_message=text,
        )  # fmt: skip

    # --------------------------------------------------------------- subscriptions

    def _channels(self, names: list[str]) -> tuple[list[str], set[str]]:
        unknown = [name for name in names if name not in (*market.CHANNELS, *own.CHANNELS)]
        if unknown or not names:
            raise ExchangeError(INVALID_FIELD, {"field": "channels"}, {"unknown": unknown[:5]})
        return [name for name in market.CHANNELS if name in names], set(names) & set(own.CHANNELS)

    def _subscribe(self, message: messages.Subscribe) -> None:
        public, private = self._channels(message.channels)
        if private and not self.credential.user_id:
            raise ExchangeError(NOT_AUTHENTICATED)
        if public:
            self.market.subscribe(message, public)
        self.own.channels |= private
        self.answer(message, "subscribe_response", success=True, **self._subscriptions())

    def _unsubscribe(self, message: messages.Unsubscribe) -> None:
        every = [*market.CHANNELS, *own.CHANNELS]
        public, private = self._channels(message.channels or every)
        self.market.unsubscribe(public, message.instruments)
        if not message.instruments:
            self.own.channels -= private
        self.answer(message, "unsubscribe_response", success=True, **self._subscriptions())

    def _subscriptions(self) -> dict[str, Any]:
        public = [name for name, symbols in self.market.channels.items() if symbols]
        return {"channels": sorted([*public, *self.own.channels]), **self.market.shown()}

    # --------------------------------------------------------------------- answers

    def answer(self, message: Any, kind: str, **body: Any) -> None:
        """Answer a request, with its `request_id` when it has one."""
        request_id = getattr(message, "request_id", None)
        named = {} if request_id is None else {"request_id": request_id}
        self.put(Item(0, "", "", _encode({"type": kind, **named, **body})))
        self.flush()

    def refuse(self, message: Any, error: ExchangeError) -> None:
        """An `error` with a code of the one table."""
        self._error(getattr(message, "request_id", None), error.code, error.params, error.extra)

    def _error(self, request_id: Any, code: int, params: dict[str, Any], extra: dict[str, Any]) -> None:
        with self.speaking():
            text = text_of(code, params)
        named = {} if request_id is None else {"request_id": request_id}
        body = {"type": "error", **named, "code": code, "message": text}
        self.put(Item(0, "", "", _encode({**body, "extra": {**public_params(params), **extra}})))
        self.flush()

    # --------------------------------------------------------------------- sending

    def put(self, item: Item) -> bool:
        """Queue a message; too many of them close the socket, and W-11 has the rest."""
        try:
            return self.is_open and self.outbox.put(item, self.loop.time())
        except Overflow:
            self.outbox.clear()
            self.end(OVERLOAD, "the backlog is too long")
            return False

    def on_resume(self) -> None:
        self.flush()
        self.market.flush()

    def flush(self) -> None:
        """Send what is due, and come back for the rest."""
        if not self.can_push:
            return
        for data in self.outbox.take(self.loop.time()):
            if data:
                self.push(data)
        due_at = self.outbox.due_at
        if due_at is None or (self._timer is not None and self._timer_at <= due_at):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = due_at
        self._timer = self.loop.call_at(due_at, self._due)

    def _due(self) -> None:
        self._timer = None
        self.flush()
