"""Every setting with its type, default, limits and help: the one table of the configuration.

`config.py` reads it from files and environment; `docs/settings.md` is written from it.
"""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from annotated_types import Ge, Le, MaxLen, MinLen
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
)
from pydantic.fields import FieldInfo

Mark = dict[str, Any]
PATH: Mark = {"path": True, "allowed": "a path"}
ADDRESS: Mark = {"allowed": "an address http://... or https://..., or empty"}
SECRET: Mark = {"secret": True}
CONNECTION: Mark = {
    "secret": True,
    "allowed": "a connection postgresql://user:password@host/base, or empty",
}

Level = Annotated[
    Literal["DEBUG", "INFO", "WARNING", "ERROR"],
    BeforeValidator(lambda value: value.upper() if isinstance(value, str) else value),
]


def _network(text: str) -> str:
    ip_network(text)  # strict: 10.0.0.5/8 is a slip
    return text


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class Web(Section):
    """The web application."""

    host: str = Field("127.0.0.1", description="Address to listen on; 0.0.0.0 means every one.")
    port: int = Field(8080, ge=1, le=65535, description="TCP port to listen on.")
    base_url: str = Field(
        "",
        pattern=r"^(https?://\S+)?$",
        json_schema_extra=ADDRESS,
        description="Address users type, when a reverse proxy stands in front "
        "(https://govbot.example.org). Empty: taken from host and port.",
    )
    secure_cookies: bool = Field(
        False,
        description="Send cookies over HTTPS only, with the name prefix __Host-, and tell "
        "browsers to stay with HTTPS. On by itself when base_url begins with https.",
    )
    max_upload_mb: int = Field(200, ge=1, le=10_000, description="Largest upload, in MB.")
    stream_timeout_s: int = Field(
        600, ge=10, le=86_400, description="Longest life of one answer's event stream, in seconds."
    )
    allowed_hosts: tuple[str, ...] = Field(
        (),
        description="Host names the application answers to, without port. Empty: those of "
        "base_url and host, the name of this machine, localhost, and the address at which the "
        "request came in. Health pages answer to every IP address.",
    )

    @property
    def secure(self) -> bool:
        """Whether browsers reach the application over HTTPS."""
        return self.secure_cookies or self.base_url.startswith("https://")


class Database(Section):
    """PostgreSQL: embedded in the data folder, or an external server."""

    url: str = Field(
        "",
        pattern=r"^(postgres(ql)?://\S+)?$",
        json_schema_extra=CONNECTION,
        description="Connection of the application role, postgresql://user:password@host/base. "
        "Empty: GovBot runs its own PostgreSQL inside data_dir.",
    )
    url_file: str = Field("", json_schema_extra=PATH, description="File to read url from.")
    owner_url: str = Field(
        "",
        pattern=r"^(postgres(ql)?://\S+)?$",
        json_schema_extra=CONNECTION,
        description="Connection of the role that owns the schema, which `govbot migrate` needs and "
        "serving does not. Empty: url does both, as a member of the role govbot_app.",
    )
    owner_url_file: str = Field(
        "", json_schema_extra=PATH, description="File to read owner_url from."
    )
    pool_size: int = Field(10, ge=2, le=500, description="Connections held by one process.")
    run_as: str = Field(
        "",
        description="System user that runs the embedded PostgreSQL when GovBot is root "
        "(PostgreSQL refuses root). Empty: chosen by itself.",
    )
    start_timeout_s: int = Field(
        120, ge=5, le=3600, description="Longest wait for the database at start, in seconds."
    )


class Auth(Section):
    """Sign-in and sessions."""

    session_idle_minutes: int = Field(
        480, ge=5, le=43_200, description="A session ends after this many minutes without use."
    )
    session_absolute_hours: int = Field(
        24 * 7, ge=1, le=8760, description="A session ends after this many hours in any case."
    )
    privileged_idle_minutes: int = Field(
        60,
        ge=5,
        le=43_200,
        description="The same for administrators, curators and auditors, in minutes without use.",
    )
    privileged_absolute_hours: int = Field(
        12,
        ge=1,
        le=8760,
        description="The same for administrators, curators and auditors, in hours in any case.",
    )
    min_password_length: int = Field(
        12, ge=8, le=128, description="Fewest characters of a new password."
    )
    second_factor: Literal["off", "privileged", "everyone"] = Field(
        "privileged",
        description="Who must confirm a password with a code of an authenticator app (TOTP). "
        "privileged: administrators, curators and auditors; others may. everyone: all. off: "
        "nobody is asked. `govbot serve --demo` takes off unless this is set.",
    )
    sign_in_attempts: int = Field(
        5,
        ge=1,
        le=1000,
        description="Failures after which an account waits before the next attempt: 1 s, then "
        "twice as long each time; an address after ten times as many.",
    )
    sign_in_window_minutes: int = Field(
        15,
        ge=1,
        le=1440,
        description="Longest of these waits, in minutes; each time that it passes without a "
        "failure, one failure is forgotten.",
    )


