"""Banks, signed accounts and fund passwords in the admin (T-100)."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminPasswordWidget

from accounts import bank_services as services
from accounts.admin_changes import AuditedChanges
from accounts.bank_models import Bank, BankAccount, FundPassword
from exchange_site.admin_base import ExchangeModelAdmin, ReadOnlyAdmin
from exchange_site.admin_operations import Operation, OperationsMixin, Result


class UnlockPassword(Operation):
    name = "unlock"
    label = _("Unlock password")
    icon = "lock_open"
    permission = "accounts.change_bankaccount"
    explanation = _("Forgets wrong tries, so that the password may be tried again.")

    def perform(self, request: HttpRequest, rows: Sequence[Any], data: dict[str, Any]) -> list[Result]:
        results = []
        for row in rows:
            before = {"failures": row.failures, "locked": row.is_locked}
            services.unlock(row)
            results.append(Result(str(row), before=before, row=row))
        return results


class LockShown:
    """Mixin: a column that tells whether the password is locked."""

    @display(description=_("password"), label={"locked": "danger", "open": "success"})
    def lock_shown(self, row: Any) -> tuple[str, Any]:
        return ("locked", _("Locked")) if row.is_locked else ("open", _("Open"))


@admin.register(Bank)
class BankAdmin(AuditedChanges, ExchangeModelAdmin):
    list_display = ("bank_id", "name", "is_demonstration", "enabled")
    search_fields = ("bank_id", "name")
    fields = ("bank_id", "name", "is_demonstration", "enabled")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Flows name the bank by its id."""
        return ("bank_id",) if obj is not None else ()


class SigningForm(forms.ModelForm):  # type: ignore[type-arg]
    """A signing; the bank's password is taken, never shown."""

    new_password = forms.CharField(
        label=_("Bank password"), max_length=128, required=False, strip=False,
        widget=UnfoldAdminPasswordWidget,
        help_text=_("What the bank asks for at a transfer; empty leaves it as it is."),
    )  # fmt: skip

    class Meta:
        model = BankAccount
        fields = ("venue", "account_id", "bank", "number", "opening_balance")

    def save(self, commit: bool = True) -> Any:
        if self.cleaned_data.get("new_password"):
            services.set_bank_password(self.instance, self.cleaned_data["new_password"])
        return super().save(commit)


@admin.register(BankAccount)
class BankAccountAdmin(LockShown, AuditedChanges, OperationsMixin, ExchangeModelAdmin):
    operations = (UnlockPassword,)
    form = SigningForm
    list_display = ("account_id", "bank", "masked_shown", "opening_balance", "signed_at", "lock_shown")
    list_select_related = ("bank",)
    autocomplete_fields = ("bank",)
    search_help_text = _("account")
    search_rules: ClassVar[Any] = ((r".+", ("account_id",)),)
    fields = ("venue", "account_id", "bank", "number", "opening_balance", "new_password")

    def get_changeform_initial_data(self, request: HttpRequest) -> Any:
        return {"venue": settings.VENUE, **super().get_changeform_initial_data(request)}

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Whose it is never changes."""
        return ("venue", "account_id", "bank") if obj is not None else ()

    @display(description=_("number at the bank"))
    def masked_shown(self, row: BankAccount) -> str:
        return row.masked


@admin.register(FundPassword)
class FundPasswordAdmin(LockShown, OperationsMixin, ReadOnlyAdmin):
    operations = (UnlockPassword,)
    list_display = ("account_id", "venue", "changed_at", "lock_shown")
    fields = ("account_id", "venue", "changed_at", "failures", "locked_until")
    search_help_text = _("account")
    search_rules: ClassVar[Any] = ((r".+", ("account_id",)),)
