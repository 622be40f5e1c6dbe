"""Reads of contests: what is open to whom, the live ranking, the results (O-53)."""

import time
from collections.abc import Sequence
from typing import Any

from django.db.models import Count, QuerySet, Sum
from django.utils import timezone

from exchange_site.exceptions import ExchangeError
from settlement import contest_figures as calc
from settlement.models import Contest, ContestEntry
from trading import selectors as trading
from trading.codec import to_number
from trading.engine.codes import NOT_FOUND
from trading.models import CashFlow, Trade, TradingAccount
from trading.representations import units_of

FRESH_S = 2.0
"""A ranking is computed anew at most so often, however many watch it."""
MOVED = ("deposit", "withdrawal", "transfer", "reversal")
_rankings: dict[int, tuple[float, list[dict[str, Any]]]] = {}


def contests(venue: str) -> QuerySet[Contest]:
    """Every contest of a venue with the number of its contestants, newest first."""
    return Contest.objects.filter(venue=venue).annotate(contestants=Count("entries"))


def published(venue: str) -> QuerySet[Contest]:
    """The contests that everybody may see, newest first."""
    return contests(venue).filter(is_published=True)


def contest_of(venue: str, code: str, for_staff: bool = False) -> Contest:
    """A published contest, for staff any; 9007 for what is not there."""
    rows = contests(venue) if for_staff else published(venue)
    row = rows.filter(code=code).first() if code.isprintable() else None
    if row is None:
        raise ExchangeError(NOT_FOUND, {}, {"field": "code"})
    return row


def contest_data(row: Contest) -> dict[str, Any]:
    """A contest as the API shows it; times in ms."""
    return {
        "code": row.code, "title": row.title, "text": row.text, "phase": row.phase(timezone.now()),
        "ranking": row.ranking, "start_money": float(row.start_money), "min_trades": row.min_trades,
        "entry_from": ms(row.entry_from), "entry_until": ms(row.entry_until),
        "starts_at": ms(row.starts_at), "ends_at": ms(row.ends_at),
        "finished_at": ms(row.finished_at) if row.finished_at else None,
        "contestants": getattr(row, "contestants", 0),
    }  # fmt: skip


def ms(moment: Any) -> int:
    """Milliseconds since 1970."""
    return int(moment.timestamp() * 1000)


def entry_of(contest: Contest, user: Any) -> ContestEntry | None:
    """The user's own entry."""
    return ContestEntry.objects.filter(contest=contest, user=user).first()


# ---------------------------------------------------------------------- figures


def accounts_of(contest: Contest, entries: Sequence[ContestEntry]) -> dict[str, TradingAccount]:
    """The contestants' accounts as the tables have them, by id."""
    rows = trading.accounts_of(contest.venue).filter(account_id__in=[row.account_id for row in entries])
    return {row.account_id: row for row in rows}


def equities(contest: Contest, accounts: dict[str, TradingAccount]) -> dict[str, int]:
    """What each account is worth now without money moved after the start; 1/10 000 yuan."""
    figures = trading.figures_of(contest.venue, list(accounts.values()))
    moved = net_moved(contest, list(accounts))
    start = units_of(contest.start_money)
    return {name: row.balance - moved.get(name, start) + start for name, row in figures.items()}


def net_moved(contest: Contest, account_ids: Sequence[str]) -> dict[str, int]:
    """Money in less money out of each account since it was opened, the start money included."""
    number = trading.venue_number(contest.venue)
    rows = CashFlow.objects.filter(venue_id=number, account_id__in=account_ids, kind__in=MOVED)
    sums = rows.order_by().values("account_id").annotate(total=Sum("amount"))
    return {row["account_id"]: units_of(row["total"]) for row in sums}


def trade_counts(contest: Contest, account_ids: Sequence[str]) -> dict[str, int]:
    """Trades of each account."""
    number = trading.venue_number(contest.venue)
    rows = Trade.objects.filter(venue_id=number, account_id__in=account_ids)
    return dict(rows.order_by().values_list("account_id").annotate(count=Count("id")))


