"""Questions and their answers: how many, how they ended, how long each step took."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from govbot.metrics.failures import observe_error
from govbot.metrics.registry import counter, gauge, histogram

# What a question may be itself, or who asks it: no failure of GovBot.
ASKERS: Final = frozenset(
    {
        "E-DENIED",
        "E-GRAMMAR",
        "E-INVALID",
        "E-NOT-FOUND",
        "E-QUESTION",
        "E-QUESTION-LENGTH",
    }
)
questions_total = counter(
    "govbot_questions_total",
    "Questions by outcome (answered, refused, failed, stopped).",
    ["engine", "outcome"],
)
# Without labels, so that they stand at 0 from the start: of a series that begins with its first
# failure, Prometheus would not see that failure.
answers_total = counter("govbot_answers_total", "Questions that came to an end, however.")
answers_failed_total = counter(
    "govbot_answers_failed_total",
    "Questions that GovBot failed to answer; not those that were wrong themselves.",
)
answer_seconds = histogram(
    "govbot_answer_seconds", "From the question to the end of its answer.", ["engine"]
)
first_token_seconds = histogram(
    "govbot_first_token_seconds", "From the question to the first words of its answer.", ["engine"]
)
retrieval_seconds = histogram(
    "govbot_retrieval_seconds", "Search for passages, by stage.", ["stage"]
)
answer_cache_total = counter(
    "govbot_answer_cache_total",
    "Questions asked of the cache of answers: found (hit), found for a near question (near), not"
    " found (miss).",
    ["outcome"],
)
answers_running = gauge("govbot_answers_running", "Answers being written right now.")


def observe_answer(
    engine: str, outcome: str, seconds: float, first_token: float | None = None
) -> None:
    """One question came to its end; seconds since it was asked."""
    questions_total.labels(engine, outcome).inc()
    answers_total.inc()
    answer_seconds.labels(engine).observe(seconds)
    if first_token is not None:
        first_token_seconds.labels(engine).observe(first_token)


def observe_failure(engine: str, code: str = "E-INTERNAL") -> None:
    """One question whose answer failed, with the stable code of why."""
    questions_total.labels(engine, "failed").inc()
    answers_total.inc()
    if code not in ASKERS:
        answers_failed_total.inc()
    observe_error("answer", code)


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
