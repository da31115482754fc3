"""Writes docs/cli.md from the help of every command: `python packaging/docs/commands.py`."""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
from collections.abc import Iterator

from govbot.cli.main import COMMANDS, main

WIDTH = 88  # of the help texts, whatever terminal this runs in

HEAD = """# Commands

Written by `make docs` from the help of each command; change the command, then run it again.

Every command takes `--config FILE`. It works whether or not the service runs: it joins the running
database, or starts the embedded one for as long as it needs it. Results go to standard output,
everything else to standard error. In a pipe, tables are tab-separated and JSON takes one line.

Exit codes: 0 success, 1 something failed (one sentence with a code, see [Error codes](errors.md)),
2 the command line is wrong, 130 stopped with Ctrl-C, 143 stopped with SIGTERM. `GOVBOT_DEBUG=1`
shows the traceback of an error.

Without `--as USER`, `ask`, `search` and `eval run` act as the operator, who reads every document:
see [Access](access.md#the-operator-at-the-command-line).
"""


def reference() -> str:
    """docs/cli.md."""
    parts = [HEAD]
    for name, entry in COMMANDS.items():
        parts.append(_section([name], level=2))
        if entry.group:
            parts += [_section([name, inner], level=3) for inner in _inner(name)]
    return "\n".join(parts)


def _section(words: list[str], *, level: int) -> str:
    return f"{'#' * level} govbot {' '.join(words)}\n\n```text\n{_help(words)}\n```\n"


def _inner(group: str) -> Iterator[str]:
    """The commands of a group, from its help."""
    _, _, listed = _help([group]).partition("Commands:\n")
    for line in listed.splitlines():
        if found := re.match(r" {2}([a-z][a-z-]*)( |$)", line):
            yield found[1]


def _help(words: list[str]) -> str:
    shown = io.StringIO()
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = str(WIDTH)
    try:
        with contextlib.redirect_stdout(shown):
            main([*words, "--help"])
    finally:
        if before is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = before
    return "\n".join(line.rstrip() for line in shown.getvalue().strip().splitlines())


if __name__ == "__main__":
    sys.stdout.write(reference())
