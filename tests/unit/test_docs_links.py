"""What the pages show: links and anchors that lead somewhere, commands that can be typed."""

from __future__ import annotations

import importlib.util
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from govbot.cli.main import COMMANDS, _load

ROOT = Path(__file__).parents[2]
CACHES = {".pytest_cache", ".ruff_cache", ".mypy_cache"}
SKIPPED = CACHES | {".venv", "build", "data", ".git", "node_modules"}
PAGES = sorted(p for p in ROOT.rglob("*.md") if not SKIPPED & set(p.relative_to(ROOT).parts))
LINK = re.compile(r"!?\[[^\]]*\]\((?!https?:|mailto:)([^)\s]+)\)")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def named(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_and_pictures_lead_to_files(page: Path) -> None:
    targets = [target.partition("#")[0] for target in LINK.findall(_prose(page))]
    assert [t for t in targets if t and not (page.parent / t).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_to_headings(page: Path) -> None:
    lost = []
    for link in LINK.findall(_prose(page)):
        file, hash_, anchor = link.partition("#")
        target = page.parent / file if file else page
        if hash_ and target.is_file() and anchor not in _anchors(target):
            lost.append(link)
    assert lost == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_commands_and_options_exist(page: Path) -> None:
    assert [fault for line in _typed(page) for fault in _faults(line)] == []


@pytest.mark.parametrize(
    ("line", "faults"),
    [
        ("govbot ingest a.pdf -c Normas --wait --no-create", []),
        ("govbot user add ana --role admin  # a word", []),
        ("sudo .venv/bin/govbot eval run q.jsonl --mode lexical | head", []),
        ("govbot ingets a.pdf", ["govbot ingets"]),
        ("govbot user rename ana", ["govbot user rename"]),
        ("govbot ask x --like ana", ["govbot ask --like"]),
        ("govbot --nonsense ask x", ["govbot --nonsense"]),
    ],
)
def test_what_cannot_be_typed_is_found(line: str, faults: list[str]) -> None:
    assert _faults(line) == faults


def test_page_of_commands_is_what_the_script_writes() -> None:
    script = ROOT / "packaging" / "docs" / "commands.py"
    spec = importlib.util.spec_from_file_location("commands_page", script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    written = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert written == module.reference(), "run `make docs`"


def test_index_names_every_page() -> None:
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    pages = {page.name for page in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert {page for page in pages if f"({page})" not in index} == set()


def _prose(page: Path) -> str:
    return FENCE.sub("", page.read_text(encoding="utf-8"))


@cache
def _anchors(page: Path) -> frozenset[str]:
    """The names a forge gives to headings: lower case, no punctuation, hyphens for spaces."""
    headings = re.findall(r"^#{1,6} (.+)$", _prose(page), re.MULTILINE)
    return frozenset(re.sub(r"[^\w\- ]", "", h.strip().lower()).replace(" ", "-") for h in headings)


def _typed(page: Path) -> Iterator[str]:
    """Lines of blocks and inline code that begin with the program's name."""
    text = page.read_text(encoding="utf-8")
    lines = [line for kind, block in FENCE.findall(text) for line in _lines(kind, block)]
    lines += re.findall(r"^ {4}(\S.*)$", FENCE.sub("", text), re.MULTILINE)
    lines += re.findall(r"`([^`\n]+)`", FENCE.sub("", text))
    for line in lines:
        if re.match(r"(\$ |sudo |exec )*([\w./]+/)?govbot( |$)", line.strip()):
            yield line.strip()


def _lines(kind: str, block: str) -> list[str]:
    return block.replace("\\\n", " ").splitlines() if kind in {"", "sh", "bash", "text"} else []


def _faults(line: str) -> list[str]:
    """The parts of a command line that GovBot would refuse."""
    words = shlex.split(re.split(r"\s[|;&>]", line)[0], comments=True)
    words = words[next(i for i, word in enumerate(words) if re.search(r"(^|/)govbot$", word)) + 1 :]
    known = {"--config", "--version", "--help", "-h"}
    path, command = "govbot", None
    faults = []
    for word in words:
        option = word.partition("=")[0]
        if word.startswith("-") and word != "-":
            faults += [] if option in known else [f"{path} {option}"]
        elif command is None or hasattr(command, "commands"):
            if word.isupper() or word == "command":  # "govbot COMMAND" stands for any
                return faults
            inner = _commands(command)
            if word not in inner:
                return [*faults, f"{path} {word}"]
            path, command = f"{path} {word}", inner[word]
            known = {"--config", "--help", "-h"} | _options(command)
    return faults


def _commands(group: Any) -> dict[str, Any]:
    return _top() if group is None else dict(group.commands)


@cache
def _top() -> dict[str, Any]:
    """Made once: it takes a fifth of a second."""
    return {name: _load(name, entry) for name, entry in COMMANDS.items()}


def _options(command: Any) -> set[str]:
    return {name for p in command.params for name in (*p.opts, *p.secondary_opts)}
