"""An OpenID Connect provider: its metadata, its keys, its tokens.

Requests leave for the issuer's host and the hosts of oidc.hosts only, follow no redirect, take no
proxy from the environment, and end in time and size.
"""

from __future__ import annotations

import json
import logging
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from time import monotonic
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus, urlsplit

from govbot.auth.id_token import Keys, Untrusted, verify
from govbot.errors import Unavailable

if TYPE_CHECKING:
    import httpx

    from govbot.config.table import Oidc

log = logging.getLogger(__name__)

METADATA_PATH = "/.well-known/openid-configuration"
METADATA_S = 3600  # how long metadata and keys are believed
KEYS_AGAIN_S = 30  # an unknown key asks for the keys again, at most so often
MAX_BYTES = 1_000_000


class ProviderDown(Unavailable):
    """The sign-in service of your organisation does not answer: try again later."""

    code = "E-OIDC"


@dataclass(frozen=True, slots=True)
class Metadata:
    """What the provider says of itself; addresses are checked."""

    authorization: str
    token: str
    jwks: str
    userinfo: str
    end_session: str
    basic: bool
    names_itself: bool


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a code was exchanged for."""

    id_token: str
    access_token: str


class Provider:
    """The provider of the settings; remembers its metadata and keys."""

    def __init__(self, settings: Oidc) -> None:
        self.settings = settings
        issuer = urlsplit(settings.issuer)
        self._plain = issuer.scheme == "http"
        self._hosts = frozenset({issuer.hostname or "", *map(str.casefold, settings.hosts)})
        self._metadata: tuple[float, Metadata] | None = None
        self._keys: tuple[float, Keys] | None = None

    async def metadata(self) -> Metadata:
        """Raises ProviderDown when it cannot be had, or names another issuer or host."""
        if self._metadata is None or monotonic() - self._metadata[0] > METADATA_S:
            url = self.settings.issuer.rstrip("/") + METADATA_PATH
            self._metadata = (monotonic(), self._read(await self._json("GET", url)))
        return self._metadata[1]

    async def exchange(self, code: str, verifier: str, redirect_uri: str) -> Tokens:
        """The tokens for a code. Raises Untrusted when the provider refuses it, ProviderDown."""
        metadata, settings = await self.metadata(), self.settings
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        secret = settings.client_secret.get_secret_value()
        auth = None
        if secret and metadata.basic:
            # Both are form-encoded first: RFC 6749, 2.3.1.
            auth = (quote_plus(settings.client_id), quote_plus(secret))
        else:
            form |= {"client_id": settings.client_id, "client_secret": secret}
        sent = {name: value for name, value in form.items() if value}
        answer = await self._json("POST", metadata.token, data=sent, auth=auth)
        tokens = Tokens(str(answer.get("id_token") or ""), str(answer.get("access_token") or ""))
        if not tokens.id_token:
            raise Untrusted("no ID token")
        return tokens

    async def claims(self, id_token: str, nonce: str) -> dict[str, Any]:
        """The claims of an ID token that this provider made for us, now, for this sign-in.

        Keys that are new are asked for once. Raises Untrusted, ProviderDown.
        """
        keys = await self._known_keys(again_after=METADATA_S)
        if not keys.fit(id_token):
            keys = await self._known_keys(again_after=KEYS_AGAIN_S)
        return verify(
            id_token,
            keys,
            issuer=self.settings.issuer,
            client_id=self.settings.client_id,
            nonce=nonce,
        )

    async def userinfo(self, access_token: str, subject: str) -> dict[str, Any]:
        """More claims about the person; those of anybody else are refused."""
        metadata = await self.metadata()
        if not metadata.userinfo or not access_token:
            return {}
        headers = {"Authorization": f"Bearer {access_token}"}
        found = await self._json("GET", metadata.userinfo, headers=headers)
        if found.get("sub") != subject:
            raise Untrusted("userinfo of somebody else")
        return found

    async def _known_keys(self, *, again_after: float) -> Keys:
        if self._keys is None or monotonic() - self._keys[0] > again_after:
            document = await self._json("GET", (await self.metadata()).jwks)
            self._keys = (monotonic(), Keys.parse(document))
        return self._keys[1]

    def _read(self, document: Mapping[str, Any]) -> Metadata:
        if document.get("issuer") != self.settings.issuer:
            _complain("its metadata name another issuer; oidc.issuer must be the same, letter by "
                      "letter")  # fmt: skip
            raise ProviderDown
        methods = document.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        return Metadata(
            authorization=self._address(document, "authorization_endpoint"),
            token=self._address(document, "token_endpoint"),
            jwks=self._address(document, "jwks_uri"),
            userinfo=self._address(document, "userinfo_endpoint", needed=False),
            end_session=self._address(document, "end_session_endpoint", needed=False),
            basic="client_secret_basic" in methods,
            names_itself=document.get("authorization_response_iss_parameter_supported") is True,
        )

    def _address(self, document: Mapping[str, Any], name: str, *, needed: bool = True) -> str:
        url = document.get(name)
        if not url and not needed:
            return ""
        parts = urlsplit(url if isinstance(url, str) else "")
        scheme = parts.scheme == "https" or (self._plain and parts.scheme == "http")
        if not scheme or parts.hostname not in self._hosts or "@" in parts.netloc:
            _complain(f"its {name} lies on a host that is not in oidc.hosts")
            raise ProviderDown
        return str(url)

    async def _json(self, method: str, url: str, **options: Any) -> dict[str, Any]:
        """The object that the provider answers. A refusal (4xx) of a POST raises Untrusted."""
        import httpx

        try:
            async with self._client() as client, client.stream(method, url, **options) as answer:
                body = await _body(answer)
        except (httpx.HTTPError, ssl.SSLError, OSError) as error:
            _complain(f"{type(error).__name__} at {urlsplit(url).path}")
            raise ProviderDown from None
        if method == "POST" and 400 <= answer.status_code < 500 and answer.status_code != 429:
            raise Untrusted(f"the code was refused: {_reason(body)}")
        try:
            if answer.status_code != 200:
                raise ValueError(f"status {answer.status_code}")
            found = json.loads(body)
        except (ValueError, RecursionError) as error:
            _complain(f"{error} at {urlsplit(url).path}")
            raise ProviderDown from None
        if not isinstance(found, dict):
            raise ProviderDown
        return found

    def _client(self) -> httpx.AsyncClient:
        import httpx

        return httpx.AsyncClient(
            verify=_context(self.settings.ca_file),
            timeout=self.settings.timeout_s,
            follow_redirects=False,
            trust_env=False,
            headers={"Accept": "application/json"},
        )


@cache
def provider_of(settings: Oidc) -> Provider:
    """The one Provider of these settings in this process."""
    return Provider(settings)


@cache
def _context(ca_file: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca_file or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


async def _body(answer: httpx.Response) -> bytes:
    import httpx

    body = b""
    async for part in answer.aiter_bytes():
        body += part
        if len(body) > MAX_BYTES:
            raise httpx.ReadError("the answer is too long")
    return body


def _reason(body: bytes) -> str:
    """The provider's word (invalid_grant), if it is one."""
    try:
        word = json.loads(body)["error"]
    except (ValueError, RecursionError, KeyError, TypeError):
        return "no reason"
    return word if isinstance(word, str) and word.replace("_", "").isalnum() else "no reason"


def _complain(reason: str) -> None:
    log.error("The identity provider cannot be used: %s", reason, extra={"action": "oidc.failed"})
