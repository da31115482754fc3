"""Writes the manual pages: `python packaging/docs/manual.py` govbot(8), with `toml` govbot.toml(5).

From the tree of commands and from the table of settings, so that they say what the program does.
"""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from govbot import __version__
from govbot.cli.config import _default, keys
from govbot.cli.main import COMMANDS, _load
from govbot.config import allowed, is_secret
from govbot.config.table import SECTIONS

FILES = (
    ("/etc/govbot/govbot.toml", "The settings: govbot.toml(5)."),
    ("/etc/govbot/credentials", "Secrets for the service, one file each, named like a setting."),
    ("/var/lib/govbot", "Data: the embedded database, the original files, models, keys."),
    ("/var/backups/govbot", "Backups of the timer govbot-backup.timer."),
    ("/usr/share/doc/govbot/docs", "The documentation, in English and in Portuguese (pt-BR)."),
)
CODES = (
    ("0", "Success."),
    ("1", "Something failed: one sentence with a code, see errors.md of the documentation."),
    ("2", "The command line is wrong."),
    ("130", "Stopped with Ctrl-C."),
    ("143", "Stopped with SIGTERM."),
)
VARIABLES = (
    ("GOVBOT_CONFIG", "The configuration file, where --config does not name it."),
    ("GOVBOT_DEBUG", "1: the traceback of an error is shown."),
    ("GOVBOT_SECTION__KEY", "Any setting, such as GOVBOT_WEB__PORT; counts before the file."),
)


def commands_page() -> str:
    """govbot(8)."""
    lines = [
        *_head("GOVBOT", 8, "answers from an organisation's documents, with citations"),
        ".SH SYNOPSIS",
        r".B govbot",
        r"[\fB\-\-config\fR \fIFILE\fR] \fICOMMAND\fR [\fIARGUMENT\fR...]",
        ".SH DESCRIPTION",
        _text(
            "GovBot answers questions from the documents of an organisation, with citations, on "
            "its own machines. The service runs `govbot serve`; the other commands administer it. "
            "They work whether or not the service runs. Results go to standard output, everything "
            "else to standard error. In a pipe, tables are separated by tabs and JSON takes one "
            "line."
        ),
        ".PP",
        _text("Each command has --help. Begin with `govbot setup`; `govbot doctor` says what is "
              "wrong and what to do."),
        ".SH COMMANDS",
        *(line for name in COMMANDS for line in _section(name)),
        ".SH OPTIONS OF EVERY COMMAND",
        *_item("--config FILE", "Configuration file. Default: ./govbot.toml, then "
               "/etc/govbot/govbot.toml."),
        *_item("--help, -h", "What the command does, and its options."),
        ".SH EXIT STATUS",
        *(line for code, words in CODES for line in _item(code, words)),
        ".SH ENVIRONMENT",
        *(line for name, words in VARIABLES for line in _item(name, words)),
        ".SH FILES",
        *(line for name, words in FILES for line in _item(name, words)),
        ".SH SEE ALSO",
        r".BR govbot.toml (5),",
        r".BR systemctl (1),",
        r".BR journalctl (1)",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def settings_page() -> str:
    """govbot.toml(5)."""
    lines = [
        *_head("GOVBOT.TOML", 5, "settings of GovBot"),
        ".SH SYNOPSIS",
        ".I /etc/govbot/govbot.toml",
        ".SH DESCRIPTION",
        _text(
            "A file in TOML. A setting is looked for in the environment (GOVBOT_SECTION__KEY), "
            "then in systemd credentials named section.key, then here. Relative paths start at "
            "the folder of the file. `govbot config check` says what is wrong, `govbot config "
            "show` what is in force and where it comes from."
        ),
    ]
    for section in ("", *SECTIONS):
        lines.append(f".SH {_plain(section.upper() or 'AT THE TOP OF THE FILE')}")
        if section:
            lines.append(_text((SECTIONS[section].__doc__ or "").strip().splitlines()[0]))
        for key, info in keys():
            owner, _, name = key.rpartition(".")
            if owner == section:
                secret = " Secret." if is_secret(info) else ""
                words = f"{info.description} Default: {_default(info)}. Allowed: {allowed(info)}."
                lines += _item(name, words + secret)
    lines += [".SH SEE ALSO", r".BR govbot (8)"]
    return "\n".join(lines) + "\n"


def _head(title: str, part: int, words: str) -> list[str]:
    # The date of the sources, so that two builds are the same.
    stamp = int(os.environ.get("SOURCE_DATE_EPOCH") or datetime.now(UTC).timestamp())
    day = datetime.fromtimestamp(stamp, UTC).strftime("%Y-%m-%d")
    name = title.lower()
    return [
        f'.TH {title} {part} "{day}" "GovBot {_plain(__version__)}" "System administration"',
        ".nh",
        ".ad l",
        ".SH NAME",
        rf"{_plain(name)} \- {_plain(words)}",
    ]


def _section(name: str) -> Iterator[str]:
    """A command and, below it, those of its group."""
    command = _load(name, COMMANDS[name])
    yield f".SS govbot {_plain(name)}"
    yield _text(_help(command))
    yield from _parameters(command)
    for inner, below in sorted(getattr(command, "commands", {}).items()):
        yield ".PP"
        yield rf"\fBgovbot {_plain(name)} {_plain(inner)}\fR{_usage(below)}"
        yield ".br"
        yield _text(_help(below))
        yield from _parameters(below)


def _help(command: Any) -> str:
    return " ".join((command.help or "").split())


def _usage(command: Any) -> str:
    words = [_name(param) for param in command.params if param.param_type_name == "argument"]
    return "".join(rf" \fI{_plain(word)}\fR" for word in words)


def _parameters(command: Any) -> Iterator[str]:
    for param in command.params:
        if param.hidden or param.name == "config":
            continue
        if param.param_type_name == "argument":
            if param.help:
                yield from _item(_name(param), param.help)
            continue
        names = ", ".join([*param.opts, *param.secondary_opts])
        value = "" if param.is_flag or param.count else f" {_name(param)}"
        yield from _item(names + value, param.help or "")


def _name(param: Any) -> str:
    return str(param.metavar or param.name).upper()


def _item(name: str, words: str) -> Iterator[str]:
    yield ".TP"
    yield rf"\fB{_plain(name)}\fR"
    yield _text(words or "See above.")


def _text(words: str) -> str:
    """Lines of a paragraph, none of which begins like a request to roff."""
    lines = textwrap.wrap(" ".join(words.replace("`", "").split()), 72, break_on_hyphens=False)
    return "\n".join(_plain(line) for line in lines)


def _plain(words: str) -> str:
    found = words.replace("\\", r"\e").replace("-", r"\-")
    return rf"\&{found}" if found[:1] in (".", "'") else found


if __name__ == "__main__":
    wanted = sys.argv[1:] or ["commands"]
    if wanted not in (["commands"], ["toml"]):
        sys.exit("usage: manual.py [commands|toml]")
    sys.stdout.write(commands_page() if wanted == ["commands"] else settings_page())
