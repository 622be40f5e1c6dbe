"""Pages of other sites that may call the API: `EXCHANGE_CORS_ORIGINS`, none by default (A-34).

Outside everything else, so that the quick path of orders answers them too. Cookies are never
allowed along: such a page signs in with a token.
"""

from typing import Any

_ALLOWED = (
    (b"access-control-allow-methods", b"GET, POST, PUT, PATCH, DELETE"),
    (b"access-control-allow-headers", b"authorization, content-type, idempotency-key, x-request-id"),
    (b"access-control-max-age", b"600"),
)
_EXPOSED = (b"access-control-expose-headers", b"x-request-id, x-event-seq, x-behind, retry-after")
_VARY = (b"vary", b"Origin")


class Cors:
    """ASGI middleware for HTTP; an origin that is not listed gets no header at all."""

    def __init__(self, application: Any, origins: frozenset[str]) -> None:
        self.application = application
        self.origins = {origin.encode("latin-1", "replace") for origin in origins}

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        headers = dict(scope["headers"])
        origin = headers.get(b"origin", b"")
        if origin not in self.origins or not scope["path"].startswith("/api/"):
            await self.application(scope, receive, send)
            return
        own = [(b"access-control-allow-origin", origin), _VARY, _EXPOSED]
        if scope["method"] == "OPTIONS" and b"access-control-request-method" in headers:
            await send({"type": "http.response.start", "status": 204, "headers": [*own, *_ALLOWED]})
            await send({"type": "http.response.body", "body": b""})
            return

        async def with_headers(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *own]}
            await send(message)

        await self.application(scope, receive, with_headers)


def with_cors(application: Any, origins: str) -> Any:
    """The application for the listed origins (comma-separated); itself when there is none."""
    wanted = frozenset(origin.strip() for origin in origins.split(",") if origin.strip())
    return Cors(application, wanted) if wanted else application
