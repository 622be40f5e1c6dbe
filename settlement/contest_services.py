"""Contests: entering one, and bringing its accounts to what is due (O-53).

Money and freezes are commands in the log; the tables here only say who takes part.
"""

import hashlib
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import User
from exchange_site.exceptions import ExchangeError
from settlement import contest_figures as calc
from settlement import contest_selectors as selectors
from settlement.models import Contest, ContestEntry
from trading import commands
from trading import selectors as trading
from trading.codec import to_decimal
from trading.engine import codes
from trading.engine.messages import FreezeAccount, FreezeMode, OpenAccount
from trading.models import TradingAccount
from trading.order_services import Answer
from trading.representations import units_of

WAIT_S = 5.0
BATCH = 500
ORIGIN = "contest"
REASON = "contest"
"""Freezes of a contest begin with this word; others are an operator's and are left alone."""


def account_id_for(contest: Contest, user: User) -> str:
    """The account of a contestant: the same for every try to enter."""
    text = f"{contest.venue}/{contest.code}/{contest.pk}/{user.pk.hex}"
    return f"ACC_{hashlib.blake2b(text.encode(), digest_size=16).hexdigest()}"


def enter(*, venue: str, user: User, code: str, nickname: str) -> Answer:
    """Take part (201): an account with the start money, frozen until trading begins.

    9007 for no such contest, 9006 outside the time of entry, 2001 for a second entry or a
    nickname that is taken, 9005 when the worker gave no verdict: the same may be tried again.
    """
    contest = selectors.contest_of(venue, code)
    if not contest.takes_entries(timezone.now()):
        raise ExchangeError(codes.NOT_PERMITTED, {}, {"reason": "entry is not open"})
    entry = _entered(contest, user, nickname)
    outcome = _open(contest, entry)
    return Answer({"account_id": entry.account_id, "nickname": entry.nickname}, outcome, 201)


def _entered(contest: Contest, user: User, nickname: str) -> ContestEntry:
    """The entry's row; one whose account was never opened is taken up again."""
    known = selectors.entry_of(contest, user)
    if known is not None:
        if trading.accounts_of(contest.venue).filter(account_id=known.account_id).exists():
            raise ExchangeError(codes.ACCOUNT_EXISTS, {}, {"account_id": known.account_id})
        return known
    money = contest.start_money
    try:
        with transaction.atomic():
            return ContestEntry.objects.create(
                contest=contest, user=user, nickname=nickname, equity=money, peak=money,
                account_id=account_id_for(contest, user),
            )  # fmt: skip
    except IntegrityError as error:
        raise ExchangeError(codes.ACCOUNT_EXISTS, {"field": "nickname"}, {"field": "nickname"}) from error


def _open(contest: Contest, entry: ContestEntry) -> int:
    """Open the account and freeze it as is due; the last sequence. ExchangeError as `enter`."""
    opening = OpenAccount(
        entry.account_id, entry.user.pk.hex, f"{contest.title} · {entry.nickname}"[:64], "individual",
        group=contest.group, init_cash=units_of(contest.start_money),
    )  # fmt: skip
    freezing = _freeze(contest, entry, due_mode(contest, entry, timezone.now()))
    both = [opening, freezing]
    outcomes = commands.send_many(
        contest.venue, both, user_id=entry.user.pk.hex, origin=ORIGIN, wait_s=WAIT_S
    )
    for outcome in outcomes:
        if outcome.code and outcome.code != codes.ACCOUNT_EXISTS:
            raise ExchangeError(outcome.code, outcome.params)
        if not outcome.decided:
            raise ExchangeError(codes.SERVICE_UNAVAILABLE)
    return outcomes[-1].last_seq


# --------------------------------------------------------------------- what is due


def due_mode(contest: Contest, entry: ContestEntry, now: datetime) -> FreezeMode:
    """Withdrawals frozen while trading is open, everything before and after."""
    is_open = contest.starts_at <= now < contest.ends_at and not contest.finished_at
    return FreezeMode.WITHDRAW_ONLY if is_open and not entry.disqualified else FreezeMode.FULL


def _freeze(contest: Contest, entry: ContestEntry, mode: FreezeMode) -> FreezeAccount:
    text = f"disqualified: {entry.disqualified}" if entry.disqualified else contest.code
    return FreezeAccount(entry.account_id, int(mode), False, f"{REASON} {text}"[:200])


def bring_to_due(venue: str, now: datetime | None = None) -> str:
    """Freeze and free accounts, take samples, close what is over; what was done, in words."""
    now = now or timezone.now()
    trading.catch_up_with_log(venue)  # an operator's freeze of this moment must be seen
    done = [_bring_one(contest, now) for contest in selectors.unfinished(venue)]
    return "; ".join(filter(None, done)) or "nothing is due"


