"""`govbot`: the table of commands, errors as one line, exit codes.

To add a command, write `govbot/cli/<name>.py` and a line in COMMANDS. The module exposes
`command`, a function with typer annotations, or `app`, a `typer.Typer` whose functions are its
sub-commands (then `group=True`). Inside, `current_settings()` gives the settings, `run_async()`
runs async code, `govbot.cli.output` prints. Raise a GovBotError to fail with a sentence and exit
code 1, `typer.Exit(code)` to end with a code of your own. `--config FILE` is added to every
command here.
"""

from __future__ import annotations

import copy
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from typer._completion_classes import completion_init
from typer.core import TyperCommand, TyperGroup

from govbot import __version__
from govbot.cli import config_file, current_settings, run_async
from govbot.errors import GovBotError

if TYPE_CHECKING:
    from typer._click import Command, Context

__all__ = ["COMMANDS", "current_settings", "main", "run_async"]


COMPLETE = "_GOVBOT_COMPLETE"  # see packaging/docs/completions.py


@dataclass(frozen=True, slots=True)
class Entry:
    """A command before its module is loaded."""

    module: str
    help: str
    group: bool = False


COMMANDS = {
    "serve": Entry("serve", "Run the web application, the queue and the watched folders."),
    "migrate": Entry("migrate", "Create the database schema or bring it up to date."),
    "ingest": Entry("ingest", "Put files and folders into a collection."),
    "jobs": Entry("jobs", "See, pause, cancel and retry queued documents.", group=True),
    "search": Entry("search", "Show the passages found for a question."),
    "ask": Entry("ask", "Answer a question, with citations."),
    "eval": Entry("eval", "Measure retrieval and answers on a set of questions.", group=True),
    "finetune": Entry("finetune", "Adapt the models to your own questions.", group=True),
    "models": Entry("models", "Bring models here, see, check and delete them.", group=True),
    "analytics": Entry("analytics", "Export figures of use.", group=True),
    "reindex": Entry("reindex", "Compute all vectors again, after a change of embedder."),
    "user": Entry("user", "Add, list and disable users, set passwords.", group=True),
    "ldap": Entry("ldap", "Try the directory, compare the accounts with it.", group=True),
    "group": Entry("group", "Create groups and choose their members.", group=True),
    "person": Entry("person", "Export, erase and find the data of a person.", group=True),
    "collection": Entry("collection", "Create collections and grant access.", group=True),
    "document": Entry("document", "Review, date, revoke, hold and delete documents.", group=True),
    "access": Entry("access", "Explain who may read what, and test for leaks.", group=True),
    "folder": Entry("folder", "See the watched folders and what they would change.", group=True),
    "key": Entry("key", "Make, list and revoke API keys.", group=True),
    "secret": Entry("secret", "Keep secrets of the settings sealed; change their key.", group=True),
    "log": Entry("log", "See and change how much the service logs.", group=True),
    "backup": Entry("backup", "Make, check and restore backups.", group=True),
    "audit": Entry("audit", "List and verify the audit log.", group=True),
    "nodes": Entry("nodes", "See the nodes that share this database.", group=True),
    "config": Entry("config", "Show, check and document the settings.", group=True),
    "setup": Entry("setup", "Set this installation up, or change how it is."),
    "doctor": Entry("doctor", "Check this installation, part by part."),
    "demo": Entry("demo", "Load the demonstration documents and users."),
}


def main(args: Sequence[str] | None = None) -> int:
    """Runs `args` (the process's by default) and returns the exit code."""
    config_file.set(None)
    try:
        code = _root().main(
            args=None if args is None else list(args), prog_name="govbot", standalone_mode=False
        )
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except BrokenPipeError:
        # The reader went away (`govbot ... | head`); keep the interpreter's last flush quiet too.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130
    except typer.Abort:
        return 1
    except typer.TyperException as error:
        return _usage(error)
    except Exception as error:
        return _failure(error)