class OutsideGroup(Section):
    """What the members of an outside group get here: one table for each."""

    group: str = Field(
        min_length=1,
        max_length=1000,
        description="The outside group. LDAP: its whole DN, or its name (cn) for groups under "
        "ldap.groups_base_dn. OIDC and proxy: as the provider writes it.",
    )
    role: Literal["", "user", "auditor", "curator", "admin"] = Field(
        "",
        description="Role of its members; where several groups name one, the last of user, "
        "auditor, curator, admin. Where no table names a role, roles are given in GovBot.",
    )
    member_of: tuple[str, ...] = Field(
        (), description="Groups of GovBot that its members are put into; created when missing."
    )
    clearance: int | None = Field(
        None,
        ge=0,
        le=4,
        description="Secrecy that its members may read: 0 public, 1 restricted, 2 reserved, "
        "3 secret, 4 top secret; the highest of several groups. Where no table names one, "
        "clearances are given in GovBot.",
    )


class Ldap(Section):
    """Sign-in with an LDAP directory or Active Directory (docs/sign-in.md)."""

    servers: tuple[Annotated[str, Field(pattern=r"^ldaps?://[^\s/@?#]+/?$")], ...] = Field(
        (),
        json_schema_extra={"allowed": "a list of addresses ldaps://host or ldap://host"},
        description="Servers in the order in which they are asked: ldaps://dc1.example.org or "
        "ldap://dc1.example.org:389, which is secured by STARTTLS. Empty: no directory.",
    )
    kind: Literal["openldap", "ad"] = Field(
        "openldap",
        description="ad: Active Directory or Samba. openldap: every other. Decides what the "
        "empty settings below mean.",
    )
    tls: Literal["required", "off"] = Field(
        "required",
        description="off: passwords go through the network in clear text on ldap://.",
    )
    ca_file: str = Field(
        "",
        json_schema_extra=PATH,
        description="Certificates (PEM) that the servers' must be signed by. Empty: the system's.",
    )
    timeout_s: int = Field(
        5, ge=1, le=120, description="Longest wait for a server's word, in seconds."
    )
    bind_dn: str = Field(
        "",
        description="Account that searches; AD takes user@domain too. Empty: search unnamed.",
    )
    bind_password: SecretStr = Field(
        SecretStr(""), json_schema_extra=SECRET, description="Password of that account."
    )
    bind_password_file: str = Field(
        "", json_schema_extra=PATH, description="File to read bind_password from."
    )
    base_dn: str = Field("", description="Branch that holds the people: dc=example,dc=org.")
    user_filter: str = Field(
        "",
        description="Filter for the entry of a person, with {username} in it. Empty: "
        "(&(objectClass=person)(uid={username})); ad: "
        "(&(objectCategory=person)(objectClass=user)(sAMAccountName={username})).",
    )
    id_attribute: str = Field(
        "",
        description="Attribute that never changes. Empty: entryUUID; ad: objectGUID.",
    )
    username_attribute: str = Field("", description="Empty: uid; ad: sAMAccountName.")
    name_attribute: str = Field("", description="Empty: cn; ad: displayName.")
    email_attribute: str = Field("mail", description="Attribute with the e-mail address.")
    groups_base_dn: str = Field("", description="Branch that holds the groups. Empty: base_dn.")
    group_filter: str = Field(
        "",
        description="Filter for groups. Empty: (|(objectClass=groupOfNames)"
        "(objectClass=groupOfUniqueNames)(objectClass=posixGroup)); ad: (objectClass=group).",
    )
    nested_groups: bool = Field(True, description="Members of a group's groups are members too.")
    required_groups: tuple[str, ...] = Field(
        (), description="Only members of one of these groups sign in. Empty: everybody found."
    )
    default_role: Literal["user", "auditor", "curator", "admin"] = Field(
        "user", description="Role of new accounts whose groups name none."
    )
    sync_minutes: int = Field(
        60,
        ge=0,
        le=10_080,
        description="Accounts are compared with the directory every so many minutes. 0: only "
        "when their owner signs in.",
    )
    max_disabled_percent: int = Field(
        20,
        ge=0,
        le=100,
        description="A comparison that would disable more than this share of the accounts (and "
        "more than two) is refused: the directory is rather at fault.",
    )
    groups: tuple[OutsideGroup, ...] = Field(
        (), description="What groups mean here, each a table [[ldap.groups]] with the keys below."
    )


