"""What the installation stands on: database, disks, backups, the certificate; how old the figures
are that a timer gathers."""

from __future__ import annotations

from collections.abc import Mapping

from govbot.metrics.registry import counter, gauge

pool_size = gauge("govbot_database_pool_size", "Connections to the database, open now.", ["pool"])
pool_limit = gauge("govbot_database_pool_limit", "The most that may be open.", ["pool"])
pool_in_use = gauge("govbot_database_pool_in_use", "Connections in use.", ["pool"])
pool_waiting = gauge("govbot_database_pool_waiting", "Work that waits for a connection.", ["pool"])
pool_requests_total = counter(
    "govbot_database_pool_requests_total", "Connections asked for.", ["pool"]
)
pool_waits_total = counter(
    "govbot_database_pool_waits_total", "Connections that had to be waited for.", ["pool"]
)
pool_wait_seconds_total = counter(
    "govbot_database_pool_wait_seconds_total", "How long was waited for them in all.", ["pool"]
)
pool_errors_total = counter(
    "govbot_database_pool_errors_total",
    "Connections that were not had: waited for too long, or nobody listened.",
    ["pool"],
)
database_bytes = gauge("govbot_database_bytes", "Size of the database.", unknown=True)
disk_free_bytes = gauge(
    "govbot_disk_free_bytes", "Free space where a folder (data, backup) lies.", ["folder"]
)
disk_bytes = gauge("govbot_disk_bytes", "Size of the disk where a folder lies.", ["folder"])
backup_last_success = gauge(
    "govbot_backup_last_success_timestamp_seconds",
    "When the newest complete backup was made; 0: never.",
)
backup_last_verify = gauge(
    "govbot_backup_last_verify_timestamp_seconds",
    "When a backup was last tried and found good; 0: never, or the last trial failed.",
)
backup_bytes = gauge("govbot_backup_bytes", "Size of the newest complete backup.")
backup_failing = gauge(
    "govbot_backup_failing", "1 while the last backup or the last trial of one failed."
)
certificate_expiry = gauge(
    "govbot_certificate_expiry_timestamp_seconds",
    "When the certificate of the pages runs out.",
    unknown=True,
)
sampled_at = gauge(
    "govbot_sampled_timestamp_seconds",
    "When the figures of a part were last gathered, by part.",
    ["part"],
)


def set_pool(name: str, figures: Mapping[str, int]) -> None:
    """The statistics of a pool of connections, in the words of psycopg_pool: what is counted is
    what came since the last call."""
    size = figures.get("pool_size", 0)
    pool_size.labels(name).set(size)
    pool_limit.labels(name).set(figures.get("pool_max", 0))
    pool_in_use.labels(name).set(max(0, size - figures.get("pool_available", 0)))
    pool_waiting.labels(name).set(figures.get("requests_waiting", 0))
    pool_requests_total.labels(name).inc(figures.get("requests_num", 0))
    pool_waits_total.labels(name).inc(figures.get("requests_queued", 0))
    pool_wait_seconds_total.labels(name).inc(figures.get("requests_wait_ms", 0) / 1000)
    pool_errors_total.labels(name).inc(figures.get("requests_errors", 0))


def set_database(size: int) -> None:
    """The size of the database in bytes."""
    database_bytes.set(size)


def set_disk(folder: str, *, free: int, total: int) -> None:
    """Bytes where `folder` lies: data or backup."""
    disk_free_bytes.labels(folder).set(free)
    disk_bytes.labels(folder).set(total)


def set_backup(*, succeeded_at: float, verified_at: float, size: int, failing: bool) -> None:
    """The newest complete backup and the last good trial of one, in seconds of the epoch (0:
    never) and bytes; whether the last of either failed."""
    backup_failing.set(failing)
    backup_last_success.set(succeeded_at)
    backup_last_verify.set(verified_at)
    backup_bytes.set(size)


def set_certificate(expires_at: float) -> None:
    """When the certificate of the pages runs out, in seconds of the epoch."""
    certificate_expiry.set(expires_at)


def sampled(part: str) -> None:
    """The figures of a part were gathered now."""
    sampled_at.labels(part).set_to_current_time()
