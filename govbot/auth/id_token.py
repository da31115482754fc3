"""Whether an ID token is genuine, for us, from now, and of this sign-in.

OpenID Connect Core 1.0, 3.1.3.7. Only signatures with the provider's own private key count: no
"none", and no HMAC, whose key would be something that others know.
"""

from __future__ import annotations

import hmac
import json
from base64 import urlsafe_b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import time
from typing import Any

from joserfc import jwk, jwt
from joserfc.errors import JoseError

ALGORITHMS = {
    "RSA": ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    "EC": ("ES256", "ES384", "ES512"),
    "OKP": ("EdDSA", "Ed25519"),
}
SKEW_S = 60
MAX_AGE_S = 900  # a code is exchanged at once: an older token was made for something else
MAX_LENGTH = 100_000


class Untrusted(Exception):
    """A token or answer that is not to be believed; the reason is for the log."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The public keys of a provider that verify signatures."""

    keys: Sequence[Any]

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> Keys:
        """From a JWK set; what is no public key for signatures is left out."""
        listed = document.get("keys")
        found = []
        for each in listed if isinstance(listed, list) else []:
            if not isinstance(each, dict) or each.get("use", "sig") != "sig":
                continue
            if each.get("kty") in ALGORITHMS:
                try:
                    found.append(jwk.import_key(each))
                except (JoseError, ValueError, TypeError, KeyError):
                    continue  # of a kind that we do not know
        return cls(found)

    def fit(self, token: str) -> list[Any]:
        """The keys that may have signed it. Raises Untrusted when it is no signed token."""
        head = _head(token)
        algorithm, name = head.get("alg"), head.get("kid")
        return [
            key
            for key in self.keys
            if algorithm in ALGORITHMS[key.key_type] and name in (None, key.kid)
        ]


def verify(
    token: str, keys: Keys, *, issuer: str, client_id: str, nonce: str, now: float | None = None
) -> dict[str, Any]:
    """The claims of a genuine token. Raises Untrusted."""
    claims = _signed(token, keys)
    moment = time() if now is None else now
    audience = claims.get("aud")
    audiences = [audience] if isinstance(audience, str) else audience
    if claims.get("iss") != issuer:
        raise Untrusted("another issuer")
    if not isinstance(audiences, list) or client_id not in audiences:
        raise Untrusted("for another audience")
    party = claims.get("azp")
    if (party is None and len(audiences) > 1) or party not in (None, client_id):
        raise Untrusted("for another party")
    expires, issued = _moment(claims, "exp"), _moment(claims, "iat")
    if expires <= moment - SKEW_S:
        raise Untrusted("expired")
    if not moment - MAX_AGE_S <= issued <= moment + SKEW_S:
        raise Untrusted("issued at another time")
    if "nbf" in claims and _moment(claims, "nbf") > moment + SKEW_S:
        raise Untrusted("not valid yet")
    given = claims.get("nonce")
    if not isinstance(given, str) or not hmac.compare_digest(given.encode(), nonce.encode()):
        raise Untrusted("of another sign-in")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= 255:
        raise Untrusted("no subject")
    return claims


def _signed(token: str, keys: Keys) -> dict[str, Any]:
    for key in keys.fit(token):
        try:
            decoded = jwt.decode(token, key, algorithms=list(ALGORITHMS[key.key_type]))
        except (JoseError, ValueError, TypeError):
            continue
        if isinstance(decoded.claims, dict):
            return decoded.claims
    raise Untrusted("no key of the provider has signed it")


def _head(token: str) -> dict[str, Any]:
    """The header, not verified: it only chooses the key."""
    if len(token) > MAX_LENGTH or token.count(".") != 2:
        raise Untrusted("no signed token")
    part = token.partition(".")[0]
    try:
        head = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, RecursionError):
        raise Untrusted("no signed token") from None
    if not isinstance(head, dict):
        raise Untrusted("no signed token")
    return head


def _moment(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Untrusted(f"no {name}")
    return float(value)
