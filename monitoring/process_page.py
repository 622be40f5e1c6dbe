"""The page of the processes: who is alive, how fast it answers, and what may be asked (O-20, O-21)."""

import json
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils.translation import gettext_lazy as _

from exchange_site import audit, ipc
from exchange_site.exceptions import ExchangeError, message
from monitoring import process_services
from monitoring.admin_pages import READ_LOG, REASON, require
from trading.selectors import current_venue

COMMAND = "monitoring.command_processes"
VALUE_LIMIT = 64
ANSWER_LIMIT = 300


class ProcessesMixin:
    """Puts the page of the processes and the page of one command beside the list of alerts."""

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view  # type: ignore[attr-defined]
        return [
            path("processes/", view(self.processes_view), name="monitoring_processes"),
            path("processes/command/", view(self.command_view), name="monitoring_process_command"),
            *super().get_urls(),  # type: ignore[misc]
        ]

    def processes_view(self, request: HttpRequest) -> HttpResponse:
        """Every process of the venue, pinged now."""
        require(request, READ_LOG)
        venue = current_venue()
        try:
            rows = process_services.processes(venue=venue)
        except ExchangeError as error:
            tell(request, error)
            rows = []
        return self.own_page(  # type: ignore[attr-defined,no-any-return]
            request,
            "processes",
            _("Processes"),
            venue=venue,
            rows=rows,
            may_command=request.user.has_perm(COMMAND),
        )

    def command_view(self, request: HttpRequest) -> HttpResponse:
        """What a command will do, and why it is sent; a POST with a reason sends it."""
        require(request, COMMAND)
        venue, given = current_venue(), request.POST if request.method == "POST" else request.GET
        process_id, name = clean(given, "process"), clean(given, "command")
        try:
            row, act = process_services.find(venue=venue, process_id=process_id, command=name)
            reason = audit.clean_text(request.POST.get("reason", "").strip(), REASON)
            if request.method == "POST" and reason:
                self.send(request, venue, process_id, act, reason)
                return back()
        except ExchangeError as error:
            tell(request, error)
            return back()
        if request.method == "POST":
            messages.error(request, _("A command needs a reason."))
        return self.own_page(  # type: ignore[attr-defined,no-any-return]
            request,
            "process_command",
            act.label,
            row=row,
            act=act,
            levels=ipc.LEVELS if act.field == "level" else (),
        )

    def send(
        self, request: HttpRequest, venue: str, process_id: str, act: process_services.Act, reason: str
    ) -> None:
        """Send it, write down what came of it, show it."""
        value = clean(request.POST, "value")
        known: dict[str, Any] = {
            "venue": venue, "target_type": "process", "target": process_id, "reason": reason,
        }  # fmt: skip
        after = {"command": act.name, act.field or "value": value} if value else {"command": act.name}
        try:
            answer = process_services.command(venue=venue, process_id=process_id, name=act.name, value=value)
        except ExchangeError as error:
            audit.record(request, "process_command", **known, after=after, code=error.code)
            raise
        result = audit.clean_text(json.dumps(answer.get("result"), ensure_ascii=False), ANSWER_LIMIT)
        audit.record(request, "process_command", **known, after={**after, "answer": result})
        messages.success(
            request,
            _("%(process)s, %(label)s: %(result)s (%(latency)s ms)")
            % {
                "process": process_id, "label": act.label, "result": result,
                "latency": answer["latency_ms"],
            },
        )  # fmt: skip


def clean(given: Any, name: str) -> str:
    """A short text of a form without what PostgreSQL and the bus do not take."""
    return audit.clean_text(given.get(name, ""), process_services.NAME_LIMIT)[:VALUE_LIMIT]


def back() -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:monitoring_processes"))


def tell(request: HttpRequest, error: ExchangeError) -> None:
    """A refusal with its code."""
    reason = error.extra.get("reason", "")
    text = message(error.code, error.params)
    messages.error(request, f"{error.code} {text}" + (f": {reason}" if reason else ""))
