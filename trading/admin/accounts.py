"""Trading accounts: figures to read, and what an operator may do to an account (T-62, T-63, T-100)."""

import uuid
from decimal import Decimal
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from exchange_site.admin_base import ReadOnlyAdmin
from exchange_site.admin_operations import OperationsMixin, Result
from trading.admin.filters import AccountTypeFilter
from trading.admin.forms import AccountForm, FreezeForm, MoneyForm
from trading.admin.live_figures import LiveFigures
from trading.admin.operations import CommandOperation, command_id
from trading.admin.risk_operations import OPERATIONS as RISK_OPERATIONS
from trading.approval_services import ask, must_wait
from trading.codec import to_units
from trading.engine import messages as core
from trading.engine.codes import WAITS_FOR_APPROVAL
from trading.models import TradingAccount

STATUS_LABELS = {
    "PENDING": "warning",
    "ACTIVE": "success",
    "FROZEN": "danger",
    "CLOSED": "info",
}


class AccountOperation(CommandOperation):
    """An operation on trading accounts."""

    permission = "trading.operate_accounts"

    def before(self, row: TradingAccount) -> dict[str, Any]:
        return {
            "status": row.status,
            "freeze_mode": row.freeze_mode,
            "can_close": row.can_close,
            "realised_balance": str(row.realised_balance),
        }


class Approve(AccountOperation):
    name = "approve"
    label = _("Approve")
    icon = "check_circle"
    explanation = _("A waiting account becomes active and may trade.")

    def effect(self, row: TradingAccount, data: dict[str, Any]) -> Any:
        return _("%(status)s → Active") % {"status": row.get_status_display()}

    def command(self, row: TradingAccount, data: dict[str, Any]) -> core.ApproveAccount:
        return core.ApproveAccount(row.account_id, data["reason"])


class Freeze(AccountOperation):
    name = "freeze"
    label = _("Freeze")
    icon = "ac_unit"
    variant = "warning"
    form_class = FreezeForm
    explanation = _("Freezing ends the account's working orders.")

    def effect(self, row: TradingAccount, data: dict[str, Any]) -> Any:
        modes = dict(FreezeForm.base_fields["mode"].choices)  # type: ignore[attr-defined]
        closing = _("may close positions") if data["can_close"] else _("may not close positions")
        return _("%(status)s → Frozen: %(mode)s; %(closing)s") % {
            "status": row.get_status_display(),
            "mode": modes[data["mode"]],
            "closing": closing,
        }

    def command(self, row: TradingAccount, data: dict[str, Any]) -> core.FreezeAccount:
        mode = core.FreezeMode[data["mode"]]
        return core.FreezeAccount(row.account_id, int(mode), data["can_close"], data["reason"])


class Unfreeze(AccountOperation):
    name = "unfreeze"
    label = _("Unfreeze")
    icon = "wb_sunny"

    def effect(self, row: TradingAccount, data: dict[str, Any]) -> Any:
        return _("%(status)s → Active") % {"status": row.get_status_display()}

    def command(self, row: TradingAccount, data: dict[str, Any]) -> core.UnfreezeAccount:
        return core.UnfreezeAccount(row.account_id, data["reason"])


class MoneyOperation(AccountOperation):
    """Money in or out; the reference keeps a second click from moving it twice."""

    permission = "trading.move_money"
    form_class = MoneyForm
    sign = 1

    def effect(self, row: TradingAccount, data: dict[str, Any]) -> Any:
        before = row.realised_balance
        after = before + self.sign * Decimal(data["amount"])
        return _("Balance without open profit: %(before)s → %(after)s") % {
            "before": f"{before:,.2f}",
            "after": f"{after:,.2f}",
        }

    def remark(self, data: dict[str, Any]) -> str:
        """What the flow shows: the remark, or the reason when there is none."""
        return str(data["remark"] or data["reason"])


class Deposit(MoneyOperation):
    name = "deposit"
    label = _("Deposit")
    icon = "add_card"

    def command(self, row: TradingAccount, data: dict[str, Any]) -> core.Deposit:
        return core.Deposit(
            row.account_id,
            to_units(data["amount"]),
            self.reference(row, data),
            data["method"],
            self.remark(data),
            by_operator=True,
        )


