"""The pages for monitoring."""

from __future__ import annotations

import httpx

from govbot import metrics, tracing
from govbot.web.site import build_site
from tests.otlp_server import receiving
from tests.web.conftest import ADDRESS, Client, SignIn, browser
from tests.web.scene import Scene


async def test_it_is_alive_without_a_session(anyone: Client) -> None:
    answer = await anyone.get("/healthz")
    assert (answer.status_code, answer.text) == (200, "ok\n")


async def test_it_is_ready_when_database_schema_and_worker_are(anyone: Client) -> None:
    answer = await anyone.get("/readyz")
    assert answer.status_code == 200
    expected = {"database": "ok", "schema": "ok", "worker": "ok", "files": "ok", "models": "ok"}
    assert answer.json() == expected


async def test_it_is_not_ready_without_the_worker(scene: Scene) -> None:
    async with browser(scene, worker_alive=lambda: False) as client:
        answer = await client.get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["worker"] == "stopped"


async def test_it_is_not_ready_with_another_schema(
    anyone: Client, scene: Scene, owner_pool: object
) -> None:
    async with owner_pool.connection() as conn:  # type: ignore[attr-defined]
        await conn.execute("UPDATE alembic_version SET version_num = '9999'")
    answer = await anyone.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["schema"] == "wrong version"


async def test_figures_are_for_this_machine_and_administrators(
    anyone: Client, signed_in: SignIn, scene: Scene
) -> None:
    assert (await anyone.get("/metrics")).status_code == 403
    assert (await (await signed_in("reader")).get("/metrics")).status_code == 403
    assert (await (await signed_in("admin")).get("/metrics")).status_code == 200
    site = build_site(scene.app)  # type: ignore[arg-type]
    transport = httpx.ASGITransport(app=site, client=("127.0.0.1", 5))  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url=ADDRESS) as local:
        assert "govbot_build_info" in (await local.get("/metrics")).text
        passed_on = {"x-forwarded-for": "203.0.113.9"}
        assert (await local.get("/metrics", headers=passed_on)).status_code == 403


async def test_figures_are_for_the_networks_of_the_settings(scene: Scene) -> None:
    networks = ("10.1.2.3/32", "192.0.2.0/24", "2001:db8::/32")
    web = scene.app.settings.web.model_copy(update={"metrics_from": networks})
    scene.app.settings = scene.app.settings.model_copy(update={"web": web})
    site = build_site(scene.app)  # type: ignore[arg-type]

    async def status(address: str, **headers: str) -> int:
        transport = httpx.ASGITransport(app=site, client=(address, 5))  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url=ADDRESS) as client:
            return (await client.get("/metrics", headers=headers)).status_code

    for allowed in ("10.1.2.3", "192.0.2.200", "::ffff:192.0.2.7", "2001:db8::5"):
        assert await status(allowed) == 200, allowed
    for refused in ("10.1.2.4", "127.0.0.1", "::1", "", "unknown"):
        assert await status(refused) == 403, refused
    assert await status("10.1.2.3", forwarded="for=10.1.2.3") == 403


async def test_an_error_is_counted_by_its_code(anyone: Client) -> None:
    labels = {"place": "web", "code": "E-NOT-FOUND"}
    before = metrics.registry.get_sample_value("govbot_errors_total", labels) or 0
    await anyone.get("/nada")
    assert metrics.registry.get_sample_value("govbot_errors_total", labels) == before + 1


async def test_a_request_leaves_a_span_by_its_route_and_monitors_leave_none(
    signed_in: SignIn, scene: Scene
) -> None:
    reader = await signed_in("reader")
    with receiving() as receiver:
        stranger = {"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}
        answer = await reader.get(
            f"/documentos/{scene.law}/pagina/1?busca=férias", headers=stranger
        )
        await reader.get("/healthz")
        await reader.get("/metrics")
        tracing.close()
        (span,) = receiver.spans()
    assert span.name.startswith("GET /documentos/{version_id")
    assert span.facts["http.response.status_code"] == answer.status_code
    assert span.facts["govbot.request"] == answer.headers["x-request-id"]
    assert span.trace != "a" * 32
    for told in (str(scene.law), "férias", "a" * 32):
        assert told.encode() not in receiver.everything


async def test_requests_are_counted_by_route_and_never_by_path(
    signed_in: SignIn, scene: Scene
) -> None:
    admin = await signed_in("admin")
    await admin.get(f"/documentos/{scene.law}/pagina/1")
    text = (await admin.get("/metrics")).text
    assert 'route="/documentos/{version_id:uuid}/pagina/{number:int}"' in text or (
        'route="/documentos/{version_id}/pagina/{number}"' in text
    )
    assert str(scene.law) not in text
