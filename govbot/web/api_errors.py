"""Errors of the API: a stable code and a sentence in the language of Accept-Language."""

from __future__ import annotations

from typing import Any

from litestar import Response
from litestar.exceptions import HTTPException

from govbot.auth.bearer import BadKey, OutOfScope
from govbot.errors import Busy, GovBotError, TooLarge
from govbot.web import i18n, openai_errors
from govbot.web.api_types import FieldProblem, Problem
from govbot.web.i18n import _
from govbot.web.openai_types import OpenAIProblem
from govbot.web.visit import HttpRequest

PREFIXES = ("/api/", openai_errors.PREFIX)


class BadRequest(GovBotError):
    """The request is not valid."""

    code = "E-INVALID"
    status = 400


class WrongMethod(GovBotError):
    """This address does not know this method."""

    code = "E-METHOD"
    status = 405


def is_api(request: HttpRequest) -> bool:
    """Whether a request is answered in JSON."""
    return request.url.path.startswith(PREFIXES)


def language_of(request: HttpRequest, default: str) -> i18n.Language:
    """The language that the request asks for; no cookie is looked at."""
    accept = request.headers.get("accept-language", "")
    return i18n.language(i18n.choose(None, accept, default))


def answer(
    request: HttpRequest,
    error: GovBotError,
    default_language: str,
    foreign: HTTPException | None = None,
) -> Response[Any]:
    """The error as JSON; `foreign` is what the framework raised, if it did."""
    language = language_of(request, default_language)
    problem: Problem | OpenAIProblem
    if request.url.path.startswith(openai_errors.PREFIX):
        problem = openai_errors.problem_of(error, language, _fields(foreign))
    else:
        problem = Problem(error.error_code, language.sentence(error), _fields(foreign))
    headers = {"Content-Language": language.code, "Vary": "Accept-Language", **_headers(error)}
    if isinstance(error, WrongMethod) and foreign is not None and foreign.headers:
        headers["Allow"] = foreign.headers.get("allow", "")
    return Response(
        problem, status_code=error.status, media_type="application/json", headers=headers
    )


def translated(error: HTTPException) -> GovBotError | None:
    """What the framework found wrong, where pages say it in other words; else None."""
    match error.status_code:
        case 400:
            return BadRequest()
        case 405:
            return WrongMethod()
        case 413:
            return TooLarge()
        case 415:
            return BadRequest(_("The request has the wrong content type."))
        case _:
            return None


def _headers(error: GovBotError) -> dict[str, str]:
    match error:
        case Busy(retry_after=seconds) if seconds:
            return {"Retry-After": str(seconds)}
        case BadKey():
            return {"WWW-Authenticate": 'Bearer realm="govbot"'}
        case OutOfScope():
            scope = error.params["scope"]
            words = f'Bearer realm="govbot", error="insufficient_scope", scope="{scope}"'
            return {"WWW-Authenticate": words}
        case _:
            return {}


def _fields(error: HTTPException | None) -> list[FieldProblem]:
    """Which fields are wrong, in the framework's words; they name no value."""
    extra: Any = getattr(error, "extra", None)
    if not isinstance(extra, list):
        return []
    return [
        FieldProblem(str(item.get("key", "")), str(item.get("message", "")))
        for item in extra[:20]
        if isinstance(item, dict)
    ]