class Oidc(Section):
    """Sign-in with an OpenID Connect provider (docs/sign-in.md)."""

    issuer: str = Field(
        "",
        pattern=r"^(https?://\S+)?$",
        json_schema_extra=ADDRESS,
        description="Address of the provider; http only on this machine. Needs web.base_url. "
        "Empty: no provider.",
    )
    name: str = Field(
        "", max_length=60, description='Words of the button: "Sign in with NAME". Empty: the host.'
    )
    client_id: str = Field("", description="What the provider calls this installation.")
    client_secret: SecretStr = Field(
        SecretStr(""), json_schema_extra=SECRET, description="Empty for a public client."
    )
    client_secret_file: str = Field(
        "", json_schema_extra=PATH, description="File to read client_secret from."
    )
    scopes: tuple[str, ...] = Field(
        ("openid", "profile", "email"), description="What is asked for; openid must be in it."
    )
    hosts: tuple[str, ...] = Field(
        (),
        description="Hosts besides the issuer's own that its endpoints may lie on. No other host "
        "is ever asked.",
    )
    ca_file: str = Field(
        "",
        json_schema_extra=PATH,
        description="Certificates (PEM) that sign the provider's. Empty: those of the system.",
    )
    timeout_s: int = Field(10, ge=1, le=120, description="Longest wait for it, in seconds.")
    username_claim: str = Field("preferred_username", description="Claim with the user name.")
    name_claim: str = Field("name", description="Claim with the person's name.")
    email_claim: str = Field("email", description="Claim with the e-mail address.")
    groups_claim: str = Field(
        "groups",
        description="Claim with groups or roles; a dot leads inside: realm_access.roles.",
    )
    userinfo: bool = Field(False, description="Ask the provider's userinfo for missing claims.")
    auto_redirect: bool = Field(
        False, description="The sign-in page leads on to the provider; /entrar?local=1 does not."
    )
    logout: bool = Field(True, description="Signing out here signs out at the provider as well.")
    strength: tuple[str, ...] = Field(
        (),
        description="Only sign-ins whose claim acr or amr holds one of these (mfa) count; they are "
        "asked for as acr_values. Empty: the second factor is the provider's business.",
    )
    required_groups: tuple[str, ...] = Field(
        (), description="Only members of one of these groups sign in. Empty: everybody."
    )
    default_role: Literal["user", "auditor", "curator", "admin"] = Field(
        "user", description="Role of new accounts whose groups name none."
    )
    groups: tuple[OutsideGroup, ...] = Field(
        (), description="What groups mean here, each a table [[oidc.groups]] with the keys below."
    )


class Proxy(Section):
    """Reverse proxies in front, and sign-in by a header of theirs (docs/sign-in.md)."""

    trusted: tuple[Annotated[str, AfterValidator(_network)], ...] = Field(
        (),
        json_schema_extra={"allowed": "a list of addresses and networks: 10.0.0.5, 10.1.0.0/16"},
        description="Addresses or networks of the proxies whose headers are believed: 10.0.0.5, "
        "10.1.0.0/16, ::1. Everybody else's are ignored. Empty: nobody's.",
    )
    user_header: str = Field(
        "",
        pattern=r"^[A-Za-z0-9-]*$",
        max_length=100,
        json_schema_extra={"allowed": "the name of an HTTP header, or empty"},
        description="Header in which a trusted proxy names the user it has signed in "
        "(X-Remote-User). Empty: no sign-in by header.",
    )
    name_header: str = Field("", pattern=r"^[A-Za-z0-9-]*$", description="Header with the name.")
    email_header: str = Field(
        "", pattern=r"^[A-Za-z0-9-]*$", description="Header with the e-mail address."
    )
    groups_header: str = Field(
        "", pattern=r"^[A-Za-z0-9-]*$", description="Header with the groups."
    )
    groups_separator: str = Field(
        ",", min_length=1, max_length=1, description="Character between two groups."
    )
    strip_realm: bool = Field(
        True, description="maria@EXAMPLE.ORG, as Kerberos writes it, is the user maria."
    )
    required_groups: tuple[str, ...] = Field(
        (), description="Only members of one of these groups sign in. Empty: everybody."
    )
    default_role: Literal["user", "auditor", "curator", "admin"] = Field(
        "user", description="Role of new accounts whose groups name none."
    )
    groups: tuple[OutsideGroup, ...] = Field(
        (), description="What groups mean here, each a table [[proxy.groups]] with the keys below."
    )


