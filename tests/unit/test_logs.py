"""Logs: the two formats, the ids, and other people's loggers."""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Iterator

import pytest

from govbot import logs
from govbot.config.table import Logging, Settings


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in logs.QUIET}
    yield
    logging.captureWarnings(False)
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


def configured(format_: str = "json", level: str = "INFO", **more: int) -> io.StringIO:
    stream = io.StringIO()
    settings = Settings(logging=Logging.model_validate({"format": format_, "level": level}))
    logs.configure(settings, stream=stream, **more)
    return stream


def test_json_line_holds_message_extra_and_ids() -> None:
    stream = configured()
    token = logs.request_id.set("r1")
    logging.getLogger("govbot.x").info("Signed %s", "in", extra={"action": "sign-in.ok"})
    logs.request_id.reset(token)
    line = json.loads(stream.getvalue())
    assert line.pop("at").endswith("+00:00")
    assert line == {
        "level": "info",
        "logger": "govbot.x",
        "message": "Signed in",
        "request_id": "r1",
        "action": "sign-in.ok",
    }


def test_json_line_stays_one_line_with_an_exception() -> None:
    stream = configured()
    try:
        raise ValueError("bad")
    except ValueError:
        logging.getLogger("govbot.x").exception("It failed")
    assert stream.getvalue().count("\n") == 1
    assert "ValueError: bad" in json.loads(stream.getvalue())["exception"]


def test_text_line_reads_well() -> None:
    stream = configured("text")
    token = logs.job_id.set("7")
    logging.getLogger("govbot.x").warning("Slow", extra={"action": "a"})
    logs.job_id.reset(token)
    assert stream.getvalue().rstrip().endswith("WARNING govbot.x: Slow (job_id=7 action=a)")


def test_text_line_shows_the_exception_below() -> None:
    stream = configured("text")
    try:
        raise ValueError("bad")
    except ValueError:
        logging.getLogger("govbot.x").exception("It failed")
    assert stream.getvalue().rstrip().endswith("ValueError: bad")


def test_automatic_format_is_json_when_nobody_watches() -> None:
    stream = configured("auto")
    logging.getLogger("govbot.x").info("Hello")
    assert json.loads(stream.getvalue())["message"] == "Hello"


def test_level_of_the_settings_holds() -> None:
    stream = configured(level="ERROR")
    logging.getLogger("govbot.x").warning("not shown")
    assert stream.getvalue() == ""


def test_commands_can_ask_for_warnings_only() -> None:
    stream = configured(level="DEBUG", at_least=logging.WARNING)
    logging.getLogger("govbot.x").info("not shown")
    logging.getLogger("govbot.x").warning("shown")
    assert stream.getvalue().count("\n") == 1


@pytest.mark.parametrize("name", ["procrastinate.worker", "httpx", "uvicorn.access", "psycopg"])
def test_other_people_s_loggers_are_quiet_but_not_mute(name: str) -> None:
    stream = configured(level="DEBUG")
    logging.getLogger(name).info("arguments of a job")
    logging.getLogger(name).warning("shown")
    assert [json.loads(line)["message"] for line in stream.getvalue().splitlines()] == ["shown"]


def test_python_warnings_become_log_lines() -> None:
    stream = configured()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(False)
        logging.captureWarnings(True)
        warnings.warn("old thing", DeprecationWarning, stacklevel=1)
        logging.captureWarnings(False)
    assert "old thing" in stream.getvalue()


def test_configuring_twice_does_not_double_the_lines() -> None:
    configured()
    stream = configured()
    logging.getLogger("govbot.x").info("once")
    assert stream.getvalue().count("\n") == 1


@pytest.mark.parametrize("format_", ["json", "text"])
def test_personal_data_is_hidden_in_messages_extras_and_exceptions(format_: str) -> None:
    stream = configured(format_)
    log = logging.getLogger("some.library")
    cpf, email, card = "123.456.\n789-09", "ana.souza@exemplo.gov.br", "4111 1111 1111 1111"
    log.warning("Key (cpf)=(%s) exists", "987.654.321-00")
    log.warning("Row %r of a list", [cpf])
    log.warning("Odd row", extra={"row": [email, {"tel. 3216-7570": 12345678909}], "n": 42})
    try:
        raise ValueError(f"CPF {cpf} de {email}")
    except ValueError as error:
        try:
            raise RuntimeError(card) from error
        except RuntimeError:
            log.exception("It failed")
    written = stream.getvalue().replace("\\n", "\n")
    for value in ("987.654", "321-00", "12345678909", cpf, "ana.souza", "3216-7570", card):
        assert value not in written
    for shown in ("***.654.321-**", "***.456.\n789-**", "a********@exemplo.gov.br", "42"):
        assert shown in written


def test_ids_paths_and_counts_are_written_as_they_are() -> None:
    stream = configured()
    kept = {
        "document": "0199d7a0-1234-7234-8234-123456789012",
        "path": "/srv/normas/lei-14133-2021.pdf",
        "seconds": 0.123456789,
        "bytes": 73400320,
        "nothing": None,
    }
    logging.getLogger("govbot.x").info("Processed in 1234 ms", extra=kept)
    line = json.loads(stream.getvalue())
    assert {key: line[key] for key in kept} == kept
