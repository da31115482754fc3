"""Where people come from: the directory's state, a test of the connection, a comparison."""

from __future__ import annotations

from typing import Any

from litestar import Response

from govbot.auth import ldap_check, ldap_sync, oidc, roles
from govbot.auth.ldap import LdapDirectory, open_directory
from govbot.auth.ldap_check import Step
from govbot.db.access import as_actor, as_system
from govbot.errors import Conflict, GovBotError, NotFound, Unavailable
from govbot.web.i18n import _
from govbot.web.visit import CurrentVisit, Visit

PATH = "/admin/diretorio"
STEPS = {
    "resolve": _("Find the server"),
    "connect": _("Connect"),
    "tls": _("Secure the connection"),
    "bind": _("Sign in as the searching account"),
    "base": _("See the branch"),
    "user": _("Find the person"),
    "password": _("Check the password"),
    "groups": _("Find the groups"),
    "mapping": _("What it gives here"),
}
REMEDIES = {
    "resolve": _("Correct the host name in ldap.servers, or the DNS of the server."),
    "connect": _("See that the directory runs and that no firewall stands between."),
    "tls": _(
        "Give the certificate of the authority in ldap.ca_file; the name in ldap.servers must be "
        "one that the directory's certificate holds."
    ),
    "bind": _("Correct ldap.bind_dn and ldap.bind_password."),
    "base": _("Correct ldap.base_dn, or let the searching account read it."),
    "user": _(
        "Correct ldap.user_filter, ldap.username_attribute and ldap.id_attribute, or the name."
    ),
    "password": _("It is wrong, or the directory does not let this person sign in."),
    "groups": _(
        "Correct ldap.groups_base_dn and ldap.group_filter, or let the account read groups."
    ),
    "mapping": _("See ldap.required_groups and the tables [[ldap.groups]]."),
}
# What steps tell besides names and the servers' own words.
SEEN = (
    _("LDAPS, the certificate is verified"),
    _("STARTTLS, the certificate is verified"),
    _("none: passwords travel in clear text (ldap.tls is off)"),
    _("unnamed"),
    _("no entry, or more than one"),
    _("no table [[ldap.groups]] fits"),
    _("no access"),
    _("none"),
)
OUTCOMES = {
    "running": _("under way"),
    "done": _("done"),
    "refused": _("refused"),
    "failed": _("failed"),
}


async def show(visit: CurrentVisit) -> Response[str]:
    """The state of the directory and of the other ways in."""
    return await _page(visit)


async def test(visit: CurrentVisit) -> Response[str]:
    """Tries the connection, and the search for one person when a name is given."""
    ldap = _directory(visit)
    username = (await visit.form()).get("username", "").strip()[:256]
    steps = await ldap_check.diagnose(ldap, username)
    return await _page(visit, steps=steps, username=username)


async def compare(visit: CurrentVisit) -> Response[Any]:
    """Compares the accounts with the directory now."""
    ldap = _directory(visit)
    try:
        await ldap_sync.sync(ldap, by=visit.actor)
    except (Unavailable, Conflict) as error:
        return await _page(visit, problem=error)
    return visit.redirect(PATH)


def _directory(visit: Visit) -> LdapDirectory:
    roles.require(roles.may_manage_accounts(visit.actor))
    ldap = open_directory(visit.app.settings.ldap, visit.app.pool)
    if ldap is None:
        raise NotFound
    return ldap


async def _page(
    visit: Visit,
    *,
    steps: list[Step] | None = None,
    username: str = "",
    problem: GovBotError | None = None,
) -> Response[str]:
    roles.require(roles.may_manage_accounts(visit.actor))
    settings = visit.app.settings
    async with as_actor(visit.app.pool, visit.actor) as conn:
        syncs = await ldap_sync.list_syncs(conn)
    async with as_system(visit.app.pool) as conn:
        counts = await ldap_sync.count_accounts(conn)
    return visit.page(
        "admin/directory.html",
        status=problem.status if problem else 200,
        ldap=settings.ldap,
        oidc=settings.oidc,
        redirect_uri=oidc.redirect_uri(settings),
        proxy=settings.proxy,
        counts=counts,
        syncs=syncs,
        steps=steps,
        username=username,
        problem=visit.language.sentence(problem) if problem else "",
        label=lambda step: visit.translate(STEPS[step.name]),
        seen=lambda step: visit.translate(step.seen) if step.seen in SEEN else step.seen,
        remedy=lambda step: visit.translate(REMEDIES[step.name]),
        outcome=lambda sync: visit.translate(OUTCOMES[sync.outcome]),
    )
