"""For load balancers and monitoring: is it alive, is it ready, what are its figures."""

from __future__ import annotations

import logging
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address, ip_network

from litestar import Response
from litestar.di import NamedDependency

from govbot import metrics
from govbot.auth.sessions import session_of
from govbot.db import schema
from govbot.db.access import Role, as_system
from govbot.errors import Denied, GovBotError
from govbot.generate import State
from govbot.generate.pool import Pool as Models
from govbot.installation import sampling
from govbot.web import cookies
from govbot.web.visit import CurrentVisit, Visit

log = logging.getLogger(__name__)

Check = Callable[[], bool]


async def healthz() -> Response[str]:
    """The process answers."""
    return Response("ok\n", media_type="text/plain")


async def readyz(
    visit: CurrentVisit, worker_alive: NamedDependency[Check]
) -> Response[dict[str, str]]:
    """200 when the database answers with the right schema, documents are processed and their folder
    is there; `models` tells besides how those that answer do."""
    found = {"database": "ok", "schema": "ok", "worker": "ok", "files": "ok"}
    try:
        async with as_system(visit.app.pool) as conn:
            await conn.execute("SELECT 1")
            try:
                await schema.check(conn)
            except GovBotError:
                found["schema"] = "wrong version"
    except GovBotError:
        found |= {"database": "no answer", "schema": "unknown"}
    if not worker_alive():
        found["worker"] = "stopped"
    if visit.app.files.away:
        found["files"] = "away"
    ready = set(found.values()) == {"ok"}
    # Search and documents work without a model, so it does not take the node out of service.
    found["models"] = _models(visit.app.generator)
    if not ready:
        log.warning("Not ready: %s", found, extra={"action": "service.not-ready"})
    return Response(found, status_code=200 if ready else 503)


def _models(pool: Models) -> str:
    """How the models do together; which of them is for administrators, in the metrics."""
    states = [each for each in pool.models() if each.presence != "out"]
    failing = sum(each.status.state is State.FAILED for each in states)
    if not failing and states:
        return "ok"
    return "failing" if failing == len(states) else "partly"


async def figures(visit: CurrentVisit) -> Response[bytes]:
    """Prometheus metrics, for the machines of `web.metrics_from` and for administrators.

    Nothing is asked of the database for them: see govbot/installation/sampling.py.
    """
    if not (_from_a_monitor(visit) or await _is_administrator(visit)):
        raise Denied
    sampling.at_hand(visit.app)
    return Response(metrics.render(), media_type=metrics.CONTENT_TYPE)


def _from_a_monitor(visit: Visit) -> bool:
    """An address of the settings that no proxy has passed on."""
    headers = visit.request.headers
    if any(name in headers for name in ("x-forwarded-for", "forwarded", "x-real-ip")):
        return False
    try:
        address = ip_address(visit.ip)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return any(address in ip_network(each) for each in visit.app.settings.web.metrics_from)


async def _is_administrator(visit: Visit) -> bool:
    token = cookies.value_of(visit.request, cookies.SESSION, visit.app.settings)
    if not token:
        return False
    async with as_system(visit.app.pool) as conn:
        session = await session_of(conn, token, ip=visit.ip, settings=visit.app.settings.auth)
    return session is not None and session.complete and session.actor.role is Role.ADMIN
