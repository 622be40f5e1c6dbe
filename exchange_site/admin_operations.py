"""Operator actions of the admin: one path from the button to the audit row (O-2, O-3, R4.4).

An `Operation` says who may do it, what it asks, what it would do to which rows, and does
it. `OperationsMixin` puts operations on a ModelAdmin: in the list's action menu, as
buttons on a row's page, and at `operate/<name>/`, where they run in three steps: ask,
show what will happen, do it and show each result.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.validators import ProhibitNullCharactersValidator, RegexValidator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminTextInputWidget

from exchange_site import audit

ROW_LIMIT = 500
ROWS_SHOWN = 50
KEY_LIMIT = 128
BUTTONS_SHOWN = 2
PRINTABLE = RegexValidator(r"^[^\x00-\x1f\x7f\ud800-\udfff]*\Z", _("Control characters are not allowed."))


class OperationForm(forms.Form):
    """What an operation asks; every one asks for a reason."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=audit.TEXT_LIMIT,
        validators=[PRINTABLE, ProhibitNullCharactersValidator()],
        widget=UnfoldAdminTextInputWidget,
        help_text=_("Kept in the audit log together with your name."),
    )
    token = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, rows: Sequence[Any] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.rows = rows
        self.order_fields([name for name in self.fields if name != "reason"] + ["reason"])

    @property
    def questions(self) -> list[Any]:
        """The bound fields to show."""
        return [bound for bound in self if not bound.is_hidden]


@dataclass
class Result:
    """What became of one row: `code` 0 is done; `pending` means no verdict was read in time."""

    target: str
    code: int = 0
    text: Any = ""
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None
    command_id: str = ""
    seq: int | None = None
    pending: bool = False
    row: Any = field(default=None, repr=False)


class Operation:
    """One thing an operator may do, from the admin, to rows or to the venue."""

    name: ClassVar[str]
    label: ClassVar[Any]
    permission: ClassVar[str]
    explanation: ClassVar[Any] = ""
    icon: ClassVar[str] = "bolt"
    variant: ClassVar[str] = "default"
    form_class: ClassVar[type[OperationForm]] = OperationForm
    needs_rows: ClassVar[bool] = True
    one_row: ClassVar[bool] = False
    in_list: ClassVar[bool] = False  # a button above the list, for what needs no row

    def __init__(self, model_admin: Any) -> None:
        self.model_admin = model_admin

    def allowed(self, request: HttpRequest) -> bool:
        """Whether the signed-in user may do it."""
        return bool(request.user.has_perm(self.permission))

    def target(self, row: Any) -> str:
        """The name of a row in results and in the audit log."""
        return str(row)

    def before(self, row: Any) -> dict[str, Any]:
        """The figures of a row that the operation may change."""
        return {}

    def effect(self, row: Any, data: dict[str, Any]) -> Any:
        """In words, what will happen to this row."""
        return self.label

    def initial(self, rows: Sequence[Any]) -> dict[str, Any]:
        """Values the form starts with."""
        return {}

    def onward(self, results: Sequence[Result]) -> tuple[str, Any] | None:
        """(address, label) of where one goes on from the results."""
        return None

    def venue(self, row: Any) -> str:
        """The venue the row belongs to, for the audit log."""
        return ""

    def perform(self, request: HttpRequest, rows: Sequence[Any], data: dict[str, Any]) -> list[Result]:
        """Do it and answer one result a row, in the rows' order."""
        raise NotImplementedError

    def run(self, request: HttpRequest, rows: Sequence[Any], data: dict[str, Any]) -> list[Result]:
        """Do it, write the audit rows and log entries, answer the results."""
        results = self.perform(request, rows, data)
        audit.record_all(self.audit_row(request, result, data) for result in results)
        LogEntry.objects.bulk_create(self.log_entry(request, result, data) for result in results)
        return results

    def audit_row(self, request: HttpRequest, result: Result, data: dict[str, Any]) -> Any:
        """Who, when, from where, what, before, after and why of one result (O-3)."""
        after = {"pending": True} if result.pending else result.after
        return audit.entry(
            request,
            self.name,
            venue=self.venue(result.row),
            target_type=self.model_admin.opts.model_name,
            target=result.target,
            before=result.before,
            after=after,
            reason=data["reason"],
            code=result.code,
            command_id=result.command_id,
            seq=result.seq,
        )

    def log_entry(self, request: HttpRequest, result: Result, data: dict[str, Any]) -> LogEntry:
        """The same for Django's own history page."""
        model = self.model_admin.model
        return LogEntry(
            user_id=request.user.pk,
            content_type=ContentType.objects.get_for_model(model),
            object_id=str(result.row.pk) if result.row is not None else None,
            object_repr=result.target[:200],
            action_flag=CHANGE,
            change_message=f"{self.name}: {result.code} ({data['reason']})",
        )


