"""The models that write: what they do now, what they have read and written, their memory."""

from __future__ import annotations

from govbot.metrics.failures import known_code
from govbot.metrics.registry import counter, gauge

model_answers_total = counter(
    "govbot_model_answers_total",
    "Answers by the model that wrote them and why it was chosen.",
    ["model", "reason"],
)
model_failures_total = counter(
    "govbot_model_failures_total",
    "Answers that a model did not write, by the code of the error.",
    ["model", "code"],
)
model_loaded = gauge("govbot_model_loaded", "1 for a model that is ready to write.", ["model"])
model_failing = gauge(
    "govbot_model_failing", "1 while a model does not load or its server fails.", ["model"]
)
model_running = gauge("govbot_model_running", "Answers a model is writing.", ["model"])
model_waiting = gauge("govbot_model_waiting", "Questions waiting for a model.", ["model"])
model_slots = gauge("govbot_model_slots", "Answers a model can write at a time.", ["model"])
model_bytes = gauge(
    "govbot_model_bytes", "Memory of a loaded model, by an estimate from its file.", ["model"]
)
model_tokens_per_second = gauge(
    "govbot_model_tokens_per_second",
    "Tokens that all answers of a model get in a second, over its latest steps.",
    ["model"],
)
model_cells_used = gauge(
    "govbot_model_cells_used", "Tokens whose keys and values a model holds (KV).", ["model"]
)
model_cells = gauge(
    "govbot_model_cells", "Tokens whose keys and values it can hold (KV).", ["model"]
)
model_prompt_tokens_total = counter(
    "govbot_model_prompt_tokens_total", "Tokens of the prompts of finished answers.", ["model"]
)
model_shared_tokens_total = counter(
    "govbot_model_shared_tokens_total",
    "Those of them that were in memory from another prompt and were not read again.",
    ["model"],
)
model_generated_tokens_total = counter(
    "govbot_model_generated_tokens_total", "Tokens written in answers.", ["model"]
)


def observe_model_answer(model: str, reason: str) -> None:
    """A model wrote an answer; `reason` is the stable word for why it was this one."""
    model_answers_total.labels(model, reason).inc()


def observe_model_failure(model: str, code: str) -> None:
    """A model did not write the answer it was asked for."""
    model_failures_total.labels(model, known_code(code)).inc()


def observe_tokens(model: str, *, prompt: int, shared: int, generated: int) -> None:
    """What one answer took."""
    model_prompt_tokens_total.labels(model).inc(max(0, prompt))
    model_shared_tokens_total.labels(model).inc(max(0, shared))
    model_generated_tokens_total.labels(model).inc(max(0, generated))


def set_model(
    model: str,
    *,
    running: int,
    waiting: int,
    loaded: bool,
    failing: bool,
    memory: int,
    slots: int = 1,
    tokens_per_s: float = 0.0,
    cells_used: int = 0,
    cells: int = 0,
) -> None:
    """Where a model of the configuration stands; `memory` in bytes, `cells` in tokens."""
    model_loaded.labels(model).set(loaded)
    model_failing.labels(model).set(failing)
    model_running.labels(model).set(running)
    model_waiting.labels(model).set(waiting)
    model_slots.labels(model).set(slots)
    model_bytes.labels(model).set(memory)
    model_tokens_per_second.labels(model).set(tokens_per_s)
    model_cells_used.labels(model).set(cells_used)
    model_cells.labels(model).set(cells)
