"""Signing in at an identity provider and by a proxy's header: the way there and back."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Response
from litestar.params import FromQuery, QueryParameter

from govbot.auth import oidc, proxy
from govbot.auth.oidc import Returned
from govbot.errors import GovBotError, NotFound
from govbot.web import cookies, sign_in
from govbot.web.entrances import header_person
from govbot.web.visit import CurrentVisit, local_path

BROWSER = "govbot_oidc"
Text = QueryParameter(max_length=4000)


async def oidc_start(visit: CurrentVisit, seguir: FromQuery[str] = "/") -> Response[Any]:
    """Leads to the provider's page. Raises NotFound where none is configured."""
    settings = visit.app.settings
    if not settings.oidc.issuer:
        raise NotFound
    known = cookies.value_of(visit.request, BROWSER, settings)
    try:
        begun = await oidc.begin(
            visit.app.pool, settings, visit.app.sealer, follow=local_path(seguir), browser=known
        )
    except GovBotError as error:
        return sign_in.form_page(visit, local_path(seguir), "", error)
    response: Response[Any] = Response("", status_code=303, headers={"Location": begun.address})
    response.set_cookie(cookies.cookie(settings, BROWSER, begun.browser, max_age=oidc.LIFE_S))
    return response


async def oidc_return(
    visit: CurrentVisit,
    code: Annotated[str, Text] = "",
    mark: Annotated[str, QueryParameter(name="state", max_length=4000)] = "",
    error: Annotated[str, Text] = "",
    iss: Annotated[str, Text] = "",
) -> Response[Any]:
    """Takes back who comes from the provider's page and opens the session."""
    settings = visit.app.settings
    if not settings.oidc.issuer:
        raise NotFound
    browser = cookies.value_of(visit.request, BROWSER, settings)
    try:
        signed_in, follow = await oidc.finish(
            visit.app.pool,
            settings,
            visit.app.sealer,
            Returned(mark, browser, code, error, iss),
            ip=visit.ip,
            user_agent=visit.request.headers.get("user-agent", ""),
        )
    except GovBotError as problem:
        return sign_in.form_page(visit, "/", "", problem)
    response = sign_in.enter(visit, signed_in, follow)
    response.set_cookie(cookies.cookie(settings, BROWSER, "", max_age=0))
    return response


async def proxy_enter(visit: CurrentVisit, seguir: FromQuery[str] = "/") -> Response[Any]:
    """Opens a session for the user whom a trusted proxy names. Raises NotFound without one."""
    person = header_person(visit.app.settings, visit.request)
    if person is None:
        raise NotFound
    if visit.session is not None:
        return visit.redirect(local_path(seguir))
    try:
        signed_in = await proxy.enter(
            visit.app.pool,
            visit.app.settings,
            person,
            ip=visit.ip,
            user_agent=visit.request.headers.get("user-agent", ""),
        )
    except GovBotError as problem:
        return sign_in.form_page(visit, local_path(seguir), "", problem)
    return sign_in.enter(visit, signed_in, local_path(seguir))