class OperationsMixin:
    """Puts `operations` on a ModelAdmin."""

    operations: ClassVar[Sequence[type[Operation]]] = ()

    def operation(self, name: str) -> Operation:
        """The operation of that name, or 404."""
        for kind in self.operations:
            if kind.name == name:
                return kind(self)
        raise Http404(name)

    def allowed_operations(self, request: HttpRequest) -> list[Operation]:
        """The operations the signed-in user may run here."""
        mine = [kind(self) for kind in self.operations]
        return [operation for operation in mine if operation.allowed(request)]

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.operate_view)  # type: ignore[attr-defined]
        return [
            path("operate/<slug:name>/", view, name=self.operate_url_name()),
            *super().get_urls(),  # type: ignore[misc]
        ]

    def operate_url_name(self) -> str:
        """URL name of the operations of this model."""
        opts = self.opts  # type: ignore[attr-defined]
        return f"{opts.app_label}_{opts.model_name}_operate"

    def operate_url(self, name: str) -> str:
        """Where an operation of this model runs."""
        return reverse(f"admin:{self.operate_url_name()}", args=[name])

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """The list's action menu: what the user may do to rows."""
        actions = super().get_actions(request)  # type: ignore[misc]
        for operation in self.allowed_operations(request):
            if operation.needs_rows:
                actions[operation.name] = (start_from_list, operation.name, operation.label)
        return actions

    def require(self, request: HttpRequest, operation: Operation) -> None:
        """Raise PermissionDenied when the user may not run the operation; the site records it."""
        if not operation.allowed(request):
            raise PermissionDenied(f"{operation.name} needs {operation.permission}")

    def buttons(self, request: HttpRequest, object_id: str | None) -> list[dict[str, Any]]:
        """Buttons of a row's page, or of the list when `object_id` is None."""
        found = [
            button(operation, self.operate_url(operation.name), object_id)
            for operation in self.allowed_operations(request)
            if (operation.needs_rows if object_id else operation.in_list)
        ]
        return found if len(found) <= BUTTONS_SHOWN else [menu(found)]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """The list; an action posted to it without the right is refused and recorded."""
        wanted = request.POST.get("action", "")
        for kind in self.operations:
            if wanted and kind.name == wanted:
                self.require(request, kind(self))
        response = super().changelist_view(request, extra_context)  # type: ignore[misc]
        if hasattr(response, "context_data"):
            response.context_data["actions_list"] = self.buttons(request, None)
        return response

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: Any = None,
    ) -> Any:
        response = super().changeform_view(  # type: ignore[misc]
            request, object_id, form_url, extra_context
        )
        if object_id and hasattr(response, "context_data"):
            response.context_data["actions_detail"] = self.buttons(request, object_id)
        return response

    def operate_view(self, request: HttpRequest, name: str) -> HttpResponse:
        """Ask, show what will happen, do it."""
        operation = self.operation(name)
        self.require(request, operation)
        ids = request.POST.getlist("ids") or request.GET.getlist("ids")
        rows = self.chosen_rows(request, ids)
        if operation.needs_rows and not rows:
            messages.warning(request, _("No such rows."))
            return HttpResponseRedirect(self.list_url())
        return self.step(request, operation, rows)

    def chosen_rows(self, request: HttpRequest, ids: Sequence[str]) -> list[Any]:
        """The rows of these primary keys, in the keys' order; nonsense is left out."""
        field_of_key = self.model._meta.pk  # type: ignore[attr-defined]
        keys = [key for key in (clean_key(field_of_key, text) for text in ids) if key]
        queryset = self.get_queryset(request)  # type: ignore[attr-defined]
        return list(queryset.filter(pk__in=keys[:ROW_LIMIT]).order_by("pk")) if keys else []

    def list_url(self) -> str:
        """The list of this model."""
        opts = self.opts  # type: ignore[attr-defined]
        return reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist")

    def step(self, request: HttpRequest, operation: Operation, rows: list[Any]) -> HttpResponse:
        """One of the three pages, by the button that was pressed."""
        stage = request.POST.get("stage", "")
        if stage not in ("preview", "confirm", "edit"):
            form = self.fresh_form(operation, rows)
            return self.page(request, operation, rows, {"form": form})
        form = operation.form_class(request.POST, request.FILES, rows=rows)
        if stage == "edit" or not form.is_valid():
            return self.page(request, operation, rows, {"form": form})
        if stage == "preview":
            return self.page(request, operation, rows, {"form": form, "is_preview": True})
        results = operation.run(request, rows, form.cleaned_data)
        return self.page(request, operation, rows, {"results": results})

    def fresh_form(self, operation: Operation, rows: list[Any]) -> OperationForm:
        """An empty form with a token of its own, so that a repeated click is one action."""
        values = {**operation.initial(rows), "token": uuid.uuid4().hex}
        return operation.form_class(initial=values, rows=rows)

    def page(
        self, request: HttpRequest, operation: Operation, rows: list[Any], context: dict[str, Any]
    ) -> HttpResponse:
        """Render the page of an operation."""
        form = context.get("form")
        shown = rows[:ROWS_SHOWN]
        results = context.get("results", [])
        return TemplateResponse(
            request,
            "admin/exchange/operation.html",
            {
                **self.admin_site.each_context(request),  # type: ignore[attr-defined]
                "title": operation.label,
                "opts": self.opts,  # type: ignore[attr-defined]
                "operation": operation,
                "rows": rows,
                "effects": effects(operation, shown, form) if context.get("is_preview") else [],
                "targets": [operation.target(row) for row in shown],
                "hidden_rows": max(0, len(rows) - ROWS_SHOWN),
                "list_url": self.list_url(),
                "operate_url": self.operate_url(operation.name),
                "onward": operation.onward(results) if results else None,
                "done_count": sum(1 for result in results if not result.code),
                **context,
            },
        )


