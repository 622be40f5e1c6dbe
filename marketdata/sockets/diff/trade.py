"""The trading half of a DIFF socket: log-ins, orders, cancels and the notifies of both."""

import asyncio
from collections import deque
from functools import cached_property
from typing import TYPE_CHECKING, Any

import redis
from django.db import DatabaseError
from django.http import HttpRequest

from accounts.socket_login import request_of
from exchange_site.exceptions import ExchangeError
from exchange_site.exceptions import message as text_of
from marketdata.fanout.image import Change
from marketdata.fanout.threads import in_database_thread
from marketdata.sockets.diff import messages, notices, services, settlements
from marketdata.sockets.diff.branch import Branch, braces
from marketdata.sockets.diff.condition_messages import ConditionMessage
from marketdata.sockets.diff.conditions import ConditionEntry
from marketdata.sockets.diff.login import sign_in
from marketdata.sockets.diff.orders import OrderEntry
from trading.diff_texts import CHINESE, LOGGED_IN, LOGIN_FAILED
from trading.engine.codes import (
    AUTHENTICATION_FAILED,
    NOT_AUTHENTICATED,
    SERVICE_UNAVAILABLE,
    TOO_MANY_REQUESTS,
)

if TYPE_CHECKING:
    from marketdata.sockets.diff.socket import DiffSocket

KEPT = 100
"""Trade messages that wait for a log-in (D-9)."""
MOST_WAITING = 1_000
"""Trade messages that wait for their turn."""
MOST_LOGINS = 50
LOGIN_S = 10.0
"""How long messages wait for a log-in before they are refused (W-1)."""


