"""Sign-in with OpenID Connect: authorization code with PKCE, bound to the browser that began it.

https://openid.net/specs/openid-connect-core-1_0.html, RFC 7636, RFC 9207, RFC 9700.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping as Claims
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit
from uuid import UUID

from govbot import audit, metrics
from govbot.auth import directory, sessions
from govbot.auth.directory import Mapping, Person, Source, split_groups
from govbot.auth.id_token import Untrusted
from govbot.auth.oidc_provider import Provider, provider_of
from govbot.auth.sessions import Method, SignedIn
from govbot.db.access import Actor, as_system
from govbot.errors import Denied, GovBotError, Invalid

if TYPE_CHECKING:
    from govbot.config import Settings
    from govbot.db.pool import Connection, Pool
    from govbot.sealing import Sealer

log = logging.getLogger(__name__)

START, RETURN = "/entrar/oidc", "/entrar/oidc/retorno"
LIFE_S = 600  # a person may have to find a phone for the provider's own second factor
_VERIFIER, _ID_TOKEN = "oidc-verifier", "oidc-id-token"


class SignInExpired(Invalid):
    """This sign-in was not begun in this browser, or it took too long: begin again."""

    code = "E-OIDC-STATE"


class SignInRefused(Denied):
    """The sign-in service did not confirm who you are: begin again, or tell your support team."""

    code = "E-OIDC-REFUSED"


@dataclass(frozen=True, slots=True)
class Begun:
    """The provider's page to go to, and what the browser keeps until it comes back."""

    address: str
    browser: str


@dataclass(frozen=True, slots=True)
class Returned:
    """What the browser brings back: the query of the redirect, and what it kept."""

    state: str
    browser: str
    code: str = ""
    error: str = ""
    issuer: str = ""


async def begin(
    pool: Pool, settings: Settings, sealer: Sealer, *, follow: str, browser: str
) -> Begun:
    """Begins a sign-in. `browser` is what an earlier one left there, or empty.

    Raises ProviderDown.
    """
    oidc = settings.oidc
    metadata = await provider_of(oidc).metadata()
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    browser = browser or secrets.token_urlsafe(32)
    async with as_system(pool) as conn:
        await _forget_old(conn)
        await conn.execute(
            """
            INSERT INTO oidc_requests (state_hash, browser_hash, nonce, verifier, follow)
            VALUES (%(state)s, %(browser)s, %(nonce)s, %(verifier)s, %(follow)s)
            """,
            {
                "state": _digest(state),
                "browser": _digest(browser),
                "nonce": nonce,
                "verifier": sealer.seal(verifier, _VERIFIER),
                "follow": follow,
            },
        )
    query = {
        "response_type": "code",
        "client_id": oidc.client_id,
        "redirect_uri": redirect_uri(settings),
        "scope": " ".join(oidc.scopes),
        "state": state,
        "nonce": nonce,
        "code_challenge": _challenge(verifier),
        "code_challenge_method": "S256",
    }
    if oidc.strength:
        query["acr_values"] = " ".join(oidc.strength)
    return Begun(_with_query(metadata.authorization, query), browser)


async def finish(
    pool: Pool,
    settings: Settings,
    sealer: Sealer,
    returned: Returned,
    *,
    ip: str,
    user_agent: str,
) -> tuple[SignedIn, str]:
    """The session of who came back from the provider, and the page that was asked for.

    Raises SignInExpired, SignInRefused, ProviderDown, and what `directory.welcome` raises; each is
    audited.
    """
    try:
        return await _finish(pool, settings, sealer, returned, ip=ip, user_agent=user_agent)
    except (Untrusted, GovBotError) as error:
        known = isinstance(error, GovBotError)
        reason = error.error_code if isinstance(error, GovBotError) else str(error)
        log.warning("A sign-in by OpenID Connect failed: %s", reason,
                    extra={"action": "sign-in.failed"})  # fmt: skip
        metrics.observe_sign_in("failed")
        async with as_system(pool) as conn:
            details = {"method": "oidc", "reason": reason}
            await audit.record(conn, actor=None, action="sign-in.failed", details=details, ip=ip)
        if known:
            raise
        raise SignInRefused from error


async def logout_address(
    conn: Connection, settings: Settings, sealer: Sealer, session_id: UUID
) -> str:
    """The provider's page that ends its session as well; empty where there is none.

    The caller acts as the system and ends the session afterwards.
    """
    cursor = await conn.execute(
        "SELECT id_token FROM outside_sessions WHERE session_id = %(id)s AND id_token IS NOT NULL",
        {"id": session_id},
    )
    row = await cursor.fetchone()
    if row is None or not settings.oidc.issuer or not settings.oidc.logout:
        return ""
    try:
        metadata = await provider_of(settings.oidc).metadata()
        hint = sealer.open(row["id_token"], _ID_TOKEN)
    except GovBotError:
        return ""  # signing out here must not depend on anybody
    if not metadata.end_session:
        return ""
    query = {
        "id_token_hint": hint,
        "client_id": settings.oidc.client_id,
        "post_logout_redirect_uri": f"{settings.web.base_url.rstrip('/')}/entrar?saiu=1",
    }
    return _with_query(metadata.end_session, query)


