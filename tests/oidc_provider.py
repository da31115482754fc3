"""An OpenID Connect provider inside the tests: real keys, real HTTP, and lies on demand."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

import uvicorn
from joserfc import jwk, jwt
from litestar import Litestar, Request, Response, get, post
from litestar.response import Redirect

CLIENT, SECRET = "govbot", "segredo:do teste"
Asked = dict[str, str]


@dataclass
class Provider:
    """What the provider says; a test changes it to make it lie."""

    issuer: str = ""
    keys: list[Any] = field(default_factory=lambda: [new_key("one")])
    published: list[Any] | None = None
    person: dict[str, Any] = field(
        default_factory=lambda: {
            "sub": "248289761001",
            "preferred_username": "Clara.Dias",
            "name": "Clara Dias",
            "email": "clara@aurora.gov",
            "groups": ["/gabinete", "/todos"],
        }
    )
    claims: dict[str, Any] = field(default_factory=dict)  # over those of the ID token
    info: dict[str, Any] | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    refuse: str = ""
    answer_issuer: str = ""
    sign: Any = None  # (header, claims) -> token
    codes: dict[str, Asked] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)

    def token(self, asked: Asked) -> str:
        now = int(time.time())
        claims = {
            "iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300,
            "nonce": asked["nonce"], **self.person, **self.claims,
        }  # fmt: skip
        claims = {name: value for name, value in claims.items() if value is not None}
        key = self.keys[-1]
        head = {"alg": "ES256", "kid": key.kid}
        if self.sign is not None:
            return str(self.sign(head, claims))
        return jwt.encode(head, claims, key, algorithms=["ES256"])


def new_key(name: str) -> Any:
    return jwk.ECKey.generate_key("P-256", {"kid": name, "use": "sig"}, private=True)


def site(provider: Provider) -> Litestar:
    @get("/.well-known/openid-configuration", sync_to_thread=False)
    def configuration() -> dict[str, Any]:
        provider.requests.append("metadata")
        at = provider.issuer
        return {
            "issuer": at,
            "authorization_endpoint": f"{at}/authorize",
            "token_endpoint": f"{at}/token",
            "jwks_uri": f"{at}/keys",
            "userinfo_endpoint": f"{at}/userinfo",
            "end_session_endpoint": f"{at}/logout",
            **provider.metadata,
        }

    @get("/keys", sync_to_thread=False)
    def keys() -> dict[str, Any]:
        provider.requests.append("keys")
        shown = provider.keys if provider.published is None else provider.published
        return {"keys": [key.as_dict(private=False) for key in shown]}

    @get("/authorize", sync_to_thread=False)
    def authorize(request: Request[Any, Any, Any]) -> Response[Any]:
        asked = dict(request.query_params)
        if "go" not in asked:
            query = urlencode({**asked, "go": "1"})
            page = f'<h1>Provedor</h1><a href="/authorize?{query}">Sou Clara</a>'
            return Response(page, media_type="text/html")
        return Redirect(back(provider, asked), status_code=302)

    @post("/token", status_code=200)
    async def token(request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
        provider.requests.append("token")
        form = dict(await request.form())
        asked = provider.codes.pop(str(form.get("code")), None)
        digest = sha256(str(form.get("code_verifier")).encode()).digest()
        fits = asked is not None and asked["code_challenge"] == jwk_text(digest)
        known = request.headers.get("authorization", "").startswith("Basic ")
        if not fits or not known or form.get("redirect_uri") != asked["redirect_uri"]:  # type: ignore[index]
            return Response({"error": "invalid_grant"}, status_code=400)
        assert asked is not None
        return Response({"id_token": provider.token(asked), "access_token": "access"})

    @get("/userinfo", sync_to_thread=False)
    def userinfo() -> dict[str, Any]:
        provider.requests.append("userinfo")
        return provider.info or {}

    @get("/logout", sync_to_thread=False)
    def logout(request: Request[Any, Any, Any]) -> Response[Any]:
        provider.requests.append("logout")
        assert request.query_params["id_token_hint"].count(".") == 2
        return Redirect(request.query_params["post_logout_redirect_uri"], status_code=302)

    return Litestar(
        [configuration, keys, authorize, token, userinfo, logout],
        openapi_config=None, logging_config=None,
    )  # fmt: skip


def back(provider: Provider, asked: Asked) -> str:
    """The address to which the provider sends the browser back."""
    if provider.refuse:
        return f"{asked['redirect_uri']}?" + urlencode(
            {"error": provider.refuse, "state": asked["state"]}
        )
    code = f"code-{len(provider.codes)}-{asked['state'][:8]}"
    provider.codes[code] = asked
    query = {"code": code, "state": asked["state"]}
    if provider.answer_issuer:
        query["iss"] = provider.answer_issuer
    return f"{asked['redirect_uri']}?{urlencode(query)}"


def jwk_text(data: bytes) -> str:
    from base64 import urlsafe_b64encode

    return urlsafe_b64encode(data).rstrip(b"=").decode()


@asynccontextmanager
async def running() -> AsyncIterator[Provider]:
    """The provider on a port of this machine."""
    provider = Provider()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        provider.issuer = f"http://127.0.0.1:{listener.getsockname()[1]}"
        config = uvicorn.Config(
            site(provider), log_config=None, lifespan="off", timeout_graceful_shutdown=1
        )
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve([listener]))
        while not server.started:
            await asyncio.sleep(0.01)
        try:
            yield provider
        finally:
            server.should_exit = True
            await serving
