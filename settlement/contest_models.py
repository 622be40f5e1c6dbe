"""Contests of a venue and who takes part (O-53)."""

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from settlement import contest_figures as calc
from trading.fields import MoneyField

MOST_MONEY = 10**9
FIXED = ("venue", "code", "start_money", "sample_s")
"""What may not change once somebody takes part: figures would no longer compare."""


class ContestRanking(models.TextChoices):
    RETURN = calc.BY_RETURN, _("Return")
    DRAWDOWN = calc.BY_DRAWDOWN, _("Smallest drawdown")
    SHARPE = calc.BY_SHARPE, _("Sharpe ratio")


class Contest(models.Model):
    """A contest on one venue: who enters gets an account of its own with the start money.

    Those accounts trade from `starts_at` to `ends_at` only; nothing can be withdrawn from them.
    """

    venue = models.SlugField(_("venue"), max_length=32, default="main")
    code = models.SlugField(_("code"), max_length=32, help_text=_("Part of the page's address."))
    title = models.CharField(_("title"), max_length=120)
    text = models.TextField(_("text"), max_length=4_000, blank=True)
    entry_from = models.DateTimeField(_("entry from"), default=timezone.now)
    entry_until = models.DateTimeField(_("entry until"))
    starts_at = models.DateTimeField(_("trading from"))
    ends_at = models.DateTimeField(_("trading until"))
    start_money = MoneyField(_("start money"), default=1_000_000)
    ranking = models.CharField(
        _("ranked by"), max_length=8, choices=ContestRanking, default=ContestRanking.RETURN
    )
    min_trades = models.PositiveIntegerField(
        _("least number of trades"), default=1, help_text=_("Who has fewer is not ranked.")
    )
    sample_s = models.PositiveIntegerField(
        _("seconds between samples"),
        default=60,
        validators=[MinValueValidator(10), MaxValueValidator(86_400)],
    )
    is_published = models.BooleanField(_("published"), default=False)
    finished_at = models.DateTimeField(_("finished"), null=True, editable=False)

    class Meta:
        verbose_name = _("contest")
        verbose_name_plural = _("contests")
        ordering = ["-starts_at", "-id"]
        permissions = [("operate_contests", _("Can disqualify and readmit contestants"))]
        constraints = [
            models.UniqueConstraint(fields=["venue", "code"], name="contest_key"),
            models.CheckConstraint(condition=models.Q(start_money__gt=0), name="contest_start_money"),
            models.CheckConstraint(
                condition=models.Q(starts_at__lt=models.F("ends_at"))
                & models.Q(entry_from__lt=models.F("entry_until"))
                & models.Q(entry_until__lte=models.F("ends_at")),
                name="contest_times",
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def group(self) -> str:
        """The group of its accounts, by which rates of their own can be set."""
        return f"contest:{self.code}"

    def phase(self, now: Any) -> str:
        """announced, entry, waiting, running, ended (being closed) or finished."""
        if self.finished_at:
            return "finished"
        if now >= self.ends_at:
            return "ended"
        if now >= self.starts_at:
            return "running"
        if now < self.entry_from:
            return "announced"
        return "entry" if now < self.entry_until else "waiting"

    def takes_entries(self, now: Any) -> bool:
        return self.finished_at is None and self.entry_from <= now < self.entry_until

    def clean(self) -> None:
        """Refuse times that contradict each other, and changes that would spoil the ranking."""
        if not all((self.entry_from, self.entry_until, self.starts_at, self.ends_at)):
            return  # the field itself says so
        if self.starts_at >= self.ends_at:
            raise ValidationError({"ends_at": _("The end must be after the beginning.")})
        if self.entry_from >= self.entry_until or self.entry_until > self.ends_at:
            said = _("Entry must end after it begins and before trading ends.")
            raise ValidationError({"entry_until": said})
        if self.start_money is not None and not 0 < self.start_money <= MOST_MONEY:
            raise ValidationError({"start_money": _("The start money must be above zero, at most 10⁹ yuan.")})
        self._refuse_late_changes()

    def _refuse_late_changes(self) -> None:
        if not self.pk or not self.entries.exists():
            return
        before = Contest.objects.get(pk=self.pk)
        for name in FIXED:
            if getattr(before, name) != getattr(self, name):
                raise ValidationError({name: _("Somebody takes part already: this can no longer change.")})


class ContestEntry(models.Model):
    """Somebody who takes part, the account of theirs that counts, and the track of its equity."""

    contest = models.ForeignKey(
        Contest, on_delete=models.PROTECT, related_name="entries", verbose_name=_("contest")
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("user")
    )
    nickname = models.CharField(_("nickname"), max_length=32)
    account_id = models.CharField(_("account"), max_length=64)
    entered_at = models.DateTimeField(_("entered"), default=timezone.now)
    disqualified = models.CharField(_("disqualified for"), max_length=200, blank=True)
    equity = MoneyField(_("equity"))
    peak = MoneyField(_("peak"))
    drawdown = models.FloatField(_("drawdown"), default=0)
    changes = models.PositiveIntegerField(_("samples"), default=0)
    mean = models.FloatField(default=0)
    squares = models.FloatField(default=0)
    sampled_at = models.DateTimeField(_("sampled"), null=True)
    final_profit_ratio = models.FloatField(_("final return"), null=True)
    final_trades = models.PositiveIntegerField(_("trades"), null=True)

    class Meta:
        verbose_name = _("contestant")
        verbose_name_plural = _("contestants")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["contest", "user"], name="contestentry_user"),
            models.UniqueConstraint("contest", Lower("nickname"), name="contestentry_nickname"),
            models.UniqueConstraint(fields=["account_id"], name="contestentry_account"),
        ]

    def __str__(self) -> str:
        return self.nickname