def track_of(entry: ContestEntry) -> calc.Track:
    """The kept track of an entry."""
    return calc.Track(
        units_of(entry.equity), units_of(entry.peak), entry.drawdown, entry.changes, entry.mean, entry.squares
    )


# ---------------------------------------------------------------------- ranking


def ranking(contest: Contest) -> list[dict[str, Any]]:
    """The places of this moment, or the final ones; best first. Names nobody's account."""
    known = _rankings.get(contest.pk)
    if known is not None and time.monotonic() - known[0] < FRESH_S:
        return known[1]
    found = [shown(place, entry, row) for place, entry, row in placed(contest)]
    _rankings[contest.pk] = (time.monotonic(), found)
    return found


def placed(contest: Contest) -> list[tuple[int | None, ContestEntry, dict[str, Any]]]:
    """(place, entry, figures) of every contestant, best first."""
    entries = {row.pk: row for row in contest.entries.select_related("user").order_by("pk")}
    figures = final_figures(entries) if contest.finished_at else live_figures(contest, entries)
    standings = [
        calc.Standing(
            key, row["profit_ratio"], row["drawdown"], row["sharpe"], is_ranked(contest, entries[key], row)
        )
        for key, row in figures.items()
    ]
    return [(place, entries[key], figures[key]) for place, key in calc.places(standings, contest.ranking)]


def is_ranked(contest: Contest, entry: ContestEntry, figures: dict[str, Any]) -> bool:
    return not entry.disqualified and figures["trades"] >= contest.min_trades


def live_figures(contest: Contest, entries: dict[int, ContestEntry]) -> dict[int, dict[str, Any]]:
    """Figures at the prices of this moment, by entry."""
    accounts = accounts_of(contest, list(entries.values()))
    worth = equities(contest, accounts)
    trades = trade_counts(contest, list(accounts))
    start = units_of(contest.start_money)
    found = {}
    for key, entry in entries.items():
        track = track_of(entry)
        equity = worth.get(entry.account_id, track.equity)
        found[key] = {
            "equity": equity,
            "profit_ratio": calc.profit_ratio(equity, start),
            "drawdown": calc.drawdown_with(track, equity),
            "sharpe": calc.sharpe(track),
            "trades": trades.get(entry.account_id, 0),
        }
    return found


def final_figures(entries: dict[int, ContestEntry]) -> dict[int, dict[str, Any]]:
    """Figures as they stood when the contest was closed."""
    return {
        key: {
            "equity": units_of(entry.equity),
            "profit_ratio": entry.final_profit_ratio or 0.0,
            "drawdown": entry.drawdown,
            "sharpe": calc.sharpe(track_of(entry)),
            "trades": entry.final_trades or 0,
        }
        for key, entry in entries.items()
    }


def shown(place: int | None, entry: ContestEntry, figures: dict[str, Any]) -> dict[str, Any]:
    """A line of the public ranking."""
    return {
        "place": place,
        "nickname": entry.nickname,
        "equity": to_number(figures["equity"]),
        "profit_ratio": round(figures["profit_ratio"], 6),
        "drawdown": round(figures["drawdown"], 6),
        "sharpe": None if figures["sharpe"] is None else round(figures["sharpe"], 6),
        "trades": figures["trades"],
        "disqualified": bool(entry.disqualified),
    }


def results(contest: Contest) -> list[dict[str, Any]]:
    """The ranking with who is who, for staff."""
    return [
        {
            **shown(place, entry, row),
            "user_name": entry.user.get_username(),
            "user_id": entry.user.pk.hex,
            "account_id": entry.account_id,
            "entered_at": ms(entry.entered_at),
            "reason": entry.disqualified,
        }
        for place, entry, row in placed(contest)
    ]


def unfinished(venue: str) -> QuerySet[Contest]:
    """Contests whose accounts may still have to change."""
    return Contest.objects.filter(venue=venue, finished_at=None)
