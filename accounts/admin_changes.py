"""What is saved or deleted through a form of the admin, in the audit log too (O-3)."""

from typing import Any

from django.http import HttpRequest

from exchange_site import audit


class AuditedChanges:
    """Mixin: what is saved or deleted through a form is in the audit log too (O-3)."""

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        audit.record(request, "add", target_type=obj._meta.model_name, target=obj, after=said(message))
        return super().log_addition(request, obj, message)  # type: ignore[misc]

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        audit.record(request, "change", target_type=obj._meta.model_name, target=obj, after=said(message))
        return super().log_change(request, obj, message)  # type: ignore[misc]

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        for obj in queryset:
            audit.record(request, "delete", target_type=obj._meta.model_name, target=obj)
        return super().log_deletions(request, queryset)  # type: ignore[misc]


def said(message: Any) -> dict[str, Any]:
    """Django's description of a change, for the audit log; it names fields, never passwords."""
    return {"change": message}
