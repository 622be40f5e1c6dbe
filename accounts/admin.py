"""Users, groups, API tokens and blocked log-ins (O-4, R6.5, R6.6)."""

from collections.abc import Sequence
from typing import Any, ClassVar

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from axes.utils import reset
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as BaseGroupAdmin
from django.contrib.auth.admin import UserAdmin as BaseUserAdmin
from django.contrib.auth.models import Group
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice
from knox.models import AuthToken as KnoxToken
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from accounts import bank_admin as bank_admin
from accounts.admin_changes import AuditedChanges as AuditedChanges
from accounts.models import Announcement, AuthToken, User, VenueSetting
from accounts.reset_services import make_reset_token
from accounts.second_factor_pages import SecondFactorPages
from accounts.second_factor_services import remove as remove_second_factor
from exchange_site.admin_base import ExchangeModelAdmin, ReadOnlyAdmin
from exchange_site.admin_operations import Operation, OperationsMixin, Result
from exchange_site.second_factor import device_of
from trading.engine.codes import NOT_PERMITTED

for taken in (Group, KnoxToken, AccessAttempt, AccessLog, AccessFailureLog, TOTPDevice, StaticDevice):
    if admin.site.is_registered(taken):
        admin.site.unregister(taken)


class UserOperation(Operation):
    """An operation on users; nobody locks themselves out, only superusers touch superusers."""

    permission = "accounts.operate_users"

    def refusal(self, request: HttpRequest, row: User) -> Any:
        """Why this user may not do it to that user; empty when they may."""
        if row.is_superuser and not request.user.is_superuser:
            return _("Only a superuser may do this to a superuser.")
        return ""

    def change(self, row: User) -> Any:
        """Do it; the text of the result."""
        raise NotImplementedError

    def state(self, row: User) -> dict[str, Any]:
        return {"is_active": row.is_active, "tokens": row.auth_token_set.count()}

    def perform(self, request: HttpRequest, rows: Sequence[Any], data: dict[str, Any]) -> list[Result]:
        return [self.perform_one(request, row) for row in rows]

    def perform_one(self, request: HttpRequest, row: User) -> Result:
        before = self.state(row)
        refusal = self.refusal(request, row)
        if refusal:
            return Result(str(row), NOT_PERMITTED, refusal, before, before, row=row)
        text = self.change(row)
        return Result(str(row), 0, text, before, self.state(row), row=row)


class Lock(UserOperation):
    name = "lock"
    label = _("Lock")
    icon = "lock"
    variant = "danger"
    explanation = _("The user can no longer sign in; every API token ends at once.")

    def refusal(self, request: HttpRequest, row: User) -> Any:
        if row.pk == request.user.pk:
            return _("You cannot lock yourself.")
        return super().refusal(request, row)

    def effect(self, row: User, data: dict[str, Any]) -> Any:
        return _("locked; %(count)s tokens are revoked") % {"count": row.auth_token_set.count()}

    def change(self, row: User) -> Any:
        row.is_active = False
        row.save(update_fields=["is_active"])
        return revoke_tokens(row)


class Unlock(UserOperation):
    name = "unlock"
    label = _("Unlock")
    icon = "lock_open"
    explanation = _("Lets the user sign in again and forgets failed log-ins.")

    def effect(self, row: User, data: dict[str, Any]) -> Any:
        return _("may sign in")

    def change(self, row: User) -> Any:
        row.is_active = True
        row.save(update_fields=["is_active"])
        reset(username=row.username)
        return ""


class ResetLink(UserOperation):
    name = "reset-link"
    label = _("Password reset link")
    icon = "link"
    explanation = _("Shows a link once, good for an hour; the user sets a new password with it.")

    def refusal(self, request: HttpRequest, row: User) -> Any:
        """Whoever resets a password can sign in with it: staff only by a superuser."""
        if row.is_staff and not request.user.is_superuser:
            return _("Only a superuser may do this to staff.")
        return super().refusal(request, row)

    def effect(self, row: User, data: dict[str, Any]) -> Any:
        return _("a new link is made")

    def change(self, row: User) -> Any:
        return reverse("reset-page", args=[make_reset_token(row)])


class RevokeTokens(UserOperation):
    name = "revoke-tokens"
    label = _("Revoke tokens")
    icon = "key_off"
    variant = "warning"

    def effect(self, row: User, data: dict[str, Any]) -> Any:
        return _("%(count)s tokens are revoked") % {"count": row.auth_token_set.count()}

    def change(self, row: User) -> Any:
        return revoke_tokens(row)


class RemoveSecondFactor(UserOperation):
    name = "remove-second-factor"
    label = _("Remove second factor")
    icon = "phonelink_erase"
    variant = "danger"
    explanation = _("For a member of staff who lost phone and recovery codes; one factor is left.")

    def refusal(self, request: HttpRequest, row: User) -> Any:
        """Only superusers weaken the log-in of staff."""
        if row.is_staff and not request.user.is_superuser:
            return _("Only a superuser may do this to staff.")
        return super().refusal(request, row)

    def state(self, row: User) -> dict[str, Any]:
        return {"second_factor": device_of(row) is not None}

    def effect(self, row: User, data: dict[str, Any]) -> Any:
        return _("has one") if device_of(row) else _("has none")

    def change(self, row: User) -> Any:
        return "" if remove_second_factor(user=row) else _("has none")


def revoke_tokens(user: User) -> Any:
    """Delete every token of a user; says how many."""
    count, _by_model = user.auth_token_set.all().delete()
    return _("%(count)s tokens revoked") % {"count": count}