def _bring_one(contest: Contest, now: datetime) -> str:
    entries = list(contest.entries.order_by("pk"))
    changed = bring_accounts(contest, entries, now)
    samples = 0
    if not contest.finished_at:
        samples = sample(contest, entries, now)
        if now >= contest.ends_at and not changed:
            finish(contest, entries, now)
    return f"{contest.code}: {changed} accounts, {samples} samples" if changed or samples else ""


def bring_accounts(contest: Contest, entries: Sequence[ContestEntry], now: datetime) -> int:
    """Freeze or free the accounts that are not as they should be; how many were told to change."""
    accounts = selectors.accounts_of(contest, entries)
    late = [
        _freeze(contest, entry, due_mode(contest, entry, now))
        for entry in entries
        if entry.account_id in accounts
        and _differs(accounts[entry.account_id], due_mode(contest, entry, now))
    ]
    for start in range(0, len(late), BATCH):
        outcomes = commands.send_many(
            contest.venue, late[start : start + BATCH], origin=ORIGIN, wait_s=WAIT_S
        )
        for outcome in outcomes:
            commands.raise_refused(outcome)
        last = max(outcome.last_seq for outcome in outcomes)
        trading.wait_for_projector(contest.venue, last)
    return len(late)


def _differs(account: TradingAccount, mode: FreezeMode) -> bool:
    """Not yet as is due; an operator's own freeze stands."""
    if account.status == "ACTIVE":
        return True
    is_ours = account.freeze_reason.startswith(REASON)
    return account.status == "FROZEN" and is_ours and account.freeze_mode != mode.name


def sample(contest: Contest, entries: Sequence[ContestEntry], now: datetime) -> int:
    """Note the equity of those whose last sample is old enough, while trading is open."""
    if not contest.starts_at <= now < contest.ends_at:
        return 0
    before = now - timedelta(seconds=contest.sample_s)
    return note(contest, [row for row in entries if row.sampled_at is None or row.sampled_at <= before], now)


def note(contest: Contest, entries: Sequence[ContestEntry], now: datetime) -> int:
    """One more sample of each of these entries."""
    worth = selectors.equities(contest, selectors.accounts_of(contest, entries))
    due = [row for row in entries if row.account_id in worth]
    for row in due:
        track = calc.sampled(selectors.track_of(row), worth[row.account_id])
        row.equity, row.peak = to_decimal(track.equity), to_decimal(track.peak)
        row.drawdown, row.changes, row.mean, row.squares = track[2:]
        row.sampled_at = now
    fields = ["equity", "peak", "drawdown", "changes", "mean", "squares", "sampled_at"]
    ContestEntry.objects.bulk_update(due, fields, batch_size=BATCH)
    return len(due)


def finish(contest: Contest, entries: Sequence[ContestEntry], now: datetime) -> None:
    """Keep the figures of the end: every account is frozen, open lots count at their last prices."""
    with transaction.atomic():
        note(contest, entries, now)
        trades = selectors.trade_counts(contest, [row.account_id for row in entries])
        start = units_of(contest.start_money)
        for row in entries:
            row.final_profit_ratio = calc.profit_ratio(units_of(row.equity), start)
            row.final_trades = trades.get(row.account_id, 0)
        ContestEntry.objects.bulk_update(entries, ["final_profit_ratio", "final_trades"], batch_size=BATCH)
        Contest.objects.filter(pk=contest.pk, finished_at=None).update(finished_at=now)


# ---------------------------------------------------------------------- operators


def disqualify(*, entry: ContestEntry, reason: str) -> int:
    """Take a contestant out of the ranking and freeze their account; the last sequence."""
    return _set_disqualified(entry, reason)


def readmit(*, entry: ContestEntry) -> int:
    """Take a disqualification back; the last sequence."""
    return _set_disqualified(entry, "")


def _set_disqualified(entry: ContestEntry, reason: str) -> int:
    entry.disqualified = reason
    command: Any = _freeze(entry.contest, entry, due_mode(entry.contest, entry, timezone.now()))
    outcome = commands.send(
        entry.contest.venue, command, origin=ORIGIN, command_id=uuid.uuid4().hex, wait_s=WAIT_S
    )
    if outcome.code:
        raise ExchangeError(outcome.code, outcome.params)
    if not outcome.decided:
        raise ExchangeError(codes.SERVICE_UNAVAILABLE)
    entry.save(update_fields=["disqualified"])
    return outcome.last_seq
