"""Receivers of the audit log: real sockets, outages in the middle, restarts; nothing is lost."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from govbot import audit
from govbot.audit import positions
from govbot.audit.forward import Forwarder
from govbot.audit.receivers import open_way
from govbot.audit.syslog import to_message
from govbot.config.table import AuditReceiver
from govbot.db.access import as_system
from govbot.db.pool import Pool
from tests.troupe import Troupe

HEAD = re.compile(rb"^<(\d+)>1 (\S+) (\S+) govbot - (\S+) \[govbot@32473 (.*?)\] \xef\xbb\xbf(.*)$")


class Receiver:
    """Reads syslog with octet counting; `limit`: it breaks off after so many messages."""

    def __init__(self, limit: int = 0) -> None:
        self.messages: list[bytes] = []
        self.limit = limit
        self.port = 0
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._stopped = False

    async def start(self, port: int = 0, context: ssl.SSLContext | None = None) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port, ssl=context)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._stopped = True
        # One that was accepted a moment ago would be lost, open, with the server that closes.
        for listener in self._server.sockets:
            asyncio.get_running_loop().remove_reader(listener.fileno())
        await asyncio.sleep(0.05)
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        if self._stopped:  # it came in at the last moment
            writer.transport.abort()
            return
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                size = int((await reader.readuntil(b" ")).decode())
                self.messages.append(await reader.readexactly(size))
                if self.limit and len(self.messages) >= self.limit:
                    self.limit = 0
                    writer.transport.abort()
                    return
        writer.close()

    @property
    def numbers(self) -> list[int]:
        return [number_of(each) for each in self.messages]


def number_of(message: bytes) -> int:
    found = re.search(rb' seq="(\d+)"', message)
    assert found
    return int(found[1])


def in_order(numbers: list[int]) -> list[int]:
    """The first time that each number came."""
    return list(dict.fromkeys(numbers))


async def fill(pool: Pool, entries: int) -> None:
    for number in range(entries):
        async with as_system(pool) as conn:
            await audit.record(conn, actor=None, action="test.done", details={"n": number})


async def position(pool: Pool) -> int:
    async with as_system(pool) as conn:
        return (await positions.get(conn, "forward:siem")).seq


async def arrived(pool: Pool, seq: int) -> bool:
    return await position(pool) == seq


@asynccontextmanager
async def forwarding(pool: Pool, receiver: AuditReceiver) -> AsyncIterator[Forwarder]:
    forwarder = Forwarder(pool, receiver, idle_s=0.02, grace_s=0.3)
    task = asyncio.create_task(forwarder.run())
    try:
        yield forwarder
    finally:
        task.cancel()
        (ended,) = await asyncio.gather(task, return_exceptions=True)
        await forwarder.close()
        assert isinstance(ended, asyncio.CancelledError), ended  # no fault has ended it


async def until(condition: Callable[[], bool | Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while True:
            found = condition()
            if found if isinstance(found, bool) else await found:
                return
            await asyncio.sleep(0.02)


def tcp(port: int, kind: str = "tcp", **values: object) -> AuditReceiver:
    return AuditReceiver(name="siem", kind=kind, host="127.0.0.1", port=port, **values)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    found = Receiver()
    await found.start()
    yield found
    await found.stop()


async def test_every_entry_goes_to_a_tcp_receiver_in_order(pool: Pool, receiver: Receiver) -> None:
    await fill(pool, 450)
    async with forwarding(pool, tcp(receiver.port)):
        await until(lambda: len(receiver.messages) == 450)
        await fill(pool, 3)
        await until(lambda: len(receiver.messages) == 453)
        await until(lambda: arrived(pool, 453))
    assert receiver.numbers == list(range(1, 454))


async def test_a_receiver_that_dies_in_the_middle_gets_all_when_it_is_back(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("govbot.audit.forward.LONGEST_WAIT_S", 0.5)
    first = Receiver(limit=37)
    await first.start()
    await fill(pool, 300)
    async with forwarding(pool, tcp(first.port)):
        await until(lambda: len(first.messages) >= 37)
        await first.stop()
        await fill(pool, 50)  # nothing waits for the receiver
        second = Receiver()
        await second.start(first.port)
        try:
            await until(lambda: bool(second.messages) and second.numbers[-1] == 350)
        finally:
            await second.stop()
    assert in_order(first.numbers + second.numbers) == list(range(1, 351))
    assert second.numbers == sorted(second.numbers)


async def test_a_restart_goes_on_where_it_was(pool: Pool, receiver: Receiver) -> None:
    await fill(pool, 5)
    async with forwarding(pool, tcp(receiver.port)):
        await until(lambda: arrived(pool, 5))
    await fill(pool, 5)
    async with forwarding(pool, tcp(receiver.port)):
        await until(lambda: len(receiver.messages) == 10)
    assert receiver.numbers == list(range(1, 11))


async def test_what_may_not_have_arrived_before_a_crash_is_sent_again(
    pool: Pool, receiver: Receiver
) -> None:
    await fill(pool, 5)
    forwarder = Forwarder(pool, tcp(receiver.port), idle_s=0.02, grace_s=60)
    await forwarder.step()
    await until(lambda: len(receiver.messages) == 5)
    assert await position(pool) == 0  # the process dies here
    async with as_system(pool) as conn:
        await conn.execute("UPDATE audit_positions SET held_until = now() - interval '1 second'")
    async with forwarding(pool, tcp(receiver.port)):
        await until(lambda: len(receiver.messages) == 10)
    assert in_order(receiver.numbers) == [1, 2, 3, 4, 5]
    await forwarder.close()


async def test_one_process_at_a_time_serves_a_receiver(pool: Pool, receiver: Receiver) -> None:
    await fill(pool, 40)
    async with forwarding(pool, tcp(receiver.port)), forwarding(pool, tcp(receiver.port)):
        await until(lambda: len(receiver.messages) >= 40)
        await fill(pool, 5)
        await until(lambda: len(receiver.messages) >= 45)
        await asyncio.sleep(0.1)
    assert receiver.numbers == list(range(1, 46))


async def test_a_connection_that_breaks_while_bytes_are_on_their_way_is_an_outage() -> None:
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        server.bind(("127.0.0.1", 0))
        server.listen()
        way = open_way(tcp(server.getsockname()[1]))
        await way.open()
        connection, _ = server.accept()
    sending = asyncio.create_task(way.send([entry(details="x" * 1000)] * 200))
    await asyncio.sleep(0.2)
    assert not sending.done()  # a receiver that does not read has not acknowledged them all
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
    with pytest.raises(ConnectionError):
        await sending
    await way.close()


async def test_an_outage_is_told(pool: Pool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    await fill(pool, 1)

    async def noted() -> bool:
        async with as_system(pool) as conn:
            found = await positions.get(conn, "forward:siem")
        return found.failures > 0 and "111" in found.error

    async with forwarding(pool, tcp(port)):
        await until(noted)


def certificate(folder: Path, host: str) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / f"{host}.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + built.public_bytes(serialization.Encoding.PEM)
    )
    return file


@pytest.mark.parametrize(("host", "arrives"), [("localhost", True), ("other.example", False)])
async def test_tls_goes_to_a_receiver_with_the_right_certificate_alone(
    pool: Pool, tmp_path: Path, host: str, arrives: bool
) -> None:
    file = certificate(tmp_path, host)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(file)
    server = Receiver()
    await server.start(context=context)
    await fill(pool, 30)
    settings = AuditReceiver(
        name="siem", kind="tls", host="localhost", port=server.port, ca_file=str(file)
    )

    async def refused() -> bool:
        async with as_system(pool) as conn:
            return "certificate" in (await positions.get(conn, "forward:siem")).error.lower()

    async with forwarding(pool, settings):
        await until((lambda: len(server.messages) == 30) if arrives else refused)
    assert server.numbers == (list(range(1, 31)) if arrives else [])
    await server.stop()


@pytest.mark.parametrize("kind", ["udp", "unix"])
async def test_datagrams_carry_a_message_each(pool: Pool, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "log"
    family = socket.AF_UNIX if kind == "unix" else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as server:
        server.setblocking(False)
        server.bind(str(path) if kind == "unix" else ("127.0.0.1", 0))
        values = {"path": str(path)} if kind == "unix" else {}
        port = 0 if kind == "unix" else server.getsockname()[1]
        await fill(pool, 20)
        found = []
        async with forwarding(pool, tcp(port, kind, **values)):
            for _ in range(20):
                async with asyncio.timeout(10):
                    found.append(await asyncio.get_running_loop().sock_recv(server, 65536))
    assert [number_of(each) for each in found] == list(range(1, 21))
    assert all(HEAD.match(each) for each in found)


async def test_a_file_of_json_lines_survives_rotation(pool: Pool, tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"
    settings = AuditReceiver(name="siem", kind="file", path=str(file))
    await fill(pool, 3)
    async with forwarding(pool, settings):
        await until(lambda: file.exists() and len(file.read_text().splitlines()) == 3)
        file.rename(tmp_path / "audit.jsonl.1")
        await fill(pool, 2)
        await until(lambda: file.exists() and len(file.read_text().splitlines()) == 2)
    lines = (tmp_path / "audit.jsonl.1").read_text() + file.read_text()
    assert [json.loads(line)["seq"] for line in lines.splitlines()] == [1, 2, 3, 4, 5]


async def test_a_line_cut_off_by_a_full_disk_does_not_spoil_the_next(
    pool: Pool, tmp_path: Path
) -> None:
    file = tmp_path / "audit.jsonl"
    file.write_text('{"seq":')
    await fill(pool, 1)
    async with forwarding(pool, AuditReceiver(name="siem", kind="file", path=str(file))):
        await until(lambda: len(file.read_text().splitlines()) == 2)
    assert json.loads(file.read_text().splitlines()[1])["seq"] == 1


def entry(**changes: object) -> audit.Entry:
    values: dict[str, object] = {
        "seq": 7,
        "at": datetime(2026, 3, 4, 12, 30, 1, 5, UTC),
        "actor_id": UUID(int=5),
        "actor_name": "ana",
        "action": "document.opened",
        "resource": "document:1",
        "details": '{"page":3}',
        "ip": "10.0.0.9",
        "prev_hash": b"\x01" * 32,
        "hash": b"\x02" * 32,
    }
    return audit.Entry(**{**values, **changes})  # type: ignore[arg-type]


def test_a_message_is_what_rfc_5424_says() -> None:
    text = to_message(entry(), facility=13, host="servidor da prefeitura").decode()
    head, data = text.split(" [", 1)
    assert (
        head == "<110>1 2026-03-04T12:30:01.000005Z servidor_da_prefeitura govbot - document.opened"
    )
    assert data.startswith('govbot@32473 seq="7" actor="ana" actorId="0000')
    assert data.endswith('] \ufeff{"page":3}')


def test_values_cannot_leave_their_quotes() -> None:
    hostile = 'x"] [other@1 a="\\\n<13>1 - - -'
    text = to_message(entry(actor_name=hostile, details="a\nb"), facility=13, host="h").decode()
    assert 'actor="x\\"\\] [other@1 a=\\"\\\\ <13>1 - - -"' in text
    assert "\n" not in text


def test_what_an_auditor_wants_to_be_woken_for_is_a_warning() -> None:
    def priority(action: str) -> int:
        return int(to_message(entry(action=action), facility=13, host="h")[1:4])

    assert [priority(a) - 104 for a in ("sign-in.failed", "grant.changed", "question.asked")] == [
        4, 5, 6,
    ]  # fmt: skip


def test_a_datagram_is_cut_between_letters() -> None:
    message = to_message(entry(details="ç" * 9000), facility=13, host="h", limit=1000)
    assert len(message) <= 1000
    assert message.decode().endswith("ç…")


async def test_an_entry_of_any_name_is_parsed_again(pool: Pool, troupe: Troupe) -> None:
    async with as_system(pool) as conn:
        seq = await audit.record(
            conn, actor=troupe.reader, action="test.done", details={"nome": 'São "José" ]'}
        )
        message = to_message(await audit.entry(conn, seq), facility=13, host="h")
    found = HEAD.match(message)
    assert found
    assert json.loads(found[6]) == {"nome": 'São "José" ]'}
