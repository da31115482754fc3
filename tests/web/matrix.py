"""Each route tried with everybody: who gets which status."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.web.conftest import Client, SignIn

PEOPLE = ("nobody", "reader", "stranger", "writer", "curator", "auditor", "admin")


async def client_of(name: str, anyone: Client, signed_in: SignIn) -> Client:
    """The browser of somebody of the cast, or of nobody."""
    return anyone if name == "nobody" else await signed_in(name)


async def status_of(
    client: Client, method: str, path: str, data: Mapping[str, Any] | None = None
) -> int:
    """What a request gets; a browser that is not signed in is led to the form (303)."""
    answer = await client.request(method, path, data=data if method == "POST" else None)
    if answer.status_code == 303 and answer.headers["location"].startswith("/entrar"):
        return 401
    return answer.status_code


def everyone(**statuses: int) -> dict[str, int]:
    """The expected status for each of PEOPLE; `others` stands for those not named.

    Auditors see the audit log and their own account alone: they are refused unless they are named,
    or the page is open to nobody too.
    """
    others = statuses.pop("others")
    if "nobody" not in statuses:
        statuses.setdefault("auditor", 403)
    return {name: statuses.get(name, 401 if name == "nobody" else others) for name in PEOPLE}