class Security(Section):
    """Keys of the installation."""

    key: SecretStr = Field(
        SecretStr(""),
        json_schema_extra=SECRET,
        description="Keys that seal secrets in the database, newest first, parted by spaces or "
        "lines. Empty: kept in secret.key of data_dir, made at the first start.",
    )
    key_file: str = Field("", json_schema_extra=PATH, description="File to read key from.")


class Embedder(Section):
    """The model that turns text into vectors."""

    model: str = Field(
        "starter",
        min_length=1,
        description="Name in the catalog (starter, bge-m3, multilingual-e5-base...) or the folder "
        "of a sentence-transformers model.",
    )
    device: str = Field(
        "auto",
        pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$",
        json_schema_extra={"allowed": "auto, cpu, mps, cuda or cuda:N"},
        description="Where it runs: auto, cpu, mps, cuda or cuda:N.",
    )
    batch_size: int = Field(32, ge=1, le=1024, description="Passages encoded at once.")
    query_threads: int = Field(
        1, ge=1, le=64, description="CPU threads for one question; more is often slower."
    )
    weight: float | None = Field(
        None,
        ge=0,
        le=1,
        description="Share of the vectors in the hybrid score, 0 to 1. "
        "Unset: the catalog's value for the model.",
    )


class Retrieval(Section):
    """Search for the passages of an answer."""

    passages: int = Field(8, ge=1, le=50, description="Passages given to the generator.")
    candidates: int = Field(
        100, ge=10, le=1000, description="Candidates taken from each of BM25 and vectors."
    )
    exact_scan_limit: int = Field(
        50_000,
        ge=0,
        le=10_000_000,
        description="Up to this many readable chunks every vector is compared; above it only the "
        "vectors of the candidates that the words found.",
    )
    min_coverage: float = Field(
        0.40,
        ge=0,
        le=1,
        description="Smallest share of the question's terms that the best passages must hold; "
        'below it the answer is "not found".',
    )


class Generation(Section):
    """The model that writes the answer."""

    backend: Literal["auto", "llama", "openai", "extractive"] = Field(
        "auto",
        description="llama: a GGUF file in this process. openai: a server that speaks its "
        "protocol. extractive: no model, literal excerpts. auto: llama when model_path is set, "
        "else openai when base_url is set, else extractive.",
    )
    model_path: str = Field("", json_schema_extra=PATH, description="GGUF file for llama.")
    n_gpu_layers: int = Field(
        -1, ge=-1, le=1000, description="Layers on the GPU; -1: all that fit, 0: CPU only."
    )
    context_tokens: int = Field(
        8192, ge=512, le=1_048_576, description="Context of the model, prompt and answer together."
    )
    max_tokens: int = Field(1024, ge=16, le=32_768, description="Longest answer, in tokens.")
    temperature: float = Field(
        0.2, ge=0, le=2, description="0: always the likeliest word; higher: freer."
    )
    threads: int = Field(0, ge=0, le=1024, description="CPU threads for llama; 0: all cores.")
    base_url: str = Field(
        "",
        pattern=r"^(https?://\S+)?$",
        json_schema_extra=ADDRESS,
        description="Address of the OpenAI-compatible server, with /v1 where it has one.",
    )
    model: str = Field("", description="Model name to ask that server for.")
    api_key: SecretStr = Field(
        SecretStr(""), json_schema_extra=SECRET, description="Key for that server, if it wants one."
    )
    api_key_file: str = Field("", json_schema_extra=PATH, description="File to read api_key from.")
    timeout_s: int = Field(
        120, ge=1, le=3600, description="Longest silence of that server, in seconds."
    )


