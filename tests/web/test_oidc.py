"""Signing in through an identity provider, and everything that must not work."""

from __future__ import annotations

import json
import time
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc import jwk, jwt

from govbot import audit
from govbot.auth import users
from govbot.config.table import Oidc
from govbot.db.access import Role, as_system
from govbot.db.pool import Pool
from tests.oidc_provider import CLIENT, SECRET, Provider, back, new_key, running
from tests.web.conftest import ADDRESS, Client, browser, csrf_of
from tests.web.scene import Scene, make_scene

RULES = [{"group": "/gabinete", "role": "curator", "member_of": ["Gabinete"], "clearance": 2}]


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    async with running() as found:
        yield found


@pytest.fixture
async def scene(pool: Pool, tmp_path: Path, provider: Provider) -> Scene:
    return await make_scene(
        pool, tmp_path, web={"base_url": ADDRESS}, oidc=settings_for(provider), ldap={}
    )


def settings_for(provider: Provider, **changes: Any) -> Oidc:
    values = {
        "issuer": provider.issuer, "name": "Aurora", "client_id": CLIENT, "groups": RULES,
        "client_secret": SECRET, "timeout_s": 3, **changes,
    }  # fmt: skip
    return Oidc.model_validate(values)


def configure(scene: Scene, provider: Provider, **changes: Any) -> None:
    oidc = settings_for(provider, **changes)
    scene.app.settings = scene.app.settings.model_copy(update={"oidc": oidc})


async def asked_by(client: Client, follow: str = "/conta") -> dict[str, str]:
    """What the browser would ask of the provider."""
    answer = await client.get("/entrar/oidc", params={"seguir": follow})
    assert answer.status_code == 303, answer.text
    query = parse_qs(urlsplit(answer.headers["location"]).query)
    return {name: values[0] for name, values in query.items()}


async def signed_in_by(
    client: Client, provider: Provider, follow: str = "/conta"
) -> httpx.Response:
    return await client.get(back(provider, await asked_by(client, follow)))


async def is_refused(scene: Scene, provider: Provider) -> bool:
    """Whether a whole sign-in ends at the form, with a sentence and no session."""
    async with browser(scene) as client:
        client.cookies.set("govbot_language", "en")
        answer = await signed_in_by(client, provider)
        told = "did not confirm who you are" in answer.text
        return answer.status_code == 403 and told and "govbot_session" not in client.cookies


@pytest.fixture
async def client(scene: Scene) -> AsyncIterator[Client]:
    async with browser(scene) as found:
        found.cookies.set("govbot_language", "en")
        yield found


async def test_the_form_offers_the_provider_and_the_way_back_opens_a_session(
    scene: Scene, client: Client, provider: Provider
) -> None:
    form = await client.get("/entrar?seguir=/conta")
    assert 'href="/entrar/oidc?seguir=/conta"' in form.text
    assert "Sign in with Aurora" in form.text
    answer = await signed_in_by(client, provider)
    assert (answer.status_code, answer.headers["location"]) == (303, "/conta")
    assert "Clara Dias" in (await client.get("/conta")).text
    async with as_system(scene.app.pool) as conn:
        user = await users.by_username(conn, "clara.dias")
    assert (user.role, user.clearance, user.groups) == (Role.CURATOR, 2, ("Gabinete",))


async def test_the_request_holds_challenge_state_and_nonce_and_no_secret(
    client: Client, provider: Provider
) -> None:
    one, other = await asked_by(client), await asked_by(client)
    assert one["code_challenge_method"] == "S256"
    assert one["redirect_uri"] == f"{ADDRESS}/entrar/oidc/retorno"
    for name in ("state", "nonce", "code_challenge"):
        assert len(one[name]) >= 43
        assert one[name] != other[name]
    assert SECRET not in str(one)


