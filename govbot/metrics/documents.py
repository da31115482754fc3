"""Documents on their way in and those that are here; the queue; the watched folders."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from govbot.metrics.failures import observe_error
from govbot.metrics.registry import counter, gauge, histogram

ingest_documents_total = counter(
    "govbot_ingest_documents_total",
    "Documents that reached a state (ready, failed, cancelled, duplicate).",
    ["state"],
)
ingest_seconds = histogram(
    "govbot_ingest_seconds",
    "Processing of one document, by stage (extract, embed, store).",
    ["stage"],
)
documents = gauge(
    "govbot_documents", "Versions of documents by state, without those in the trash.", ["state"]
)
chunks = gauge(
    "govbot_chunks", "Passages that can be found; an estimate where there are many.", unknown=True
)
jobs = gauge("govbot_jobs", "Jobs in the queue by state.", ["state"])
jobs_by_kind = gauge("govbot_jobs_by_kind", "Jobs in the queue by kind and state.",
                     ["kind", "state"])  # fmt: skip
jobs_oldest_seconds = gauge(
    "govbot_jobs_oldest_seconds",
    "How long the oldest job has waited that could have begun, by kind.",
    ["kind"],
)
queue_paused = gauge("govbot_queue_paused", "1 while the queue is paused.")
folder_lag_seconds = gauge(
    "govbot_folder_lag_seconds",
    "Since the last look at the watched folder that was not looked at the longest.",
    unknown=True,
)
folders_failing = gauge("govbot_folders_failing", "Watched folders that cannot be read.")


def observe_document(
    state: str, timings: Mapping[str, float] | None = None, *, code: str = ""
) -> None:
    """A document reached `state`, after seconds by stage; `code` says why it failed."""
    ingest_documents_total.labels(state).inc()
    for stage, seconds in (timings or {}).items():
        ingest_seconds.labels(stage).observe(seconds)
    if code:
        observe_error("document", code)


def set_documents(states: Mapping[str, int], *, passages: float) -> None:
    """Replaces the numbers of documents by state, and of passages."""
    documents.clear()
    for state, count in states.items():
        documents.labels(state).set(count)
    chunks.set(passages)


def set_jobs(counts: Mapping[str, int], *, paused: bool = False) -> None:
    """Replaces the number of jobs by state, and whether the queue is paused."""
    queue_paused.set(paused)
    jobs.clear()
    for state, count in counts.items():
        jobs.labels(state).set(count)


def set_jobs_by_kind(
    counts: Mapping[tuple[str, str], int], oldest: Mapping[str, float], *, kinds: Iterable[str] = ()
) -> None:
    """Replaces the jobs by (kind, state) and the seconds that the oldest of each kind has waited.

    `kinds` are there in any case, with nothing waiting.
    """
    jobs_by_kind.clear()
    jobs_oldest_seconds.clear()
    for kind in {*kinds, *(kind for kind, _ in counts)}:
        jobs_by_kind.labels(kind, "todo").set(0)
        jobs_oldest_seconds.labels(kind).set(oldest.get(kind, 0.0))
    for (kind, state), count in counts.items():
        jobs_by_kind.labels(kind, state).set(count)


def set_folders(*, lag_s: float, failing: int) -> None:
    """How the watched folders do together."""
    folder_lag_seconds.set(lag_s)
    folders_failing.set(failing)
