"""Models from the Hugging Face hub, or a mirror that speaks its protocol: only when asked for.

Not through huggingface_hub: its client keeps files in a cache shared by links, tells the hub of its
surroundings, and comes with torch, which an installation may do without. This asks for a list of
files with their checksums and fetches them by ranges. Nothing else in GovBot opens a connection of
its own accord.
https://huggingface.co/docs/hub/api
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final
from urllib.parse import quote, urlsplit

import httpx

from govbot import __version__
from govbot.errors import Conflict, Denied, GovBotError, Invalid, NotFound, Unavailable
from govbot.models.store import PIECE

MAX_LISTING: Final = 32 * 2**20  # bytes of a list of files
MAX_FILES: Final = 20_000
TRIES: Final = 5  # that brought nothing, one after another
_TIMEOUT: Final = httpx.Timeout(60, connect=15)
_REPOSITORY: Final = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")
_COMMIT: Final = re.compile(r"[0-9a-f]{7,64}")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_SHA1: Final = re.compile(r"[0-9a-f]{40}")

OnBytes = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file of a repository. Large ones have a SHA-256, small ones the SHA-1 of git."""

    path: str
    size: int
    sha256: str = ""
    git_sha1: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """A repository at one commit. `licence` is empty where it tells none."""

    repository: str
    revision: str
    licence: str
    gated: bool
    files: tuple[HubFile, ...]


