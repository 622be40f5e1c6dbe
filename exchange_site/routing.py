"""WebSocket routes of all apps."""

from typing import Any

from django.urls import path, re_path

from marketdata.gateway.web import DataSocket, MdSocket
from marketdata.sockets.base import no_such_socket
from marketdata.sockets.diff.socket import DiffSocket
from marketdata.sockets.typed.entry import application as typed_or_diff

websocket_urlpatterns: list[Any] = [
    path("ws/diff", DiffSocket.application),
    path("ws", typed_or_diff),
    path("md", MdSocket.application),
    path("ws/data", DataSocket.application),
    re_path("", no_such_socket),
]
