"""Access in words: secrecy, levels, and each rule of an explanation as a sentence."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from govbot.documents.explain import Explanation
from govbot.documents.types import Effect, Level, Secrecy
from govbot.documents.verdict import Outcome, Reason, Rule
from govbot.web.i18n import _
from govbot.web.visit import Visit

# After Lei 12.527/2011.
SECRECY: Final = {
    Secrecy.PUBLIC: _("Public"),
    Secrecy.RESTRICTED: _("Restricted"),
    Secrecy.RESERVED: _("Reserved"),
    Secrecy.SECRET: _("Secret"),
    Secrecy.TOP_SECRET: _("Top secret"),
}
# What each level is called, and what it adds.
LEVELS: Final[dict[Level, tuple[str, str]]] = {
    Level.READ: (_("Reads"), _("asks about the documents and opens them")),
    Level.WRITE: (_("Writes"), _("also sends documents and moves them to the trash")),
    Level.MANAGE: (_("Manages"), _("also decides who has access, renames and deletes")),
}
EFFECTS: Final[dict[Effect, str]] = {"allow": _("May"), "deny": _("May not")}
# In the middle of a sentence: "... may read".
MAY: Final[dict[Level, str]] = {
    Level.READ: _("may read"),
    Level.WRITE: _("may write"),
    Level.MANAGE: _("may manage"),
}
# What a denial takes.
TAKEN: Final[dict[Level, str]] = {
    Level.READ: _("reading"),
    Level.WRITE: _("writing"),
    Level.MANAGE: _("managing"),
}
ICONS: Final = {
    Outcome.OPENS: "check",
    Outcome.SHUTS: "close",
    Outcome.HIDES: "search",
    Outcome.NOTES: "info",
}
_PLAIN: Final = {
    Reason.DISABLED: _("The account is disabled."),
    Reason.ADMIN: _("Administrators manage every collection."),
    Reason.NO_GRANT: _("Nothing gives access, neither directly nor by a group."),
    Reason.TRASH: _("The document is in the trash: only who may write it still sees it."),
    Reason.DRAFT: _("No version is approved yet: only who may write the document sees it."),
    Reason.NOT_INDEXED: _("Its text is not searched: it is being processed, or could not be read."),
    Reason.NOT_IN_FORCE: _("It is not in force today, so no question about today finds it."),
    Reason.NEWER_VERSION: _("A newer version is not searched yet: the one before it is."),
}
_GRANTS: Final = {
    ("allow", "collection", False): _("By a grant on the collection, this person %(may)s."),
    ("allow", "collection", True): _("By a grant on the collection, the group “%(via)s” %(may)s."),
    ("allow", "document", False): _("By a grant on this document, this person %(may)s."),
    ("allow", "document", True): _("By a grant on this document, the group “%(via)s” %(may)s."),
    ("deny", "collection", False): _(
        "A denial on the collection takes from this person: %(taken)s, and all above it."
    ),
    ("deny", "collection", True): _(
        "A denial on the collection takes from the group “%(via)s”: %(taken)s, and all above it."
    ),
    ("deny", "document", False): _(
        "A denial on this document takes from this person: %(taken)s, and all above it."
    ),
    ("deny", "document", True): _(
        "A denial on this document takes from the group “%(via)s”: %(taken)s, and all above it."
    ),
}


def secrecy_name(visit: Visit, secrecy: int) -> str:
    """A degree of secrecy, or a clearance, by name."""
    return visit.translate(SECRECY[Secrecy(secrecy)])


def sentence(visit: Visit, rule: Rule, found: Explanation | None = None) -> str:
    """A rule in words; `found` has the degrees that a rule about secrecy names."""
    if rule.reason in _PLAIN:
        return visit.translate(_PLAIN[rule.reason])
    if rule.reason is Reason.SECRECY:
        return _secrecy(visit, rule, found)
    level = rule.level or Level.READ
    words = _GRANTS[rule.reason.value, rule.scope or "collection", bool(rule.via)]
    return visit.translate(
        words,
        via=rule.via,
        may=visit.translate(MAY[level]),
        taken=visit.translate(TAKEN[level]),
    )


def verdict(visit: Visit, found: Explanation) -> str:
    """The result in one sentence."""
    result = found.verdict
    name = found.person.name
    if not result.readable:
        return visit.translate("%(name)s may not read this document.", name=name)
    may = visit.translate(MAY[result.level or Level.READ])
    if result.found:
        return visit.translate(
            "%(name)s %(may)s this document, and questions find it.", name=name, may=may
        )
    return visit.translate(
        "%(name)s %(may)s this document, but no question finds it.", name=name, may=may
    )


def deciding(rules: Iterable[Rule]) -> list[Rule]:
    """The rules without which the result would be another one."""
    return [rule for rule in rules if rule.decides]


def helpers(visit: Visit) -> dict[str, Any]:
    """What the templates of access call."""

    def rule_words(rule: Rule, found: Explanation | None = None) -> str:
        return sentence(visit, rule, found)

    def level_name(level: Level | None) -> str:
        return visit.translate(LEVELS[level][0] if level else _("No access"))

    return {
        "rule_words": rule_words,
        "rule_icon": lambda rule: ICONS[rule.outcome],
        "deciding": deciding,
        "verdict_words": lambda found: verdict(visit, found),
        "level_name": level_name,
        "secrecy_name": lambda secrecy: secrecy_name(visit, secrecy),
    }


def _secrecy(visit: Visit, rule: Rule, found: Explanation | None) -> str:
    if found is None:
        return visit.translate("The clearance is below the secrecy of the document.")
    degrees = {
        "secrecy": secrecy_name(visit, found.secrecy),
        "clearance": secrecy_name(visit, found.person.clearance),
    }
    if rule.outcome is Outcome.SHUTS:
        return visit.translate(
            "The document is %(secrecy)s, and the clearance reaches only to %(clearance)s.",
            **degrees,
        )
    return visit.translate(
        "The document is %(secrecy)s, and the clearance reaches to %(clearance)s.", **degrees
    )
