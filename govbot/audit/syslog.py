"""An entry as a syslog message (RFC 5424). Pure."""

from __future__ import annotations

import re
from datetime import UTC
from typing import Final

from govbot.audit.book import Entry

# 32473 is the number that RFC 5612 reserves for examples: receivers match the name before it.
ELEMENT: Final = "govbot@32473"
INFORMATION: Final = 6
NOTICE: Final = 5
WARNING: Final = 4
_WARNINGS: Final = frozenset({"sign-in.failed", "sign-in.limited", "audit.pruned"})
_NOTICES: Final = frozenset(
    {"grant", "user", "group", "audit", "service", "conversation", "secret", "key", "schema"}
)
_NOT_PRINTABLE: Final = re.compile(r"[^\x21-\x7e]")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


def to_message(entry: Entry, *, facility: int, host: str, limit: int = 0) -> bytes:
    """The message without framing; `limit` is its greatest length in bytes, 0 for none.

    The details are the text of the message, everything else is structured data.
    """
    severity = _severity(entry.action)
    moment = entry.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    action = _NOT_PRINTABLE.sub("_", entry.action)[:32] or "-"
    host = _NOT_PRINTABLE.sub("_", host)[:255] or "-"
    data = {
        "seq": str(entry.seq),
        "actor": entry.actor_name,
        "actorId": str(entry.actor_id or ""),
        "action": entry.action,
        "object": entry.resource,
        "address": entry.ip,
        "hash": bytes(entry.hash).hex(),
        "prevHash": bytes(entry.prev_hash).hex(),
    }
    fields = "".join(f' {name}="{escaped(value)}"' for name, value in data.items() if value)
    head = f"<{facility * 8 + severity}>1 {moment} {host} govbot - {action} [{ELEMENT}{fields}] "
    # The mark tells the receiver that the text is UTF-8.
    message = head.encode() + b"\xef\xbb\xbf" + _CONTROL.sub(" ", entry.details).encode()
    if not limit or len(message) <= limit:
        return message
    return message[: limit - 3].decode(errors="ignore").encode() + "…".encode()


def escaped(value: str) -> str:
    """A value as structured data takes it: quotes, backslashes and brackets escaped."""
    return re.sub(r'(["\\\]])', r"\\\1", _CONTROL.sub(" ", value))


def _severity(action: str) -> int:
    if action in _WARNINGS:
        return WARNING
    return NOTICE if action.partition(".")[0] in _NOTICES else INFORMATION