def effects(operation: Operation, rows: Sequence[Any], form: Any) -> list[tuple[str, Any]]:
    """Each row with what will happen to it; one line for an operation that has no rows."""
    concerned = rows if operation.needs_rows else [None]
    return [(operation.target(row), operation.effect(row, form.cleaned_data)) for row in concerned]


def clean_key(field_of_key: Any, text: str) -> Any:
    """A primary key from a form, or None when the text is none."""
    try:
        key = field_of_key.to_python(text.replace("\x00", "")[:KEY_LIMIT])
        field_of_key.run_validators(key)
    except ValidationError:
        return None
    return key


def start_from_list(model_admin: Any, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
    """First page of the operation chosen in a list's menu."""
    operation = model_admin.operation(request.POST["action"])
    rows = list(queryset[: ROW_LIMIT + 1])
    if len(rows) > ROW_LIMIT:
        messages.error(request, _("At most %(limit)s rows at once.") % {"limit": ROW_LIMIT})
        return None
    if operation.one_row and len(rows) != 1:
        messages.error(request, _("Choose one row for this."))
        return None
    form = model_admin.fresh_form(operation, rows)
    return model_admin.page(request, operation, rows, {"form": form})


def menu(buttons: list[dict[str, Any]]) -> dict[str, Any]:
    """Many buttons as one that opens."""
    return {
        "title": _("Actions"),
        "icon": "bolt",
        "variant": ActionVariant.PRIMARY,
        "attrs": {},
        "dialog": None,
        "method_name": "operations",
        "items": buttons,
    }


def button(operation: Operation, url: str, object_id: str | None) -> dict[str, Any]:
    """What unfold's templates need to draw a button."""
    return {
        "title": operation.label,
        "icon": operation.icon,
        "variant": ActionVariant(operation.variant),
        "attrs": {},
        "dialog": None,
        "path": f"{url}?{urlencode({'ids': object_id})}" if object_id else url,
    }
