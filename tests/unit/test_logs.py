"""Logs: the two formats, the ids, and other people's loggers."""

from __future__ import annotations

import io
import json
import logging
import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from procrastinate.exceptions import ConnectorException
from procrastinate.sync_psycopg_connector import wrap_exceptions

from govbot import logs
from govbot.config.table import Logging, Settings


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in logs.QUIET}
    yield
    logging.captureWarnings(False)
    logs.adjust(Settings())
    logs._at_least = None
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


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (psycopg.OperationalError("the server\nclosed"), "OperationalError: the server"),
        (psycopg.errors.AdminShutdown("terminating"), "AdminShutdown: terminating"),
        (psycopg.errors.RaiseException("Job was not found"), "RaiseException: Job was not found"),
    ],
)
def test_a_library_tells_of_a_lost_database_in_one_line(error: psycopg.Error, reason: str) -> None:
    stream = configured()
    try:
        with wrap_exceptions():
            raise error
    except ConnectorException:
        logging.getLogger("procrastinate.utils").exception("listener error")
    line = json.loads(stream.getvalue())
    assert line["reason"] == reason
    assert "Traceback" not in stream.getvalue()


@pytest.mark.parametrize("name", ["procrastinate.worker", "govbot.ingest"])
def test_a_mistake_in_a_statement_keeps_its_stack(name: str) -> None:
    stream = configured()
    try:
        raise psycopg.errors.UndefinedColumn("column x does not exist")
    except psycopg.Error:
        logging.getLogger(name).exception("job failed")
    assert "Traceback" in json.loads(stream.getvalue())["exception"]


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


@pytest.mark.parametrize("format_", ["json", "text"])
def test_the_journal_gets_the_priority_of_each_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format_: str
) -> None:
    file = tmp_path / "journal"
    with file.open("w") as stream:
        found = os.fstat(stream.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{found.st_dev}:{found.st_ino}")
        chosen = Logging.model_validate({"format": format_, "level": "DEBUG"})
        logs.configure(Settings(logging=chosen), stream=stream)
        log = logging.getLogger("govbot.x")
        log.debug("a")
        log.info("b")
        log.warning("c")
        try:
            raise ValueError("bad")
        except ValueError:
            log.exception("d")
    written = file.read_text().splitlines()
    assert [line[:3] for line in written[:4]] == ["<7>", "<6>", "<4>", "<3>"]
    assert all(line.startswith("<3>") for line in written[4:])
    assert (len(written) == 4) is (format_ == "json")


def test_elsewhere_there_is_no_priority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", "1:1")
    with (tmp_path / "log").open("w+") as stream:
        logs.configure(Settings(), stream=stream)
        logging.getLogger("govbot.x").info("Hello")
        stream.seek(0)
        assert stream.read().startswith("{")


def test_a_very_long_message_is_cut_in_the_middle() -> None:
    stream = configured()
    logging.getLogger("govbot.x").info("%s%s", "a" * 40_000, "z" * 40_000)
    message = json.loads(stream.getvalue())["message"]
    assert len(message) < 17_000
    assert message.startswith("aaa")
    assert message.endswith("zzz")


def test_levels_change_while_it_runs_for_all_and_for_parts() -> None:
    stream = configured()

    def said(**chosen: str) -> list[str]:
        stream.truncate(0)
        stream.seek(0)
        logs.adjust(Settings(logging=Logging.model_validate(chosen)))
        for name in ("govbot.x", "govbot.ingest.watch", "procrastinate"):
            for level in (logging.DEBUG, logging.INFO, logging.WARNING):
                logging.getLogger(name).log(level, "m")
        lines = [json.loads(line) for line in stream.getvalue().splitlines()]
        return [f"{line['logger'][:8]} {line['level']}" for line in lines]

    warnings_only = ["govbot.x warning", "govbot.i warning", "procrast warning"]
    assert said(level="WARNING") == warnings_only
    assert said(level="WARNING", loggers="govbot.ingest=DEBUG") == [
        "govbot.x warning", "govbot.i debug", "govbot.i info", "govbot.i warning",
        "procrast warning",
    ]  # fmt: skip
    assert said(level="WARNING") == warnings_only
    assert "govbot.x debug" in said(level="DEBUG", loggers="govbot.ingest=ERROR")
    assert "procrast debug" not in said(level="DEBUG")


def test_a_command_that_prints_results_stays_quiet_whatever_the_settings_say() -> None:
    stream = configured(at_least=logging.WARNING)
    logs.adjust(Settings(logging=Logging.model_validate({"loggers": "govbot.x=DEBUG"})))
    logging.getLogger("govbot.x").info("not shown")
    assert stream.getvalue() == ""


@pytest.mark.parametrize("bad", ["httpx=DEBUG", "govbot.x=LOUD", "govbot.x", "govbot.x=DEBUG;"])
def test_a_level_for_what_is_no_part_of_govbot_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="loggers"):
        Logging.model_validate({"loggers": bad})
