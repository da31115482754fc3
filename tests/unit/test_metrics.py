"""Metrics: each function moves its own numbers, and they are rendered."""

from __future__ import annotations

from govbot import __version__, metrics


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
