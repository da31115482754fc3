"""Errors in the shape of OpenAI, with GovBot's stable code in the place of theirs."""

from __future__ import annotations

from govbot.errors import GovBotError
from govbot.web.api_types import FieldProblem
from govbot.web.i18n import Language
from govbot.web.openai_types import Fault, FaultType, OpenAIProblem

PREFIX = "/v1/"


def problem_of(
    error: GovBotError, language: Language, fields: list[FieldProblem] | None = None
) -> OpenAIProblem:
    """The error as clients read it; the first wrong field is its `param`."""
    message = language.sentence(error)
    param: str | None = error.params.get("param")
    if fields:
        param = fields[0].field or None
        message += " " + "; ".join(f"{each.field}: {each.message}" for each in fields)
    return OpenAIProblem(Fault(message, _kind(error.status), param, error.error_code))


def _kind(status: int) -> FaultType:
    match status:
        case 401:
            return "authentication_error"
        case 403:
            return "permission_error"
        case 429:
            return "rate_limit_error"
        case _ if status >= 500:
            return "server_error"
        case _:
            return "invalid_request_error"