class Documents(Section):
    """What is kept."""

    trash_days: int = Field(
        30,
        ge=0,
        le=36_500,
        description="Days after which documents in the trash are deleted for good, those under "
        "legal hold excepted. 0: never.",
    )


class Ingest(Section):
    """Documents on their way in."""

    max_file_mb: int = Field(200, ge=1, le=10_000, description="Largest file, in MB.")
    max_pages: int = Field(5000, ge=1, le=1_000_000, description="Most pages of one document.")
    max_characters: int = Field(
        20_000_000, ge=1000, le=1_000_000_000, description="Most characters of one document."
    )
    extract_timeout_s: int = Field(
        300, ge=5, le=86_400, description="Longest time to read one document, in seconds."
    )
    extract_memory_mb: int = Field(
        2048, ge=256, le=1_048_576, description="Memory to read one document, in MB."
    )
    workers: int = Field(
        1,
        ge=1,
        le=64,
        description="Documents processed at the same time, and one more that somebody waits for.",
    )
    chunk_words: int = Field(180, ge=20, le=2000, description="Words in a chunk, at most.")
    chunk_windows: int = Field(
        2,
        ge=1,
        le=8,
        description="Windows of the embedder that a chunk may fill; its vector is their mean. "
        "Models with a large window need one.",
    )
    chunk_overlap_words: int = Field(
        20, ge=0, le=500, description="Words a chunk repeats from the one before."
    )
    max_attempts: int = Field(
        3, ge=1, le=100, description="Attempts at a document when a part is unavailable."
    )


class Ocr(Section):
    """Character recognition of scanned pages, by the program Tesseract."""

    enabled: Literal["auto", "off"] = Field(
        "auto",
        description="auto: where Tesseract is installed (Debian packages tesseract-ocr and "
        "tesseract-ocr-por). off: scanned pages stay unread.",
    )
    languages: str = Field(
        "por",
        pattern=r"^[A-Za-z0-9_]+(\+[A-Za-z0-9_]+)*$",
        max_length=100,
        json_schema_extra={"allowed": "names of Tesseract languages joined by +: por, por+eng"},
        description="Languages of the texts, each with its Debian package tesseract-ocr-NAME.",
    )
    dpi: int = Field(
        300, ge=100, le=600, description="Resolution in which a page is drawn to be recognised."
    )
    parallel: int = Field(
        0,
        ge=0,
        le=256,
        description="Pages of one document recognised at the same time; "
        "0: one less than the processor cores, at least one.",
    )
    page_timeout_s: int = Field(
        60, ge=5, le=3600, description="Longest time to recognise one page, in seconds."
    )


class WatchedFolder(Section):
    """A folder whose files are taken in by themselves: one table [[watch.folders]] for each."""

    path: str = Field(
        min_length=1,
        max_length=4096,
        json_schema_extra=PATH,
        description="Folder to watch. Its files are never changed.",
    )
    collection: str = Field(
        min_length=1,
        max_length=200,
        description="Collection that receives its files; created when there is none.",
    )
    subfolders: Literal["none", "tags", "collections"] = Field(
        "none",
        description="none: sub-folders mean nothing. tags: their names become tags of the "
        'document. collections: each one at the first level is a collection "Name / Sub-folder", '
        "which begins with the grants of the folder's own.",
    )
    deleted: Literal["trash", "keep"] = Field(
        "trash", description="What becomes of the document when its file is deleted."
    )
    mode: Literal["events", "poll"] = Field(
        "events",
        description="events: the file system tells of changes. poll: looks every poll_seconds, "
        "for SMB and NFS, which do not tell.",
    )
    settle_seconds: float = Field(
        2.0, ge=0.1, le=3600, description="A file is taken when unchanged for this long."
    )
    rescan_minutes: int = Field(
        15, ge=1, le=1440, description="With events: full look every so many minutes."
    )
    poll_seconds: int = Field(
        60, ge=1, le=86_400, description="With poll: full look every so many seconds."
    )


class Watch(Section):
    """Folders whose files are taken in by themselves (docs/folders.md)."""

    folders: tuple[WatchedFolder, ...] = Field(
        (), description="The folders, each a table [[watch.folders]] with the keys below."
    )


