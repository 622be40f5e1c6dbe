"""`documented`: an endpoint's schema with request, answer and error examples (H-3)."""

from collections.abc import Callable, Sequence
from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from exchange_site.api import envelope, error_envelope
from trading.engine.codes import (
    AUTHENTICATION_FAILED,
    CODES,
    INVALID_FIELD,
    NOT_AUTHENTICATED,
    NOT_PERMITTED,
    ORDER_ID_USED,
    TOO_MANY_REQUESTS,
)

COMMON = (AUTHENTICATION_FAILED, NOT_AUTHENTICATED, NOT_PERMITTED, TOO_MANY_REQUESTS)
PUBLIC = (INVALID_FIELD, TOO_MANY_REQUESTS)
_NOTHING: dict[str, Any] = {"nullable": True}
IDEMPOTENCY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "maxLength": 128, "pattern": "^[!-~]{1,128}$"},
    OpenApiParameter.HEADER,
    description="The same key with the same content is carried out once; its answer is kept 24 h.",
)


def documented(
    summary: str,
    *,
    answer: Any,
    example: Any,
    request: Any = None,
    sent: dict[str, Any] | None = None,
    errors: Sequence[int] = (),
    parameters: Sequence[Any] = (),
    status: int = 200,
    common: Sequence[int] = COMMON,
    tag: str = "",
    operation_id: str | None = None,
) -> Callable[[Any], Any]:
    """Describe one method of a view; `example` is the data of its answer, `sent` its body."""
    examples = [OpenApiExample("answer", envelope(example), response_only=True, status_codes=[str(status)])]
    if sent is not None:
        examples.append(OpenApiExample("request", sent, request_only=True))
    responses: dict[Any, Any] = {status: answer}
    repeated = {ORDER_ID_USED} if IDEMPOTENCY in parameters else set()
    for code in sorted({*errors, *common, *repeated}):
        entry = CODES[code]
        shown = OpenApiExample(
            str(code), error_envelope(code, entry.name_en), response_only=True, status_codes=[str(entry.http)]
        )
        examples.append(shown)
        known = responses.get(entry.http)
        text = f"{known.description}; " if known is not None else ""
        responses[entry.http] = OpenApiResponse(_NOTHING, f"{text}{code} {entry.name_en}")
    return extend_schema(
        summary=summary,
        request=request,
        responses=responses,
        examples=examples,
        parameters=list(parameters),
        tags=[tag] if tag else None,
        operation_id=operation_id,
    )
