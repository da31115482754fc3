"""A real OpenLDAP server in a child process, with the people of a small town hall."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from govbot.config.table import Ldap
from tests.certificates import Authority, make_authority

BASE = "dc=aurora,dc=gov"
PEOPLE, GROUPS = f"ou=pessoas,{BASE}", f"ou=grupos,{BASE}"
ROOT, ROOT_PASSWORD = f"cn=root,{BASE}", "raiz-do-teste"
READER, READER_PASSWORD = f"cn=leitor,{BASE}", "leitor-do-teste"
PASSWORD = "três-pontes-no-rio"
MARIA = f"uid=maria,{PEOPLE}"
JOAO = f"cn=Silva\\, João (DTI) \\+1,{PEOPLE}"
CONTRACTS = f"cn=Contratos\\, licitações (todos),{GROUPS}"
SCHEMAS = Path("/etc/ldap/schema")

CONFIG = """\
{includes}
attributetype ( 1.2.840.113556.1.4.221 NAME 'sAMAccountName' EQUALITY caseIgnoreMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.2 NAME 'objectGUID' EQUALITY octetStringMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.8 NAME 'userAccountControl' EQUALITY integerMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )
objectclass ( 1.2.840.113556.1.5.9 NAME 'user' SUP top AUXILIARY
  MAY ( sAMAccountName $ objectGUID $ userAccountControl ) )
objectclass ( 1.2.840.113556.1.5.8 NAME 'group' SUP top STRUCTURAL MUST cn MAY member )
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload ppolicy
pidfile {folder}/pid
TLSCACertificateFile {ca}
TLSCertificateFile {certificate}
TLSCertificateKeyFile {key}
database mdb
suffix "{base}"
rootdn "{root}"
rootpw {root_password}
directory {folder}/data
maxsize 16777216
dbnosync
index objectClass,entryUUID,uid eq
limits * {limits}
overlay ppolicy
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="{reader}" read by * none
"""

LDIF = f"""\
dn: {BASE}
objectClass: domain
dc: aurora

dn: ou=pessoas,{BASE}
objectClass: organizationalUnit
ou: pessoas

dn: ou=grupos,{BASE}
objectClass: organizationalUnit
ou: grupos

dn: {READER}
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: leitor
userPassword: {READER_PASSWORD}

dn: {MARIA}
objectClass: inetOrgPerson
uid: maria
cn: Maria da Conceição
sn: Conceição
mail: maria@aurora.gov
userPassword: {PASSWORD}

dn: {JOAO}
objectClass: inetOrgPerson
cn: Silva, João (DTI) +1
sn: Silva
uid: joão.silva
mail: joao@aurora.gov
userPassword: {PASSWORD}

dn: uid=ana,{PEOPLE}
objectClass: inetOrgPerson
uid: ana
cn: Ana
sn: Ana
userPassword: {PASSWORD}

dn: uid=gil,{PEOPLE}
objectClass: inetOrgPerson
uid: gil
cn: Gil
sn: Gil
userPassword: {PASSWORD}

dn: uid=admin,{PEOPLE}
objectClass: inetOrgPerson
uid: admin
cn: Not the administrator of GovBot
sn: Admin
userPassword: {PASSWORD}

dn: cn=secretaria,{GROUPS}
objectClass: groupOfNames
cn: secretaria
member: {MARIA}
member: cn=governo,{GROUPS}

dn: cn=gabinete,{GROUPS}
objectClass: groupOfNames
cn: gabinete
member: cn=secretaria,{GROUPS}

dn: cn=governo,{GROUPS}
objectClass: groupOfNames
cn: governo
member: cn=gabinete,{GROUPS}

dn: {CONTRACTS}
objectClass: groupOfUniqueNames
cn: Contratos, licitações (todos)
uniqueMember: {JOAO}

dn: cn=informática,{GROUPS}
objectClass: groupOfNames
cn: informática
member: {CONTRACTS}

dn: cn=plantão,{GROUPS}
objectClass: posixGroup
cn: plantão
gidNumber: 5000
memberUid: ana