async def test_a_second_sign_in_finds_the_account_by_its_subject_whatever_it_is_called_now(
    scene: Scene, client: Client, provider: Provider
) -> None:
    await signed_in_by(client, provider)
    provider.person |= {"preferred_username": "clara.lima", "name": "Clara Lima", "groups": []}
    async with browser(scene) as other:
        await signed_in_by(other, provider)
    async with as_system(scene.app.pool) as conn:
        user = await users.by_username(conn, "clara.lima")
        assert (user.name, user.role, user.groups) == ("Clara Lima", Role.USER, ())
        cursor = await conn.execute("SELECT count(*) AS n FROM users WHERE source = 'oidc'")
        assert await cursor.fetchone() == {"n": 1}


async def test_nobody_is_led_to_another_site(scene: Scene, provider: Provider) -> None:
    for follow in ("https://example.org/", "//example.org", "/\\example.org"):
        async with browser(scene) as client:
            answer = await signed_in_by(client, provider, follow)
            assert (follow, answer.headers["location"]) == (follow, "/")


async def test_the_state_of_another_browser_opens_nothing(
    scene: Scene, client: Client, provider: Provider
) -> None:
    """An attacker's own way back, pushed into the browser of a victim, and the other way round."""
    async with browser(scene) as attacker:
        stolen = back(provider, await asked_by(attacker))
        assert (await client.get(stolen)).status_code == 422
        await asked_by(client)  # the victim has begun a sign-in, too
        answer = await client.get(stolen)
        assert answer.status_code == 422
        assert "not begun in this browser" in answer.text
        assert "govbot_session" not in client.cookies
        assert "token" not in provider.requests


@pytest.mark.parametrize(
    "query", ["", "?code=x", "?code=x&state=", "?state=abc&code=x", "?error=x"]
)
async def test_a_way_back_without_a_sign_in_opens_nothing(client: Client, query: str) -> None:
    assert (await client.get(f"/entrar/oidc/retorno{query}")).status_code == 422


async def test_a_way_back_counts_once(client: Client, provider: Provider) -> None:
    address = back(provider, await asked_by(client))
    assert (await client.get(address)).status_code == 303
    client.cookies.delete("govbot_session")
    assert (await client.get(address)).status_code == 422


async def test_a_code_that_was_used_already_is_refused(
    scene: Scene, client: Client, provider: Provider
) -> None:
    address = back(provider, await asked_by(client))
    provider.codes.clear()
    answer = await client.get(address)
    assert answer.status_code == 403
    async with as_system(scene.app.pool) as conn:
        entry = (await audit.entries(conn, limit=1))[0]
    assert entry.action == "sign-in.failed"
    assert "the code was refused: invalid_grant" in entry.details


async def test_a_code_of_another_sign_in_does_not_fit_its_challenge(
    scene: Scene, client: Client, provider: Provider
) -> None:
    async with browser(scene) as other:
        theirs = parse_qs(urlsplit(back(provider, await asked_by(other))).query)["code"][0]
    mine = await asked_by(client)
    answer = await client.get(
        "/entrar/oidc/retorno", params={"code": theirs, "state": mine["state"]}
    )
    assert answer.status_code == 403


async def test_a_sign_in_that_took_too_long_is_begun_again(
    scene: Scene, client: Client, provider: Provider
) -> None:
    address = back(provider, await asked_by(client))
    async with as_system(scene.app.pool) as conn:
        await conn.execute("UPDATE oidc_requests SET created_at = now() - interval '11 minutes'")
    assert (await client.get(address)).status_code == 422


def _none(head: dict[str, Any], claims: dict[str, Any]) -> str:
    parts = [json.dumps(part).encode() for part in ({"alg": "none"}, claims)]
    return ".".join(urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts) + "."


def _stranger(head: dict[str, Any], claims: dict[str, Any]) -> str:
    return jwt.encode(head, claims, new_key(head["kid"]), algorithms=["ES256"])


def _unknown(head: dict[str, Any], claims: dict[str, Any]) -> str:
    return jwt.encode(head | {"kid": "?"}, claims, new_key("?"), algorithms=["ES256"])


