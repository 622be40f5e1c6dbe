"""Operations that are commands in the venue's log: the base of all that touch trading (O-2)."""

import time
import uuid
from collections.abc import Sequence
from typing import Any

import redis
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from exchange_site.admin_operations import Operation, Result
from exchange_site.exceptions import message
from exchange_site.streams import Keys, log_client, stream_id
from trading import commands
from trading.engine import messages as core

ORIGIN = "admin"
WAIT_S = 2.0
TABLES_WAIT_S = 1.0


def wait_for_projector(venue: str, seq: int) -> None:
    """Return when the tables hold the event, or after TABLES_WAIT_S (A-12)."""
    until = time.monotonic() + TABLES_WAIT_S
    try:
        with log_client() as client:
            while time.monotonic() < until:
                cursor = client.hget(Keys(venue).cursors, "projector")
                if cursor is None or stream_id(cursor)[0] >= seq:
                    return
                time.sleep(0.01)
    except redis.RedisError:
        return  # the page tells the results all the same; only its lists may be a moment old


def command_id(token: uuid.UUID, *parts: object) -> str:
    """The id of one command of one filled-in form: a repeated click repeats the command."""
    return uuid.uuid5(token, "|".join(map(str, parts))).hex


class CommandOperation(Operation):
    """An operation that sends one command for each row, all of them in one go."""

    shown_after: tuple[str, ...] = ()  # core rows inside events that tell the state afterwards

    def venue(self, row: Any) -> str:
        return str(row.venue.code) if row is not None else ""

    def command(self, row: Any, data: dict[str, Any]) -> Any:
        """The command for a row."""
        raise NotImplementedError

    def reference(self, row: Any, data: dict[str, Any]) -> str:
        """A money reference that is the same for a repeated click (A-5)."""
        return f"admin-{command_id(data['token'], self.name, row.pk)}"

    def perform(self, request: HttpRequest, rows: Sequence[Any], data: dict[str, Any]) -> list[Result]:
        chosen = list(rows) if self.needs_rows else [None]
        results: dict[int, Result] = {}
        for venue in sorted({self.venue_of(row, data) for row in chosen}):
            part = [n for n, row in enumerate(chosen) if self.venue_of(row, data) == venue]
            answers = self.send(request, venue, [chosen[n] for n in part], data)
            results.update(zip(part, answers, strict=True))
        return [results[n] for n in range(len(chosen))]

    def venue_of(self, row: Any, data: dict[str, Any]) -> str:
        """The venue whose log takes the command for this row."""
        return self.venue(row) if row is not None else str(data["venue"].code)

    def send(
        self, request: HttpRequest, venue: str, rows: Sequence[Any], data: dict[str, Any]
    ) -> list[Result]:
        """Append the commands to one venue's log and read their verdicts."""
        wanted = [self.command(row, data) for row in rows]
        ids = [command_id(data["token"], self.name, command) for command in wanted]
        outcomes = commands.send_many(
            venue,
            wanted,
            user_id=request.user.pk.hex,
            origin=ORIGIN,
            command_ids=ids,
            wait_s=WAIT_S,
        )
        self.wait_for_tables(venue, outcomes)
        return [
            self.result(row, one, outcome, data)
            for row, one, outcome in zip(rows, ids, outcomes, strict=True)
        ]

    def wait_for_tables(self, venue: str, outcomes: Sequence[Any]) -> None:
        """Let the tables catch up, so that the list shows what was done (A-12)."""
        last = max((outcome.last_seq for outcome in outcomes), default=0)
        if last:
            wait_for_projector(venue, last)

    def name_of(self, row: Any, data: dict[str, Any]) -> str:
        """What the result calls the row; overridden where there is none."""
        return self.target(row) if row is not None else str(data["venue"].code)

    def result(self, row: Any, one: str, outcome: Any, data: dict[str, Any]) -> Result:
        """The result of one command."""
        return Result(
            target=self.name_of(row, data),
            code=outcome.code if outcome.decided else 0,
            text=verdict_text(outcome),
            before=self.before(row) if row is not None else None,
            after=self.after(row, outcome, data),
            command_id=one,
            seq=outcome.first_seq or None,
            pending=not outcome.decided,
            row=row,
        )

    def after(self, row: Any, outcome: Any, data: dict[str, Any]) -> dict[str, Any] | None:
        """What the events say the row is now."""
        return told_by(outcome.events) if outcome.decided and not outcome.code else None


def verdict_text(outcome: Any) -> Any:
    """The outcome of a command in words."""
    if not outcome.decided:
        return _("The command is in the log; the worker has not answered yet.")
    if outcome.code:
        return refusal_text(outcome.code, outcome.params)
    return _("Already done before.") if outcome.repeated else ""


def refusal_text(code: int, params: dict[str, Any] | None) -> str:
    """A refusal in words; figures that its sentence does not show are put behind it."""
    text = message(code, params)
    if ":" in text or not params:
        return text
    return f"{text} ({', '.join(f'{name}: {value}' for name, value in params.items())})"


ROW_TYPES: dict[str, type[Any]] = {
    "AccountChanged": core.AccountRow,
    "InstrumentChanged": core.InstrumentRow,
    "ProductChanged": core.ProductRow,
}


def told_by(events: Sequence[Any]) -> dict[str, Any] | None:
    """The fields of the deciding event, rows inside it by name, for the audit log."""
    if not events:
        return None
    name, version = events[0][1], events[0][2]
    kind = core.EVENTS[name, version]
    fields = kind(*events[0][core.EVENT_HEADER :])._asdict()
    if name in ROW_TYPES:
        fields["row"] = ROW_TYPES[name](*fields["row"])._asdict()
    return {"event": name, **fields}
