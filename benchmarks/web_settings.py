"""The product's settings with one more route: an empty view to compare with (Q-9)."""

from exchange_site.settings import *  # noqa: F403

ROOT_URLCONF = "benchmarks.web_urls"
