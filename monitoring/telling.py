"""Alerts by e-mail and webhook (O-33)."""

import json
from collections.abc import Sequence
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

import structlog
from django.core.mail import get_connection, send_mail

from exchange_site.env import environment
from monitoring.models import Alert, AlertState

TIMEOUT_S = 5.0
SENDER = "exchange@localhost"
log = structlog.get_logger(__name__)


def tell(alerts: Sequence[Alert]) -> bool:
    """Send to every address that is set; False when one of them could not be reached."""
    env = environment()
    sent = [True]
    if env.EXCHANGE_ALERT_EMAIL:
        sent.append(_mail(alerts, env.EXCHANGE_ALERT_EMAIL))
    if env.EXCHANGE_ALERT_WEBHOOK:
        sent.append(_post(alerts, env.EXCHANGE_ALERT_WEBHOOK))
    return all(sent)


def is_set() -> bool:
    """Is there anybody to tell?"""
    env = environment()
    return bool(env.EXCHANGE_ALERT_EMAIL or env.EXCHANGE_ALERT_WEBHOOK)


def line(alert: Alert) -> str:
    """One alert as a line of text."""
    state = "closed" if alert.state == AlertState.CLOSED else alert.severity
    target = f" ({alert.target})" if alert.target else ""
    return f"[{alert.venue}] {state}: {alert.name}{target}: {alert.summary}"


def _mail(alerts: Sequence[Alert], addresses: str) -> bool:
    lines = [line(alert) for alert in alerts]
    subject = lines[0] if len(lines) == 1 else f"{lines[0]} (+{len(lines) - 1})"
    try:
        send_mail(
            subject, "\n".join(lines), None, [one.strip() for one in addresses.split(",") if one.strip()],
            connection=get_connection(timeout=TIMEOUT_S),
        )  # fmt: skip
    except OSError as error:  # smtplib's errors are OSErrors
        log.error("alert_mail_failed", reason=str(error))
        return False
    return True


def body_of(alerts: Sequence[Alert]) -> dict[str, Any]:
    """The webhook's body, in the shape of Alertmanager's version 4."""
    is_open = any(alert.state != AlertState.CLOSED for alert in alerts)
    return {
        "version": "4",
        "status": "firing" if is_open else "resolved",
        "receiver": "exchange",
        "alerts": [
            {
                "status": "resolved" if alert.state == AlertState.CLOSED else "firing",
                "labels": {
                    "alertname": alert.name, "venue": alert.venue, "target": alert.target,
                    "severity": alert.severity,
                },
                "annotations": {"summary": alert.summary},
                "value": alert.value,
                "startsAt": alert.opened_at.isoformat(),
                "endsAt": alert.closed_at.isoformat() if alert.closed_at else None,
            }
            for alert in alerts
        ],
    }  # fmt: skip


def _post(alerts: Sequence[Alert], url: str) -> bool:
    data = json.dumps(body_of(alerts)).encode()
    request = Request(url, data, {"Content-Type": "application/json"})
    try:
        with urlopen(request, timeout=TIMEOUT_S) as answer:
            answer.read(1_024)
    except (URLError, OSError, ValueError) as error:
        log.error("alert_webhook_failed", reason=str(error))
        return False
    return True
