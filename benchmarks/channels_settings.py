"""The site's settings with a Redis channel layer, for the peer of Q-5."""

from exchange_site.settings import *  # noqa: F403
from exchange_site.settings import CACHE_URL

CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.core.RedisChannelLayer",
        # Its defaults, five seconds and a hundred connections, would end most of the sockets.
        "CONFIG": {"hosts": [{"address": CACHE_URL, "socket_timeout": None, "max_connections": 20_000}]},
    }
}
