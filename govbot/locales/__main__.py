"""`python -m govbot.locales update` after texts changed, `compile` at set-up and in packages."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from babel.messages.frontend import CommandLineInterface

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]
ERRORS = (
    "Invalid",
    "Denied",
    "NotFound",
    "Conflict",
    "TooLarge",
    "Busy",
    "Unavailable",
    "BadDocument",
)


def main(command: str) -> None:
    """Runs babel on the sources beside this package."""
    pot = FOLDER / "messages.pot"
    os.chdir(ROOT)
    if command == "update":
        keywords = [part for name in (*ERRORS, "translate", "_format") for part in ("-k", name)]
        _run("extract", "-F", str(FOLDER / "babel.cfg"), *keywords, "--project=GovBot",
             "--no-location", "--sort-output", "-o", str(pot), ".")  # fmt: skip
        _run("update", "-D", "govbot", "-d", str(FOLDER), "-i", str(pot), "--no-fuzzy-matching",
             "--ignore-obsolete")  # fmt: skip
    elif command == "compile":
        _run("compile", "-D", "govbot", "-d", str(FOLDER))
    else:
        sys.exit("usage: python -m govbot.locales update|compile")


def _run(*arguments: str) -> None:
    CommandLineInterface().run(
        [  # type: ignore[no-untyped-call]
            "pybabel",
            "-q",
            *arguments,
        ]
    )


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) == 2 else "")
