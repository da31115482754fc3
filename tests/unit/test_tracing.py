"""Traces: off by default and without a trace then, sent over OTLP when wanted, without words."""

from __future__ import annotations

import ast
import asyncio
import logging
import subprocess
import sys
import time
from pathlib import Path

import pytest

from govbot import logs, tracing
from govbot.config.table import Settings, Tracing
from govbot.errors import Busy
from tests.otlp_server import receiving

ROOT = Path(__file__).parents[2]
SECRET = "licença-paternidade"


def test_nothing_is_imported_and_nothing_kept_while_traces_are_off() -> None:
    code = (
        "import sys; from govbot import tracing; from govbot.config.table import Settings\n"
        "import govbot.cli.serve, govbot.logs, govbot.app\n"
        "assert not tracing.configure(Settings())\n"
        "with tracing.span('answer', answer='1') as step: step.event('x')\n"
        "tracing.begin('model').end(); tracing.close(); assert tracing.trace_id() == ''\n"
        "print(*(name for name in sys.modules if name.startswith('opentelemetry')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == ""


def test_without_the_libraries_the_service_starts_and_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with caplog.at_level(logging.ERROR):
        assert not tracing.configure(Settings(tracing=Tracing(endpoint="http://127.0.0.1:9")))
    assert "lacks the extra otel" in caplog.text


def test_steps_arrive_below_one_another_with_numbers_and_codes_and_no_words() -> None:
    with receiving() as receiver:
        with tracing.span("answer", answer="a1") as step:
            step.note(outcome="answered", unheard_of=SECRET)
            step.stages({"search": 0.25, f"{SECRET}!": 1.0})
            model = tracing.begin("model", model="rapido")
            model.event("first words")
            model.end()
            model.note(generated_tokens=7)  # too late, and no harm
            with pytest.raises(Busy), tracing.span("retrieve"):
                raise Busy(f"Too many of {SECRET}")
            with pytest.raises(ValueError, match=SECRET), tracing.span("check"):
                raise ValueError(SECRET)
            with pytest.raises(asyncio.CancelledError), tracing.span("left"):
                raise asyncio.CancelledError
        tracing.close()
        found = {span.name: span for span in receiver.spans()}
    assert receiver.paths == ["/v1/traces"]
    assert {name: span.parent for name, span in found.items()} == {
        "answer": "", "model": "answer", "retrieve": "answer", "check": "answer",
        "left": "answer",
    }  # fmt: skip
    assert found["answer"].facts == {
        "govbot.answer": "a1", "govbot.outcome": "answered", "govbot.seconds.search": 0.25,
    }  # fmt: skip
    assert found["model"].events == ("first words",)
    assert not found["answer"].failed
    assert (found["left"].failed, found["left"].events) == (False, ("cancelled",))
    assert found["retrieve"].failed
    assert found["retrieve"].facts == {"error.type": "E-BUSY"}
    assert found["check"].facts == {"error.type": "ValueError"}
    assert SECRET.encode() not in receiver.everything
    assert b"Traceback" not in receiver.everything


def test_the_share_of_the_settings_is_traced_and_the_log_names_the_trace() -> None:
    with receiving(sample=0.0) as receiver:
        with tracing.span("request"):
            assert tracing.trace_id() == ""
        tracing.close()
        assert receiver.bodies == []
    with receiving() as receiver:
        with tracing.span("request"):
            record = logging.makeLogRecord({"msg": "Hello", "levelno": logging.INFO})
            line = logs.JsonFormatter().format(record)
        tracing.close()
        (span,) = receiver.spans()
    assert f'"trace_id": "{span.trace}"' in line


def test_a_receiver_that_is_gone_holds_nothing_up_and_is_told_of_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with receiving() as receiver:
        pass
    tracing._seldom.told_at = -tracing._TELL_EVERY_S
    assert tracing.configure(Settings(tracing=Tracing(endpoint=receiver.address, sample=1)))
    begun = time.monotonic()
    with tracing.span("request"):
        pass
    assert time.monotonic() - begun < 0.5
    tracing.close()
    assert time.monotonic() - begun < tracing._CLOSE_S + 2
    told = [each for each in caplog.records if each.name.startswith("opentelemetry.exporter")]
    assert len(told) <= 1


def test_every_fact_that_is_noted_anywhere_is_in_the_list() -> None:
    unknown = [
        (file.relative_to(ROOT).as_posix(), word.arg)
        for file in (ROOT / "govbot").rglob("*.py")
        if "tracing" in file.read_text(encoding="utf-8")
        for call in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr in ("note", "span", "begin")
        and isinstance(call.func.value, ast.Name)
        and call.func.value.id in ("tracing", "step")
        for word in call.keywords
        if word.arg not in tracing.NAMES
    ]
    assert unknown == []
