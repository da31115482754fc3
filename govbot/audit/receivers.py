"""Ways to a receiver of the audit log: syslog over TCP, TLS, UDP, a unix socket; a file."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import socket
import ssl
import struct
import termios
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

from govbot.audit.book import Entry
from govbot.audit.lines import to_line
from govbot.audit.syslog import to_message
from govbot.config.table import AuditReceiver

TIMEOUT_S: Final = 10.0
CLOSING_S: Final = 3.0
UDP_BYTES: Final = 8192  # larger ones are often dropped on the way
UNIX_BYTES: Final = 64 * 1024
_POLL_S: Final = 0.02


class Way(Protocol):
    """A way to a receiver. Every method raises OSError when the receiver is out of reach."""

    #: Whether what was sent has certainly arrived; else it is sent again when the way breaks soon.
    certain: bool

    async def open(self) -> None:
        """Reach the receiver; nothing to do when it is reached already."""

    async def send(self, batch: Sequence[Entry]) -> None:
        """Hand these over, in their order."""

    def check(self) -> None:
        """Raise where the receiver has gone away since."""

    async def close(self) -> bool:
        """End in order; True when the receiver has read everything to the end."""


def open_way(receiver: AuditReceiver) -> Way:
    """The way that the settings describe, not opened yet."""
    if receiver.kind == "file":
        return File(Path(receiver.path))
    if receiver.kind in ("udp", "unix"):
        return Datagrams(receiver)
    return Stream(receiver)


class Stream:
    """TCP with octet counting (RFC 6587), or TLS (RFC 5425)."""

    certain = False

    def __init__(self, receiver: AuditReceiver) -> None:
        self._receiver = receiver
        self._writer: asyncio.StreamWriter | None = None
        self._ended: asyncio.Task[None] | None = None

    async def open(self) -> None:
        if self._writer is not None:
            return
        receiver = self._receiver
        context = await asyncio.to_thread(_tls, receiver) if receiver.kind == "tls" else None
        port = receiver.port or (6514 if context else 514)
        async with asyncio.timeout(TIMEOUT_S):
            reader, self._writer = await asyncio.open_connection(
                receiver.host, port, ssl=context, server_hostname=receiver.host if context else None
            )
        self._ended = asyncio.create_task(_drain(reader), name="audit-receiver")

    async def send(self, batch: Sequence[Entry]) -> None:
        """Returns when the other machine has acknowledged every byte."""
        self.check()
        assert self._writer is not None  # noqa: S101 - check() has seen it
        name = socket.gethostname()
        for entry in batch:
            text = to_message(entry, facility=self._receiver.facility, host=name)
            self._writer.write(f"{len(text)} ".encode() + text)
        async with asyncio.timeout(TIMEOUT_S):
            await self._writer.drain()
            while True:
                self.check()
                if not self._unacknowledged():
                    return
                await asyncio.sleep(_POLL_S)

    def check(self) -> None:
        # The transport knows of a break before whoever reads has heard of it.
        writer, ended = self._writer, self._ended
        if writer is None or ended is None or ended.done() or writer.transport.is_closing():
            raise ConnectionResetError("the receiver closed the connection")

    async def close(self) -> bool:
        writer, self._writer = self._writer, None
        ended, self._ended = self._ended, None
        if writer is None or ended is None:
            return False
        orderly = False
        try:
            if writer.can_write_eof() and not ended.done():
                writer.write_eof()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(CLOSING_S):
                        await asyncio.shield(ended)
                        orderly = True
        except OSError:
            pass
        finally:
            ended.cancel()
            writer.close()
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(CLOSING_S):
                    await writer.wait_closed()
            await asyncio.gather(ended, return_exceptions=True)
        return orderly

    def _unacknowledged(self) -> int:
        """Bytes that wait here or in the kernel for the other side."""
        assert self._writer is not None  # noqa: S101
        waiting = self._writer.transport.get_write_buffer_size()
        descriptor = self._writer.get_extra_info("socket").fileno()
        found = fcntl.ioctl(descriptor, termios.TIOCOUTQ, b"\0" * 4)
        return waiting + int(struct.unpack("i", found)[0])


class Datagrams:
    """UDP (RFC 5426) or a unix socket such as /dev/log: a message each."""

    certain = True  # as certain as it gets

    def __init__(self, receiver: AuditReceiver) -> None:
        self._receiver = receiver
        self._socket: socket.socket | None = None
        self._limit = UDP_BYTES if receiver.kind == "udp" else UNIX_BYTES

    async def open(self) -> None:
        if self._socket is not None:
            return
        receiver, loop = self._receiver, asyncio.get_running_loop()
        if receiver.kind == "unix":
            family, address = socket.AF_UNIX, receiver.path
        else:
            found = await loop.getaddrinfo(
                receiver.host, receiver.port or 514, type=socket.SOCK_DGRAM
            )
            family, address = found[0][0], found[0][4]  # type: ignore[assignment]
        opened = socket.socket(family, socket.SOCK_DGRAM)
        try:
            opened.setblocking(False)
            opened.connect(address)
        except OSError:
            opened.close()
            raise
        self._socket = opened

    async def send(self, batch: Sequence[Entry]) -> None:
        self.check()
        assert self._socket is not None  # noqa: S101 - check() has seen it
        loop, name = asyncio.get_running_loop(), socket.gethostname()
        for number, entry in enumerate(batch, 1):
            text = to_message(entry, facility=self._receiver.facility, host=name, limit=self._limit)
            async with asyncio.timeout(TIMEOUT_S):
                await loop.sock_sendall(self._socket, text)
            if number % 50 == 0:
                await asyncio.sleep(_POLL_S)  # a receiver's buffer is small

    def check(self) -> None:
        if self._socket is None:
            raise ConnectionResetError("the socket is not open")

    async def close(self) -> bool:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        return True


class File:
    """JSON lines at the end of a file, which may be renamed away or emptied at any time."""

    certain = True

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1

    async def open(self) -> None:
        await asyncio.to_thread(self._open)

    async def send(self, batch: Sequence[Entry]) -> None:
        await asyncio.to_thread(self._write, "".join(map(to_line, batch)).encode())

    def check(self) -> None:
        pass

    async def close(self) -> bool:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        return True

    def _open(self) -> None:
        if self._descriptor >= 0 and not self._is_the_one():
            os.close(self._descriptor)
            self._descriptor = -1
        if self._descriptor < 0:
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            self._descriptor = os.open(self._path, flags, 0o640)

    def _is_the_one(self) -> bool:
        try:
            now, own = os.stat(self._path), os.fstat(self._descriptor)
        except FileNotFoundError:
            return False
        return (now.st_dev, now.st_ino) == (own.st_dev, own.st_ino)

    def _write(self, text: bytes) -> None:
        size = os.fstat(self._descriptor).st_size
        if size and os.pread(self._descriptor, 1, size - 1) != b"\n":
            text = b"\n" + text  # a full disk cut the last line off
        while text:
            text = text[os.write(self._descriptor, text) :]
        os.fsync(self._descriptor)


async def _drain(reader: asyncio.StreamReader) -> None:
    """Reads what a receiver says, which means nothing, until it closes."""
    with contextlib.suppress(OSError):
        while await reader.read(4096):
            pass


def _tls(receiver: AuditReceiver) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=receiver.ca_file or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if receiver.certificate_file:
        context.load_cert_chain(receiver.certificate_file)
    return context
