"""WebSocket routes of all apps."""

from typing import Any

from django.urls import path, re_path

from marketdata.sockets.base import no_such_socket
from marketdata.sockets.diff.socket import DiffSocket

websocket_urlpatterns: list[Any] = [
    path("ws/diff", DiffSocket.application),
    re_path("", no_such_socket),
]