class AuditReceiver(Section):
    """A receiver of all entries of the audit log: one table [[audit.forward]] for each."""

    name: str = Field(
        min_length=1,
        max_length=60,
        description="Name of the receiver. Its position in the log is kept under it.",
    )
    kind: Literal["tcp", "tls", "udp", "unix", "file"] = Field(
        description="Syslog (RFC 5424) over TCP, TLS, UDP or a unix socket; or a file of JSON "
        "lines. UDP may lose entries, the others do not."
    )
    host: str = Field("", max_length=253, description="Host of the receiver: tcp, tls, udp.")
    port: int = Field(0, ge=0, le=65535, description="Its port; 0: 514, for tls 6514.")
    path: str = Field(
        "", json_schema_extra=PATH, description="Path of the socket or of the file: unix, file."
    )
    ca_file: str = Field(
        "",
        json_schema_extra=PATH,
        description="Certificates of the authorities that vouch for the receiver, in PEM: tls. "
        "Empty: those of the system.",
    )
    certificate_file: str = Field(
        "",
        json_schema_extra=PATH,
        description="Certificate and key of GovBot itself, in one PEM file, when a tls receiver "
        "asks for one.",
    )
    facility: int = Field(
        13, ge=0, le=23, description="Facility of syslog: 13 log audit, 10 authpriv, 16 local0."
    )


class Audit(Section):
    """The record of who did what (docs/audit.md)."""

    question_text: bool = Field(
        False, description="Keep the words of each question in the audit log."
    )
    read_conversations: bool = Field(
        False,
        description="Administrators may read other people's conversations, each time with a reason "
        "that goes into the audit log and to the person. Takes effect at a start of the service.",
    )
    key: SecretStr = Field(
        SecretStr(""),
        json_schema_extra=SECRET,
        description="Ed25519 private key (PEM) that signs checkpoints. Empty: kept in audit.key of "
        "data_dir, made at the first start.",
    )
    key_file: str = Field("", json_schema_extra=PATH, description="File to read key from.")
    checkpoint_file: str = Field(
        "",
        json_schema_extra=PATH,
        description="File that signed checkpoints are added to, best on another system. "
        "Empty: audit-checkpoints.jsonl of data_dir.",
    )
    checkpoint_entries: int = Field(
        1000, ge=1, le=1_000_000, description="A checkpoint is due after this many entries."
    )
    checkpoint_minutes: int = Field(
        10, ge=1, le=1440, description="A checkpoint of new entries is due after so many minutes."
    )
    retention_days: int = Field(
        0,
        ge=0,
        le=36_500,
        description="Entries older than this move to compressed files in audit-archive of "
        "data_dir. 0: never.",
    )
    forward: tuple[AuditReceiver, ...] = Field(
        (), description="The receivers, each a table [[audit.forward]] with the keys below."
    )


class Privacy(Section):
    """Personal data (docs/privacy.md)."""

    conversation_days: int = Field(
        0,
        ge=0,
        le=36_500,
        description="Days after its last question until a conversation is deleted. 0: never.",
    )


class Limits(Section):
    """How much one person, key or address may ask for; beyond it requests wait (status 429).

    So many at once and in the long run, counted in the database for all nodes. 0: no limit.
    """

    questions_per_minute: int = Field(
        30, ge=0, le=100_000, description="Questions of one person, pages and API together."
    )
    uploads_per_hour: int = Field(
        2000, ge=0, le=10_000_000, description="Files that one person sends, pages and API."
    )
    pictures_per_minute: int = Field(
        300, ge=0, le=100_000, description="Pages of documents drawn for one person."
    )
    api_key_per_minute: int = Field(
        120, ge=0, le=100_000, description="Requests of one API key that has no limit of its own."
    )
    api_user_per_minute: int = Field(
        300, ge=0, le=100_000, description="Requests of all API keys of one person."
    )
    anonymous_per_minute: int = Field(
        300,
        ge=0,
        le=1_000_000,
        description="Pages asked for from one address without being signed in, and requests with "
        "an API key that is not valid.",
    )


class Api(Section):
    """The REST API and its keys (docs/api.md)."""

    enabled: bool = Field(True, description="Answer under /api/v1. false: keys open nothing.")
    roles: tuple[Literal["user", "curator", "admin"], ...] = Field(
        ("user", "curator"),
        description="Roles whose accounts may have keys; never auditors. A key never does what "
        "its scopes do not name: it cannot administer, whoever has it.",
    )
    key_days: int = Field(90, ge=1, le=3650, description="How long a new key lives, by default.")
    max_key_days: int = Field(365, ge=1, le=3650, description="Longest life of a new key, in days.")
    keys_without_end: bool = Field(False, description="Allow keys that never expire.")
    max_keys: int = Field(20, ge=1, le=1000, description="Keys in force that one person may have.")


