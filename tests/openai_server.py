"""A small OpenAI-compatible server for tests: real HTTP over a real socket, scripted answers."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True)
class Reply:
    """How to answer one request.

    With `status` 200 it streams `deltas`, waiting `delay_s` before each; `ending` is "done" (the
    end mark), "cut" (the connection closes in the middle of an event), "bare" (it closes without an
    end mark) or "hang" (silence). `raw` replaces the stream with these lines; `whole` answers
    without streaming.
    """

    deltas: Sequence[str] = ()
    status: int = 200
    body: str = ""
    delay_s: float = 0.0
    headers_delay_s: float = 0.0
    ending: str = "done"
    raw: Sequence[str] = ()
    whole: str | None = None


@dataclass
class Received:
    path: str
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass
class OpenAIServer:
    """`async with OpenAIServer() as server: server.replies.append(Reply(["Olá"]))`."""

    replies: deque[Reply] = field(default_factory=deque)
    received: list[Received] = field(default_factory=list)
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)
    port: int = 0

    async def __aenter__(self) -> Self:
        self._tasks: set[asyncio.Task[None]] = set()
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                self.received.append(await _read(reader))
                reply = self.replies.popleft()
                answer = asyncio.create_task(self._answer(writer, reply))
                gone = asyncio.create_task(reader.read())  # returns when the client hangs up
                await asyncio.wait({answer, gone}, return_when=asyncio.FIRST_COMPLETED)
                if not answer.done():
                    self.hung_up.set()
                for task in (answer, gone):
                    task.cancel()
                await asyncio.gather(answer, gone, return_exceptions=True)
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _answer(self, writer: asyncio.StreamWriter, reply: Reply) -> None:
        await asyncio.sleep(reply.headers_delay_s)
        if reply.status != 200 or reply.whole is not None:
            whole = {"choices": [{"message": {"role": "assistant", "content": reply.whole}}]}
            body = (reply.body if reply.status != 200 else json.dumps(whole)).encode()
            writer.write(_head(reply.status, "application/json", len(body)) + body)
            await writer.drain()
            return
        writer.write(_head(200, "text/event-stream", None))
        await writer.drain()
        for line in reply.raw or [_event(delta) for delta in reply.deltas]:
            await asyncio.sleep(reply.delay_s)
            await _chunk(writer, line)
        match reply.ending:
            case "done":
                await _chunk(writer, "data: [DONE]\n\n")
                writer.write(b"0\r\n\r\n")
            case "bare":
                writer.write(b"0\r\n\r\n")
            case "cut":
                writer.write(b"400\r\ndata: {")
            case "hang":
                await asyncio.Event().wait()
        await writer.drain()


async def _read(reader: asyncio.StreamReader) -> Received:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    request, *lines = head.strip().split("\r\n")
    headers = {
        name.strip().lower(): value.strip()
        for name, _, value in (line.partition(":") for line in lines)
    }
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Received(request.split()[1], headers, json.loads(body or b"{}"))


def _head(status: int, kind: str, length: int | None) -> bytes:
    size = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    lines = [f"HTTP/1.1 {status} X", f"Content-Type: {kind}", size, "Connection: close", "", ""]
    return "\r\n".join(lines).encode()


async def _chunk(writer: asyncio.StreamWriter, text: str) -> None:
    data = text.encode()
    writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
    await writer.drain()


def _event(delta: str) -> str:
    chunk = {"choices": [{"index": 0, "delta": {"content": delta}, "finish_reason": None}]}
    return f"data: {json.dumps(chunk)}\n\n"
