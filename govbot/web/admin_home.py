"""The home page of administration: every area with its state at a glance, and the first steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from litestar import Response
from litestar.di import NamedDependency

from govbot.auth import roles
from govbot.db.access import as_actor
from govbot.generate import State
from govbot.installation import overview, setup
from govbot.installation.overview import Overview
from govbot.web.admin_setup import TITLES
from govbot.web.i18n import _
from govbot.web.visit import CurrentVisit, Visit

Check = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Area:
    """A card: where it leads, what it is for, and how things stand there."""

    path: str
    icon: str
    name: str
    help: str
    state: str
    level: Literal["ok", "note", "problem"] = "ok"


async def show(visit: CurrentVisit, worker_alive: NamedDependency[Check]) -> Response[str]:
    """Everything an administrator looks after."""
    roles.require(roles.may_manage_accounts(visit.actor))
    app = visit.app
    async with as_actor(app.pool, visit.actor) as conn:
        seen = await overview.look(conn)
        steps = await setup.standing(conn, app.settings, app.generator.models())
    return visit.page(
        "admin/home.html",
        groups=_groups(visit, seen, alive=worker_alive()),
        setup=steps,
        titles=TITLES,
    )


def _groups(visit: Visit, seen: Overview, *, alive: bool) -> list[tuple[str, list[Area]]]:
    return [
        (_("People and access"), _people(visit, seen)),
        (_("Documents"), _documents(visit, seen)),
        (_("Answers"), _answers(visit, seen)),
        (_("Installation"), _installation(visit, seen, alive=alive)),
    ]


def _people(visit: Visit, seen: Overview) -> list[Area]:
    count = _counter(visit)
    ngettext = visit.language.ngettext
    ldap = visit.app.settings.ldap.servers
    return [
        Area(
            "/admin/usuarios",
            "user",
            _("People"),
            _("Accounts, roles, passwords; import from CSV"),
            count(
                ngettext("%(num)s active account", "%(num)s active accounts", seen.people),
                seen.people,
            ),
        ),
        Area(
            "/admin/grupos",
            "users",
            _("Groups"),
            _("Teams that get access together"),
            count(ngettext("%(num)s group", "%(num)s groups", seen.groups), seen.groups),
        ),
        Area(
            "/admin/permissoes",
            "grid",
            _("Permissions"),
            _("Who may what in which collection"),
            count(ngettext("%(num)s grant", "%(num)s grants", seen.grants), seen.grants),
        ),
        Area(
            "/admin/chaves",
            "key",
            _("API keys"),
            _("Programs that act for people"),
            count(ngettext("%(num)s key in force", "%(num)s keys in force", seen.keys), seen.keys),
        ),
        Area(
            "/admin/diretorio",
            "book",
            _("Directory"),
            _("LDAP, Active Directory, single sign-on"),
            visit.translate(_("in use") if ldap else _("not set up")),
        ),
        Area(
            "/admin/acesso/teste", "lock", _("Leak test"), _("What would a question show whom?"), ""
        ),
    ]


def _documents(visit: Visit, seen: Overview) -> list[Area]:
    count = _counter(visit)
    ngettext = visit.language.ngettext
    waiting = count(ngettext("%(num)s waits", "%(num)s wait", seen.waiting), seen.waiting)
    failed = count(ngettext("%(num)s failed", "%(num)s failed", seen.failed), seen.failed)
    folders = count(ngettext("%(num)s folder", "%(num)s folders", seen.folders), seen.folders)
    bad = visit.translate(_("one cannot be read"))
    return [
        Area(
            "/colecoes",
            "folder",
            _("Collections"),
            _("Documents that are given access to together"),
            count(
                ngettext("%(num)s collection", "%(num)s collections", seen.collections),
                seen.collections,
            ),
        ),
        Area(
            "/documentos",
            "document",
            _("Documents"),
            _("Everything that answers are made from"),
            count(
                ngettext("%(num)s document", "%(num)s documents", seen.documents), seen.documents
            ),
        ),
        Area(
            "/admin/fila",
            "layers",
            _("Queue"),
            _("What is being read"),
            visit.translate(_("paused")) if seen.paused else failed if seen.failed else waiting,
            "note" if seen.paused or seen.failed else "ok",
        ),
        Area(
            "/admin/pastas",
            "inbox",
            _("Folders"),
            _("Folders of the server, taken in by themselves"),
            bad if seen.folders_failing else folders,
            "problem" if seen.folders_failing else "ok",
        ),
    ]


def _answers(visit: Visit, seen: Overview) -> list[Area]:
    count = _counter(visit)
    ngettext = visit.language.ngettext
    states = visit.app.generator.models()
    failing = sum(each.status.state is State.FAILED for each in states)
    written = [each for each in states if each.kind != "extractive"]
    words = ", ".join(each.label for each in written) or visit.translate(_("excerpts, no model"))
    reports = count(
        ngettext("%(num)s open report", "%(num)s open reports", seen.reports), seen.reports
    )
    fell = visit.quality_fell
    return [
        Area(
            "/admin/modelos/respostas",
            "chat",
            _("Models that answer"),
            _("Load, unload, try"),
            visit.translate(_("one does not work")) if failing else words,
            "problem" if failing else "ok" if written else "note",
        ),
        Area(
            "/admin/modelos", "download", _("Models on this server"), _("Fetch, take in, check"), ""
        ),
        Area(
            "/curadoria",
            "flag",
            _("Curation"),
            _("Bad ratings and questions without answer"),
            reports,
            "note" if seen.reports else "ok",
        ),
        Area(
            "/avaliacao",
            "target",
            _("Evaluation"),
            _("How good the answers are, measured"),
            visit.translate(_("answers got worse")) if fell else "",
            "problem" if fell else "ok",
        ),
        Area("/analises", "chart", _("Analytics"), _("How much GovBot is used, and for what"), ""),
    ]


def _installation(visit: Visit, seen: Overview, *, alive: bool) -> list[Area]:
    count = _counter(visit)
    ngettext = visit.language.ngettext
    shown = count(
        ngettext("%(num)s shown now", "%(num)s shown now", seen.announcements), seen.announcements
    )
    changed = count(ngettext("%(num)s changed", "%(num)s changed", seen.changed), seen.changed)
    return [
        Area(
            "/admin/sistema",
            "pulse",
            _("System"),
            _("The health of every part, and remedies"),
            visit.translate(_("in order") if alive else _("documents are not being read")),
            "ok" if alive else "problem",
        ),
        Area(
            "/admin/configuracoes",
            "gear",
            _("Settings"),
            _("Limits, retention, name; with history"),
            changed if seen.changed else visit.translate(_("as installed")),
        ),
        Area(
            "/admin/avisos",
            "megaphone",
            _("Announcements"),
            _("What everybody sees on top"),
            shown if seen.announcements else "",
        ),
        Area(
            "/admin/auditoria",
            "shield",
            _("Audit log"),
            _("Who did what, and when"),
            count(ngettext("%(num)s entry", "%(num)s entries", seen.entries), seen.entries),
        ),
        Area("/admin/comecar", "check", _("First steps"), _("What a new installation needs"), ""),
    ]


def _counter(visit: Visit) -> Any:
    """Fills the number of a plural form, written as readers expect it."""
    return lambda text, number: text % {"num": visit.language.number(number)}
