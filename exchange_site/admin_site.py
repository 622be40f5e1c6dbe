"""The admin site: its theme, its pages' common context, refusals written to the audit log (O-1, O-3)."""

from collections.abc import Callable
from functools import update_wrapper
from typing import Any
from urllib.parse import urlencode

from django.contrib.admin import ModelAdmin as DjangoModelAdmin
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.forms import AuthenticationForm
from unfold.sites import UnfoldAdminSite

from exchange_site import audit, second_factor


class LoginForm(AuthenticationForm):
    """Unfold's form; a name that no user can have is refused before it is looked up or kept."""

    def clean_username(self) -> str:
        name = str(self.cleaned_data["username"])
        if len(name) > audit.NAME_LIMIT:
            raise self.get_invalid_login_error()
        return name


class ExchangeAdminSite(UnfoldAdminSite):
    """Unfold's site, on which everything registered is drawn by unfold (R4.6)."""

    site_title = _("Exchange")
    site_header = _("Exchange")
    index_title = _("Control room")
    index_template = "admin/exchange/home.html"
    enable_nav_sidebar = True
    login_form = LoginForm

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Register; an admin class of Django's own is given unfold's base first."""
        super().register(model_or_iterable, themed(admin_class), **options)

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Callable[..., Any]:
        """Django's wrapper; a page refused to a signed-in user leaves an audit row (O-3)."""
        inner = super().admin_view(view, cacheable)

        def recorded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if "%00" in request.META.get("QUERY_STRING", ""):
                raise SuspiciousOperation("NUL in the address")  # no column can match it
            try:
                if request.method == "POST":
                    with audit.acting(request):
                        audit.tell(reason=request.POST.get("reason", ""))
                        return inner(request, *args, **kwargs)
                return inner(request, *args, **kwargs)
            except PermissionDenied as refusal:
                audit.denied(request, str(refusal))
                raise

        return update_wrapper(recorded, view)

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Django's page; without a page to go on to, the control room is that page."""
        if request.user.is_authenticated and second_factor.is_owed(request.user):
            asked = request.GET.get(REDIRECT_FIELD_NAME, reverse("admin:index"))
            check = reverse("admin:second_factor_check")
            return HttpResponseRedirect(f"{check}?{urlencode({REDIRECT_FIELD_NAME: asked})}")
        if request.method == "GET" and REDIRECT_FIELD_NAME not in request.GET:
            home = reverse("admin:index")
            return HttpResponseRedirect(f"{request.path}?{REDIRECT_FIELD_NAME}={home}")
        return super().login(request, extra_context)

    def has_permission(self, request: HttpRequest) -> bool:
        """Active staff only, with their second factor where they have one (O-4)."""
        user = request.user
        return bool(user.is_active and user.is_staff) and not second_factor.is_owed(user)


def themed(admin_class: Any) -> Any:
    """The admin class, deriving from unfold's."""
    if admin_class is None:
        return ModelAdmin
    if issubclass(admin_class, ModelAdmin) or not issubclass(admin_class, DjangoModelAdmin):
        return admin_class
    return type(admin_class.__name__, (admin_class, ModelAdmin), {})