def _hmac(head: dict[str, Any], claims: dict[str, Any]) -> str:
    key = jwk.OctKey.import_key(SECRET)
    return jwt.encode(head | {"alg": "HS256"}, claims, key, algorithms=["HS256"])


def _changed(head: dict[str, Any], claims: dict[str, Any]) -> str:
    first, _, last = _stranger(head, claims).split(".")
    other = urlsafe_b64encode(json.dumps(claims | {"sub": "boss"}).encode()).rstrip(b"=").decode()
    return f"{first}.{other}.{last}"


NOW = time.time()


LIES: list[dict[str, Any]] = [
    {"nonce": "of-somebody-else"},
    {"nonce": None},
    {"aud": "other-client"},
    {"aud": [CLIENT, "other"]},
    {"aud": [CLIENT, "other"], "azp": "other"},
    {"azp": "other"},
    {"aud": None},
    {"iss": "https://accounts.example.org"},
    {"exp": int(NOW) - 3600},
    {"exp": "tomorrow"},
    {"exp": None},
    {"iat": int(NOW) + 3600},
    {"iat": int(NOW) - 36_000},
    {"iat": None},
    {"nbf": int(NOW) + 3600},
    {"sub": ""},
    {"sub": None},
    {"sub": 7},
    {"sub": "x" * 300},
    {"preferred_username": None, "email": None},
    {"_claim_names": {"groups": "src1"}},
]


async def test_a_token_with_a_claim_that_does_not_fit_is_refused(
    scene: Scene, provider: Provider
) -> None:
    for lie in LIES:
        provider.claims = lie
        assert (lie, await is_refused(scene, provider)) == (lie, True)
    provider.claims = {}
    assert not await is_refused(scene, provider)


async def test_a_token_that_the_provider_has_not_signed_is_refused(
    scene: Scene, provider: Provider
) -> None:
    for sign in (_none, _stranger, _unknown, _hmac, _changed, lambda *_: "x.y.z", lambda *_: ""):
        provider.sign = sign
        assert (sign, await is_refused(scene, provider)) == (sign, True)
    provider.sign = None
    assert not await is_refused(scene, provider)


async def test_the_clocks_may_differ_a_little(client: Client, provider: Provider) -> None:
    provider.claims = {"exp": int(time.time()) - 20, "iat": int(time.time()) + 20}
    assert (await signed_in_by(client, provider)).status_code == 303


async def test_new_keys_of_the_provider_are_fetched_once_they_are_used(
    scene: Scene, client: Client, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await signed_in_by(client, provider)).status_code == 303
    provider.keys.append(new_key("two"))
    monkeypatch.setattr("govbot.auth.oidc_provider.KEYS_AGAIN_S", 0)
    async with browser(scene) as other:
        assert (await signed_in_by(other, provider)).status_code == 303
    assert provider.requests.count("keys") == 2
    assert provider.requests.count("metadata") == 1


async def test_unknown_keys_do_not_make_us_ask_again_and_again(
    scene: Scene, client: Client, provider: Provider
) -> None:
    provider.sign = _unknown
    for _ in range(3):
        await signed_in_by(client, provider)
    assert provider.requests.count("keys") == 1


async def test_metadata_that_lead_elsewhere_are_not_followed(
    client: Client, provider: Provider
) -> None:
    for metadata in (
        {"issuer": "https://elsewhere.example"},
        {"token_endpoint": "http://169.254.169.254/latest"},
        {"token_endpoint": "file:///etc/passwd"},
        {"jwks_uri": "https://elsewhere.example/keys"},
        {"authorization_endpoint": "http://user@127.0.0.1/x"},
        {"authorization_endpoint": None},
    ):
        provider.metadata = metadata
        answer = await client.get("/entrar/oidc")
        assert (metadata, answer.status_code) == (metadata, 503)
        assert "does not answer" in answer.text
    assert set(provider.requests) == {"metadata"}


async def test_a_refusal_of_the_provider_is_told_in_our_words(
    scene: Scene, provider: Provider
) -> None:
    provider.refuse = "access_denied"
    assert await is_refused(scene, provider)


