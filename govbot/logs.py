"""Logs on standard error: JSON lines for machines, text for people.

Every line carries the ids of the request and of the job it belongs to; never a question, an
answer, document text or a secret. Personal data that gets into a line all the same, in the words
of an error say, is hidden before it is written, whichever part or library wrote it.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TextIO

from govbot import tracing
from govbot.config.table import Settings
from govbot.privacy import mask

request_id: ContextVar[str] = ContextVar("request_id", default="")
job_id: ContextVar[str] = ContextVar("job_id", default="")

# Chatty at INFO; procrastinate writes the arguments of each job there.
QUIET = (
    "alembic",
    "filelock",
    "httpcore",
    "httpx",
    "litestar",
    "markdown_it",
    "opentelemetry",
    "PIL",
    "procrastinate",
    "psycopg",
    "psycopg.pool",
    "pypdf",
    "sentence_transformers",
    "torch",
    "transformers",
    "urllib3",
    "uvicorn",
    "uvicorn.access",
    "uvicorn.error",
    "watchdog",
)
# Where a database that is away is told of with the whole stack, at every try.
_TELLERS = ("asyncio", "procrastinate", "psycopg")
_ESCAPED = "\u2028\u200b"  # stands for the two characters of an escaped end of line: a space
_at_least: int | None = None  # of the last configuration, if there was one
_own: set[str] = set()  # loggers with a level of their own from the settings
_LONGEST = 16_000  # characters
_HALF = _LONGEST // 2
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}


def configure(
    settings: Settings, *, stream: TextIO | None = None, at_least: int = logging.NOTSET
) -> None:
    """Sends all logs to `stream` (standard error), replacing any earlier configuration.

    `at_least` raises the configured level: commands that print results log warnings only.
    """
    global _at_least  # noqa: PLW0603 - logging is one for the process
    stream = stream or sys.stderr
    as_text = settings.logging.format == "text" or (
        settings.logging.format == "auto" and stream.isatty()
    )
    handler = logging.StreamHandler(stream)
    formatter: logging.Formatter = TextFormatter() if as_text else JsonFormatter()
    handler.setFormatter(JournalFormatter(formatter) if _is_journal(stream) else formatter)
    handler.addFilter(_briefly)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    for name in QUIET:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    logging.captureWarnings(True)
    _at_least = at_least
    adjust(settings)


def adjust(settings: Settings) -> None:
    """Takes up the levels of the settings, which may change while the service runs; does nothing
    in a process that has not called `configure`."""
    if _at_least is None:
        return
    levels = logging.getLevelNamesMapping()
    level = max(levels[settings.logging.level], _at_least)
    logging.getLogger().setLevel(level)
    for name in QUIET:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    wanted = dict(each.split("=") for each in settings.logging.loggers.split())
    for name in _own - wanted.keys():
        logging.getLogger(name).setLevel(logging.NOTSET)
    for name, word in wanted.items():
        logging.getLogger(name).setLevel(max(levels[word], _at_least))
    _own.clear()
    _own.update(wanted)


def _is_journal(stream: TextIO) -> bool:
    """Whether the stream leads to systemd's journal: it says so by the file's numbers."""
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


class JournalFormatter(logging.Formatter):
    """Before each line the priority that the journal takes off again (sd-daemon(3))."""

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        steps = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
        priority = next((number for level, number in steps if record.levelno >= level), 7)
        lines = self._inner.format(record).splitlines() or [""]
        return "\n".join(f"<{priority}>{line}" for line in lines)


class JsonFormatter(logging.Formatter):
    """One JSON object per line."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _cut(_hidden(record.getMessage())),
            **_context(),
            **_extra(record),
        }
        if record.exc_info:
            line["exception"] = _cut(_hidden(self.formatException(record.exc_info)))
        return json.dumps(line, ensure_ascii=False, default=str)


class TextFormatter(logging.Formatter):
    """`12:30:01 INFO govbot.ingest: Document processed (action=document.ready)`."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S")
        pairs = " ".join(
            f"{key}={value}" for key, value in {**_context(), **_extra(record)}.items()
        )
        text = f"{at} {record.levelname:<7} {record.name}: {_hidden(record.getMessage())}"
        text += f" ({pairs})" if pairs else ""
        if record.exc_info:
            text += "\n" + _hidden(self.formatException(record.exc_info))
        return text


def _briefly(record: logging.LogRecord) -> bool:
    """Leaves of an error of the database, told by a library, its name and sentence."""
    error = record.exc_info[1] if record.exc_info else None
    if error is not None and record.name.partition(".")[0] in _TELLERS:
        reason = _of_database(error)
        if reason:
            record.exc_info = record.exc_text = None
            record.reason = reason
    return True


def _of_database(error: BaseException) -> str:
    """What the driver said first of a lost connection or of a library's own query; "" for the rest,
    whose stack tells more."""
    reason, found = "", error
    for _cause in range(10):
        names = {each.__name__ for each in type(found).__mro__}
        if "ConnectorException" in names or (reason and "Error" in names):
            reason = f"{type(found).__name__}: {_first_line(found)}"
        if "OperationalError" in names:
            return f"{type(found).__name__}: {_first_line(found)}"
        cause = found.__cause__ or found.__context__
        if cause is None:
            break
        found = cause
    return reason


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [""])[0]


def _context() -> dict[str, object]:
    found = {
        "request_id": request_id.get(),
        "job_id": job_id.get(),
        "trace_id": tracing.trace_id(),
    }
    return {key: value for key, value in found.items() if value}


def _extra(record: logging.LogRecord) -> dict[str, object]:
    return {key: _masked(value) for key, value in vars(record).items() if key not in _STANDARD}


def _cut(text: str) -> str:
    """The beginning and the end of what is very long: the journal breaks lines of 48 KiB."""
    return text if len(text) <= _LONGEST else f"{text[:_HALF]} [...] {text[-_HALF:]}"


def _masked(value: object) -> object:
    """The value with personal data hidden; what is no plain value is written as text."""
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        text = str(value)
        return value if _hidden(text) == text else _hidden(text)
    if isinstance(value, dict):
        return {_hidden(str(key)): _masked(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_masked(item) for item in value]
    return _hidden(str(value))


def _hidden(text: str) -> str:
    """The text with personal data hidden, also where a representation wrote the end of a line."""
    return mask(text.replace("\\n", _ESCAPED)).replace(_ESCAPED, "\\n")
