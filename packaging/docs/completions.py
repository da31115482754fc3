"""Writes the completion script of a shell: `python packaging/docs/completions.py bash`.

The scripts are Typer's: at each TAB they ask `govbot` itself, which knows every command and option.
"""

from __future__ import annotations

import sys

from typer._completion_shared import get_completion_script

from govbot.cli.main import COMPLETE

SHELLS = ("bash", "zsh", "fish")
# zsh reads the file as the function at the first TAB, which would complete nothing otherwise.
FIRST_TAB = '[[ "$zsh_eval_context[-1]" == loadautofunc ]] && _govbot_completion "$@"\n'


def script(shell: str) -> str:
    """What the shell reads to complete the words after `govbot`."""
    written = get_completion_script(prog_name="govbot", complete_var=COMPLETE, shell=shell)
    return f"{written}\n{FIRST_TAB if shell == 'zsh' else ''}"


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in SHELLS:
        sys.exit(f"usage: completions.py {'|'.join(SHELLS)}")
    sys.stdout.write(script(sys.argv[1]))
