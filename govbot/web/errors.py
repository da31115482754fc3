"""The one place where errors become pages: a sentence, a code, the way on; never a traceback."""

from __future__ import annotations

import logging
from functools import cache
from typing import TYPE_CHECKING, Any

from litestar import Response
from litestar.exceptions import HTTPException
from litestar.response import Redirect

from govbot import errors, logs, metrics
from govbot.errors import Busy, GovBotError, NotSignedIn
from govbot.web import api_errors
from govbot.web.guards import Unfinished
from govbot.web.i18n import _
from govbot.web.visit import HttpRequest, Visit, sign_in_path

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)

_BY_STATUS: dict[int, type[GovBotError]] = {
    401: errors.NotSignedIn,
    403: errors.Denied,
    404: errors.NotFound,
    405: errors.NotFound,
    409: errors.Conflict,
    413: errors.TooLarge,
    429: errors.Busy,
    503: errors.Unavailable,
}
# Codes that are stored with an answer and have no class of their own.
_SENTENCES = {
    "E-INTERRUPTED": _("The answer was interrupted because GovBot was restarted. Ask again."),
    "E-TIMEOUT": _("The answer took too long. Ask again, perhaps in fewer words."),
    "E-MODEL-TIME": _("The answer took too long. Ask again, perhaps in fewer words."),
    "E-MODEL-BROKEN": _("The answer broke off. Ask again."),
    "E-QUESTION-LENGTH": _("The question is too long for the model in use: shorten it."),
    "E-GRAMMAR": _("The grammar of the answer cannot be read."),
    "E-STOPPING": _("The server is stopping: ask again in a moment."),
}
_GONE = "client disconnected prematurely"  # what Litestar says of a body that broke off
_MODEL = _("The language model does not answer. If it happens again, tell your support team.")


def handlers(visit_of: Callable[[HttpRequest], Visit]) -> dict[Any, Any]:
    """Exception handlers for the whole site."""

    def own(request: HttpRequest, error: GovBotError) -> Response[Any]:
        if error.status >= 500:
            log.warning(
                "A request failed: %s", error.error_code, extra={"action": "request.failed"}
            )
        return _any_answer(visit_of(request), error)

    def foreign(request: HttpRequest, error: HTTPException) -> Response[Any]:
        if error.detail == _GONE:
            log.info("The browser went away", extra={"action": "request.abandoned"})
            return Response("", status_code=400)  # nobody is there to read it
        if error.status_code >= 500:
            return unknown(request, error)
        kind = _BY_STATUS.get(error.status_code, errors.Invalid)
        return _any_answer(visit_of(request), kind(), error)

    def unknown(request: HttpRequest, error: Exception) -> Response[Any]:
        log.error(
            "A request failed unexpectedly", exc_info=error, extra={"action": "request.failed"}
        )
        return _any_answer(visit_of(request), GovBotError())

    return {GovBotError: own, HTTPException: foreign, Exception: unknown}


def describe(code: str | None) -> str:
    """The message id of a stored error code."""
    if code in _SENTENCES:
        return _SENTENCES[code]
    if code and code.startswith("E-MODEL"):
        return _MODEL
    kind = _by_code().get(code or "", GovBotError)
    return (kind.__doc__ or "").strip()


@cache
def _by_code() -> dict[str, type[GovBotError]]:
    found: dict[str, type[GovBotError]] = {}
    waiting = [GovBotError]
    while waiting:
        kind = waiting.pop()
        found.setdefault(kind.code, kind)
        waiting.extend(kind.__subclasses__())
    return found


def _any_answer(
    visit: Visit, error: GovBotError, foreign: HTTPException | None = None
) -> Response[Any]:
    """A page, or JSON for programs; who asked too often learns how long to wait."""
    metrics.observe_error("web", error.error_code)
    if api_errors.is_api(visit.request):
        found = (foreign and api_errors.translated(foreign)) or error
        return api_errors.answer(visit.request, found, visit.app.settings.language, foreign)
    response = _answer(visit, error)
    if isinstance(error, Busy) and error.retry_after:
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def _answer(visit: Visit, error: GovBotError) -> Response[Any]:
    if isinstance(error, NotSignedIn):
        return _elsewhere(visit, sign_in_path(visit.request), error)
    if isinstance(error, Unfinished):
        return _elsewhere(visit, error.path, error)
    template = "errors/_notice.html" if visit.wants_fragment else "errors/error.html"
    return visit.page(
        template,
        status=error.status,
        sentence=visit.language.sentence(error),
        code=error.error_code,
        status_code=error.status,
        request_id=logs.request_id.get(),
    )


def _elsewhere(visit: Visit, path: str, error: GovBotError) -> Response[Any]:
    """Browsers that show pages are sent on; everything else gets the status."""
    if visit.wants_fragment:
        return Response("", status_code=error.status, headers={"HX-Redirect": path})
    if visit.request.method == "GET" and "text/html" in visit.request.headers.get("accept", ""):
        return Redirect(path, status_code=303)
    return visit.page(
        "errors/error.html",
        status=error.status,
        sentence=visit.language.sentence(error),
        code=error.error_code,
        status_code=error.status,
        request_id=logs.request_id.get(),
    )
