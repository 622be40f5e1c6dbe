"""Reading other processes' figures."""

from urllib.error import URLError
from urllib.request import Request, urlopen

import structlog
from prometheus_client.parser import text_string_to_metric_families

from exchange_site.env import environment
from exchange_site.metrics.endpoint import endpoints

TIMEOUT_S = 3.0
log = structlog.get_logger(__name__)


def read_text(url: str) -> str | None:
    """The exposition of one process; None when it does not answer."""
    token = environment().EXCHANGE_METRICS_TOKEN
    request = Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})
    try:
        with urlopen(request, timeout=TIMEOUT_S) as answer:
            return str(answer.read().decode())
    except (URLError, OSError) as error:
        log.info("metrics_not_read", url=url, reason=str(error))
        return None


def total(venue: str, part: str, name: str) -> float:
    """The sum of one metric over the processes of a part that answer."""
    found = 0.0
    for row in endpoints(venue):
        text = read_text(row["url"]) if row["part"] == part else None
        for family in text_string_to_metric_families(text or ""):
            found += sum(sample.value for sample in family.samples if sample.name == name)
    return found
