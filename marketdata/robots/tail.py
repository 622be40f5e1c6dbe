"""The venue's events as the robots' process reads them: those that name a robot."""

from typing import Any

import redis

from exchange_site.streams import Keys, last_stream_id, reader_client
from marketdata.robots.cast import MARK
from trading.codec import decode_events

_COUNT = 200
_MARK = MARK.encode()


class EventsMissed(Exception):
    """Events between the cursor and the oldest one left are gone."""


class EventTail:
    """A cursor in a venue's event stream, from its end on."""

    def __init__(self, venue: str) -> None:
        self._key = Keys(venue).events
        self._client = reader_client()
        self._cursor = ""

    def open(self) -> None:
        """Begin after the last event there is now."""
        self._cursor = last_stream_id(self._client, self._key)

    @property
    def seq(self) -> int:
        """Sequence of the last event of the batch that was read last."""
        return int(self._cursor.partition("-")[0] or 0)

    def read(self, wait_ms: int) -> list[list[Any]]:
        """Events of batches that name a robot's account or command, waiting at most so long for any.

        Raises EventsMissed when the stream was trimmed past the cursor, RedisError when the
        server is away; the cursor stays good for the next call.
        """
        answer = self._client.xread({self._key: self._cursor}, count=_COUNT, block=max(1, wait_ms))
        found: list[list[Any]] = []
        for entry_id, fields in answer[0][1] if answer else ():
            data = fields[b"e"]
            if _MARK in data:
                found.extend(decode_events(data))
            self._cursor = entry_id.decode("ascii")
        return found

    def check(self) -> None:
        """Raise EventsMissed when the oldest event left is after the cursor's next one."""
        entries: Any = self._client.xrange(self._key, count=1)
        if not entries:
            return
        first = decode_events(entries[0][1][b"e"])[0][0]
        if first > int(self._cursor.partition("-")[0]) + 1:
            raise EventsMissed(f"events up to {first - 1} are gone, read up to {self._cursor}")

    def close(self) -> None:
        """Give the connection back."""
        try:
            self._client.close()
        except redis.RedisError:
            return
