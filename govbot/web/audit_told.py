"""An entry of the audit log told in words: names where there are some, ids where not."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from uuid import UUID

from govbot import audit
from govbot.web.audit_words import ACTIONS, DETAILS, WORDS
from govbot.web.i18n import _
from govbot.web.visit import Visit

MAX_VALUE = 400
DIGEST = re.compile(r"[0-9a-f]{64}")


def action_name(visit: Visit, name: str) -> str:
    """What an action is called."""
    return visit.translate(ACTIONS[name]) if name in ACTIONS else name


def details_of(
    visit: Visit, entry: audit.Entry, names: Mapping[UUID, str]
) -> list[tuple[str, str]]:
    """The details in words: name and value, the empty ones left out."""
    return [
        (visit.translate(DETAILS[name]) if name in DETAILS else name, _value(visit, value, names))
        for name, value in _fields(entry).items()
        if value not in (None, "", [], {})
    ]


def object_of(visit: Visit, entry: audit.Entry, names: Mapping[UUID, str]) -> str:
    """What the entry is about: a name where there is one, else the id."""
    kind, colon, text = entry.resource.rpartition(":")
    found = _uuid(text)
    if found and found in names:
        return names[found]
    label = visit.translate(DETAILS[kind]) if kind in DETAILS else kind
    return f"{label}{colon} {text}".strip()


def _value(visit: Visit, value: object, names: Mapping[UUID, str]) -> str:
    match value:
        case bool():
            return visit.translate(_("yes") if value else _("no"))
        case str() if value in WORDS:
            return visit.translate(WORDS[value])
        case str() if (found := _uuid(value)) and found in names:
            return names[found]
        case str() if DIGEST.fullmatch(value):
            return value[:12] + "…"
        case str() | int():
            text = str(value)
        case list() if all(isinstance(item, str | int) for item in value):
            text = ", ".join(str(item) for item in value)
        case _:
            text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MAX_VALUE else text[:MAX_VALUE] + "…"


def ids_of(entries: Sequence[audit.Entry]) -> list[UUID]:
    """The ids that occur in these entries as values of their own."""
    texts = {entry.resource.rpartition(":")[2] for entry in entries}
    for entry in entries:
        texts.update(value for value in _fields(entry).values() if isinstance(value, str))
    return [found for text in texts if (found := _uuid(text))]


def _fields(entry: audit.Entry) -> dict[str, object]:
    try:
        found = json.loads(entry.details)
    except ValueError:
        return {"": entry.details}
    return found if isinstance(found, dict) else {"": found}


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text) if len(text) == 36 else None
    except ValueError:
        return None
