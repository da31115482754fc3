"""Which settings may change while the service runs, and the settings with such changes laid over.

What protects people from administrators (audit.question_text, audit.read_conversations, the least
numbers of people in [feedback], security.*) is not among them: it is the operator's, in the file.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final

from govbot.config.check import check_together
from govbot.config.load import value_of
from govbot.config.table import SECTIONS, Settings
from govbot.errors import BadConfig

log = logging.getLogger(__name__)

PAGE: Final = "the page of the settings"
# All of them are read anew at each use: nothing holds a copy.
GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "organisation": ("organisation",),
    "answers": (
        "answers.unsupported",
        "retrieval.min_confidence",
        "retrieval.model_variants",
        "answers.cache",
        "answers.cache_hours",
        "answers.cache_similarity",
    ),
    "documents": (
        "ingest.max_file_mb",
        "ingest.max_pages",
        "ingest.extract_timeout_s",
        "documents.trash_days",
    ),
    "privacy": ("privacy.conversation_days", "feedback.gaps", "feedback.gap_days"),
    "people": (
        "auth.session_idle_minutes",
        "auth.session_absolute_hours",
        "auth.privileged_idle_minutes",
        "auth.privileged_absolute_hours",
        "auth.min_password_length",
        "auth.first_password_days",
    ),
    "limits": (
        "limits.questions_per_minute",
        "limits.uploads_per_hour",
        "limits.pictures_per_minute",
        "limits.anonymous_per_minute",
    ),
    "api": (
        "api.enabled",
        "api.key_days",
        "api.max_key_days",
        "api.keys_without_end",
        "api.max_keys",
        "limits.api_key_per_minute",
        "limits.api_user_per_minute",
    ),
    "logging": ("logging.level", "logging.loggers"),
}
KEYS: Final = frozenset(key for keys in GROUPS.values() for key in keys)
# A smaller number of days (0: never) deletes what is older at the next housekeeping.
DELETING: Final = frozenset(
    {"documents.trash_days", "privacy.conversation_days", "feedback.gap_days"}
)


def lay(settings: Settings, changes: Mapping[str, object]) -> Settings:
    """The settings of file and environment with `changes` laid over, by dotted name.

    What file or environment say themselves stays. Raises BadConfig for a value that is not allowed.
    """
    base = settings.base
    sections: dict[str, dict[str, Any]] = {}
    origins = dict(base._origins)
    for key, given in changes.items():
        if key not in KEYS or fixed_by(base, key):
            continue
        section, _, name = key.rpartition(".")
        sections.setdefault(section, {})[name] = value_of(key, given, PAGE)
        origins[key] = PAGE
    top = sections.pop("", {})
    parts = {
        name: getattr(base, name).model_copy(update=changed) for name, changed in sections.items()
    }
    laid = base.model_copy(update={**top, **parts})
    laid._origins, laid._base = origins, base
    check_together(laid)
    return laid


def lay_stored(settings: Settings, changes: Mapping[str, object]) -> Settings:
    """As `lay`, without those that are not allowed any more: a service starts in any case."""
    try:
        return lay(settings, changes)
    except BadConfig:
        kept: dict[str, object] = {}
        for key, given in changes.items():
            try:
                lay(settings, {**kept, key: given})
            except BadConfig as error:
                log.warning(
                    "A stored setting is left out: %s", error, extra={"action": "setting.left-out"}
                )
            else:
                kept[key] = given
        return lay(settings, kept)


def fixed_by(settings: Settings, key: str) -> str:
    """The file or variable that holds a setting and so wins; empty where it may be changed."""
    origin = settings.base.origin(key)
    return "" if origin == "default" else origin


def current(settings: Settings, key: str) -> Any:
    """The value that counts now."""
    value: Any = settings
    for name in key.split("."):
        value = getattr(value, name)
    return value


def deletes_more(key: str, before: object, after: object) -> bool:
    """Whether a change of days lets something be deleted that would have stayed."""
    if key not in DELETING or not isinstance(before, int) or not isinstance(after, int):
        return False
    return after > 0 and (before == 0 or after < before)


def info_of(key: str) -> Any:
    """The entry of the table of settings (a pydantic FieldInfo)."""
    section, _, name = key.rpartition(".")
    model = SECTIONS[section] if section else Settings
    return model.model_fields[name]
