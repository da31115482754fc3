"""The door of the command line: options, errors in one line, exit codes."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest
import typer

from govbot import __version__
from govbot.cli import current_settings, run_async
from govbot.cli.main import COMMANDS, Entry, main
from govbot.errors import BadConfig, GovBotError, NotFound


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A command `try` whose function a test sets as `module.command` or `module.app`."""
    module = ModuleType("govbot.cli.try_")
    monkeypatch.setitem(sys.modules, "govbot.cli.try_", module)
    monkeypatch.setitem(COMMANDS, "try", Entry("try_", "Only in this test."))
    return module


def fail_with(error: BaseException) -> object:
    def command() -> None:
        raise error

    return command


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    for name, entry in COMMANDS.items():
        assert f"  {name}" in shown
        assert entry.help in shown


@pytest.mark.parametrize("name", COMMANDS)
def test_command_exists_and_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"Usage: govbot {name} ")
    assert "--config FILE" in shown


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"govbot {__version__}\n"


def test_help_answers_within_half_a_second() -> None:
    code = (
        "import sys, time; start = time.process_time()\n"
        "from govbot.cli.main import main; main(['--help'])\n"
        "print(time.process_time() - start, file=sys.stderr)"
    )
    seconds = [
        float(
            subprocess.run(
                [sys.executable, "-c", code], capture_output=True, text=True, check=True
            ).stderr
        )
        for _ in range(3)
    ]
    assert min(seconds) < 0.5


@pytest.mark.parametrize(
    "words",
    [
        ["--config", "FILE", "try"],
        ["try", "--config", "FILE"],
        ["try", "--config=FILE"],
    ],
)
def test_config_option_works_before_and_after_the_command(
    words: list[str], command: ModuleType, tmp_path: Path
) -> None:
    file = tmp_path / "other.toml"
    file.write_text("[web]\nport = 9000\n", encoding="utf-8")
    seen = []

    def run() -> None:
        seen.append(current_settings().web.port)

    command.__dict__["command"] = run
    assert main([word.replace("FILE", str(file)) for word in words]) == 0
    assert seen == [9000]


def test_config_option_of_one_call_is_forgotten_by_the_next(
    command: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other.toml").write_text("[web]\nport = 9000\n", encoding="utf-8")
    seen = []
    command.__dict__["command"] = lambda: seen.append(current_settings().web.port)
    main(["try", "--config", "other.toml"])
    main(["try"])
    assert seen == [9000, 8080]


def test_config_option_reaches_the_commands_of_a_group(
    command: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(COMMANDS, "try", Entry("try_", "Only in this test.", group=True))
    app = typer.Typer()

    @app.command()
    def inner() -> None:
        print(current_settings())

    command.__dict__["app"] = app
    assert main(["try", "inner", "--config", str(tmp_path / "none.toml")]) == 1
    assert main(["try", "inner"]) == 0


def test_known_error_is_one_line_with_its_code(
    command: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    command.__dict__["command"] = fail_with(NotFound("There is no user %(name)s", name="ana"))
    assert main(["try"]) == 1
    assert capsys.readouterr().err == "govbot: There is no user ana [E-NOT-FOUND]\n"


def test_known_error_is_found_inside_a_task_group_s(
    command: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    inner = ExceptionGroup("inner", [BadConfig("wrong")])
    command.__dict__["command"] = fail_with(ExceptionGroup("outer", [inner]))
    assert main(["try"]) == 1
    assert capsys.readouterr().err == "govbot: wrong [E-CONFIG]\n"


def test_unexpected_error_is_one_line_too(
    command: ModuleType, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GOVBOT_DEBUG", raising=False)
    command.__dict__["command"] = fail_with(ZeroDivisionError("two\nlines"))
    assert main(["try"]) == 1
    shown = capsys.readouterr().err
    assert shown.startswith("govbot: unexpected ZeroDivisionError: two lines (")
    assert shown.endswith(f"[{GovBotError.code}]\n")


def test_debug_variable_shows_the_traceback(
    command: ModuleType, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOVBOT_DEBUG", "1")
    command.__dict__["command"] = fail_with(NotFound())
    assert main(["try"]) == 1
    assert "Traceback (most recent call last)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code"),
    [(KeyboardInterrupt(), 130), (typer.Exit(7), 7), (typer.Abort(), 1)],
)
def test_exit_code_says_how_it_ended(command: ModuleType, error: BaseException, code: int) -> None:
    command.__dict__["command"] = fail_with(error)
    assert main(["try"]) == code


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["confg"], "govbot: No such command 'confg'. Did you mean 'config'?"),
        (["config", "show", "--jsn"], "govbot config show: No such option: --jsn"),
    ],
)
def test_usage_error_is_one_line_and_exit_code_2(
    words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    shown = capsys.readouterr().err
    assert shown.startswith(sentence)
    assert shown.count("\n") == 1


def test_missing_module_is_a_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(COMMANDS, "try", Entry("no_such_module", "Only in this test."))
    assert main(["try"]) == 1
    assert "`govbot try` is not part of this installation" in capsys.readouterr().err


def test_reader_that_goes_away_is_no_error() -> None:
    shown = subprocess.run(
        f'"{sys.executable}" -m govbot.cli.main config docs | head -c 1',
        shell=True,
        capture_output=True,
        text=True,
        check=False,
    )
    assert shown.stdout == "#"
    assert shown.stderr == ""


def test_async_command_returns_its_result() -> None:
    async def double(number: int, *, extra: int = 0) -> int:
        await asyncio.sleep(0)
        return number * 2 + extra

    assert run_async(double, 4, extra=1) == 9


@pytest.mark.parametrize(
    ("number", "error"), [(signal.SIGTERM, SystemExit), (signal.SIGINT, KeyboardInterrupt)]
)
def test_signal_lets_an_async_command_clean_up(
    number: signal.Signals, error: type[BaseException]
) -> None:
    cleaned = []

    async def wait() -> None:
        try:
            os.kill(os.getpid(), number)
            await asyncio.sleep(30)
        finally:
            cleaned.append(True)

    # A shell gives its background jobs a SIGINT that is ignored; here it must not be.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    start = time.monotonic()
    try:
        with pytest.raises(error):
            run_async(wait)
    finally:
        signal.signal(signal.SIGINT, before)
    assert cleaned == [True]
    assert time.monotonic() - start < 25
