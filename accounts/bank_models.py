"""Banks, the accounts signed with them, and the passwords of money (T-100)."""

from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class LockablePassword(models.Model):
    """A hashed password that five wrong tries lock for a quarter of an hour."""

    password = models.CharField(max_length=128, blank=True, editable=False)
    failures = models.PositiveSmallIntegerField(_("wrong tries"), default=0, editable=False)
    locked_until = models.DateTimeField(_("locked until"), null=True, blank=True, editable=False)

    class Meta:
        abstract = True

    @property
    def is_locked(self) -> bool:
        """Do wrong tries keep it from being tried now?"""
        return self.locked_until is not None and self.locked_until > timezone.now()


class Bank(models.Model):
    """A bank that accounts may be signed with; `bank_id` is its name on the wire."""

    bank_id = models.CharField(
        _("bank id"), max_length=16, unique=True, validators=[RegexValidator(r"^[A-Za-z0-9_]{1,16}\Z")]
    )
    name = models.CharField(_("name"), max_length=64)
    is_demonstration = models.BooleanField(
        _("demonstration"),
        default=False,
        help_text=_("Its money is made up; transfers are carried out at once."),
    )
    enabled = models.BooleanField(_("enabled"), default=True)

    class Meta:
        verbose_name = _("bank")
        verbose_name_plural = _("banks")
        ordering = ["bank_id"]

    def __str__(self) -> str:
        return self.name


class BankAccount(LockablePassword):
    """A trading account signed with a bank; the password is the one the bank asks for."""

    venue = models.SlugField(_("venue"), max_length=32)
    account_id = models.CharField(_("account"), max_length=64, db_index=True)
    bank = models.ForeignKey(Bank, on_delete=models.PROTECT, verbose_name=_("bank"))
    number = models.CharField(
        _("number at the bank"), max_length=32, validators=[RegexValidator(r"^[0-9A-Za-z]{4,32}\Z")]
    )
    opening_balance = models.DecimalField(
        _("opening balance at the bank"), max_digits=20, decimal_places=4, default=0,
        validators=[MinValueValidator(0)],
        help_text=_("Of a demonstration bank: what can be transferred in."),
    )  # fmt: skip
    signed_at = models.DateTimeField(_("signed at"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("signed bank account")
        verbose_name_plural = _("signed bank accounts")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["venue", "account_id", "bank"], name="bankaccount_key"),
            models.CheckConstraint(
                condition=models.Q(opening_balance__gte=0), name="bankaccount_opening_balance"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account_id} {self.masked}"

    @property
    def masked(self) -> str:
        """The number with its last four characters alone."""
        return f"****{self.number[-4:]}"


class FundPassword(LockablePassword):
    """The password that an account's transfers ask for."""

    venue = models.SlugField(_("venue"), max_length=32)
    account_id = models.CharField(_("account"), max_length=64)
    changed_at = models.DateTimeField(_("changed at"), default=timezone.now)

    class Meta:
        verbose_name = _("fund password")
        verbose_name_plural = _("fund passwords")
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["venue", "account_id"], name="fundpassword_key")]

    def __str__(self) -> str:
        return self.account_id
