"""A route of the API as its tables name it: the scope it needs, and how OpenAPI tells it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from litestar import delete, get, patch, post, put
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec

from govbot.auth.api_keys import Scope
from govbot.db.access import Role
from govbot.web.api_types import Problem

_PROBLEMS = {
    400: "The request is malformed.",
    401: "The key is missing, not valid, expired or revoked.",
    403: "The key lacks the scope, or the person may read this but not do that.",
    404: "It does not exist, or may not be read: the two look alike.",
    405: "This address does not know this method.",
    409: "It conflicts with what is there.",
    413: "It is larger than the limit.",
    422: "A value is not valid.",
    429: "Too many requests: `Retry-After` says how many seconds to wait.",
    503: "A part that is needed is not available: try again later.",
}
_ALWAYS = (400, 401, 403, 405, 422, 429, 503)
Make = Callable[[Any], HTTPRouteHandler]


@dataclass(frozen=True)
class Route:
    """The options of a route: its scope, its name in the document, and what else differs.

    `roles`: who may come at all, where not everybody with the scope may. `problem` is the shape of
    its errors.
    """

    scope: Scope | None
    name: str
    tag: str
    problems: tuple[int, ...] = (404,)
    more: dict[str, Any] = field(default_factory=dict)
    roles: tuple[Role, ...] = ()
    problem: type[Any] = Problem

    def get(self, path: str) -> Make:
        """The handler of GET."""
        return get(path, **self._options())

    def post(self, path: str) -> Make:
        """The handler of POST; it answers 200 unless it says otherwise."""
        return post(path, **{"status_code": 200, **self._options()})

    def patch(self, path: str) -> Make:
        """The handler of PATCH."""
        return patch(path, **self._options())

    def put(self, path: str) -> Make:
        """The handler of PUT."""
        return put(path, **self._options())

    def delete(self, path: str) -> Make:
        """The handler of DELETE."""
        return delete(path, **self._options())

    def _options(self) -> dict[str, Any]:
        """What a Litestar handler is made with."""
        responses = {
            status: ResponseSpec(
                self.problem, description=_PROBLEMS[status], generate_examples=False
            )
            for status in sorted({*_ALWAYS, *self.problems})
        }
        responses |= self.more.get("responses", {})
        opt: dict[str, Any] = {"api": True, "scope": self.scope}
        if self.roles:
            opt["roles"] = self.roles
        return {
            "opt": opt,
            "operation_id": self.name,
            "tags": [self.tag],
            "security": [{"key": [self.scope.value] if self.scope else []}],
            **self.more,
            "responses": responses,
        }
