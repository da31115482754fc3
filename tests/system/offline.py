"""A whole day of GovBot in a network namespace without routes; prints what was tried to send.

Run by test_offline.py under `unshare -n`. The kernel counts what finds no route (also what native
libraries try, name servers included), so an attempt is seen even where its failure is swallowed.
"""

from __future__ import annotations

import fcntl
import json
import re
import socket
import struct
import sys
from contextlib import suppress
from pathlib import Path

import httpx

from tests.system.installation import Installation
from tests.tiny_gguf import write_tiny_gguf

PASSWORD = "cavalo bateria grampo correto"
LAW = "LEI Nº 731\n\nArt. 1º A licença-paternidade é de vinte dias corridos.\n"
QUESTION = "Quantos dias dura a licença-paternidade?"
# Datagrams count too: the resolver of a machine may listen on the machine itself.
COUNTED = ("IpOutNoRoutes", "Ip6OutNoRoutes", "UdpOutDatagrams", "Udp6OutDatagrams")


def main(folder: Path, what: str) -> None:
    _raise_loopback()
    before = counters()
    if what == "attempt":
        _attempt()
    else:
        _day(Installation(folder))
    after = counters()
    print(json.dumps({name: after[name] - before[name] for name in COUNTED}))


def counters() -> dict[str, int]:
    """The counters of this namespace, by their names in /proc/net."""
    lines = Path("/proc/net/snmp").read_text().splitlines()
    found = {}
    for names, values in zip(lines[::2], lines[1::2], strict=True):
        kind, *keys = names.split()
        found |= {
            kind.rstrip(":") + key: int(value)
            for key, value in zip(keys, values.split()[1:], strict=True)
        }
    six = Path("/proc/net/snmp6")
    if six.exists():
        found |= {line.split()[0]: int(line.split()[1]) for line in six.read_text().splitlines()}
    return {name: found.get(name, 0) for name in COUNTED}


def _attempt() -> None:
    for address in ("192.0.2.1", "2001:db8::1"):
        with suppress(OSError):
            socket.create_connection((address, 443), timeout=1).close()


def _day(house: Installation) -> None:
    """Migration, start, taking in, a question, and the models by command and on their pages."""
    house.settings["GOVBOT_AUTH__SECOND_FACTOR"] = "off"
    model = write_tiny_gguf(house.folder / "pequeno.gguf", context=1024)
    house.ok("migrate")
    house.ok("models", "list", "--catalog")
    house.ok("models", "show", model)
    house.ok("models", "add", model, "--yes")
    placed = house.json("models", "list")[0]["file"]
    house.settings["GOVBOT_GENERATION__MODEL_PATH"] = placed
    house.ok("user", "add", "ana", "--role", "admin", "--password-stdin", stdin=PASSWORD)
    house.ok("collection", "add", "Leis")
    house.ok("collection", "grant", "Leis", "read", "--user", "ana")
    law = house.write("lei.txt", LAW)
    with house.serving() as server, httpx.Client(base_url=server.address, timeout=60) as client:
        house.lines("ingest", law, "--collection", "Leis", "--wait")
        form = client.get("/entrar").text
        data = {"username": "ana", "password": PASSWORD, **_hidden(form)}
        assert client.post("/entrar", data=data).status_code == 303
        start = client.get("/", follow_redirects=True).text
        for page in ("/admin/modelos", "/admin/modelos/respostas", "/conversas", "/documentos"):
            assert client.get(page).status_code == 200, page
        asked = client.post("/conversas", data={"question": QUESTION, **_hidden(start)})
        assert asked.status_code == 303
        conversation = asked.headers["location"]
        events = re.search(r'"([^"]+/eventos)[^"]*"', client.get(conversation).text)
        assert events
        with client.stream("GET", events[1], timeout=120) as stream:
            assert stream.status_code == 200
            assert "done" in stream.read().decode()


def _hidden(page: str) -> dict[str, str]:
    token = re.search(r'name="csrf" value="([^"]+)"', page)
    return {"csrf": token[1]} if token else {}


def _raise_loopback() -> None:
    """`ip link set lo up`, which not every machine has."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        fcntl.ioctl(handle, 0x8914, struct.pack("16sh14x", b"lo", 0x1 | 0x40))  # SIOCSIFFLAGS


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
