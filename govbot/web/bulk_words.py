"""Acts on many documents in words: what each is called, and what became of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from govbot.ingest.bulk import Act, Result
from govbot.web.i18n import _
from govbot.web.visit import Visit

# The word of the form, the act and what the button says.
ACTS: Final[dict[str, tuple[Act, str]]] = {
    "repetir": (Act.RETRY, _("Try again")),
    "etiquetar": (Act.TAG, _("Add a tag…")),
    "desetiquetar": (Act.UNTAG, _("Take a tag away…")),
    "sigilo": (Act.SECRECY, _("Set the secrecy…")),
    "lixeira": (Act.TRASH, _("Move to the trash…")),
    "restaurar": (Act.RESTORE, _("Restore")),
}
IN_TRASH: Final = ("restaurar",)
OUTSIDE: Final = ("repetir", "etiquetar", "desetiquetar", "sigilo", "lixeira")
_PATTERN: Final = re.compile(r"([a-z]{1,20})((?:-\d{1,5}){7})")


def mark_of(act: Act, result: Result) -> str:
    """The result as it stands in the address of the list."""
    word = next(word for word, (each, _label) in ACTS.items() if each is act)
    numbers = (
        result.done, result.same, result.denied, result.held, result.taken, result.full,
        result.gone,
    )  # fmt: skip
    return "-".join([word, *map(str, numbers)])


def told(visit: Visit, mark: str) -> str:
    """The sentence for such a mark; "" for what is none."""
    found = _PATTERN.fullmatch(mark)
    if found is None or found[1] not in ACTS:
        return ""
    done, same, denied, held, taken, full, gone = map(int, found[2].split("-")[1:])
    ngettext = visit.language.ngettext
    sentences = [
        (done, ngettext("%(num)s document changed.", "%(num)s documents changed.", done)),
        (same, ngettext(
            "%(num)s needed no change.", "%(num)s needed no change.", same)),
        (denied, ngettext(
            "%(num)s you may not change.", "%(num)s you may not change.", denied)),
        (held, ngettext(
            "%(num)s is under legal hold and stays.",
            "%(num)s are under legal hold and stay.", held)),
        (taken, ngettext(
            "%(num)s could not be changed: another document has its name now.",
            "%(num)s could not be changed: other documents have their names now.", taken)),
        (full, ngettext(
            "%(num)s has as many tags as it may.", "%(num)s have as many tags as they may.",
            full)),
        (gone, ngettext(
            "%(num)s is no longer there.", "%(num)s are no longer there.", gone)),
    ]  # fmt: skip
    shown = [
        words % {"num": visit.language.number(number)} for number, words in sentences if number
    ]
    return " ".join(shown) or visit.translate("Nothing was chosen.")


def offered(visit: Visit, *, trashed: bool) -> list[tuple[str, str]]:
    """The acts that a list offers, by the word of the form."""
    say: Callable[[str], str] = visit.translate
    return [(word, say(ACTS[word][1])) for word in (IN_TRASH if trashed else OUTSIDE)]
