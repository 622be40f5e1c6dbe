"""Every metric of the exchange: name, kind, labels, who exports it (O-30).

Names begin with `exchange_`, figures are in base units (seconds, bytes, ratios), labels are
venue, code and part, never an id. `docs/metrics.md` is made from this table.
"""

from typing import NamedTuple

COUNTER, GAUGE, HISTOGRAM = "counter", "gauge", "histogram"
ALL = "every process"
WORKER, PROJECTOR, MARKETDATA, FEED = "worker", "projector", "marketdata", "feed"
WEB, CELERY, BEAT, WATCHER = "web", "celery", "beat", "watcher"
PARTS = (WORKER, PROJECTOR, MARKETDATA, FEED, WEB, CELERY, BEAT, WATCHER)

BOUNDS = (
    0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.0075, 0.01,
    0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
)  # fmt: skip
"""Upper bounds of the histograms' buckets in seconds."""


class Metric(NamedTuple):
    """One metric; `labels` are those besides venue, `by` the part whose processes export it."""

    name: str
    kind: str
    help: str
    by: str
    labels: tuple[str, ...] = ()


METRICS: tuple[Metric, ...] = (
    Metric("exchange_process_start_time_seconds", GAUGE, "When the process started, Unix time.", ALL,
           ("part",)),
    Metric("exchange_process_cpu_seconds_total", COUNTER, "Processor time of the process.", ALL, ("part",)),
    Metric("exchange_process_resident_memory_bytes", GAUGE, "Memory of the process.", ALL, ("part",)),
    Metric("exchange_process_open_fds", GAUGE, "Open files and sockets of the process.", ALL, ("part",)),
    # matching worker
    Metric("exchange_commands_total", COUNTER, "Commands applied since the worker started.", WORKER),
    Metric("exchange_orders_total", COUNTER, "Orders the core accepted.", WORKER),
    Metric("exchange_trades_total", COUNTER, "Trades.", WORKER),
    Metric("exchange_rejects_total", COUNTER, "Orders, cancels and other commands refused, by code.", WORKER,
           ("code",)),
    Metric("exchange_events_total", COUNTER, "Events made.", WORKER),
    Metric("exchange_match_seconds", HISTOGRAM, "A command in the core: its batch's time over its size.",
           WORKER),
    Metric("exchange_publish_seconds", HISTOGRAM,
           "From sending a batch's events to their being in the log, the disk's sync included.", WORKER),
    Metric("exchange_log_reconnects_total", COUNTER, "Times the log went away from the worker.", WORKER),
    Metric("exchange_bad_snapshots", GAUGE, "Snapshots found damaged at the start.", WORKER),
    Metric("exchange_clock_behind_seconds", GAUGE, "How far the server's clock is behind log time.", WORKER),
    # web
    Metric("exchange_order_seconds", HISTOGRAM,
           "From a command's handing over in this process to its verdict read back.", WEB),
    Metric("exchange_commands_undecided_total", COUNTER, "Commands without a verdict in time.", WEB),
    Metric("exchange_push_seconds", HISTOGRAM,
           "From an event's log time to its being handed to the sockets that follow it.", WEB),
    Metric("exchange_sockets", GAUGE, "Open sockets, by protocol.", WEB, ("part",)),
    Metric("exchange_socket_limit", GAUGE, "Sockets this process may hold: its limit of open files.", WEB),
    Metric("exchange_messages_received_total", COUNTER, "Messages from sockets, by protocol.", WEB,
           ("part",)),
    Metric("exchange_messages_sent_total", COUNTER, "Messages to sockets, by protocol.", WEB, ("part",)),
    Metric("exchange_bytes_sent_total", COUNTER, "Bytes to sockets, by protocol.", WEB, ("part",)),
    Metric("exchange_differences_sent_total", COUNTER, "Differences (rtn_data) sent.", WEB),
    Metric("exchange_differences_merged_total", COUNTER, "Changes that went out with a later difference.",
           WEB),
    Metric("exchange_drops_total", COUNTER,
           "What sockets did not get: message refused for its rate or size, message dropped or merged"
           " in a backlog, socket closed for overload.", WEB, ("part",)),
    Metric("exchange_queue_length", GAUGE, "Messages that wait in this process for slow readers.", WEB),
    Metric("exchange_web_events_behind", GAUGE, "Events of the log this web process has not read.", WEB),
    # projector
    Metric("exchange_projected_events_total", COUNTER, "Events written to the tables.", PROJECTOR),
    Metric("exchange_projector_write_seconds", HISTOGRAM, "One batch's transaction.", PROJECTOR),
    Metric("exchange_projector_waits_total", COUNTER, "Times a server went away from the projector.",
           PROJECTOR),
    # market data
    Metric("exchange_marketdata_events_total", COUNTER, "Events taken into ticks and bars.", MARKETDATA),
    Metric("exchange_marketdata_publish_seconds", HISTOGRAM, "One telling of changed ticks and bars.",
           MARKETDATA),
    Metric("exchange_marketdata_pending_rows", GAUGE, "Rows that wait for their transaction.", MARKETDATA),
    # feed
    Metric("exchange_feed_ticks_total", COUNTER, "Ticks that passed.", FEED),
    Metric("exchange_feed_duplicates_total", COUNTER, "Ticks kept back because they came twice.", FEED),
    Metric("exchange_feed_backwards_total", COUNTER, "Ticks kept back because they were older than the last.",
           FEED),
    Metric("exchange_feed_gaps_total", COUNTER, "Holes in a symbol's ticks at a change of connections.",
           FEED),
    Metric("exchange_feed_bad_ticks_total", COUNTER, "Ticks that were none.", FEED),
    Metric("exchange_feed_failovers_total", COUNTER, "Connections that failed with symbols on them.", FEED),
    Metric("exchange_feed_symbols_wanted", GAUGE, "Symbols somebody wants.", FEED),
    Metric("exchange_feed_symbols_assigned", GAUGE, "Symbols with a connection.", FEED),
    Metric("exchange_feed_symbols_waiting", GAUGE, "Symbols without one (7001).", FEED),
    Metric("exchange_feed_connections", GAUGE, "Connections by state.", FEED, ("part",)),
    Metric("exchange_feed_lowest_quality", GAUGE, "Of the connections that are logged in, 0 to 100.", FEED),
    Metric("exchange_feed_lag_seconds", GAUGE, "Longest delay of the feed's loop in the last 5 s.", FEED),
    Metric("exchange_feed_push_seconds", HISTOGRAM, "From the front's callback to the socket write.", FEED),
    # Celery
    Metric("exchange_celery_tasks_total", COUNTER, "Tasks this worker took.", CELERY),
    Metric("exchange_celery_tasks_active", GAUGE, "Tasks under way.", CELERY),
    Metric("exchange_beat_sent_total", COUNTER, "Tasks beat sent.", BEAT),
    # what the watcher finds from outside
    Metric("exchange_part_up", GAUGE, "1 while a part of the exchange is at work, 0 when it failed.", WATCHER,
           ("part",)),
    Metric("exchange_log_write_ok", GAUGE, "1 while the log's server writes its file.", WATCHER),
    Metric("exchange_log_entries", GAUGE, "Entries of a stream.", WATCHER, ("part",)),
    Metric("exchange_log_bytes", GAUGE, "Memory of a stream.", WATCHER, ("part",)),
    Metric("exchange_worker_lag_seconds", GAUGE, "Age of the oldest command without events.", WATCHER),
    Metric("exchange_projector_lag_seconds", GAUGE, "Age of the oldest event not in the tables.", WATCHER),
    Metric("exchange_marketdata_lag_seconds", GAUGE, "Age of the oldest event not in ticks and bars.",
           WATCHER),
    Metric("exchange_events_behind", GAUGE, "Events a reader has not stored.", WATCHER, ("part",)),
    Metric("exchange_snapshot_age_seconds", GAUGE, "Age of the newest snapshot on this host.", WATCHER),
    Metric("exchange_snapshot_size_bytes", GAUGE, "Size of the newest snapshot on this host.", WATCHER),
    Metric("exchange_archive_segments", GAUGE, "Archived log segments on this host.", WATCHER),
    Metric("exchange_archive_bytes", GAUGE, "Size of the archived log segments on this host.", WATCHER),
    Metric("exchange_disk_free_ratio", GAUGE, "Free part of the data folder's disk.", WATCHER),
    Metric("exchange_celery_canary_age_seconds", GAUGE, "Since a Celery worker last ran the canary.",
           WATCHER),
    Metric("exchange_beat_age_seconds", GAUGE, "Since beat last looked at its schedules.", WATCHER),
    Metric("exchange_celery_queue_length", GAUGE, "Tasks that wait for a Celery worker.", WATCHER),
    Metric("exchange_jobs_total", COUNTER, "Runs of a scheduled job, as its table counts them.", WATCHER,
           ("part",)),
    Metric("exchange_job_failures_total", COUNTER, "Runs of a scheduled job that failed.", WATCHER,
           ("part",)),
    Metric("exchange_settlement_duration_seconds", GAUGE, "How long the newest finished settlement took.",
           WATCHER),
    Metric("exchange_settlement_late_seconds", GAUGE,
           "Since the settlement of the trading day was due; 0 while it is not.", WATCHER),
    Metric("exchange_calendar_days_left", GAUGE, "Trading days the calendar still holds after this one.",
           WATCHER),
    Metric("exchange_pending_approvals", GAUGE, "Money requests and accounts that wait for somebody.",
           WATCHER),
    Metric("exchange_accounts_at_risk", GAUGE, "Accounts by risk level above normal.", WATCHER, ("part",)),
    Metric("exchange_alerts_open", GAUGE, "Alerts that are open or acknowledged.", WATCHER),
)  # fmt: skip
BY_NAME = {metric.name: metric for metric in METRICS}
"""The table by name."""


def series_names() -> set[str]:
    """Every name a query may use; histograms have three each."""
    names = set()
    for metric in METRICS:
        if metric.kind == HISTOGRAM:
            names |= {f"{metric.name}_{end}" for end in ("bucket", "sum", "count")}
        else:
            names.add(metric.name)
    return names


def document() -> str:
    """`docs/metrics.md`."""
    lines = [
        "# Metrics",
        "",
        "Made from `exchange_site/metrics/catalogue.py` by `manage.py metrics --document`; a test",
        "compares the two. Every series carries `venue`; units are seconds, bytes and ratios.",
        "Each process answers `/metrics` on a port of its own (`manage.py metrics` lists them, so does",
        "the control room); `deploy/prometheus.yml` shows how Prometheus finds them.",
        "",
        "| name | kind | labels | exported by | meaning |",
        "|---|---|---|---|---|",
    ]
    for metric in METRICS:
        labels = ", ".join(("venue", *metric.labels))
        lines.append(f"| `{metric.name}` | {metric.kind} | {labels} | {metric.by} | {metric.help} |")
    return "\n".join(lines) + "\n"
