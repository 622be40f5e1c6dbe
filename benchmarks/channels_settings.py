"""The site's settings with a Redis channel layer, for the peer of Q-5."""

from exchange_site.settings import *  # noqa: F403
from exchange_site.settings import CACHE_URL

CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.core.RedisChannelLayer",
        # Its own default of five seconds would end every quiet socket.
        "CONFIG": {"hosts": [{"address": CACHE_URL, "socket_timeout": None}]},
    }
}
