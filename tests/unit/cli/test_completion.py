"""Completion in a real bash, and the manual pages as the programs that read them see them."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from govbot.cli.config import keys
from govbot.cli.main import COMMANDS

ROOT = Path(__file__).parents[3]


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "packaging" / "docs" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def program(tmp_path: Path) -> dict[str, str]:
    """An environment in which `govbot` is this one."""
    command = tmp_path / "govbot"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m govbot.cli.main "$@"\n')
    command.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("doct", {"doctor"}),
        ("user se", {"sessions"}),
        ("setup --ldap-s", {"--ldap-server"}),
    ],
)
def test_bash_completes_commands_and_options(
    typed: str, completed: set[str], program: dict[str, str], tmp_path: Path
) -> None:
    words = ["govbot", *typed.split(" ")]
    lines = [
        script("completions").script("bash"),
        f"COMP_WORDS=({' '.join(words)})",
        f"COMP_CWORD={len(words) - 1}",
        "_govbot_completion govbot",
        'printf "%s\\n" "${COMPREPLY[@]}"',
        "complete -p govbot >&2",
    ]
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-c", "\n".join(lines)],
        env=program, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert set(done.stdout.split()) == completed
    assert "_govbot_completion" in done.stderr


def test_every_shell_has_a_script_that_asks_the_program() -> None:
    for shell in ("bash", "zsh", "fish"):
        assert f"_GOVBOT_COMPLETE=complete_{shell}" in script("completions").script(shell)


def test_manual_names_every_command_and_every_setting() -> None:
    manual = script("manual")
    commands = manual.commands_page().replace("\\-", "-")
    assert [name for name in COMMANDS if f".SS govbot {name}\n" not in commands] == []
    settings = manual.settings_page().replace("\\-", "-")
    names = {key.rpartition(".")[2] for key, _ in keys()}
    assert [name for name in names if f"\\fB{name}\\fR\n" not in settings] == []


@pytest.mark.parametrize(
    ("page", "name"), [("commands_page", "govbot.8"), ("settings_page", "govbot.toml.5")]
)
def test_manual_is_clean_to_the_programs_that_read_it(page: str, name: str, tmp_path: Path) -> None:
    file = tmp_path / name
    file.write_text(getattr(script("manual"), page)())
    if shutil.which("mandoc"):
        command = ["mandoc", "-T", "lint", "-W", "warning", str(file)]
    elif shutil.which("groff"):
        command = ["groff", "-man", "-Tutf8", "-ww", "-z", str(file)]
    else:
        pytest.skip("neither mandoc nor groff is here")
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout + done.stderr).strip() == ""