class Hub:
    """A hub at an address. Closed by `aclose`, or used in `async with open_hub(...)`."""

    def __init__(
        self, endpoint: str, token: str = "", *, wait_s: float = 2.0, tries: int = TRIES
    ) -> None:
        """Raises Unavailable E-MODEL-OFFLINE when no hub is set."""
        if not endpoint:
            raise Unavailable(
                "No hub is set (models.hub is empty): models come by `govbot models add` from a "
                "file or folder.",
                code="E-MODEL-OFFLINE",
            )
        self.endpoint = endpoint.rstrip("/")
        self._wait_s, self._tries = wait_s, tries
        self._secure = urlsplit(endpoint).scheme == "https"
        headers = {"User-Agent": f"govbot/{__version__}", "Accept-Encoding": "identity"}
        if token:
            headers["Authorization"] = f"Bearer {token}"  # httpx leaves it out on other hosts
        self._client = httpx.AsyncClient(
            headers=headers,
            timeout=_TIMEOUT,
            follow_redirects=True,
            max_redirects=5,
            event_hooks={"request": [self._require_secure]},
        )

    async def aclose(self) -> None:
        await self._client.aclose()

    async def listing(self, repository: str, revision: str = "main") -> Listing:
        """What is in a repository. Raises NotFound, Denied, Invalid, Unavailable."""
        if not _REPOSITORY.fullmatch(repository):
            raise Invalid(
                'A repository is written as "organisation/model".', code="E-MODEL-REPOSITORY"
            )
        address = f"{self.endpoint}/api/models/{repository}/revision/{quote(revision, safe='')}"
        async with self._asked(address, {"blobs": "true"}) as response:
            body = bytearray()
            async for piece in response.aiter_bytes():
                body += piece
                if len(body) > MAX_LISTING:
                    raise _strange()
        try:
            return _listing(repository, httpx.Response(200, content=bytes(body)).json())
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise _strange() from error

    async def fetch(self, listing: Listing, file: HubFile, target: Path, on_bytes: OnBytes) -> str:
        """Brings a file to `target`, going on where an earlier attempt ended; its SHA-256.

        `on_bytes` hears of the bytes that are there, those of the earlier attempt too, and of
        negative ones when it starts over. Raises Conflict E-MODEL-CHECKSUM, Unavailable.
        """
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(target.name + ".part")
        with part.open("a+b") as stream:
            made = await asyncio.to_thread(_Written.so_far, stream, file, on_bytes)
            await self._rest(listing, file, made)
            await asyncio.to_thread(made.close)
        if not made.right():
            part.unlink()
            on_bytes(-made.have)
            raise Conflict(
                "What came for %(file)s is not what was announced (wrong checksum): it was thrown "
                "away. Try again; if it stays so, the mirror or the line is not to be trusted.",
                file=file.path,
                code="E-MODEL-CHECKSUM",
            )
        part.rename(target)
        return made.sha256

    async def _rest(self, listing: Listing, file: HubFile, made: _Written) -> None:
        """Asks for what is missing until it is there."""
        address = (
            f"{self.endpoint}/{listing.repository}/resolve/{listing.revision}/"
            f"{quote(file.path, safe='/')}"
        )
        vain = 0
        while made.have < file.size:
            before = made.have
            try:
                await self._some(address, file, made)
            except (httpx.TransportError, _Again) as error:
                vain = 0 if made.have > before else vain + 1
                if vain >= self._tries:
                    raise _unreachable(self.endpoint, error) from error
                await asyncio.sleep(getattr(error, "after_s", None) or self._wait_s * 2**vain)

    async def _some(self, address: str, file: HubFile, made: _Written) -> None:
        """One request; writes what it brings."""
        ranged = {"Range": f"bytes={made.have}-"} if made.have else {}
        async with self._asked(address, headers=ranged) as response:
            if response.status_code == 200 and made.have:
                made.start_over()  # a server that knows no ranges
            elif response.status_code == 206 and not _continues(response, made.have):
                raise _strange()
            if response.headers.get("Content-Encoding", "identity") != "identity":
                raise _strange()
            pending = bytearray()
            try:
                async for piece in response.aiter_raw():
                    pending += piece
                    if len(pending) + made.have > file.size:
                        raise _strange()
                    if len(pending) >= PIECE:
                        await asyncio.to_thread(made.write, bytes(pending))
                        pending.clear()
            finally:
                await asyncio.to_thread(made.write, bytes(pending[: file.size - made.have]))
        if made.have < file.size:
            raise _Again

    @asynccontextmanager
    async def _asked(
        self,
        address: str,
        params: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> AsyncIterator[httpx.Response]:
        try:
            async with self._client.stream(
                "GET", address, params=params, headers=headers
            ) as response:
                self._require_success(response)
                yield response
        except (httpx.TooManyRedirects, httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise _strange() from error
        except httpx.TransportError as error:
            if headers is None:
                raise _unreachable(self.endpoint, error) from error
            raise

    def _require_success(self, response: httpx.Response) -> None:
        status = response.status_code
        if status in (200, 206):
            return
        if status in (401, 403):
            raise Denied(
                "The hub does not give this model without permission: its licence must be accepted "
                "there by an account, whose token goes into models.token. It may also not exist.",
                code="E-MODEL-GATED",
            )
        if status in (404, 410):
            raise NotFound("The hub has no such model.", code="E-MODEL-UNKNOWN")
        if status in (408, 425, 429, 500, 502, 503, 504):
            raise _Again(response.headers.get("Retry-After", ""), status)
        raise _strange()

    async def _require_secure(self, request: httpx.Request) -> None:
        """No way back from an encrypted connection to an open one."""
        if self._secure and request.url.scheme != "https":
            raise _strange()


@asynccontextmanager
async def open_hub(endpoint: str, token: str = "") -> AsyncIterator[Hub]:
    """The hub while the block runs. Raises Unavailable when none is set."""
    hub = Hub(endpoint, token)
    try:
        yield hub
    finally:
        await hub.aclose()


def endpoint_of(setting: str, environment: str | None = None) -> str:
    """The address of the hub: HF_ENDPOINT names a mirror, but opens nothing that is shut."""
    named = os.environ.get("HF_ENDPOINT", "") if environment is None else environment
    return named.strip() if setting and re.fullmatch(r"https?://\S+", named.strip()) else setting


def require_checksums(files: Sequence[HubFile], given: str = "") -> None:
    """Raises Conflict E-MODEL-CHECKSUM when weights would come without any checksum.

    `given` is the SHA-256 that the caller knows of the one large file.
    """
    bare = [file for file in files if not file.sha256 and not file.git_sha1]
    if bare and not (given and len(bare) == 1):
        raise Conflict(
            "The mirror tells no checksum of %(file)s: give the SHA-256 from the model's page.",
            file=bare[0].path,
            code="E-MODEL-CHECKSUM",
        )


class _Again(GovBotError):
    """The hub is busy or has a problem of its own."""

    code = "E-MODEL-HUB"
    status = 503

    def __init__(self, after: str = "", answer: int = 0) -> None:
        super().__init__()
        self.after_s = min(60.0, float(after)) if after.isdigit() else None
        self.answer = answer


class _Written:
    """The part of a file that is here, and its checksums as far as it goes."""

    def __init__(self, stream: BinaryIO, file: HubFile, on_bytes: OnBytes) -> None:
        self._stream, self._file, self._on_bytes = stream, file, on_bytes
        self._reset()

    @classmethod
    def so_far(cls, stream: BinaryIO, file: HubFile, on_bytes: OnBytes) -> _Written:
        """Reads what an earlier attempt left; more than the file has is not of it."""
        made = cls(stream, file, on_bytes)
        if stream.seek(0, os.SEEK_END) > file.size:
            stream.truncate(0)
        stream.seek(0)
        while piece := stream.read(PIECE):
            made._count(piece)
        return made

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()

    def write(self, piece: bytes) -> None:
        self._stream.write(piece)
        self._count(piece)

    def start_over(self) -> None:
        self._stream.truncate(0)
        self._on_bytes(-self.have)
        self._reset()

    def close(self) -> None:
        """Puts it on the disk."""
        self._stream.flush()
        os.fsync(self._stream.fileno())

    def right(self) -> bool:
        """Whether size and checksum are those that were announced."""
        if self.have != self._file.size:
            return False
        if self._file.sha256:
            return self.sha256 == self._file.sha256
        return not self._file.git_sha1 or self._git.hexdigest() == self._file.git_sha1

    def _reset(self) -> None:
        self.have = 0
        self._sha256 = hashlib.sha256()
        self._git = hashlib.sha1(b"blob %d\0" % self._file.size, usedforsecurity=False)

    def _count(self, piece: bytes) -> None:
        self._sha256.update(piece)
        self._git.update(piece)
        self.have += len(piece)
        self._on_bytes(len(piece))


def _listing(repository: str, value: dict[str, Any]) -> Listing:
    revision = str(value["sha"])
    siblings = value["siblings"]
    if not _COMMIT.fullmatch(revision) or len(siblings) > MAX_FILES:
        raise ValueError
    return Listing(
        repository=repository,
        revision=revision,
        licence=_licence(value),
        gated=bool(value.get("gated")),
        files=tuple(_file(each) for each in siblings),
    )


def _file(value: dict[str, Any]) -> HubFile:
    large = value.get("lfs") or {}
    size = int(large.get("size") or value.get("size") or 0)
    known = str(large.get("sha256") or "").lower()
    git = "" if large else str(value.get("blobId") or "").lower()
    return HubFile(
        path=str(value["rfilename"]),
        size=max(0, size),
        sha256=known if _SHA256.fullmatch(known) else "",
        git_sha1=git if _SHA1.fullmatch(git) else "",
    )


def _licence(value: dict[str, Any]) -> str:
    """What the model's card says; "other" is spelled out where the card does so."""
    card = value.get("cardData") or {}
    told = card.get("license_name") or card.get("license")
    if not told:
        tags = [str(tag) for tag in value.get("tags") or []]
        told = next((tag.partition(":")[2] for tag in tags if tag.startswith("license:")), "")
    words = ", ".join(map(str, told)) if isinstance(told, list) else str(told)
    return "".join(letter for letter in words if letter.isprintable())[:200]


def _continues(response: httpx.Response, have: int) -> bool:
    """Whether the answer begins where the part ends."""
    told = str(response.headers.get("Content-Range", ""))
    return told.startswith(f"bytes {have}-")


def _unreachable(endpoint: str, error: Exception) -> Unavailable:
    return Unavailable(
        "The hub at %(host)s does not answer (%(reason)s). What came so far is kept: the same "
        "command goes on from there.",
        host=urlsplit(endpoint).netloc,
        reason=type(error).__name__.strip("_"),
        code="E-MODEL-HUB",
    )


def _strange() -> Unavailable:
    return Unavailable(
        "What the hub answers is not what its protocol says: check models.hub or HF_ENDPOINT.",
        code="E-MODEL-HUB",
    )