class LazyGroup(TyperGroup):
    """Knows its commands by name and help line; loads the one that is called."""

    def __init__(self, **attributes: Any):
        super().__init__(**attributes)
        for name, entry in COMMANDS.items():
            self.add_command(TyperCommand(name, help=entry.help, callback=None), name)

    def resolve_command(
        self, ctx: Context, args: list[str]
    ) -> tuple[str | None, Command | None, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        if name in COMMANDS:
            command = _load(name, COMMANDS[name])
            for leaf in _walk(command):
                leaf.params.append(self._config_option())
        return name, command, rest

    def _config_option(self) -> Any:
        """A copy of the root's --config that a command can carry without an argument for it."""
        option = copy.copy(next(param for param in self.params if param.name == "config"))
        option.expose_value = False
        return option


def _remember(value: Path | None) -> Path | None:
    if value is not None:
        config_file.set(value)
    return value


def _version(value: bool) -> None:
    if value:
        print(f"govbot {__version__}")
        raise typer.Exit


def _options(
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="FILE",
            help="Configuration file. [default: ./govbot.toml, /etc/govbot/govbot.toml]",
            callback=_remember,
        ),
    ] = None,
    version: Annotated[bool, typer.Option("--version", is_eager=True, callback=_version)] = False,
) -> None:
    """Answers from your organisation's documents, with citations, on your own machines."""


def _root() -> Command:
    app = typer.Typer(
        cls=LazyGroup,
        name="govbot",
        no_args_is_help=True,
        rich_markup_mode=None,
        add_completion=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    if COMPLETE in os.environ:  # a shell asks what could come next
        completion_init()
    return typer.main.get_group(app)


def _load(name: str, entry: Entry) -> Command:
    target = f"govbot.cli.{entry.module}"
    try:
        module = import_module(target)
    except ModuleNotFoundError as error:
        if error.name != target:
            raise
        raise GovBotError(f"`govbot {name}` is not part of this installation") from error
    function: Callable[..., Any] | None = getattr(module, "command", None)
    app = typer.Typer(rich_markup_mode=None, add_completion=False) if function else module.app
    if function:
        app.command(name)(function)
    app.rich_markup_mode = None
    app._add_completion = False
    command = typer.main.get_group(app) if entry.group else typer.main.get_command(app)
    command.name = name
    command.help = command.help or entry.help
    return command


def _walk(command: Command) -> list[Command]:
    if not isinstance(command, TyperGroup):
        return [command]
    return [command] + [leaf for inner in command.commands.values() for leaf in _walk(inner)]


def _usage(error: typer.TyperException) -> int:
    click_error = cast(Any, error)
    context = getattr(click_error, "ctx", None)
    if not hasattr(click_error, "format_message") or not click_error.format_message():
        return 2
    if type(error).__name__ == "NoArgsIsHelpError":
        click_error.show()
        return 2
    path = context.command_path if context else "govbot"
    print(f"{path}: {click_error.format_message()} (try `{path} --help`)", file=sys.stderr)
    return int(click_error.exit_code)


def _failure(error: Exception) -> int:
    if os.environ.get("GOVBOT_DEBUG") == "1":
        import traceback

        traceback.print_exception(error)
        return 1
    known = _find(error)
    if known is not None:
        print(f"govbot: {known} [{known.error_code}]", file=sys.stderr)
    else:
        words = " ".join(str(error).split())
        print(
            f"govbot: unexpected {type(error).__name__}: {words} "
            f"(GOVBOT_DEBUG=1 shows where) [{GovBotError.code}]",
            file=sys.stderr,
        )
    return 1


def _find(error: BaseException) -> GovBotError | None:
    """The GovBotError in `error`, also when a task group has wrapped it."""
    if isinstance(error, GovBotError):
        return error
    if isinstance(error, BaseExceptionGroup):
        return next((found for inner in error.exceptions if (found := _find(inner))), None)
    return None


if __name__ == "__main__":
    sys.exit(main())
