"""The connection: heads, bodies and answers are bounded in size and in time, on real sockets."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from time import monotonic
from typing import Any

import pytest

from tests.web.sockets import raw, served

HEAD = b"GET / HTTP/1.1\r\nHost: x\r\n"
CLOSE = b"Connection: close\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"


class Echo:
    """Answers with the number of bytes it was sent; "/big" with ten megabytes."""

    def __init__(self) -> None:
        self.finished: list[str] = []
        self.gone = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        received, more = 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.gone.set()
                return
            received += len(message["body"])
            more = message["more_body"]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        if scope["path"] == "/big":
            for _ in range(160):
                await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": True})
        body = str(received).encode()
        await send({"type": "http.response.body", "body": body, "more_body": False})
        self.finished.append(scope["path"])


@pytest.fixture
def echo() -> Echo:
    return Echo()


@pytest.fixture
async def port(echo: Echo) -> AsyncIterator[int]:
    async with served(echo) as number:
        yield number


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer else 0


async def test_an_ordinary_request_passes(port: int) -> None:
    answer = await raw(port, HEAD + CLOSE)
    assert status(answer) == 200
    assert b"server:" not in answer.lower()


async def test_a_body_that_comes_fast_enough_passes(port: int) -> None:
    body = b"x" * 40_000
    head = (POST % (3 * len(body))).replace(b"\r\n\r\n", b"\r\n" + CLOSE)
    answer = await raw(port, head, body, body, body, pause=0.2)
    assert answer.endswith(b"120000\r\n0\r\n\r\n")


async def test_a_head_that_does_not_come_to_its_end_is_cut(port: int) -> None:
    started = monotonic()
    assert status(await raw(port, HEAD)) == 408
    assert 0.3 < monotonic() - started < 2


async def test_one_header_after_another_does_not_keep_a_connection(port: int) -> None:
    pieces = [f"X-{n}: a\r\n".encode() for n in range(15)]
    started = monotonic()
    assert status(await raw(port, HEAD, *pieces, pause=0.1)) in (0, 408)
    assert monotonic() - started < 3


async def test_a_connection_that_says_nothing_is_cut(port: int) -> None:
    assert status(await raw(port, b"")) == 408


async def test_a_kept_connection_is_cut_when_it_is_idle(port: int) -> None:
    started = monotonic()
    answer = await raw(port, HEAD + b"\r\n")
    assert status(answer) == 200
    assert 0.8 < monotonic() - started < 3


async def test_blank_lines_do_not_keep_an_idle_connection(port: int) -> None:
    started = monotonic()
    answer = await raw(port, HEAD + b"\r\n", *[b"\r\n"] * 10, pause=0.15)
    assert answer.count(b"HTTP/1.1") <= 2
    assert monotonic() - started < 3


async def test_a_body_that_trickles_is_cut(port: int, echo: Echo) -> None:
    started = monotonic()
    answer = await raw(port, POST % 1_000_000, *[b"x"] * 15, pause=0.1)
    assert status(answer) in (0, 408)
    assert monotonic() - started < 4
    await asyncio.wait_for(echo.gone.wait(), 2)
    assert echo.finished == []


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"GET /" + b"a" * 1100 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (HEAD + b"X: " + b"a" * 9000 + b"\r\n\r\n", 431),
        (HEAD + b"X: " + b"a" * 300_000, 431),
        (HEAD + b"".join(b"X-%d: a\r\n" % n for n in range(30)) + b"\r\n", 431),
    ],
    ids=["target", "header", "endless header", "number of headers"],
)
async def test_a_head_is_bounded(port: int, echo: Echo, head: bytes, expected: int) -> None:
    assert status(await raw(port, head)) in (expected, 0)
    assert echo.finished == []


@pytest.mark.parametrize(
    "request_",
    [
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",  # noqa: E501
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\nabcde",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5;\nabcde\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\nHost: x\n\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n folded: y\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
        b"NONSENSE\r\n\r\n",
    ],
)  # fmt: skip
async def test_what_two_servers_could_read_differently_is_refused(
    port: int, echo: Echo, request_: bytes
) -> None:
    assert status(await raw(port, request_)) in (400, 408)
    assert echo.finished == []


async def test_an_answer_that_nobody_reads_is_cut(port: int, echo: Echo) -> None:
    link = socket.socket()
    link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    link.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(link, ("127.0.0.1", port))
    await loop.sock_sendall(link, b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n")
    await asyncio.sleep(1.5)
    taken = 0
    try:
        async with asyncio.timeout(5):
            while piece := await loop.sock_recv(link, 1 << 20):
                taken += len(piece)
    except ConnectionError:
        pass
    finally:
        link.close()
    assert taken < 10_000_000


async def test_a_slow_but_steady_reader_gets_everything(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /big HTTP/1.1\r\nHost: x\r\n" + CLOSE)
    taken = 0
    while piece := await reader.read(400_000):
        taken += len(piece)
        await asyncio.sleep(0.01)
    writer.close()
    assert taken > 160 * 65536


async def test_a_request_to_switch_protocols_stays_http(port: int) -> None:
    upgrade = HEAD + b"Connection: Upgrade, close\r\nUpgrade: websocket\r\n\r\n"
    answer = await raw(port, upgrade)
    assert b"101 Switching" not in answer
