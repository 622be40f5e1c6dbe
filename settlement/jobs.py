"""The scheduled jobs: what they do, how often, and the one way they are run (O-10, R2.4).

Each brings something to its due state, so that it may run late, twice or be killed at any
point. At most one run of a job and venue is under way, guarded by an advisory lock.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import structlog
from django.core.management import call_command
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import AuthToken
from accounts.services import drop_old_keys
from exchange_site import advisory
from exchange_site.exceptions import ExchangeError
from marketdata import retention, rollups
from settlement import contest_services
from settlement.models import Job
from settlement.run_services import settle_when_due
from settlement.selectors import reported_trading_day
from trading import session_watch
from trading.archive import BadRecord
from trading.engine import codes
from trading.entries import ImpossibleState
from trading.ledger_audit import audit
from trading.recovery import CannotStart
from trading.replay import replay_day
from trading.snapshots import BadSnapshot
from trading.worker import snapshot_store

log = structlog.get_logger()
TEXT_LIMIT = 2_000


class Attention(Exception):
    """The job ran and found something an operator must see to; the text says what."""


class Kind(NamedTuple):
    """A job: `run` takes the venue and says in a few words what it did."""

    name: str
    label: Any
    every_s: int
    run: Callable[[str], str]


def settle(venue: str) -> str:
    """Begin the settlement of the worker's trading day when its time has come (T-95)."""
    day = reported_trading_day(venue)
    if not day:
        return "the worker has not reported yet"
    try:
        begun = settle_when_due(venue=venue, trading_day=day)
    except ExchangeError as error:
        if error.code == codes.SETTLEMENT_UNDER_WAY:
            return f"{day}: under way"
        if error.code == codes.WAITS_FOR_APPROVAL:
            return f"{day}: waits for a second person"
        raise Attention(f"{day}: refused with {error.code} {error.params}") from error
    return f"{day}: begun" if begun else f"{day}: not due"


def watch_sessions(venue: str) -> str:
    """Compare phases, trading day and calendar with the clock (T-20, T-24)."""
    found = session_watch.findings(venue, time.time_ns())
    if found:
        raise Attention("; ".join(str(finding.text) for finding in found))
    return "as the calendar says"


def bring_contests(venue: str) -> str:
    """Open and close trading of contests, take samples of their equities (O-53)."""
    return contest_services.bring_to_due(venue)


def check_books(venue: str) -> str:
    """Every balance from its flows, trades and settled days (T-101)."""
    differences = audit(venue)
    if differences:
        shown = "; ".join(str(one) for one in differences[:5])
        raise Attention(f"{len(differences)} differences: {shown}")
    return "every balance is reproduced"


def replay(venue: str) -> str:
    """Apply the day's commands once more and compare events and hashes (A-23, O-6)."""
    try:
        report = replay_day(venue, snapshot_store(venue))
    except (CannotStart, ImpossibleState, BadRecord, BadSnapshot) as error:
        raise Attention(str(error)) from error
    return (
        f"{report.commands} commands, to event {report.event_seq}, {len(report.snapshots)} snapshots met; "
        f"hash {report.trading_hash[:16]}"
    )


def clean_up(venue: str) -> str:
    """Remove ended sessions, expired tokens and idempotency keys older than a day (H-6)."""
    call_command("clearsessions")
    tokens, _rows = AuthToken.objects.filter(expiry__lt=timezone.now()).delete()
    return f"{drop_old_keys()} keys and {tokens} tokens removed"


def roll_bars_up(venue: str) -> str:
    """Bring larger periods to what their minutes give (M-14)."""
    return rollups.rollup_due(venue, time.time_ns())


def check_bars(venue: str) -> str:
    """Compare the bars of the last finished day with its ticks (M-13)."""
    differences = rollups.check_last_day(venue)
    if differences:
        shown = "; ".join(str(one) for one in differences[: rollups.SHOWN])
        raise Attention(f"{len(differences)} differences: {shown}")
    return "every bar is what its ticks give"


def keep_tables_short(venue: str) -> str:
    """Delete robots' unfilled orders after an hour, drop the days that are over (M-4, M-20)."""
    deleted = retention.delete_robot_orders(venue, time.time_ns())
    dropped = retention.drop_old_partitions()
    return f"{deleted} orders of robots and {len(dropped)} partitions removed"


JOBS: tuple[Kind, ...] = (
    Kind("settlement", _("Settlement when due"), 10, settle),
    Kind("contests", _("Contests"), 5, bring_contests),
    Kind("session-watch", _("Calendar and phases"), 60, watch_sessions),
    Kind("integrity", _("Audit of the books"), 6 * 3600, check_books),
    Kind("replay", _("Replay of the day's log"), 24 * 3600, replay),
    Kind("rollups", _("Rollup of bars"), 60, roll_bars_up),
    Kind("bars-check", _("Bars against ticks"), 24 * 3600, check_bars),
    Kind("retention", _("Robots' orders and old days"), 600, keep_tables_short),
    Kind("clean-up", _("Clean-up of tokens and keys"), 3600, clean_up),
)
BY_NAME = {kind.name: kind for kind in JOBS}


def run(venue: str, name: str, *, started_by: str = "") -> bool | None:
    """Run a job now and record it; None when another run of it is under way.

    KeyError for an unknown job. An exception of the job is recorded, logged and answered
    with False: the next run tries again.
    """
    kind = BY_NAME[name]
    with advisory.try_lock(f"job:{venue}:{name}") as is_ours:
        if not is_ours:
            return None
        row, _made = Job.objects.get_or_create(venue=venue, name=name)
        begun = {"started_at": timezone.now(), "ended_at": None, "started_by": started_by}
        Job.objects.filter(pk=row.pk).update(**begun, runs=F("runs") + 1)
        is_ok, result = _carry_out(kind, venue)
        _record(row.pk, is_ok, result)
    return is_ok


def _carry_out(kind: Kind, venue: str) -> tuple[bool, str]:
    try:
        return True, kind.run(venue)
    except Attention as found:
        log.warning("job_found", job=kind.name, venue=venue, found=str(found))
        return False, str(found)
    except Exception as error:  # a job must not end its worker; its row and the log tell
        log.exception("job_failed", job=kind.name, venue=venue)
        return False, f"{type(error).__name__}: {error}"


def _record(key: int, is_ok: bool, result: str) -> None:
    now = timezone.now()
    text = result.replace("\x00", "")[:TEXT_LIMIT]
    fields: dict[str, Any] = {"ended_at": now, "is_ok": is_ok, "result": text}
    if is_ok:
        fields["done_at"] = now
    else:
        fields["failures"] = F("failures") + 1
    Job.objects.filter(pk=key).update(**fields)


def schedules(venue: str) -> Sequence[tuple[str, int, list[str]]]:
    """(entry's name, seconds between runs, arguments of the task) of every job of a venue."""
    return [(f"{venue}: {kind.name}", kind.every_s, [venue, kind.name]) for kind in JOBS]
