"""A small hub for tests: the protocol of the Hugging Face hub on a real socket, and its faults."""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Asked:
    """One request as the hub got it."""

    path: str
    headers: dict[str, str]


@dataclass
class HubServer:
    """`async with HubServer({"org/model": {"a.gguf": data}}) as hub: hub.address`.

    Files from 100 bytes on are "large": they have a SHA-256, the others git's SHA-1. `cuts` are the
    bytes after which each next answer of the store breaks off; `statuses` come before any answer.
    `changed` gives other bytes than announced; `ranges` off ignores Range; `bare` tells no
    checksums; `elsewhere` is an address that files are redirected to.
    """

    repositories: dict[str, dict[str, bytes]]
    licence: str = "apache-2.0"
    token: str = ""
    cuts: list[int] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    changed: dict[str, bytes] = field(default_factory=dict)
    ranges: bool = True
    bare: bool = False
    elsewhere: str = ""
    delay_s: float = 0.0
    asked: list[Asked] = field(default_factory=list)
    address: str = ""

    async def __aenter__(self) -> Self:
        self._tasks: set[asyncio.Task[None]] = set()
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.address = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def sent_ranges(self) -> list[str]:
        """The ranges that were asked for, in order."""
        return [each.headers["range"] for each in self.asked if "range" in each.headers]

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        line = (await reader.readline()).decode()
        if not line:
            return False
        headers = {}
        while (header := (await reader.readline()).decode().strip()) != "":
            name, _, value = header.partition(":")
            headers[name.lower()] = value.strip()
        asked = Asked(unquote(line.split()[1]), headers)
        self.asked.append(asked)
        if self.statuses:
            return await self._send(writer, self.statuses.pop(0), b"")
        if self.token and headers.get("authorization") != f"Bearer {self.token}":
            return await self._send(writer, 401, b"")
        path = urlsplit(asked.path).path
        if path.startswith("/api/models/"):
            return await self._list(writer, path.removeprefix("/api/models/"))
        if path.startswith("/store/"):
            return await self._give(writer, path.removeprefix("/store/"), headers)
        repository, _, rest = path[1:].partition("/resolve/")
        file = rest.partition("/")[2]
        if file not in self.repositories.get(repository, {}):
            return await self._send(writer, 404, b"")
        where = self.elsewhere or f"{self.address}/store/{repository}/{file}"
        return await self._send(writer, 302, b"", {"Location": where})

    async def _list(self, writer: asyncio.StreamWriter, rest: str) -> bool:
        repository = rest.partition("/revision/")[0]
        if repository not in self.repositories:
            return await self._send(writer, 404, b"")
        siblings = [
            self._sibling(name, data) for name, data in self.repositories[repository].items()
        ]
        body = {"sha": COMMIT, "cardData": {"license": self.licence}, "siblings": siblings}
        return await self._send(writer, 200, json.dumps(body).encode())

    def _sibling(self, name: str, data: bytes) -> dict[str, Any]:
        told: dict[str, Any] = {"rfilename": name, "size": len(data)}
        if self.bare:
            return told
        if len(data) >= 100:
            digest = hashlib.sha256(data).hexdigest()
            return told | {"blobId": "0" * 40, "lfs": {"sha256": digest, "size": len(data)}}
        blob = b"blob %d\0" % len(data) + data
        return told | {"blobId": hashlib.sha1(blob, usedforsecurity=False).hexdigest()}

    async def _give(self, writer: asyncio.StreamWriter, rest: str, headers: dict[str, str]) -> bool:
        organisation, model, file = rest.split("/", 2)
        data = self.changed.get(file, self.repositories[f"{organisation}/{model}"][file])
        more: dict[str, str] = {}
        status = 200
        if "range" in headers and self.ranges:
            first = int(headers["range"].removeprefix("bytes=").rstrip("-"))
            more = {"Content-Range": f"bytes {first}-{len(data) - 1}/{len(data)}"}
            data, status = data[first:], 206
        cut = self.cuts.pop(0) if self.cuts else None
        return await self._send(writer, status, data, more, cut)

    async def _send(
        self,
        writer: asyncio.StreamWriter,
        status: int,
        body: bytes,
        headers: dict[str, str] | None = None,
        cut: int | None = None,
    ) -> bool:
        lines = [f"HTTP/1.1 {status} -", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        sent = body if cut is None else body[:cut]
        for start in range(0, len(sent), 65536):
            writer.write(sent[start : start + 65536])
            await writer.drain()
            await asyncio.sleep(self.delay_s)
        await writer.drain()
        return cut is None
