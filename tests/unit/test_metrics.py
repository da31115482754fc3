"""Metrics: each function moves its own numbers, and they are rendered."""

from __future__ import annotations

import math
from importlib import reload

import pytest

from govbot import __version__, metrics
from govbot.metrics import answers, failures


def value(name: str, **labels: str) -> float:
    return metrics.registry.get_sample_value(name, labels) or 0.0


def test_answer_counts_the_question_and_its_time() -> None:
    labels = {"engine": "test-answer"}
    metrics.observe_answer("test-answer", "answered", 2.0, first_token=0.5)
    metrics.observe_answer("test-answer", "refused", 1.0)
    assert value("govbot_questions_total", outcome="answered", **labels) == 1
    assert value("govbot_questions_total", outcome="refused", **labels) == 1
    assert value("govbot_answer_seconds_sum", **labels) == 3.0
    assert value("govbot_first_token_seconds_count", **labels) == 1


def test_running_answers_are_counted_while_they_run() -> None:
    before = value("govbot_answers_running")
    with metrics.answer_running():
        assert value("govbot_answers_running") == before + 1
    assert value("govbot_answers_running") == before


def test_retrieval_is_observed_by_stage() -> None:
    metrics.observe_retrieval({"test-embed": 0.01, "test-sql": 0.02})
    assert value("govbot_retrieval_seconds_sum", stage="test-embed") == 0.01
    assert value("govbot_retrieval_seconds_sum", stage="test-sql") == 0.02


def test_document_counts_its_state_and_stages() -> None:
    before = value("govbot_ingest_documents_total", state="ready")
    metrics.observe_document("ready", {"test-extract": 3.0})
    metrics.observe_document("ready")
    assert value("govbot_ingest_documents_total", state="ready") == before + 2
    assert value("govbot_ingest_seconds_sum", stage="test-extract") == 3.0


def test_states_without_jobs_disappear() -> None:
    metrics.set_jobs({"todo": 3, "doing": 1})
    metrics.set_jobs({"todo": 2})
    assert value("govbot_jobs", state="todo") == 2
    assert metrics.registry.get_sample_value("govbot_jobs", {"state": "doing"}) is None


def test_sign_in_and_request_are_counted() -> None:
    before = value("govbot_sign_ins_total", outcome="failed")
    metrics.observe_sign_in("failed")
    metrics.observe_request("GET", "/test/{id}", 200, 0.1)
    assert value("govbot_sign_ins_total", outcome="failed") == before + 1
    labels = {"method": "GET", "route": "/test/{id}"}
    assert value("govbot_http_requests_total", status="200", **labels) == 1
    assert value("govbot_http_request_seconds_count", **labels) == 1


def test_render_gives_prometheus_text() -> None:
    text = metrics.render().decode()
    assert f'govbot_build_info{{version="{__version__}"}} 1.0' in text
    assert "process_resident_memory_bytes" in text
    assert metrics.CONTENT_TYPE.startswith("text/plain")


def test_a_module_that_is_imported_twice_goes_on_counting() -> None:
    metrics.observe_failure("test-twice", "E-BUSY")
    counted = value("govbot_errors_total", place="answer", code="E-BUSY")
    for module in (failures, answers):
        reload(module)
    answers.observe_failure("test-twice", "E-BUSY")
    assert value("govbot_errors_total", place="answer", code="E-BUSY") == counted + 1
    with pytest.raises(TypeError, match="is a Counter already"):
        metrics.gauge("govbot_errors_total", "Something else.")


def test_a_question_that_was_wrong_itself_is_no_failure_of_govbot() -> None:
    failed, ended = value("govbot_answers_failed_total"), value("govbot_answers_total")
    metrics.observe_failure("test-wrong", "E-QUESTION-LENGTH")
    metrics.observe_failure("test-wrong", "E-BUSY")
    assert value("govbot_answers_failed_total") == failed + 1
    assert value("govbot_answers_total") == ended + 2


def test_what_is_no_code_makes_no_series_of_its_own() -> None:
    before = value("govbot_errors_total", place="web", code="other")
    for odd in ("E-lower", "Ana Souza", "E-" + "X" * 60, ""):
        metrics.observe_error("web", odd)
    assert value("govbot_errors_total", place="web", code="other") == before + 4
    metrics.observe_request("PROPFIND", "unknown", 404, 0.1)
    assert value("govbot_http_requests_total", method="other", route="unknown", status="404") >= 1


def test_health_pages_that_say_503_burn_no_budget() -> None:
    before = value("govbot_http_failed_total"), value("govbot_http_total")
    metrics.observe_request("GET", "/readyz", 503, 0.1)
    assert (value("govbot_http_failed_total"), value("govbot_http_total")) == before
    metrics.observe_request("GET", "/", 503, 0.1)
    assert value("govbot_http_failed_total") == before[0] + 1


def test_what_nobody_has_looked_at_is_not_a_number_and_raises_no_alarm() -> None:
    made = metrics.gauge("govbot_test_unknown", "For this test.", unknown=True)
    assert math.isnan(value("govbot_test_unknown"))
    made.set(1)
    assert value("govbot_test_unknown") == 1


def test_a_pool_tells_what_came_since_the_last_time() -> None:
    figures = {"pool_size": 4, "pool_max": 10, "pool_available": 1, "requests_waiting": 2}
    metrics.set_pool("test", {**figures, "requests_num": 7, "requests_wait_ms": 1500})
    metrics.set_pool("test", {**figures, "requests_num": 3, "requests_errors": 1})
    found = [
        value(f"govbot_database_pool_{name}", pool="test")
        for name in ("in_use", "limit", "waiting", "requests_total", "wait_seconds_total")
    ]
    assert found == [3, 10, 2, 10, 1.5]
    assert value("govbot_database_pool_errors_total", pool="test") == 1


def test_jobs_by_kind_are_replaced_and_known_kinds_stand_at_nothing() -> None:
    metrics.set_jobs_by_kind({("a", "todo"): 3, ("b", "failed"): 1}, {"a": 60.0}, kinds=["c"])
    metrics.set_jobs_by_kind({("a", "doing"): 1}, {}, kinds=["c"])
    assert value("govbot_jobs_by_kind", kind="a", state="doing") == 1
    assert (
        metrics.registry.get_sample_value("govbot_jobs_by_kind", {"kind": "b", "state": "failed"})
        is None
    )
    zero = metrics.registry.get_sample_value("govbot_jobs_oldest_seconds", {"kind": "c"})
    assert zero == 0


def test_tokens_slots_and_cells_of_a_model_are_told() -> None:
    metrics.observe_tokens("test-model", prompt=100, shared=40, generated=7)
    metrics.set_model(
        "test-model", running=1, waiting=2, loaded=True, failing=False, memory=5, slots=4,
        tokens_per_s=9.5, cells_used=300, cells=4096,
    )  # fmt: skip
    found = {
        name: value(f"govbot_model_{name}", model="test-model")
        for name in ("prompt_tokens_total", "shared_tokens_total", "generated_tokens_total",
                     "slots", "running", "waiting", "cells_used", "cells", "tokens_per_second")
    }  # fmt: skip
    assert list(found.values()) == [100, 40, 7, 4, 1, 2, 300, 4096, 9.5]
