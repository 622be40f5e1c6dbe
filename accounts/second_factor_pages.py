"""The admin's pages of the second factor: asking for the code, setting one up (O-4)."""

from typing import Any

import django_otp
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache

from accounts import second_factor_services as services
from accounts.pages import next_of
from exchange_site import audit
from exchange_site.exceptions import ExchangeError
from exchange_site.second_factor import device_of, is_owed

CODE_LENGTH = 16
WRONG = _("This code is wrong, was used before, or too many were tried: wait a little and try the next one.")


class SecondFactorPages:
    """Mixin of the users' admin: its addresses stand before those of the rows."""

    def get_urls(self) -> list[Any]:
        own = self.admin_site.admin_view(self.second_factor)  # type: ignore[attr-defined]
        return [
            path("second-factor/", own, name="second_factor"),
            path("second-factor/check/", self.second_factor_check, name="second_factor_check"),
            *super().get_urls(),  # type: ignore[misc]
        ]

    @method_decorator(never_cache)
    def second_factor_check(self, request: HttpRequest) -> HttpResponse:
        """Ask a signed-in member of staff for the code, then go on."""
        if not request.user.is_authenticated:
            return HttpResponseRedirect(reverse("admin:login"))
        onward = next_of(request, "admin:index")
        if not is_owed(request.user):
            return HttpResponseRedirect(onward)
        fault = self.fault_of(request, self.verify) if request.method == "POST" else ""
        if request.method == "POST" and not fault:
            return HttpResponseRedirect(onward)
        context = {**self.frame(request), "title": _("Second factor"), "fault": fault, "next": onward}
        status = 422 if fault else 200
        return TemplateResponse(request, "admin/exchange/second_factor_check.html", context, status=status)

    def second_factor(self, request: HttpRequest) -> HttpResponse:
        """Set the own second factor up, renew its recovery codes, or take it away."""
        codes: list[str] = []
        fault: Any = ""
        if request.method == "POST":
            works = {"confirm": self.confirm, "renew": self.renew, "remove": self.remove}
            work = works.get(request.POST.get("work", ""), self.confirm)
            fault = self.fault_of(request, lambda asked: codes.extend(work(asked)))
        device = device_of(request.user)
        fresh = None if device else services.begin(user=request.user)  # type: ignore[arg-type]
        context = {
            **self.frame(request),
            "title": _("Second factor"),
            "device": device,
            "codes": codes,
            "fault": fault,
            "picture": services.picture(fresh) if fresh else "",
            "secret": services.secret_text(fresh) if fresh else "",
        }
        status = 422 if fault else 200
        return TemplateResponse(request, "admin/exchange/second_factor.html", context, status=status)

    def frame(self, request: HttpRequest) -> dict[str, Any]:
        return {**self.admin_site.each_context(request), "opts": self.opts}  # type: ignore[attr-defined]

    def fault_of(self, request: HttpRequest, work: Any) -> Any:
        """Do it; a wrong code is audited and told."""
        try:
            work(request)
        except ExchangeError as error:
            audit.record(request, "second_factor_failed", code=error.code, target=request.user.pk.hex)
            return WRONG
        return ""

    def verify(self, request: HttpRequest) -> None:
        device = services.check_code(user=request.user, code=code_of(request))  # type: ignore[arg-type]
        django_otp.login(request, device)

    def confirm(self, request: HttpRequest) -> list[str]:
        user: Any = request.user
        if device_of(user) is not None:
            return []  # a form sent twice
        device, codes = services.confirm(user=user, code=code_of(request))
        django_otp.login(request, device)
        audit.record(request, "second_factor_on", target=user.pk.hex)
        return codes

    def renew(self, request: HttpRequest) -> list[str]:
        user: Any = request.user
        services.check_code(user=user, code=code_of(request))
        audit.record(request, "second_factor_codes", target=user.pk.hex)
        return services.renew_recovery_codes(user=user)

    def remove(self, request: HttpRequest) -> list[str]:
        user: Any = request.user
        services.check_code(user=user, code=code_of(request))
        services.remove(user=user)
        audit.record(request, "second_factor_off", target=user.pk.hex)
        messages.success(request, _("The second factor is off."))
        return []


def code_of(request: HttpRequest) -> str:
    return request.POST.get("code", "")[: 2 * CODE_LENGTH].replace("\x00", "")
