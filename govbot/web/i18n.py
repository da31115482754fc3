"""Languages of the pages: gettext catalogs, dates and numbers.

English is the language of the message ids; `govbot/locales/pt_BR` holds Portuguese. A compiled
catalog (`pybabel compile -D govbot -d govbot/locales`) is used when it is not older than its
source; otherwise the source is compiled in memory, so that a checkout is never out of step.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any, Final, TypeVar

from babel import Locale
from babel.dates import format_date, format_datetime, format_skeleton, format_time
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal, get_group_symbol
from babel.support import NullTranslations, Translations

from govbot import resources
from govbot.errors import GovBotError

DOMAIN: Final = "govbot"
LANGUAGES: Final = {"pt-BR": "Português", "en": "English"}
_Item = TypeVar("_Item")


def _(message: str) -> str:
    """Marks a message for the catalog; it is translated where it is shown."""
    return message


class Language:
    """One language: translates, and writes dates and numbers as its readers expect them."""

    def __init__(self, code: str) -> None:
        self.code = code
        self.locale = Locale.parse(code, sep="-")
        self.translations = _load(self.locale)
        self._thousands = get_group_symbol(self.locale)

    def gettext(self, message: str) -> str:
        """The message in this language."""
        return str(self.translations.ugettext(message))

    def ngettext(self, singular: str, plural: str, count: int) -> str:
        """The form for `count`."""
        return str(self.translations.ungettext(singular, plural, count))

    def sentence(self, error: GovBotError) -> str:
        """What an error says to the reader."""
        text = self.gettext(error.template)
        return text % error.params if error.params else text

    def day(self, moment: datetime) -> str:
        """Day, month in words, year, in the server's time zone."""
        return str(format_date(moment.astimezone(), "long", locale=self.locale))

    def short_date(self, day: date) -> str:
        """A date in figures, the year in full."""
        return str(format_skeleton("yMd", day, locale=self.locale))

    def moment(self, moment: datetime) -> str:
        """Date and time, short."""
        return str(format_datetime(moment.astimezone(), "short", locale=self.locale))

    def time(self, moment: datetime) -> str:
        """Hour and minute."""
        return str(format_time(moment.astimezone(), "short", locale=self.locale))

    def number(self, value: float) -> str:
        """A number with the language's separators."""
        if isinstance(value, int):  # most of them: both languages group by thousands
            return f"{value:,}".replace(",", self._thousands)
        return str(format_decimal(value, locale=self.locale))

    def by_day(
        self, items: Iterable[tuple[datetime, _Item]], *, now: datetime | None = None
    ) -> list[tuple[str, list[_Item]]]:
        """Groups items, newest first, under "Today", "Yesterday", "Last 7 days", months."""
        today = (now or datetime.now().astimezone()).date()
        groups: list[tuple[str, list[_Item]]] = []
        for moment, item in items:
            label = self._day_label(moment.astimezone().date(), today)
            if not groups or groups[-1][0] != label:
                groups.append((label, []))
            groups[-1][1].append(item)
        return groups

    def _day_label(self, day: date, today: date) -> str:
        if day >= today:
            return self.gettext("Today")
        if day == today - timedelta(days=1):
            return self.gettext("Yesterday")
        if day > today - timedelta(days=7):
            return self.gettext("Last 7 days")
        if day > today - timedelta(days=30):
            return self.gettext("Last 30 days")
        pattern = "LLLL" if day.year == today.year else "LLLL y"
        month = str(format_date(day, pattern, locale=self.locale))
        return month[:1].upper() + month[1:]


@cache
def language(code: str) -> Language:
    """The language with this code of LANGUAGES."""
    return Language(code)


def choose(cookie: str | None, accept: str, default: str) -> str:
    """The visitor's own choice, else what the browser asks for, else the setting."""
    if cookie in LANGUAGES:
        return str(cookie)
    for wanted in _by_quality(accept):
        for code in LANGUAGES:
            if wanted == code.lower() or wanted.partition("-")[0] == code.partition("-")[0]:
                return code
    return default


def _by_quality(accept: str) -> list[str]:
    """The language tags of an Accept-Language header, the most wanted first."""
    found: list[tuple[float, str]] = []
    for part in accept[:500].split(","):
        tag, _sep, quality = part.strip().partition(";q=")
        if re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", tag):
            weight = float(quality) if re.fullmatch(r"[01](\.\d{1,3})?", quality) else 1.0
            found.append((-weight, tag.lower()))
    return [tag for _weight, tag in sorted(found, key=lambda pair: pair[0])]


def _load(locale: Locale) -> Any:
    folder = resources.locales_dir() / str(locale) / "LC_MESSAGES"
    source, compiled = folder / f"{DOMAIN}.po", folder / f"{DOMAIN}.mo"
    if compiled.is_file() and (
        not source.is_file() or compiled.stat().st_mtime >= source.stat().st_mtime
    ):
        with compiled.open("rb") as file:
            return Translations(file, domain=DOMAIN)
    if not source.is_file():
        return NullTranslations()
    with source.open("rb") as file:
        catalog = read_po(file, locale=locale, domain=DOMAIN)
    binary = io.BytesIO()
    write_mo(binary, catalog)
    binary.seek(0)
    return Translations(binary, domain=DOMAIN)
