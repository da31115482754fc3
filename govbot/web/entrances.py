"""Ways in and out besides the form: whom a trusted proxy names, the identity provider."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from litestar import Response

from govbot.auth import oidc, proxy
from govbot.auth.directory import Person
from govbot.auth.sessions import Method
from govbot.db.access import as_system

if TYPE_CHECKING:
    from govbot.config import Settings
    from govbot.web.visit import HttpRequest, Visit

PROXY_PATH = "/entrar/proxy"


def header_person(settings: Settings, request: HttpRequest) -> Person | None:
    """The person whom a trusted proxy names in this request."""
    peer = str(request.scope.get("state", {}).get("peer", ""))
    return proxy.person_of(settings.proxy, peer, list(request.scope["headers"]))


def shortcut(visit: Visit, follow: str) -> Response[Any] | None:
    """The way on for who need not see the form: the proxy knows them, or the provider will."""
    query = visit.request.query_params
    if "local" in query or "saiu" in query:
        return None
    there = f"?seguir={quote(follow, safe='/')}"
    if header_person(visit.app.settings, visit.request) is not None:
        return visit.redirect(PROXY_PATH + there)
    if visit.app.settings.oidc.issuer and visit.app.settings.oidc.auto_redirect:
        return visit.redirect(oidc.START + there)
    return None


def offers(visit: Visit) -> list[tuple[str, str]]:
    """Ways to sign in beside the form: address and name, the one that is at hand first."""
    found = []
    person = header_person(visit.app.settings, visit.request)
    if person is not None:
        found.append((PROXY_PATH, person.name or person.username))
    settings = visit.app.settings.oidc
    if settings.issuer:
        found.append((oidc.START, settings.name or urlsplit(settings.issuer).hostname or ""))
    return found


async def farewell(visit: Visit) -> Response[Any] | None:
    """The answer to a sign-out that goes on at the provider; asked before the session ends.

    A page and no redirect: a policy that lets forms go to ourselves alone stops redirects of forms
    to another host too.
    """
    session = visit.session
    if session is None or session.method not in (Method.OIDC, Method.PROXY):
        return None
    address = ""
    if session.method is Method.OIDC:
        async with as_system(visit.app.pool) as conn:
            address = await oidc.logout_address(
                conn, visit.app.settings, visit.app.sealer, session.id
            )
    if not address:
        return visit.redirect("/entrar?saiu=1")
    visit.session = None
    return visit.page(
        "account/leaving.html",
        headers={"Refresh": f"0; url={address}"},
        address=address,
        provider=visit.app.settings.oidc.name or urlsplit(address).hostname,
    )
