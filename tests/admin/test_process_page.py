"""The page of the processes: who may see it, who may command, what is written down (O-20, O-21)."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from exchange_site.exceptions import ExchangeError
from exchange_site.ipc import Bus, alive
from monitoring import process_services
from tests.log.conftest import await_until
from trading.models import AuditLog
from trading.selectors import current_venue

pytestmark = pytest.mark.django_db
BOOKS = ("operator", "risk", "settlement", "auditor", "superuser")


@pytest.fixture
def robots() -> Iterator[list[dict[str, Any]]]:
    """A process that understands `stop_trading`; what it was told."""
    told: list[dict[str, Any]] = []
    bus = Bus("robots.7", current_venue())
    bus.register_handler("stop_trading", lambda payload: told.append(payload) or {"state": "stopped"})
    bus.start()
    await_until(lambda: [row for row in alive(current_venue()) if row["process_id"] == "robots.7"])
    yield told
    bus.stop()


def test_the_page_lists_who_reports_with_the_time_of_a_ping(
    robots: Any, client_of: Callable[[str], Client]
) -> None:
    url = reverse("admin:monitoring_processes")
    for who in (*BOOKS, "support", ""):
        assert client_of(who).get(url).status_code == (200 if who in BOOKS else 403), who
    page = client_of("auditor").get(url)
    (row,) = [row for row in page.context_data["rows"] if row["process_id"] == "robots.7"]
    assert (row["role"], row["venue"]) == ("robots", current_venue()) and row["latency_ms"] > 0
    assert "Stop the robots" not in page.content.decode()
    assert "Stop the robots" in client_of("operator").get(url).content.decode()


def test_a_command_needs_the_right_and_a_reason_and_is_written_down(
    robots: list[Any], client_of: Callable[[str], Client]
) -> None:
    url = reverse("admin:monitoring_process_command")
    body = {"process": "robots.7", "command": "stop_trading", "reason": "news"}
    for who in ("risk", "auditor", "support"):
        assert client_of(who).get(url, body).status_code == 403
        assert client_of(who).post(url, body).status_code == 403
    client = client_of("operator")
    assert "cancel their orders and rest" in client.get(url, body).content.decode()
    assert "needs a reason" in client.post(url, {**body, "reason": " "}).content.decode()
    assert robots == []
    assert "stopped" in client.post(url, body, follow=True).content.decode()
    assert robots == [{}]
    row = AuditLog.objects.get(action="process_command")
    assert (row.target, row.reason, row.code, row.username) == ("robots.7", "news", 0, "operator_one")
    assert row.after == {"command": "stop_trading", "answer": '{"state": "stopped"}'}


@pytest.mark.parametrize(
    ("process", "command", "value", "code"),
    [
        ("robots.8", "ping", "", 9007),
        ("robots.7", "snapshot_now", "", 9007),
        ("robots.7", "set_log_level", "LOUD", 9008),
        ("robots.7", "set_log_level", "", 9008),
    ],
)
def test_nonsense_is_refused_with_a_code(
    robots: Any, client_of: Callable[[str], Client], process: str, command: str, value: str, code: int
) -> None:
    with pytest.raises(ExchangeError) as refused:
        process_services.command(venue=current_venue(), process_id=process, name=command, value=value)
    assert refused.value.code == code
    body = {"process": process, "command": command, "value": value, "reason": "x"}
    page = client_of("operator").post(reverse("admin:monitoring_process_command"), body, follow=True)
    assert str(code) in page.content.decode()
