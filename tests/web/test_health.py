"""The pages for monitoring."""

from __future__ import annotations

import httpx

from govbot.web.site import build_site
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