class Withdraw(MoneyOperation):
    name = "withdraw"
    label = _("Withdraw")
    icon = "credit_card_off"
    sign = -1

    def perform(self, request: HttpRequest, rows: Any, data: dict[str, Any]) -> list[Result]:
        """Large sums wait for a second person where the venue wants it (T-100)."""
        amount = to_units(data["amount"])
        waiting = [row for row in rows if must_wait(row.venue.code, amount, by_operator=True)]
        paid = [row for row in rows if row not in waiting]
        done = {result.target: result for result in super().perform(request, paid, data)} if paid else {}
        for row in waiting:
            command = self.command(row, data)
            one = command_id(data["token"], self.name, command)
            asked = ask(venue=row.venue.code, user=request.user, command_id=one, command=command)
            text = _("Request %(number)s waits for a second person.") % {"number": asked.pk}
            done[self.target(row)] = Result(self.target(row), WAITS_FOR_APPROVAL, text, row=row)
        return [done[self.target(row)] for row in rows]

    def command(self, row: TradingAccount, data: dict[str, Any]) -> core.Withdraw:
        return core.Withdraw(
            row.account_id,
            to_units(data["amount"]),
            self.reference(row, data),
            data["method"],
            self.remark(data),
            by_operator=True,
        )


class ChangeAccount(AccountOperation):
    name = "change"
    label = _("Change")
    icon = "edit"
    one_row = True
    form_class = AccountForm
    FIELDS = ("account_name", "group", "max_order_amount", "is_market_maker")

    def before(self, row: TradingAccount) -> dict[str, Any]:
        return {name: plain(getattr(row, name)) for name in self.FIELDS}

    def initial(self, rows: Any) -> dict[str, Any]:
        return {name: getattr(rows[0], name) for name in self.FIELDS} if rows else {}

    def changed(self, row: TradingAccount, data: dict[str, Any]) -> dict[str, Any]:
        """The fields that differ, as typed in."""
        given = {**data, "max_order_amount": data["max_order_amount"] or Decimal(0)}
        return {name: given[name] for name in self.FIELDS if given[name] != getattr(row, name)}

    def effect(self, row: TradingAccount, data: dict[str, Any]) -> Any:
        return changes_text(row, self.changed(row, data))

    def command(self, row: TradingAccount, data: dict[str, Any]) -> core.SetAccount:
        changes = self.changed(row, data)
        if "max_order_amount" in changes:
            changes["max_order_amount"] = to_units(changes["max_order_amount"])
        if "is_market_maker" in changes:
            changes["is_market_maker"] = int(changes["is_market_maker"])
        return core.SetAccount(row.account_id, changes, data["reason"])


class CancelOrders(AccountOperation):
    name = "cancel-orders"
    label = _("Cancel all orders")
    icon = "playlist_remove"
    variant = "warning"
    permission = "trading.cancel_any_order"

    def effect(self, row: TradingAccount, data: dict[str, Any]) -> Any:
        return _("Every working order of this account is cancelled.")

    def command(self, row: TradingAccount, data: dict[str, Any]) -> core.CancelAll:
        return core.CancelAll(row.account_id, "", by_operator=True)


class Close(AccountOperation):
    name = "close"
    label = _("Close account")
    icon = "person_off"
    variant = "danger"
    explanation = _("Final. Refused while the account has a position, a working order or a balance.")

    def effect(self, row: TradingAccount, data: dict[str, Any]) -> Any:
        return _("%(status)s → Closed; balance without open profit %(balance)s") % {
            "status": row.get_status_display(),
            "balance": f"{row.realised_balance:,.2f}",
        }

    def command(self, row: TradingAccount, data: dict[str, Any]) -> core.CloseAccount:
        return core.CloseAccount(row.account_id, data["reason"])


def plain(value: Any) -> Any:
    """A value that JSON takes."""
    return value if isinstance(value, bool | int | str | None) else str(value)


def changes_text(row: Any, changes: dict[str, Any]) -> Any:
    """One line for each changed field: label, before, after."""
    if not changes:
        return _("Nothing changes.")
    label = {field.name: field.verbose_name for field in row._meta.fields}
    return "\n".join(
        f"{label.get(name, name)}: {getattr(row, name, '')} → {value}" for name, value in changes.items()
    )


