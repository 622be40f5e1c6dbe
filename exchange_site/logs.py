"""One line per event, with the ids it concerns and without secrets (O-31).

Lines of structlog and of the standard library go the same way: JSON where the site has
servers of its own (production), text in the embedded run.
"""

import re
from collections.abc import MutableMapping
from typing import Any

import structlog

HIDDEN = "[hidden]"
SECRET_NAMES = re.compile(
    r"pass(word|wd|phrase)|secret|token|authorization|cookie|api_?key|credential|session_key|digest", re.I
)
"""Members of an event whose value is never written."""
SECRET_TEXTS = (
    re.compile(r"(?i)\b(token|bearer|basic)\s+[A-Za-z0-9+/=_.~-]{16,}"),
    re.compile(
        r"(?i)(\b\w*(?:password|passwd|secret|token)\w*[\\\"']*\s*[=:]\s*)"
        r"(?:\\*[\"'][^\"'\\]*|[^\s\\\"',;&}]+)"
    ),
    re.compile(r"()(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])"),
    re.compile(r"(?i)(\b[a-z][a-z0-9+]*://[^\s:/@]*:)[^\s@/]+(?=@)"),
)
"""Secrets within texts: headers, `name=value`, API tokens, passwords of addresses."""
DEPTH = 6
Event = MutableMapping[str, Any]


def without_secrets(_logger: Any, _method: str, event: Event) -> Event:
    """Hide every secret of an event, however deep."""
    return {name: _hidden(name, value, DEPTH) for name, value in event.items()}


def _hidden(name: str, value: Any, depth: int) -> Any:
    if SECRET_NAMES.search(name) and value not in (None, "", True, False):
        return HIDDEN
    if isinstance(value, str):
        return clean(value)
    if depth and isinstance(value, dict):
        return {key: _hidden(str(key), own, depth - 1) for key, own in value.items()}
    if depth and isinstance(value, list | tuple):
        return [_hidden("", own, depth - 1) for own in value]
    return value


def clean(text: str) -> str:
    """A text without the secrets in it."""
    for pattern in SECRET_TEXTS:
        text = pattern.sub(lambda match: f"{match[1]} {HIDDEN}" if match[1] else HIDDEN, text)
    return text


SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
    structlog.processors.format_exc_info,
    structlog.processors.UnicodeDecoder(),
    without_secrets,
]


def formatter(is_json: bool) -> structlog.stdlib.ProcessorFormatter:
    """The one formatter of every line."""
    last: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False, default=str)
        if is_json
        else structlog.dev.ConsoleRenderer(colors=False)
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.ExtraAdder(allow=EXTRA), *SHARED],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
    )


EXTRA = ("status_code", "user_id", "account_id", "order_id", "event_seq", "command_id")
"""Members that lines of the standard library may carry beside their text."""


def configure() -> None:
    """Send structlog's lines through the standard library's handlers."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level, *SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )  # fmt: skip


def logging_config(level: str, is_json: bool) -> dict[str, Any]:
    """Django's LOGGING."""
    configure()
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": formatter, "is_json": is_json}},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            "axes": {"level": "WARNING"}, "daphne": {"level": "WARNING"}, "celery": {"level": "WARNING"},
        },
    }  # fmt: skip


def bind(**ids: str) -> None:
    """Put ids on every line of this request or task: request_id, user_id, account_id, order_id."""
    structlog.contextvars.bind_contextvars(**{name: value for name, value in ids.items() if value})


def unbind() -> None:
    """A new request or task begins."""
    structlog.contextvars.clear_contextvars()


__all__ = ["HIDDEN", "bind", "clean", "configure", "formatter", "logging_config", "unbind"]
