"""The sockets of this process by user: how many one may have, and when they must end (W-1, W-3)."""

import asyncio
import logging
import time
from typing import Protocol

from django.db import DatabaseError

from accounts.socket_login import Credential, ended
from exchange_site.exceptions import ExchangeError
from marketdata.fanout.threads import in_database_thread
from marketdata.sockets import seats
from trading.engine.codes import TOO_MANY_REQUESTS

SOCKETS_PER_USER = 20
LOOK_S = 0.4
"""How often credentials are looked at: what was revoked is closed within a second."""
_log = logging.getLogger(__name__)


class Member(Protocol):
    """A socket that speaks for users."""

    def end(self, code: int, reason: str = "") -> None:
        """Close it."""


class Registry:
    """Sockets with what they came with."""

    def __init__(self) -> None:
        self._members: dict[Member, set[Credential]] = {}
        self._count: dict[str, int] = {}
        self._watcher: asyncio.Task[None] | None = None
        self.looked_at = 0.0
        self._numbers: dict[Member, int] = {}
        self._number = 0
        self._renew_at = 0.0
        self._leaving: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._members)

    def sockets_of(self, user_id: str) -> int:
        """How many sockets speak for a user."""
        return self._count.get(user_id, 0)

    def others_of(self, member: Member) -> list[Member]:
        """The other sockets of the users that a socket speaks for."""
        users = {one.user_id for one in self._members.get(member, ())}
        return [
            other
            for other, own in self._members.items()
            if other is not member and any(one.user_id in users for one in own)
        ]

    async def join(self, member: Member, credential: Credential) -> None:
        """The socket speaks for this user from now on; 9004 for one socket too many.

        The limit holds for all web processes together.
        """
        known = self._members.get(member, set())
        user_id = credential.user_id
        if all(one.user_id != user_id for one in known):
            await self._seat(member, user_id)
        self._members.setdefault(member, known).add(credential)
        if self._watcher is None or self._watcher.done():
            self._watcher = asyncio.create_task(self._watch(), name="socket-registry")

    async def _seat(self, member: Member, user_id: str) -> None:
        """Count the socket here and in the site, in that order: nobody slips in between."""
        count = self.sockets_of(user_id)
        if count < SOCKETS_PER_USER:
            self._count[user_id] = count + 1
            has_seat = False
            try:
                has_seat = await seats.take(user_id, self._seat_of(member), SOCKETS_PER_USER)
            finally:
                if not has_seat:  # refused, or the socket ended meanwhile
                    self._uncount(user_id)
            if has_seat:
                return
        raise ExchangeError(TOO_MANY_REQUESTS, {}, {"sockets": SOCKETS_PER_USER})

    def _seat_of(self, member: Member) -> str:
        number = self._numbers.get(member)
        if number is None:
            self._number += 1
            number = self._numbers[member] = self._number
        return seats.seat_of(number)

    def _uncount(self, user_id: str) -> None:
        left = self._count[user_id] - 1
        if left:
            self._count[user_id] = left
        else:
            del self._count[user_id]

    def leave(self, member: Member) -> None:
        """The socket is gone."""
        for user_id in {one.user_id for one in self._members.pop(member, ())}:
            self._uncount(user_id)
            task = asyncio.create_task(seats.leave(user_id, self._seat_of(member)))
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)
        self._numbers.pop(member, None)

    async def _renew(self) -> None:
        """Keep the seats of this process's sockets."""
        self._renew_at = time.monotonic() + seats.RENEW_S
        held: dict[str, list[str]] = {}
        for member, own in self._members.items():
            for user_id in {one.user_id for one in own}:
                held.setdefault(user_id, []).append(self._seat_of(member))
        for user_id, names in held.items():
            await seats.renew(user_id, names)

    async def _watch(self) -> None:
        """Close with 4001 what lost its right, while anybody is signed in."""
        while self._members:
            began = time.monotonic()
            try:
                await self._look()
                if began >= self._renew_at:
                    await self._renew()
            except (DatabaseError, OSError) as error:
                _log.warning("revoked log-ins cannot be looked up: %s", error)
            await asyncio.sleep(max(0.05, LOOK_S - (time.monotonic() - began)))

    async def _look(self) -> None:
        given = {credential for own in self._members.values() for credential in own}
        gone = await in_database_thread(ended, given)
        self.looked_at = time.monotonic()
        if gone:
            for member, own in tuple(self._members.items()):
                if own & gone:
                    member.end(4001, "the log-in has ended")

    async def stop(self) -> None:
        """End watching; for tests."""
        if self._watcher is not None:
            self._watcher.cancel()
            await asyncio.gather(self._watcher, return_exceptions=True)
        await asyncio.gather(*self._leaving)