class AccountColumn:
    """Mixin: the account, short enough for a list, leading to its page."""

    @display(description=_("account"), ordering="account_id")
    def account_shown(self, row: Any) -> Any:
        url = reverse("admin:trading_tradingaccount_changelist")
        return format_html(
            '<a href="{}?q={}" title="{}">{}</a>',
            url,
            row.account_id,
            row.account_id,
            short_account(row.account_id),
        )


def short_account(account_id: str) -> str:
    """ACC_ and 32 hexadecimal digits as ACC_…last eight."""
    return account_id if len(account_id) < 20 else f"{account_id[:4]}…{account_id[-8:]}"


class UserNames:
    """Mixin: shows the user's name for a `user_id`, with one query for the whole page."""

    user_column = "user_id"

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist = super().get_changelist_instance(request)  # type: ignore[misc]
        hexes = {getattr(row, self.user_column) for row in changelist.result_list}
        names = user_names(hexes | {request.user.pk.hex})
        for row in changelist.result_list:
            row.user_name = names.get(getattr(row, self.user_column), "")
        return changelist

    @display(description=_("user"))
    def user_shown(self, row: Any) -> str:
        found = getattr(row, "user_name", None)
        value = getattr(row, self.user_column)
        return (user_names({value}).get(value, "") if found is None else found) or value


def user_names(hexes: set[str]) -> dict[str, str]:
    """User names by hexadecimal id; what is no id is left out."""
    keys = [key for key in map(as_uuid, hexes) if key is not None]
    found = get_user_model().objects.filter(pk__in=keys).values_list("pk", "username")
    return {pk.hex: name for pk, name in found}


def as_uuid(text: str) -> uuid.UUID | None:
    """The id, or None when the text is none (the system's own accounts have no user)."""
    try:
        return uuid.UUID(hex=text)
    except ValueError:
        return None


@admin.register(TradingAccount)
class TradingAccountAdmin(LiveFigures, UserNames, OperationsMixin, ReadOnlyAdmin):
    operations = (
        Approve,
        Freeze,
        Unfreeze,
        Deposit,
        Withdraw,
        ChangeAccount,
        CancelOrders,
        Close,
        *RISK_OPERATIONS,
    )
    list_display = (
        "account_id",
        "account_name",
        "user_shown",
        "account_type",
        "status_shown",
        "balance_shown",
        "margin",
        "frozen_margin",
        "created_at",
    )
    list_filter = ("status", "freeze_mode", AccountTypeFilter, "is_robot", "is_market_maker")
    list_select_related = ("venue",)
    ordering = ("-id",)
    search_help_text = _("account, or user id")
    search_rules: ClassVar[Any] = (
        (r"[0-9a-f]{32}", ("user_id",)),
        (r".+", ("account_id", "account_name")),
    )
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("account_id", "account_name"),
                    ("user_shown", "account_type"),
                    ("group", "currency"),
                    ("status", "freeze_mode"),
                    ("can_close", "freeze_reason"),
                    ("is_market_maker", "is_robot"),
                    ("max_order_amount", "created_at"),
                )
            },
        ),
        (_("Figures of this moment"), {"fields": ("live_shown", "positions_shown")}),
        (
            _("Figures of the trading day"),
            {
                "fields": (
                    ("balance_shown", "pre_balance"),
                    ("deposit", "withdraw"),
                    ("close_profit", "commission"),
                    ("margin", "frozen_margin"),
                    ("frozen_commission", "seq"),
                ),
                "description": _("Without the profit of open positions, which follows prices."),
            },
        ),
    )
    readonly_fields = ("user_shown", "balance_shown", "live_shown", "positions_shown")

    @display(description=_("status"), label=STATUS_LABELS, ordering="status")
    def status_shown(self, row: TradingAccount) -> tuple[str, str]:
        return row.status, row.get_status_display()

    @display(description=_("realised balance"))
    def balance_shown(self, row: TradingAccount) -> str:
        return f"{row.realised_balance:,.2f}"
