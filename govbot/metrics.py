"""Prometheus metrics of this process, in a registry of our own.

Labels hold a few fixed words only: never a user, a document or a path with an id in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from govbot import __version__

CONTENT_TYPE = CONTENT_TYPE_LATEST
SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)

registry = CollectorRegistry()
ProcessCollector(registry=registry)
PlatformCollector(registry=registry)

build_info = Gauge("govbot_build_info", "Version that runs.", ["version"], registry=registry)
build_info.labels(__version__).set(1)

questions_total = Counter(
    "govbot_questions_total",
    "Questions by outcome (answered, refused, failed, stopped).",
    ["engine", "outcome"],
    registry=registry,
)
answer_seconds = Histogram(
    "govbot_answer_seconds",
    "From the question to the end of its answer.",
    ["engine"],
    buckets=SECONDS,
    registry=registry,
)
first_token_seconds = Histogram(
    "govbot_first_token_seconds",
    "From the question to the first words of its answer.",
    ["engine"],
    buckets=SECONDS,
    registry=registry,
)
retrieval_seconds = Histogram(
    "govbot_retrieval_seconds",
    "Search for passages, by stage.",
    ["stage"],
    buckets=SECONDS,
    registry=registry,
)
answer_cache_total = Counter(
    "govbot_answer_cache_total",
    "Questions asked of the cache of answers: found (hit), found for a near question (near), not"
    " found (miss).",
    ["outcome"],
    registry=registry,
)
answers_running = Gauge(
    "govbot_answers_running", "Answers being written right now.", registry=registry
)
model_answers_total = Counter(
    "govbot_model_answers_total",
    "Answers by the model that wrote them and why it was chosen.",
    ["model", "reason"],
    registry=registry,
)
model_failures_total = Counter(
    "govbot_model_failures_total",
    "Answers that a model did not write, by the code of the error.",
    ["model", "code"],
    registry=registry,
)
model_loaded = Gauge(
    "govbot_model_loaded", "1 for a model that is ready to write.", ["model"], registry=registry
)
model_failing = Gauge(
    "govbot_model_failing",
    "1 while a model does not load or its server fails.",
    ["model"],
    registry=registry,
)
model_running = Gauge(
    "govbot_model_running", "Answers a model is writing.", ["model"], registry=registry
)
model_waiting = Gauge(
    "govbot_model_waiting", "Questions waiting for a model.", ["model"], registry=registry
)
model_bytes = Gauge(
    "govbot_model_bytes",
    "Memory of a loaded model, by an estimate from its file.",
    ["model"],
    registry=registry,
)
ingest_documents_total = Counter(
    "govbot_ingest_documents_total",
    "Documents that reached a state (ready, failed, cancelled, duplicate).",
    ["state"],
    registry=registry,
)
ingest_seconds = Histogram(
    "govbot_ingest_seconds",
    "Processing of one document, by stage (extract, embed, store).",
    ["stage"],
    buckets=SECONDS,
    registry=registry,
)
jobs = Gauge("govbot_jobs", "Jobs in the queue by state.", ["state"], registry=registry)
queue_paused = Gauge("govbot_queue_paused", "1 while the queue is paused.", registry=registry)
sign_ins_total = Counter(
    "govbot_sign_ins_total",
    "Attempts to sign in by outcome (ok, failed, limited).",
    ["outcome"],
    registry=registry,
)
limited_total = Counter(
    "govbot_limited_total",
    "Requests refused because there were too many, by what was limited.",
    ["limit"],
    registry=registry,
)
audit_last_entry = Gauge(
    "govbot_audit_last_entry", "Number of the newest entry of the audit log.", registry=registry
)
audit_checkpoint_behind = Gauge(
    "govbot_audit_checkpoint_behind",
    "Entries of the audit log that no signed checkpoint covers yet.",
    registry=registry,
)
audit_checkpoint_waiting_seconds = Gauge(
    "govbot_audit_checkpoint_waiting_seconds",
    "How long the oldest of them has waited.",
    registry=registry,
)
audit_failures_total = Counter(
    "govbot_audit_failures_total",
    "Checkpoints and archives of the audit log that could not be written.",
    registry=registry,
)
audit_forward_position = Gauge(
    "govbot_audit_forward_position",
    "Number of the last entry that a receiver of the audit log certainly has.",
    ["receiver"],
    registry=registry,
)
audit_forward_failing = Gauge(
    "govbot_audit_forward_failing",
    "1 while a receiver of the audit log is out of reach.",
    ["receiver"],
    registry=registry,
)
http_requests_total = Counter(
    "govbot_http_requests_total",
    "HTTP requests by method, route pattern and status.",
    ["method", "route", "status"],
    registry=registry,
)
http_request_seconds = Histogram(
    "govbot_http_request_seconds",
    "From a request to the end of its response.",
    ["method", "route"],
    buckets=SECONDS,
    registry=registry,
)


def observe_answer(
    engine: str, outcome: str, seconds: float, first_token: float | None = None
) -> None:
    """One question came to its end; seconds since it was asked."""
    questions_total.labels(engine, outcome).inc()
    answer_seconds.labels(engine).observe(seconds)
    if first_token is not None:
        first_token_seconds.labels(engine).observe(first_token)


def observe_failure(engine: str) -> None:
    """One question whose answer failed."""
    questions_total.labels(engine, "failed").inc()


def observe_model_answer(model: str, reason: str) -> None:
    """A model wrote an answer; `reason` is the stable word for why it was this one."""
    model_answers_total.labels(model, reason).inc()


def observe_model_failure(model: str, code: str) -> None:
    """A model did not write the answer it was asked for."""
    model_failures_total.labels(model, code).inc()


def set_model(
    model: str, *, running: int, waiting: int, loaded: bool, failing: bool, memory: int
) -> None:
    """Where a model of the configuration stands; `memory` in bytes."""
    model_loaded.labels(model).set(loaded)
    model_failing.labels(model).set(failing)
    model_running.labels(model).set(running)
    model_waiting.labels(model).set(waiting)
    model_bytes.labels(model).set(memory)


def observe_cache(outcome: str) -> None:
    """The cache of answers was asked: hit, near or miss."""
    answer_cache_total.labels(outcome).inc()


@contextmanager
def answer_running() -> Iterator[None]:
    """Counts an answer as being written while the block runs."""
    with answers_running.track_inprogress():
        yield


def observe_retrieval(timings: Mapping[str, float]) -> None:
    """One search, as seconds by stage."""
    for stage, seconds in timings.items():
        retrieval_seconds.labels(stage).observe(seconds)


def observe_document(state: str, timings: Mapping[str, float] | None = None) -> None:
    """A document reached `state`, after seconds by stage."""
    ingest_documents_total.labels(state).inc()
    for stage, seconds in (timings or {}).items():
        ingest_seconds.labels(stage).observe(seconds)


def set_jobs(counts: Mapping[str, int], *, paused: bool = False) -> None:
    """Replaces the number of jobs by state, and whether the queue is paused."""
    queue_paused.set(paused)
    jobs.clear()
    for state, count in counts.items():
        jobs.labels(state).set(count)


def observe_sign_in(outcome: str) -> None:
    """An attempt to sign in: ok, failed or limited."""
    sign_ins_total.labels(outcome).inc()


def observe_limited(limit: str) -> None:
    """A request was refused; `limit` is the word before the colon of the bucket's key."""
    limited_total.labels(limit).inc()


def observe_request(method: str, route: str, status: int, seconds: float) -> None:
    """One HTTP request; `route` is the pattern (`/documents/{id}`), never the path."""
    http_requests_total.labels(method, route, str(status)).inc()
    http_request_seconds.labels(method, route).observe(seconds)


def render() -> bytes:
    """All metrics in Prometheus' text format (CONTENT_TYPE)."""
    return generate_latest(registry)
