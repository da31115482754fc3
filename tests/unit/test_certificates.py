"""Certificates: clear words for what is wrong, and another one taken up beside open connections."""

from __future__ import annotations

import asyncio
import shutil
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from govbot.certificates import Served, examine
from govbot.errors import BadConfig
from tests.certificates import Authority, make_authority


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return make_authority(tmp_path)


def refusal(certificate: Path, key: Path) -> str:
    with pytest.raises(BadConfig) as caught:
        examine(certificate, key)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_names_and_dates_are_told(authority: Authority) -> None:
    fresh = examine(*authority.issue("localhost"))
    assert fresh.names == ("localhost", "127.0.0.1")
    assert fresh.problem() == ""
    assert fresh.soon()
    assert not examine(*authority.issue("localhost", days=90)).soon()
    assert examine(*authority.issue("localhost", days=-1)).problem().startswith("it expired on ")
    assert "is the clock right?" in fresh.problem(fresh.not_before.replace(year=2001))


def test_each_file_that_cannot_be_used_is_named_with_the_reason(
    authority: Authority, tmp_path: Path
) -> None:
    certificate, key = authority.issue("localhost")
    _, other_key = authority.issue("outro")
    gone = tmp_path / "não há.pem"
    assert "No such file" in refusal(gone, key)
    assert "[web] tls_key" in refusal(certificate, gone)
    assert "Is a directory" in refusal(tmp_path, key)
    assert f"does not belong to the certificate {certificate}" in refusal(certificate, other_key)
    assert "no certificate in PEM form" in refusal(key, key)
    assert "no private key in PEM form" in refusal(certificate, certificate)
    locked = tmp_path / "locked.key"
    locked.write_bytes(
        load_pem_private_key(key.read_bytes(), None).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"segredo"),
        )
    )
    assert "locked with a password" in refusal(certificate, locked)
    turned = tmp_path / "turned.pem"
    turned.write_bytes(authority.file.read_bytes() + certificate.read_bytes())
    assert "must come first" in refusal(turned, key)


def put(new: tuple[Path, Path], served: tuple[Path, Path]) -> None:
    """As renewing programs do: written beside, then renamed; one file after the other."""
    for source, target in zip(new, served, strict=True):
        shutil.copy(source, draft := target.with_suffix(".new"))
        draft.replace(target)


@asynccontextmanager
async def echoing(served: Served) -> AsyncIterator[int]:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(line)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0, ssl=served.context)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def connected(
    port: int, authority: Authority, name: str | None = "localhost"
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    context = ssl.create_default_context(cafile=authority.file)
    context.check_hostname = name is not None
    return await asyncio.open_connection(
        "127.0.0.1", port, ssl=context, server_hostname=name if name is not None else ""
    )


def serial(writer: asyncio.StreamWriter) -> str:
    return str(writer.get_extra_info("peercert")["serialNumber"])


async def answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    writer.write(b"oi\n")
    return await asyncio.wait_for(reader.readline(), 5) == b"oi\n"


async def test_a_new_certificate_serves_new_connections_and_open_ones_live(
    authority: Authority, tmp_path: Path
) -> None:
    files = tmp_path / "served.crt", tmp_path / "served.key"
    put(authority.issue("localhost"), files)
    served = Served(*files)
    async with echoing(served) as port:
        old = await connected(port, authority)
        put(authority.issue("localhost", days=2), files)
        assert served.refresh()
        assert not served.refresh()
        new, nameless = await connected(port, authority), await connected(port, authority, None)
        assert serial(new[1]) == serial(nameless[1]) != serial(old[1])
        assert await answers(*old)
        assert await answers(*new)
        for _, writer in (old, new, nameless):
            writer.close()


async def test_a_certificate_that_does_not_fit_leaves_the_old_one_in_use(
    authority: Authority, tmp_path: Path
) -> None:
    files = tmp_path / "served.crt", tmp_path / "served.key"
    put(authority.issue("localhost"), files)
    served = Served(*files)
    certificate, key = authority.issue("localhost", days=2)
    shutil.copy(certificate, files[0])  # the key comes a moment later
    async with echoing(served) as port:
        first = await connected(port, authority)
        with pytest.raises(BadConfig):
            served.refresh()
        assert not served.refresh()  # told once
        second = await connected(port, authority)
        shutil.copy(key, files[1])
        assert served.refresh()
        third = await connected(port, authority)
        assert serial(first[1]) == serial(second[1]) != serial(third[1])
        for _, writer in (first, second, third):
            writer.close()