@admin.register(User)
class UserAdmin(SecondFactorPages, AuditedChanges, OperationsMixin, BaseUserAdmin, ExchangeModelAdmin):
    operations = (Lock, Unlock, ResetLink, RevokeTokens, RemoveSecondFactor)
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "active_shown", "email", "is_staff", "groups_shown", "last_login")
    list_filter = ("is_active", "is_staff", "is_superuser")
    ordering = ("username",)
    search_help_text = _("user name or e-mail")
    search_rules: ClassVar[Any] = (
        (r"[0-9a-f]{32}", ("pk",)),
        (r".+", ("username__startswith", "email__istartswith")),
    )
    filter_horizontal = ()
    autocomplete_fields = ("groups",)
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        (_("Personal info"), {"fields": ("email", "phone", "language")}),
        (
            _("Permissions"),
            {"fields": ("is_active", "is_staff", "is_superuser", "groups")},
        ),
        (_("Important dates"), {"fields": ("last_login", "date_joined")}),
    )
    readonly_fields = ("last_login", "date_joined")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("groups")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """A username never changes: logs and links carry it."""
        fixed = super().get_readonly_fields(request, obj)
        return (*fixed, "username") if obj is not None else fixed

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Rights are handed out by superusers only, whatever a group holds."""
        return bool(request.user.is_superuser)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Users are locked, not deleted: the books name them."""
        return False

    @display(description=_("state"), label={"active": "success", "locked": "danger"})
    def active_shown(self, row: User) -> tuple[str, Any]:
        return ("active", _("Active")) if row.is_active else ("locked", _("Locked"))

    @display(description=_("groups"))
    def groups_shown(self, row: User) -> str:
        return ", ".join(group.name for group in row.groups.all())


@admin.register(Group)
class GroupAdmin(AuditedChanges, BaseGroupAdmin, ExchangeModelAdmin):
    search_help_text = _("name")
    search_fields = ("name",)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser)

    has_delete_permission = has_change_permission

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)


class RevokeToken(Operation):
    name = "revoke"
    label = _("Revoke")
    icon = "key_off"
    variant = "warning"
    permission = "accounts.operate_users"
    explanation = _("The token stops working at once.")

    def effect(self, row: AuthToken, data: dict[str, Any]) -> Any:
        return _("token of %(user)s is revoked") % {"user": row.user}

    def perform(self, request: HttpRequest, rows: Sequence[Any], data: dict[str, Any]) -> list[Result]:
        results = []
        for row in rows:
            before = {"user": row.user.username, "name": row.name, "scopes": row.scopes}
            AuthToken.objects.filter(pk=row.pk).delete()
            results.append(Result(str(row), before=before))
        return results


@admin.register(AuthToken)
class AuthTokenAdmin(OperationsMixin, ReadOnlyAdmin):
    operations = (RevokeToken,)
    list_display = ("token_key", "user", "name", "scopes_shown", "created", "expiry", "last_used")
    list_select_related = ("user",)
    ordering = ("-created",)
    search_help_text = _("user name or the token's first letters")
    search_rules: ClassVar[Any] = ((r".+", ("user__username", "token_key__startswith")),)
    fields = ("token_key", "user", "name", "scopes_shown", "created", "expiry", "last_used")
    readonly_fields = ("scopes_shown",)

    @display(description=_("scopes"))
    def scopes_shown(self, row: AuthToken) -> str:
        return ", ".join(row.scopes)


class ForgetAttempts(Operation):
    name = "forget"
    label = _("Unblock")
    icon = "lock_open"
    permission = "accounts.operate_users"
    explanation = _("Forgets the failed log-ins, so that the address may try again.")

    def target(self, row: AccessAttempt) -> str:
        return f"{row.username} {row.ip_address}"

    def effect(self, row: AccessAttempt, data: dict[str, Any]) -> Any:
        return _("%(count)s failures are forgotten") % {"count": row.failures_since_start}

    def perform(self, request: HttpRequest, rows: Sequence[Any], data: dict[str, Any]) -> list[Result]:
        results = []
        for row in rows:
            reset(ip=row.ip_address, username=row.username)
            before = {"failures": row.failures_since_start}
            results.append(Result(self.target(row), before=before))
        return results


@admin.register(AccessAttempt)
class AccessAttemptAdmin(OperationsMixin, ReadOnlyAdmin):
    operations = (ForgetAttempts,)
    list_display = ("attempt_time", "username", "ip_address", "path_info", "failures_since_start")
    ordering = ("-attempt_time",)
    search_help_text = _("user name or address")
    search_rules: ClassVar[Any] = (
        (r"[0-9a-fA-F:.]+", ("ip_address__startswith", "username")),
        (r".+", ("username",)),
    )
    fields = (
        "attempt_time",
        "username",
        "ip_address",
        "user_agent",
        "path_info",
        "failures_since_start",
    )


@admin.register(VenueSetting)
class VenueSettingAdmin(ReadOnlyAdmin):
    """The rows behind the settings page, for links from the history."""

    list_display = ("venue", "name", "value", "reason", "updated_at")
    ordering = ("venue", "name")
    search_fields = ("name",)


@admin.register(Announcement)
class AnnouncementAdmin(AuditedChanges, ExchangeModelAdmin):
    """What everybody is told; changes are written to the audit log."""

    list_display = ("title", "kind", "priority", "valid_from", "valid_until")
    fields = ("kind", "priority", "title", "text", "valid_from", "valid_until")
