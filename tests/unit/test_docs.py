"""What is public is documented, and what is documented exists."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from pydantic import SecretStr

from govbot.cli.config import keys, reference
from govbot.cli.main import COMMANDS
from govbot.config import load_settings
from govbot.config.table import SECTIONS, Settings

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
KEYS = [key for key, _ in keys()]
VARIABLE = re.compile(r"\bGOVBOT_[A-Z_]+\b")
# Shown with another value than its default, which TOML cannot write.
NO_DEFAULT = {
    "embedder.dimension",
    "embedder.max_tokens",
    "embedder.passage_prefix",
    "embedder.query_prefix",
    "embedder.weight",
    "retrieval.min_confidence",
}


def test_settings_page_is_what_the_command_writes() -> None:
    written = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert written == reference(), "run `make docs`"


@pytest.mark.parametrize("key", KEYS)
def test_setting_has_help_in_one_sentence_or_more(key: str) -> None:
    info = dict(keys())[key]
    assert info.description, key
    assert info.description.endswith("."), key


def test_example_file_shows_every_setting_with_its_default() -> None:
    shown = tomllib.loads(_uncommented())
    flat = {
        (f"{name}.{key}" if isinstance(value, dict) else name): inner
        for name, value in shown.items()
        for key, inner in (value.items() if isinstance(value, dict) else [("", value)])
    }
    assert sorted(flat) == sorted(KEYS)
    defaults = {key: _plain(info.default) for key, info in keys() if key not in NO_DEFAULT}
    assert {key: flat[key] for key in defaults} == defaults


def test_example_file_is_accepted_as_it_stands_and_uncommented(tmp_path: Path) -> None:
    file = tmp_path / "govbot.toml"
    file.write_text(_uncommented(), encoding="utf-8")
    assert load_settings(file, {}).web == Settings().web
    assert load_settings(ROOT / "govbot.toml", {}).origin("web.port") == "default"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page_names_only_commands_that_exist(page: Path) -> None:
    known = {*COMMANDS, "command", "COMMAND"}
    assert [word for word in _commands(page.read_text(encoding="utf-8")) if word not in known] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page_names_only_environment_variables_that_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    known = {"GOVBOT_" + key.upper().replace(".", "__") for key in KEYS} | _variables_of_programs()
    known |= {"GOVBOT_SECTION__KEY", "GOVBOT_SECTION__KEY__NAME__INNER"}
    assert set(VARIABLE.findall(text)) - known == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page_links_only_to_files_that_exist(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_every_section_is_explained() -> None:
    assert [name for name, model in SECTIONS.items() if not model.__doc__] == []


@cache
def _variables_of_programs() -> frozenset[str]:
    """Those without a setting: of commands, of the package, of the faults that are played."""
    files = [ROOT / "Makefile"]
    for folder, names in (("govbot", "*.py"), ("packaging", "*"), ("tests/faults", "*.py")):
        files += [file for file in (ROOT / folder).rglob(names) if file.is_file()]
    texts = (file.read_text(encoding="utf-8", errors="replace") for file in files)
    return frozenset(name for text in texts for name in VARIABLE.findall(text))


def _uncommented() -> str:
    """govbot.toml with its defaults switched on; sentences stay comments."""
    text = (ROOT / "govbot.toml").read_text(encoding="utf-8")
    return re.sub(r"^# (?=[a-z_]+ = )", "", text, flags=re.MULTILINE)


def _commands(text: str) -> Iterator[str]:
    """The word after `govbot` wherever a page shows a command."""
    code = re.findall(r"`([^`\n]+)`", text)
    for block in re.findall(r"^```(?:sh|bash|console|text)?\n(.*?)^```", text, re.M | re.S):
        code += block.splitlines()
    for line in code:
        found = re.match(r"\s*(?:\$ )?(?:sudo )?(?:\.venv/bin/)?govbot ([a-zA-Z]+)", line)
        if found:
            yield found[1]


def _plain(value: object) -> object:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, tuple):
        return list(value)
    return str(value) if isinstance(value, Path) else value