class Logging(Section):
    """Logs on standard error."""

    level: Level = Field("INFO", description="Least severe messages to write.")
    format: Literal["auto", "json", "text"] = Field(
        "auto", description="auto: text on a terminal, JSON lines elsewhere."
    )


class Settings(Section):
    """All settings, read once at start and passed down."""

    data_dir: Path = Field(
        Path("data"),
        description="Folder of the embedded database and of the original files. Relative to the "
        "configuration file's folder.",
        json_schema_extra=PATH,
    )
    language: Literal["pt-BR", "en"] = Field("pt-BR", description="Language of the pages.")
    organisation: str = Field(
        "GovBot", min_length=1, max_length=80, description="Name shown at the top of the pages."
    )
    web: Web = Web()
    database: Database = Database()
    auth: Auth = Auth()
    ldap: Ldap = Ldap()
    oidc: Oidc = Oidc()
    proxy: Proxy = Proxy()
    security: Security = Security()
    embedder: Embedder = Embedder()
    retrieval: Retrieval = Retrieval()
    generation: Generation = Generation()
    documents: Documents = Documents()
    ingest: Ingest = Ingest()
    ocr: Ocr = Ocr()
    watch: Watch = Watch()
    audit: Audit = Audit()
    privacy: Privacy = Privacy()
    limits: Limits = Limits()
    api: Api = Api()
    logging: Logging = Logging()

    _file: Path | None = PrivateAttr(default=None)
    _origins: dict[str, str] = PrivateAttr(default_factory=dict)

    @property
    def file(self) -> Path | None:
        """The configuration file that was read, if any."""
        return self._file

    def origin(self, key: str) -> str:
        """Where the value of `key` (`web.port`, `data_dir`) came from; "default" if nowhere."""
        return self._origins.get(key, "default")

    def with_secret(self, key: str, value: str, *, origin: str) -> Settings:
        """The same settings with another value of the secret `key` (`generation.api_key`)."""
        section, _, name = key.partition(".")
        part = getattr(self, section).model_copy(update={name: SecretStr(value)})
        changed = self.model_copy(update={section: part})
        changed._origins = {**self._origins, key: origin}
        return changed


SECTIONS: dict[str, type[Section]] = {
    name: field.annotation
    for name, field in Settings.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, Section)
}


def allowed(info: FieldInfo) -> str:
    """What a setting accepts, in words: "an integer from 1 to 65535"."""
    kind: Any = info.annotation
    optional = type(None) in get_args(kind)
    if optional:
        kind = next(arg for arg in get_args(kind) if arg is not type(None))
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(f'"{value}"' for value in get_args(kind))
    if get_origin(kind) is tuple:
        if words := marks(info).get("allowed"):
            return str(words)
        return "a list of tables" if table_of(info) else "a list of texts"
    words = {bool: "true or false", int: "an integer", float: "a number"}.get(kind)
    if words is None:
        return _allowed_text(info)
    low, high = _bound(info, Ge, "ge"), _bound(info, Le, "le")
    limits = f" from {low} to {high}" if low is not None and high is not None else ""
    return words + limits + (", or unset" if optional else "")


def table_of(info: FieldInfo) -> type[Section] | None:
    """The tables that a setting is a list of ([[section.key]] in the file), if it is one."""
    inner = get_args(info.annotation) if get_origin(info.annotation) is tuple else ()
    return (
        inner[0] if inner and isinstance(inner[0], type) and issubclass(inner[0], Section) else None
    )


def is_secret(info: FieldInfo) -> bool:
    """Whether the value must never be shown."""
    return bool(marks(info).get("secret"))


def _allowed_text(info: FieldInfo) -> str:
    if words := marks(info).get("allowed"):
        return str(words)
    low, high = _bound(info, MinLen, "min_length"), _bound(info, MaxLen, "max_length")
    if low is not None and high is not None:
        return f"a text of {low} to {high} characters"
    return "a text that is not empty" if low else "a text"


def _bound(info: FieldInfo, kind: type, name: str) -> Any:
    return next((getattr(m, name) for m in info.metadata if isinstance(m, kind)), None)


def marks(info: FieldInfo) -> dict[str, Any]:
    extra = info.json_schema_extra
    return extra if isinstance(extra, dict) else {}
