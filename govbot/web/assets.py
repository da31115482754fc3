"""Style sheets, scripts and icons, held in memory under an address that changes with them."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from litestar import Request, Response
from litestar.di import NamedDependency
from litestar.params import FromPath, PathParameter

from govbot.errors import NotFound

IMMUTABLE = "public, max-age=31536000, immutable"
_COMPRESSIBLE = ("text/", "image/svg+xml", "application/json")
_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".webp": "image/webp",
    ".webmanifest": "application/manifest+json",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is sent; `packed` is its gzip form where that is smaller."""

    body: bytes
    packed: bytes | None
    media_type: str


class Assets:
    """Every file below `folder`, and `more`: what the settings add, by name.

    One digest over all files stands in each address: modules and style sheets refer to each
    other by relative paths and still may be cached for a year.
    """

    def __init__(self, folder: Path, more: Mapping[str, bytes] | None = None) -> None:
        self.files = {
            path.relative_to(folder).as_posix(): _packed(path.name, path.read_bytes())
            for path in sorted(folder.rglob("*"))
            if path.is_file() and not path.name.startswith(".")
        }
        self.files |= {name: _packed(name, body) for name, body in (more or {}).items()}
        digest = hashlib.sha256()
        for name, asset in self.files.items():
            digest.update(f"{name}\0{len(asset.body)}\0".encode() + asset.body)
        self.digest = digest.hexdigest()[:12]

    def url(self, name: str) -> str:
        """The address of a file; KeyError when there is none, so that a slip shows at once."""
        if name not in self.files:
            raise KeyError(name)
        return f"/static/{self.digest}/{name}"


async def static_file(
    request: Request[Any, Any, Any],
    assets: NamedDependency[Assets],
    digest: FromPath[str],
    name: Annotated[str, PathParameter(max_length=200)],
) -> Response[bytes]:
    """A file of the interface. An address of another release is answered but not kept."""
    asset = assets.files.get(name.lstrip("/"))
    if asset is None:
        raise NotFound
    headers = {"Cache-Control": IMMUTABLE if digest == assets.digest else "no-cache"}
    body = asset.body
    if asset.packed is not None:
        headers["Vary"] = "Accept-Encoding"
        if "gzip" in request.headers.get("accept-encoding", ""):
            body, headers["Content-Encoding"] = asset.packed, "gzip"
    return Response(body, media_type=asset.media_type, headers=headers)


def _packed(name: str, body: bytes) -> Asset:
    guessed = mimetypes.guess_type(name)[0] or "application/octet-stream"
    media_type = _TYPES.get(Path(name).suffix, guessed)
    packed = None
    if media_type.startswith(_COMPRESSIBLE) and len(body) > 600:
        packed = gzip.compress(body, 9, mtime=0)
    return Asset(body, packed, media_type)