dn: cn=vazio,{GROUPS}
objectClass: groupOfNames
cn: vazio
member: {ROOT}
"""


class Slapd:
    """The running server; `stop` and `start` make an outage."""

    def __init__(self, folder: Path, authority: Authority) -> None:
        self.folder, self.authority = folder, authority
        self.port, self.tls_port = _free_port(), _free_port()
        certificate, key = authority.issue("localhost")
        self.config = folder / "slapd.conf"
        self.values = {
            "includes": "\n".join(
                f"include {SCHEMAS}/{name}.schema"
                for name in ("core", "cosine", "inetorgperson", "nis")
            ),
            "folder": folder, "ca": authority.file, "certificate": certificate, "key": key,
            "base": BASE, "root": ROOT, "root_password": ROOT_PASSWORD, "reader": READER,
            "limits": "size=500",
        }  # fmt: skip
        self.process: subprocess.Popen[bytes] | None = None
        self.configure()

    @property
    def ldap(self) -> str:
        return f"ldap://localhost:{self.port}"

    @property
    def ldaps(self) -> str:
        return f"ldaps://localhost:{self.tls_port}"

    def configure(self, **changes: object) -> None:
        self.values.update(changes)
        self.config.write_text(CONFIG.format(**self.values))

    def settings(self, **changes: Any) -> Ldap:
        """Settings of GovBot for this server."""
        values = {
            "servers": (self.ldaps,), "ca_file": str(self.authority.file), "timeout_s": 3,
            "bind_dn": READER, "bind_password": READER_PASSWORD, "base_dn": BASE,
            "groups_base_dn": GROUPS, **changes,
        }  # fmt: skip
        return Ldap.model_validate(values)

    def fill(self) -> None:
        (self.folder / "data").mkdir()
        subprocess.run(
            [_program(), "-T", "add", "-q", "-f", self.config],
            input=LDIF.encode(), check=True, capture_output=True, timeout=60,
        )  # fmt: skip

    def start(self) -> None:
        urls = f"ldap://127.0.0.1:{self.port} ldaps://127.0.0.1:{self.tls_port}"
        self.process = subprocess.Popen(
            [_program(), "-f", str(self.config), "-h", urls, "-d", "0"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        _await_port(self.port, self.process)
        _await_port(self.tls_port, self.process)

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(20)
            self.process = None

    def modify(self, dn: str, changes: Mapping[str, object]) -> None:
        """Replaces attributes; an empty list removes one."""
        with self._root() as conn:
            conn.modify(dn, {k: [("MODIFY_REPLACE", v)] for k, v in changes.items()})

    def rename(self, dn: str, new: str) -> None:
        with self._root() as conn:
            conn.modify_dn(dn, new)

    def delete(self, dn: str) -> None:
        with self._root() as conn:
            conn.delete(dn)

    def add(self, dn: str, classes: list[str], attributes: Mapping[str, object]) -> None:
        with self._root() as conn:
            conn.add(dn, classes, dict(attributes))

    @contextmanager
    def _root(self) -> Iterator[Any]:
        from govbot.auth.ldap_link import ldap3

        server = ldap3.Server("127.0.0.1", self.port, get_info=ldap3.NONE)
        conn = ldap3.Connection(
            server, ROOT, ROOT_PASSWORD, auto_bind=True, raise_exceptions=True, check_names=False
        )
        try:
            yield conn
        finally:
            conn.unbind()


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Path:
    """The data of a server that never ran."""
    if not Path(_program()).exists():
        pytest.skip("slapd is not installed (Debian package slapd)")
    server = Slapd(tmp_path_factory.mktemp("slapd"), authority)
    server.fill()
    return server.folder / "data"


@pytest.fixture(scope="session")
def slapd(tmp_path_factory: pytest.TempPathFactory, filled: Path, authority: Authority) -> Any:
    """A server that the tests share and leave as it is."""
    yield from _running(tmp_path_factory.mktemp("shared-slapd"), filled, authority)


@pytest.fixture
def own_slapd(tmp_path: Path, filled: Path, authority: Authority) -> Iterator[Slapd]:
    """A server of the test's own, to change and to stop."""
    folder = tmp_path / "slapd"
    folder.mkdir()
    yield from _running(folder, filled, authority)


def _running(folder: Path, filled: Path, authority: Authority) -> Iterator[Slapd]:
    shutil.copytree(filled, folder / "data")
    server = Slapd(folder, authority)
    server.start()
    yield server
    server.stop()


def _program() -> str:
    return shutil.which("slapd", path="/usr/sbin:/usr/local/sbin:/usr/bin") or "/usr/sbin/slapd"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await_port(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        assert process.poll() is None, "slapd ended at its start"
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise AssertionError("slapd does not listen")
