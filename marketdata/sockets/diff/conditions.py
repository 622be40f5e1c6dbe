"""Condition orders of a DIFF socket: insert, cancel, pause, resume, lists and their pushes (D-34)."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import msgspec
import redis
from django.db import DatabaseError

from exchange_site.exceptions import ExchangeError
from exchange_site.exceptions import message as text_of
from marketdata.fanout.threads import in_database_thread
from marketdata.sockets.diff import condition_messages as messages
from marketdata.sockets.diff.branch import Branch
from marketdata.sockets.diff.condition_terms import command_of, shown
from trading import commands
from trading.condition_selectors import inserted_on, living_or_of, row_of
from trading.diff_texts import CHINESE, PENDING
from trading.engine.codes import (
    ACCOUNT_NOT_FOUND,
    INVALID_FIELD,
    NOT_PERMITTED,
    ORDER_NOT_FOUND,
    SERVICE_UNAVAILABLE,
)
from trading.engine.conditions import ConditionalStatus
from trading.engine.messages import EVENT_HEADER, ChangeConditional, ConditionalRow
from trading.engine.sessions import is_day
from trading.selectors import wait_for_projector

if TYPE_CHECKING:
    from marketdata.sockets.diff.trade import TradeDesk

VERDICT_S = 5.0
INSERT, CANCEL, PAUSE, RESUME, HISTORY = "条件单", "条件单撤单", "条件单暂停", "条件单恢复", "历史条件单查询"
_INSERTED, _WRONG_USER = 516, 515
_DONE = {0: (523, "条件单撤单成功"), 1: (531, "条件单暂停成功"), 2: (536, "条件单恢复成功")}
_ACTIONS = {
    messages.CancelConditionOrder: (0, CANCEL), messages.PauseConditionOrder: (1, PAUSE),
    messages.ResumeConditionOrder: (2, RESUME),
}  # fmt: skip
_NO_USER = {0: 518, 1: 525, 2: 533}
_MISSING = {0: 519, 1: 526, 2: 534}
_STATES: dict[int, dict[str, int]] = {
    0: {"TRIGGERED": 520, "FAILED": 520, "CANCELLED": 521, "EXPIRED": 522},
    1: {"TRIGGERED": 527, "FAILED": 527, "CANCELLED": 528, "EXPIRED": 529, "SUSPENDED": 530},
    2: dict.fromkeys(ConditionalStatus.__members__, 535),
}
_HISTORY_USER, _HISTORY_DAY = 538, 539
_encode = msgspec.json.Encoder().encode


class ConditionEntry:
    """The condition orders of one socket's log-ins."""

    def __init__(self, desk: "TradeDesk") -> None:
        self._desk = desk
        self._newer: dict[str, dict[int, ConditionalRow]] = {}
        """Per login whose list is being read: what events said meanwhile."""

    async def handle(self, message: Any) -> None:
        """Take a message in its turn; refusals are notifies with their code."""
        branch = self._desk.branch_of(message.user_id)
        if isinstance(message, messages.InsertConditionOrder):
            await self._insert(branch, message)
        elif isinstance(message, messages.QryConditionOrder):
            if branch is None:
                self._refuse(INSERT, _WRONG_USER, ACCOUNT_NOT_FOUND)
            else:
                self.show(branch, even_none=True)
        elif isinstance(message, messages.QryHisConditionOrder):
            self._desk.socket.spawn(self._history(branch, message))
        else:
            await self._change(branch, message)

    # ------------------------------------------------------------------- commands

    async def _insert(self, branch: Branch | None, message: messages.InsertConditionOrder) -> None:
        if branch is None:
            self._refuse(INSERT, _WRONG_USER, ACCOUNT_NOT_FOUND)
            return
        tag = message.user_id[len(branch.name) :]
        try:
            command = command_of(message, branch.account_id, tag, self._desk.socket.hub.catalogue.symbol_of)
            await self._may(branch)
        except ExchangeError as error:
            self._refuse(INSERT, error.params.get("check", error.code), error.code, error.params)
            return
        self._desk.socket.spawn(self._send(branch, command, INSERT, _INSERTED, "条件单下单成功", _check))

    async def _change(self, branch: Branch | None, message: messages.ChangeMessage) -> None:
        action, what = _ACTIONS[type(message)]
        if branch is None:
            self._refuse(what, _NO_USER[action], ACCOUNT_NOT_FOUND)
            return
        try:
            await self._may(branch)
        except ExchangeError as error:
            self._refuse(what, error.code, error.code, error.params)
            return

        def number(code: int, params: dict[str, Any]) -> int:
            if code == ORDER_NOT_FOUND:
                return _MISSING[action]
            return _STATES[action].get(params.get("status", ""), code)

        command = ChangeConditional(branch.account_id, message.order_id, action)
        self._desk.socket.spawn(self._send(branch, command, what, *_DONE[action], number))

    async def _may(self, branch: Branch) -> None:
        """Trading rights, and the same limit as orders (H-5)."""
        if not branch.credential.may_trade:
            raise ExchangeError(NOT_PERMITTED)
        await self._desk.orders.draw(branch)

    async def _send(
        self, branch: Branch, command: Any, what: str, done: int, text: str,
        number: Callable[[int, dict[str, Any]], int],
    ) -> None:  # fmt: skip
        """Append a command and tell its verdict; what it changed comes by its event."""
        venue, user_id = self._desk.socket.hub.venue, branch.credential.user_id
        try:
            outcome = await commands.asend(venue, command, user_id=user_id, origin="diff", wait_s=VERDICT_S)
        except ExchangeError as error:
            self._refuse(what, error.code, error.code, error.params)
            return
        if not outcome.decided:
            self._desk.socket.notify(0, "WARNING", f"{what}: {PENDING}")
        elif outcome.code:
            self._refuse(what, number(outcome.code, outcome.params), outcome.code, outcome.params)
        else:
            self._desk.socket.notify(done, "INFO", text)

    def _refuse(self, what: str, number: int, code: int, params: dict[str, Any] | None = None) -> None:
        given = {name: value for name, value in (params or {}).items() if name != "check"}
        text = f"{what}已被服务器拒绝,原因:{text_of(code, given, CHINESE)}"
        self._desk.socket.notify(number, "WARNING", text, code)

    # ---------------------------------------------------------------------- pushes

    def tell(self, branch: Branch, events: Iterable[list[Any]]) -> None:
        """Push the condition orders that events changed, each as it stands."""
        rows = {}
        for event in events:
            if event[1] == "ConditionalChanged":
                row = ConditionalRow(*event[EVENT_HEADER])
                rows[row.uid] = row
        if not rows:
            return
        if branch.name in self._newer:
            self._newer[branch.name].update(rows)
        self._push(branch, rows.values())

    def show(self, branch: Branch, even_none: bool = False) -> None:
        """Push all that live or were placed on this trading day; nothing when there are none."""
        if branch.name not in self._newer:
            self._newer[branch.name] = {}
            self._desk.socket.spawn(self._show(branch, even_none))

    async def _show(self, branch: Branch, even_none: bool) -> None:
        image, venue = branch.image, self._desk.socket.hub.venue
        try:
            if image is None:
                return
            found = await in_database_thread(_read, venue, image.account_id, image.seq, image.trading_day)
            rows = {row.uid: row for row in found} | self._newer[branch.name]
            if rows or even_none:
                self._push(branch, rows.values())
        except (DatabaseError, redis.RedisError, OSError):
            self._desk.refuse(SERVICE_UNAVAILABLE)
        finally:
            del self._newer[branch.name]

    def _push(self, branch: Branch, rows: Iterable[ConditionalRow]) -> None:
        body = {
            "aid": "rtn_condition_orders",
            "user_id": branch.name,
            "trading_day": branch.image.trading_day if branch.image is not None else 0,
            "condition_orders": [shown(row, branch.name + row.client_tag) for row in rows],
        }
        self._desk.socket.push(_encode(body))

    async def _history(self, branch: Branch | None, message: messages.QryHisConditionOrder) -> None:
        """Those placed on a day of the calendar, as they stand."""
        if branch is None or branch.image is None:
            self._refuse(HISTORY, _HISTORY_USER, ACCOUNT_NOT_FOUND)
            return
        if not is_day(message.action_day):
            self._refuse(HISTORY, _HISTORY_DAY, INVALID_FIELD, {"field": "action_day"})
            return
        venue, account_id = self._desk.socket.hub.venue, branch.image.account_id
        try:
            seq, day = branch.image.seq, message.action_day
            rows = await in_database_thread(_read_day, venue, account_id, seq, day)
        except (DatabaseError, redis.RedisError, OSError):
            self._desk.refuse(SERVICE_UNAVAILABLE)
            return
        body = {
            "aid": "rtn_his_condition_orders",
            "user_id": branch.name,
            "action_day": message.action_day,
            "his_condition_orders": [shown(row, branch.name + row.client_tag) for row in rows],
        }
        self._desk.socket.push(_encode(body))


def _check(code: int, params: dict[str, Any]) -> int:
    """The number of a refused insertion: the core says it."""
    return int(params.get("check", code))


def _read(venue: str, account_id: str, seq: int, trading_day: int) -> list[ConditionalRow]:
    wait_for_projector(venue, seq)
    return [row_of(table) for table in living_or_of(venue, account_id, trading_day)]


def _read_day(venue: str, account_id: str, seq: int, day: int) -> list[ConditionalRow]:
    wait_for_projector(venue, seq)
    return [row_of(table) for table in inserted_on(venue, account_id, day)]
