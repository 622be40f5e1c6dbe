"""The ASGI application that Daphne serves: HTTP by Django, sockets by Channels (A-48)."""

import gc
import os
import sys

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "exchange_site.settings")
os.environ.setdefault("SERVER_GATEWAY", "asgi")

from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from servestatic import ServeStaticASGI

django_application = get_asgi_application()

from django.conf import settings  # noqa: E402

from exchange_site import ipc  # noqa: E402
from exchange_site.checks import refuse_other_server_options  # noqa: E402
from exchange_site.cors import with_cors  # noqa: E402
from exchange_site.flow import FlowMiddleware  # noqa: E402
from exchange_site.metrics import endpoint  # noqa: E402
from exchange_site.routing import websocket_urlpatterns  # noqa: E402
from trading.order_lane import OrderLane  # noqa: E402

refuse_other_server_options(sys.argv)
if "daphne" in sys.argv[0]:
    endpoint.serve("web")
    ipc.serve("web")
_static = ServeStaticASGI(
    django_application, root=str(settings.STATIC_ROOT), prefix=settings.STATIC_URL.lstrip("/")
)

application = ProtocolTypeRouter(
    {
        "http": with_cors(OrderLane(_static), settings.ENV.EXCHANGE_CORS_ORIGINS),
        "websocket": FlowMiddleware(URLRouter(websocket_urlpatterns)),
    }
)

gc.collect()
gc.freeze()  # what is loaded now lives for ever: no collection need look at it while clients wait
