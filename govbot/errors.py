"""One base error and its kinds; the doors (web, command line) translate each in one place.

The class docstring is the default message, in English, and a gettext key. `code` is stable: it
appears in logs, JSON and the documentation, and never changes once released.
"""

from __future__ import annotations

from typing import Any, ClassVar


class GovBotError(Exception):
    """Something went wrong in GovBot."""

    code: ClassVar[str] = "E-INTERNAL"
    status: ClassVar[int] = 500

    def __init__(self, message: str | None = None, *, code: str | None = None, **params: Any):
        """`message` may hold `%(name)s` places, filled from `params` after translation."""
        self.template = message or (type(self).__doc__ or "").strip()
        self.params = params
        self.error_code = code or type(self).code
        super().__init__(self.template % params if params else self.template)


class Invalid(GovBotError):
    """The request is not valid."""

    code = "E-INVALID"
    status = 422


class Denied(GovBotError):
    """You do not have permission to do this."""

    code = "E-DENIED"
    status = 403


class NotSignedIn(GovBotError):
    """Sign in to continue."""

    code = "E-SIGN-IN"
    status = 401


class NotFound(GovBotError):
    """Not found, or not yours to see."""

    code = "E-NOT-FOUND"
    status = 404


class Conflict(GovBotError):
    """It conflicts with what already exists."""

    code = "E-CONFLICT"
    status = 409


class TooLarge(GovBotError):
    """It is larger than the limit."""

    code = "E-TOO-LARGE"
    status = 413


class Busy(GovBotError):
    """Too many requests: wait a moment and try again."""

    code = "E-BUSY"
    status = 429

    def __init__(
        self,
        message: str | None = None,
        *,
        code: str | None = None,
        retry_after: int = 0,
        **params: Any,
    ):
        """`retry_after`: seconds to wait before the next try (Retry-After); 0: unknown."""
        super().__init__(message, code=code, **params)
        self.retry_after = retry_after


class Unavailable(GovBotError):
    """A part that is needed is not available right now: try again later."""

    code = "E-UNAVAILABLE"
    status = 503


class BadDocument(GovBotError):
    """The document cannot be read."""

    code = "E-CORROMPIDO"
    status = 422


class BadConfig(GovBotError):
    """The configuration is not valid."""

    code = "E-CONFIG"
    status = 500
