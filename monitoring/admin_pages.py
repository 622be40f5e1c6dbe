"""The pages of the log, of the processes and of the sockets (O-6, O-30)."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from redis import RedisError

from exchange_site import audit, ipc
from exchange_site.admin_base import shanghai
from exchange_site.metrics.endpoint import endpoints
from monitoring import log_page, socket_services
from settlement.models import Job
from settlement.tasks import run_job
from trading.selectors import current_venue

REPLAY = "replay"
READ_LOG = "monitoring.view_alert"
CLOSE = "monitoring.close_sockets"
RUN = "settlement.run_job"
REASON = 500


class PagesMixin:
    """Puts the pages beside the list of alerts."""

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view  # type: ignore[attr-defined]
        return [
            path("log/", view(self.log_view), name="monitoring_log"),
            path("sockets/", view(self.sockets_view), name="monitoring_sockets"),
            *super().get_urls(),  # type: ignore[misc]
        ]

    def own_page(self, request: HttpRequest, template: str, title: Any, **context: Any) -> HttpResponse:
        """One of our pages in the admin's frame."""
        return TemplateResponse(
            request,
            f"admin/exchange/{template}.html",
            {
                **self.admin_site.each_context(request),  # type: ignore[attr-defined]
                "title": title,
                "opts": self.opts,  # type: ignore[attr-defined]
                **context,
            },
        )

    def log_view(self, request: HttpRequest) -> HttpResponse:
        """Where the log stands; a POST asks for the day's replay."""
        require(request, READ_LOG)
        venue = current_venue()
        if request.method == "POST":
            require(request, RUN)
            run_job.delay(venue, REPLAY, request.user.get_username())
            audit.record(request, "replay", venue=venue, target_type="log", target=venue)
            messages.success(request, _("Handed to a worker."))
            return HttpResponseRedirect(reverse("admin:monitoring_log"))
        return self.own_page(
            request,
            "log",
            _("Log"),
            venue=venue,
            job=Job.objects.filter(venue=venue, name=REPLAY).first(),
            may_run=request.user.has_perm(RUN),
            processes=running(venue),
            **log_page.figures(venue),
        )

    def sockets_view(self, request: HttpRequest) -> HttpResponse:
        """Every open socket; a POST closes one, or all of a user."""
        require(request, READ_LOG)
        venue = current_venue()
        try:
            if request.method == "POST":
                return self.close(request, venue)
            rows, total = socket_services.all_sockets(venue=venue)
        except ipc.BusAway:
            messages.error(request, _("The processes cannot be asked now."))
            rows, total = [], 0
        wanted = request.GET.get("q", "").strip()[:150]
        shown = [row for row in rows if not wanted or wanted in (*row["users"], row["address"])]
        return self.own_page(
            request,
            "sockets",
            _("Sockets"),
            rows=[shown_row(row) for row in shown],
            total=total,
            wanted=wanted,
            may_close=request.user.has_perm(CLOSE),
        )

    def close(self, request: HttpRequest, venue: str) -> HttpResponse:
        """Close what was asked for; a reason is kept in the audit log."""
        require(request, CLOSE)
        socket_id = request.POST.get("socket_id", "")[:32].replace("\x00", "")
        username = request.POST.get("username", "")[:150].replace("\x00", "")
        reason = audit.clean_text(request.POST.get("reason", "").strip(), REASON)
        if not reason:
            messages.error(request, _("Closing needs a reason."))
        else:
            closed = socket_services.close_sockets(venue=venue, socket_id=socket_id, username=username)
            audit.record(
                request, "close_sockets", venue=venue, target_type="socket", target=socket_id or username,
                after={"closed": closed}, reason=reason,
            )  # fmt: skip
            text = ngettext("%(count)s socket closed.", "%(count)s sockets closed.", closed)
            messages.success(request, text % {"count": closed})
        return HttpResponseRedirect(reverse("admin:monitoring_sockets"))


def require(request: HttpRequest, permission: str) -> None:
    """PermissionDenied, which the site records, without the permission."""
    if not request.user.has_perm(permission):
        raise PermissionDenied(f"this needs {permission}")


def shown_row(row: dict[str, Any]) -> dict[str, Any]:
    """A socket with its time as a moment."""
    return {**row, "since": shanghai(row["since_ms"] * 1_000_000)}


def running(venue: str) -> list[dict[str, Any]]:
    """The processes of the venue: where their figures are, and what they say on the bus."""
    try:
        known = {str(row["process_id"]): row for row in ipc.alive(venue)}
        rows = endpoints(venue)
    except RedisError:
        return []
    for row in rows:
        said = known.get(f"{row['part']}.{row['pid']}", {})
        row.update({name: said.get(name) for name in ("status", "version", "uptime", "lag")})
    return rows
