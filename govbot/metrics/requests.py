"""Requests, sign-ins and what was refused because there was too much of it."""

from __future__ import annotations

from typing import Final

from govbot.metrics.registry import counter, gauge, histogram

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# Asked by machines, often, and meant to say 503: no part of what people experience.
WATCHED: Final = frozenset({"/healthz", "/readyz", "/metrics"})

http_requests_total = counter(
    "govbot_http_requests_total",
    "HTTP requests by method, route pattern and status.",
    ["method", "route", "status"],
)
http_request_seconds = histogram(
    "govbot_http_request_seconds",
    "From a request to the end of its response.",
    ["method", "route"],
)
# Without labels, so that they stand at 0 from the start (see answers.py).
http_total = counter("govbot_http_total", "HTTP requests, those of health and metrics left out.")
http_failed_total = counter(
    "govbot_http_failed_total", "Those of them that ended with a status of 500 or more."
)
http_running = gauge("govbot_http_running", "HTTP requests under way, event streams included.")
sign_ins_total = counter(
    "govbot_sign_ins_total", "Attempts to sign in by outcome (ok, failed, limited).", ["outcome"]
)
limited_total = counter(
    "govbot_limited_total",
    "Requests refused because there were too many, by what was limited.",
    ["limit"],
)


def observe_sign_in(outcome: str) -> None:
    """An attempt to sign in: ok, failed or limited."""
    sign_ins_total.labels(outcome).inc()


def observe_limited(limit: str) -> None:
    """A request was refused; `limit` is the word before the colon of the bucket's key."""
    limited_total.labels(limit).inc()


def observe_request(method: str, route: str, status: int, seconds: float) -> None:
    """One HTTP request; `route` is the pattern (`/documents/{id}`), never the path."""
    word = method if method in _METHODS else "other"
    http_requests_total.labels(word, route, str(status)).inc()
    http_request_seconds.labels(word, route).observe(seconds)
    if route not in WATCHED:
        http_total.inc()
        if status >= 500:
            http_failed_total.inc()