def redirect_uri(settings: Settings) -> str:
    """The address that must be registered at the provider."""
    return settings.web.base_url.rstrip("/") + RETURN


def person_of(claims: Claims[str, Any], settings: Settings) -> Person:
    """The person whom verified claims describe. Raises Untrusted when they name none."""
    oidc = settings.oidc
    # Entra ID leaves out the groups of who has too many, and says so. Without them roles would be
    # taken away, and denials too.
    left_out = claims.get("_claim_names")
    if isinstance(left_out, dict) and oidc.groups_claim in left_out:
        raise Untrusted("too many groups for a token: send only those assigned to the application")
    email = _text(claims, oidc.email_claim)
    username = _text(claims, oidc.username_claim) or email
    if not username:
        raise Untrusted(f"neither {oidc.username_claim} nor {oidc.email_claim} in the claims")
    groups = _claim(claims, oidc.groups_claim)
    return Person(
        source=Source.OIDC,
        external_id=f"{oidc.issuer} {claims['sub']}",
        username=username,
        name=_text(claims, oidc.name_claim),
        email=email,
        groups=split_groups(groups if isinstance(groups, list) else [groups]),
    )


async def _finish(
    pool: Pool, settings: Settings, sealer: Sealer, returned: Returned, *, ip: str, user_agent: str
) -> tuple[SignedIn, str]:
    request = await _take(pool, returned)
    provider = provider_of(settings.oidc)
    if returned.error:
        raise Untrusted("the provider refused: " + "".join(filter(_is_plain, returned.error))[:60])
    metadata = await provider.metadata()
    if (returned.issuer or metadata.names_itself) and returned.issuer != settings.oidc.issuer:
        raise Untrusted("the answer is another provider's")
    verifier = sealer.open(request["verifier"], _VERIFIER)
    tokens = await provider.exchange(returned.code, verifier, redirect_uri(settings))
    claims = await provider.claims(tokens.id_token, request["nonce"])
    _require_strength(claims, settings.oidc.strength)
    claims = await _completed(provider, claims, tokens.access_token)
    person = person_of(claims, settings)
    account = await directory.welcome(pool, person, Mapping(settings.oidc))
    actor = Actor(account.id, account.name, account.role, ip)
    async with as_system(pool) as conn:
        signed_in = await sessions.open_session(
            conn, actor, method=Method.OIDC, user_agent=user_agent, settings=settings.auth
        )
        sealed = sealer.seal(tokens.id_token, _ID_TOKEN)
        await directory.note_session(conn, signed_in.token, person.external_id, sealed)
    return signed_in, str(request["follow"])


async def _take(pool: Pool, returned: Returned) -> Claims[str, Any]:
    """The sign-in that this browser began; a second time it is gone."""
    async with as_system(pool) as conn:
        cursor = await conn.execute(
            """
            DELETE FROM oidc_requests
            WHERE state_hash = %(state)s AND browser_hash = %(browser)s
              AND created_at > now() - %(life)s * interval '1 second'
            RETURNING nonce, verifier, follow
            """,
            {
                "state": _digest(returned.state),
                "browser": _digest(returned.browser),
                "life": LIFE_S,
            },
        )
        row = await cursor.fetchone()
    if row is None or not returned.state or not returned.browser:
        raise SignInExpired
    return row


def _require_strength(claims: Claims[str, Any], wanted: Sequence[str]) -> None:
    """Raises Untrusted unless the provider says that the person was asked for enough."""
    methods = claims.get("amr")
    held = {claims.get("acr"), *(methods if isinstance(methods, list) else [])}
    if wanted and held.isdisjoint(wanted):
        raise Untrusted("neither acr nor amr holds one of oidc.strength")


async def _completed(
    provider: Provider, claims: dict[str, Any], access_token: str
) -> dict[str, Any]:
    """The claims with those of userinfo, where that is wanted; the ID token's own count first."""
    oidc = provider.settings
    wanted = (oidc.username_claim, oidc.name_claim, oidc.email_claim, oidc.groups_claim)
    if not oidc.userinfo or all(_claim(claims, name) is not None for name in wanted):
        return claims
    return {**await provider.userinfo(access_token, claims["sub"]), **claims}


async def _forget_old(conn: Connection) -> None:
    await conn.execute(
        "DELETE FROM oidc_requests WHERE created_at < now() - %(life)s * interval '1 second'",
        {"life": LIFE_S},
    )


def _claim(claims: Claims[str, Any], name: str) -> Any:
    """A claim by its name, or by a path with dots into objects."""
    if name in claims:
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _text(claims: Claims[str, Any], name: str) -> str:
    value = _claim(claims, name)
    return value.strip() if isinstance(value, str) else ""


def _with_query(address: str, query: Claims[str, str]) -> str:
    joint = "&" if urlsplit(address).query else "?"
    return f"{address}{joint}{urlencode(query)}"


def _challenge(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return urlsafe_b64encode(digest).rstrip(b"=").decode()


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _is_plain(letter: str) -> bool:
    return letter.isascii() and (letter.isalnum() or letter == "_")
