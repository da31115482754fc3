"""Output: for people on a terminal, for programs in a pipe."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from uuid import UUID

import pytest

from govbot.cli import output


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True, slots=True)
class Point:
    x: int
    colour: Colour


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Terminal]:
    """Puts a terminal of 20 columns in the place of sys.stdout or sys.stderr.

    A function, because pytest sets both anew between the fixtures and the test.
    """
    monkeypatch.setenv("COLUMNS", "20")

    def replace(name: str) -> Terminal:
        monkeypatch.setattr(sys, name, stream := Terminal())
        return stream

    return replace


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (Point(1, Colour.RED), {"x": 1, "colour": "red"}),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00+00:00"),
        (date(2026, 1, 2), "2026-01-02"),
        (Path("/a/b"), "/a/b"),
        (frozenset({"b", "a"}), ["a", "b"]),
        (MappingProxyType({"a": 1}), {"a": 1}),
        ({"título": "ação"}, {"título": "ação"}),
    ],
)
def test_json_of_what_parts_return(
    value: object, plain: object, capsys: pytest.CaptureFixture[str]
) -> None:
    output.print_json(value)
    text = capsys.readouterr().out
    assert json.loads(text) == plain
    assert text.count("\n") == 1


def test_json_refuses_what_it_does_not_know() -> None:
    with pytest.raises(TypeError, match="object is not JSON"):
        output.print_json(object())


def test_json_is_indented_on_a_terminal(terminal: Callable[[str], Terminal]) -> None:
    out = terminal("stdout")
    output.print_json({"a": 1})
    assert out.getvalue() == '{\n  "a": 1\n}\n'


def test_json_lines_stay_lines_on_a_terminal(terminal: Callable[[str], Terminal]) -> None:
    out = terminal("stdout")
    output.print_json({"a": 1}, line=True)
    assert out.getvalue() == '{"a": 1}\n'


def test_table_in_a_pipe_is_separated_by_tabs(capsys: pytest.CaptureFixture[str]) -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
    output.print_table(["name", "on", "at", "note"], [["a\tb\nc", True, at, None]])
    lines = capsys.readouterr().out.splitlines()
    assert lines == ["name\ton\tat\tnote", "a b c\tyes\t2026-01-02 03:04:05+00:00\t"]


def test_table_on_a_terminal_is_aligned_and_cut_to_its_width(
    terminal: Callable[[str], Terminal],
) -> None:
    out = terminal("stdout")
    output.print_table(["id", "title"], [[1, "x" * 40], [100, "café"]])
    assert out.getvalue().splitlines() == ["ID   TITLE", "1    xxxxxxxxxxxxxx…", "100  café"]


def test_table_without_rows_shows_its_columns(terminal: Callable[[str], Terminal]) -> None:
    out = terminal("stdout")
    output.print_table(["id"], [])
    assert out.getvalue() == "ID\n"


def test_words_on_what_goes_on_are_for_people_only(
    capsys: pytest.CaptureFixture[str], terminal: Callable[[str], Terminal]
) -> None:
    output.say("working")
    output.warn("careful")
    assert capsys.readouterr().err == "govbot: careful\n"
    err = terminal("stderr")
    output.say("working")
    assert err.getvalue() == "working\n"


def test_progress_is_silent_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    with output.progress("Reading", total=2) as bar:
        bar.advance()
        bar.update(done=2, label="Done")
    shown = capsys.readouterr()
    assert shown.out == shown.err == ""


def test_progress_shows_label_and_count_on_a_terminal(
    terminal: Callable[[str], Terminal], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    err = terminal("stderr")
    with output.progress("Reading", total=2) as bar:
        bar.advance()
        bar.update(done=2, label="Embedding")
    assert "Embedding" in err.getvalue()
    assert "2/2" in err.getvalue()