class TradeDesk:
    """Log-ins of a socket, each with its branch of the tree; messages are taken in order."""

    def __init__(self, socket: "DiffSocket") -> None:
        self.socket = socket
        self.branches: dict[str, Branch] = {}
        self.orders = OrderEntry(self)
        self.conditions = ConditionEntry(self)
        self._waiting: deque[Any] = deque()
        self._worker: asyncio.Task[Any] | None = None
        self._patience: asyncio.TimerHandle | None = None

    @cached_property
    def request(self) -> HttpRequest:
        """The handshake, for the lock and the limits."""
        return request_of(self.socket.scope)

    @property
    def is_dirty(self) -> bool:
        return bool(self.branches) and any(branch.is_dirty for branch in self.branches.values())

    def take(self, budget: int) -> bytes:
        """`{"trade":{…}}` of what is to be sent."""
        parts = []
        for branch in self.branches.values():
            if branch.is_dirty and budget > 0:
                parts.append(branch.take(budget))
                budget -= len(parts[-1])
        return b'{"trade":' + braces(parts) + b"}"

    def close(self) -> None:
        """Let go of every image."""
        if self._patience is not None:
            self._patience.cancel()
        for branch in self.branches.values():
            if branch.image is not None:
                self.socket.hub.accounts.close(branch.image, branch)

    # ----------------------------------------------------------------- in order

    def handle(self, message: Any) -> None:
        """Take a message in its turn; before a log-in it waits (D-9)."""
        if isinstance(message, messages.ReqLogin):
            self._forget_patience()
            self._waiting.appendleft(message) if not self.branches else self._waiting.append(message)
        elif not self.branches and self._worker is None:
            self._keep(message)
            return
        elif len(self._waiting) >= MOST_WAITING:
            self.refuse(TOO_MANY_REQUESTS)
            return
        else:
            self._waiting.append(message)
        if self._worker is None:
            self._worker = self.socket.spawn(self._work())

    def _keep(self, message: Any) -> None:
        if len(self._waiting) >= KEPT:
            self.refuse(NOT_AUTHENTICATED)
            return
        self._waiting.append(message)
        if self._patience is None:
            self._patience = self.socket.loop.call_later(LOGIN_S, self._give_up)

    def _forget_patience(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _give_up(self) -> None:
        """Nobody logged in: what waits is refused, not forgotten."""
        self._patience = None
        if self._waiting and not self.branches and self._worker is None:
            self._waiting.clear()
            self.refuse(NOT_AUTHENTICATED)

    def refuse(self, code: int, params: dict[str, Any] | None = None) -> None:
        """An ERROR notify with a code of the one table."""
        self.socket.refuse(code, params)

    async def _work(self) -> None:
        try:
            while self._waiting:
                if not self.branches and not isinstance(self._waiting[0], messages.ReqLogin):
                    self._patience = self.socket.loop.call_later(LOGIN_S, self._give_up)
                    return  # the log-in failed: they wait for the next one
                await self._handle(self._waiting.popleft())
        finally:
            self._worker = None

    async def _handle(self, message: Any) -> None:
        if isinstance(message, messages.InsertOrder):
            await self.orders.insert(message)
        elif isinstance(message, messages.CancelOrder):
            self.orders.cancel(message)
        elif isinstance(message, messages.ReqLogin):
            await self._log_in(message)
        elif isinstance(message, messages.ConfirmSettlement):
            self._confirm()
        elif isinstance(message, ConditionMessage):
            await self.conditions.handle(message)
        else:
            self.socket.spawn(services.serve(self, message))

    def _confirm(self) -> None:
        for branch in self.branches.values():
            branch.is_confirmed = True  # at once: its statement may be under way
        self.socket.spawn(settlements.confirm(self))

    # ------------------------------------------------------------------- log-in

    async def _log_in(self, message: messages.ReqLogin) -> None:
        hub = self.socket.hub
        try:
            if len(self.branches) >= MOST_LOGINS:
                raise ExchangeError(TOO_MANY_REQUESTS)
            name, password = message.user_name.strip(), message.password
            found = await in_database_thread(sign_in, hub.venue, self.request, name, password)
            await hub.registry.join(self.socket, found.credential)
            branch = Branch(found.name, found.credential, self._changed)
            branch.image = await hub.accounts.open(found.account_id, branch)
        except ExchangeError as error:
            self._refuse_login(error.code, error.params)
        except (DatabaseError, redis.RedisError, OSError, UnicodeError):
            self._refuse_login(SERVICE_UNAVAILABLE, {})
        else:
            self._welcome(branch)

    def _refuse_login(self, code: int, params: dict[str, Any]) -> None:
        reason = "" if code == AUTHENTICATION_FAILED else f" {text_of(code, params, CHINESE)}"
        self.socket.notify(LOGIN_FAILED, "ERROR", f"用户登录失败!{reason}", code)

    def _welcome(self, branch: Branch) -> None:
        if not self.socket.is_open:
            if branch.image is not None:
                self.socket.hub.accounts.close(branch.image, branch)
            return
        former = self.branches.pop(branch.name, None)
        if former is not None and former.image is not None:
            self.socket.hub.accounts.close(former.image, former)
        self.branches[branch.name] = branch
        branch.mark_all()
        self.socket.spawn(services.serve(self, messages.QryAccountRegister(branch.name)))
        self.conditions.show(branch)
        self.socket.notify(LOGGED_IN, "INFO", "登录成功", user_id=branch.name)
        self.socket.spawn(settlements.show(self, branch))

    def branch_of(self, user_id: str) -> Branch | None:
        """The longest login that equals a user id or precedes a `.` in it (D-30)."""
        found = [name for name in self.branches if user_id == name or user_id.startswith(name + ".")]
        return self.branches[max(found, key=len)] if found else None

    # ------------------------------------------------------------------ changes

    def _changed(self, branch: Branch, change: Change) -> None:
        """A branch's account changed: send it, and say what happened once for each account."""
        branch.mark(change)
        if change.session:
            branch.is_confirmed = False
            self.socket.spawn(settlements.show(self, branch))
        self.conditions.tell(branch, change.events)
        if change.is_whole:
            self.conditions.show(branch)
        first = next(one for one in self.branches.values() if one.image is branch.image)
        if first is branch and branch.image is not None:
            for notice in notices.of(branch.image, change.events):
                self.socket.notify(*notice)
        self.socket.flush()