async def test_the_answer_of_another_provider_is_refused(scene: Scene, provider: Provider) -> None:
    provider.answer_issuer = "https://elsewhere.example"
    assert await is_refused(scene, provider)
    assert "token" not in provider.requests


async def test_missing_claims_come_from_userinfo_of_the_same_person_alone(
    scene: Scene, provider: Provider
) -> None:
    configure(scene, provider, userinfo=True)
    whole = provider.person
    provider.person = {"sub": whole["sub"]}
    provider.info = {**whole, "sub": "somebody-else"}
    assert await is_refused(scene, provider)
    provider.info = whole
    async with browser(scene) as other:
        assert (await signed_in_by(other, provider)).status_code == 303


async def test_a_required_group_and_strength_are_required(scene: Scene, provider: Provider) -> None:
    for changes, claims, status in (
        ({"required_groups": ("/gabinete",)}, {"groups": ["/todos"]}, 403),
        ({"required_groups": ("/gabinete",)}, {"groups": "/gabinete"}, 303),
        ({"strength": ("mfa",)}, {}, 403),
        ({"strength": ("mfa",)}, {"amr": ["pwd", "mfa"]}, 303),
        ({"groups_claim": "realm_access.roles", "required_groups": ("r",)},
         {"realm_access": {"roles": ["r"]}}, 303),
    ):  # fmt: skip
        configure(scene, provider, **changes)
        provider.claims = claims
        async with browser(scene) as client:
            assert (changes, (await signed_in_by(client, provider)).status_code) == (
                changes,
                status,
            )


async def test_an_account_made_here_is_never_taken_over(
    scene: Scene, client: Client, provider: Provider
) -> None:
    provider.person["preferred_username"] = "ADMIN"
    answer = await signed_in_by(client, provider)
    assert answer.status_code == 409
    assert "belongs to another account" in answer.text


async def test_an_account_that_an_administrator_disabled_stays_out(
    scene: Scene, client: Client, provider: Provider
) -> None:
    await signed_in_by(client, provider)
    async with as_system(scene.app.pool) as conn:
        user = await users.by_username(conn, "clara.dias")
        await users.set_disabled(conn, user.id, disabled=True)
    answer = await signed_in_by(client, provider)
    assert answer.status_code == 403
    assert "not allowed to use GovBot" in answer.text


async def test_signing_out_goes_on_at_the_provider(client: Client, provider: Provider) -> None:
    await signed_in_by(client, provider)
    token = csrf_of((await client.get("/conta")).text)
    answer = await client.post("/sair", headers={"x-csrf-token": token})
    assert answer.status_code == 200
    there = answer.headers["refresh"].partition("url=")[2]
    assert there.startswith(f"{provider.issuer}/logout?id_token_hint=")
    assert (await client.get("/conta")).status_code == 303


async def test_the_form_leads_on_by_itself_where_the_settings_say_so(
    scene: Scene, provider: Provider
) -> None:
    configure(scene, provider, auto_redirect=True)
    async with browser(scene) as client:
        answer = await client.get("/entrar?seguir=/conta")
        assert answer.headers["location"] == "/entrar/oidc?seguir=/conta"
        assert (await client.get("/entrar?local=1")).status_code == 200
        assert (await client.get("/entrar?saiu=1")).status_code == 200


async def test_no_secret_of_the_sign_in_lies_readable_in_the_database(
    scene: Scene, client: Client, provider: Provider
) -> None:
    asked = await asked_by(client)
    held = client.cookies["govbot_oidc"]
    async with as_system(scene.app.pool) as conn:
        cursor = await conn.execute("SELECT * FROM oidc_requests")
        row = await cursor.fetchone()
    assert row is not None
    text = repr({name: bytes(v) if isinstance(v, memoryview) else v for name, v in row.items()})
    assert asked["state"] not in text
    assert held not in text
    assert b"sealed" not in row["verifier"]
    assert len(row["verifier"]) > 90
