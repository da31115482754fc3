"""Settings of the service: pages, database, programs, limits, keys, logs."""

from __future__ import annotations

from typing import Literal

from pydantic import (
    Field,
    SecretStr,
)

from govbot.config.section import (
    ADDRESS,
    CONNECTION,
    PATH,
    SECRET,
    Level,
    Network,
    Section,
)


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
        "browsers to stay with HTTPS. On by itself with tls_certificate and when base_url begins "
        "with https.",
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
    metrics_from: tuple[Network, ...] = Field(
        ("127.0.0.0/8", "::1/128"),
        json_schema_extra={"allowed": "a list of addresses and networks: 10.0.0.5, 10.1.0.0/16"},
        description="Networks whose machines may read /metrics without signing in, such as "
        '"10.1.2.3/32" of the Prometheus server. Never through a reverse proxy; administrators '
        "may always.",
    )
    tls_certificate: str = Field(
        "",
        json_schema_extra=PATH,
        description="File of the certificate in PEM form, those that signed it below it: pages are "
        "then served over HTTPS, without a proxy. Taken up anew when the file changes.",
    )
    tls_key: str = Field(
        "", json_schema_extra=PATH, description="File of the certificate's key, without password."
    )

    @property
    def secure(self) -> bool:
        """Whether browsers reach the application over HTTPS."""
        over_tls = bool(self.tls_certificate) or self.base_url.startswith("https://")
        return self.secure_cookies or over_tls


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


class Api(Section):
    """The REST API and its keys (docs/api.md)."""

    enabled: bool = Field(
        True, description="Answer under /api/v1 and /v1. false: keys open nothing."
    )
    roles: tuple[Literal["user", "curator", "admin", "auditor"], ...] = Field(
        ("user", "curator"),
        description="Roles whose accounts may have keys. A key never does what its scopes do not "
        "name. Keys of administrators may administer accounts and groups, keys of auditors read "
        "the audit log alone: let them in only where a program needs that.",
    )
    key_days: int = Field(90, ge=1, le=3650, description="How long a new key lives, by default.")
    max_key_days: int = Field(365, ge=1, le=3650, description="Longest life of a new key, in days.")
    keys_without_end: bool = Field(False, description="Allow keys that never expire.")
    max_keys: int = Field(20, ge=1, le=1000, description="Keys in force that one person may have.")


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


class Security(Section):
    """Keys of the installation."""

    key: SecretStr = Field(
        SecretStr(""),
        json_schema_extra=SECRET,
        description="Keys that seal secrets in the database, newest first, parted by spaces or "
        "lines. Empty: kept in secret.key of data_dir, made at the first start.",
    )
    key_file: str = Field("", json_schema_extra=PATH, description="File to read key from.")


class Logging(Section):
    """Logs on standard error."""

    level: Level = Field("INFO", description="Least severe messages to write.")
    loggers: str = Field(
        "",
        max_length=500,
        pattern=r"^\s*(govbot(\.\w+)*=(DEBUG|INFO|WARNING|ERROR)(\s+|$))*$",
        json_schema_extra={"allowed": "a text such as govbot.ingest=DEBUG govbot.chat=WARNING"},
        description="Other levels for parts of GovBot, parted by spaces, such as "
        "govbot.ingest=DEBUG. `govbot log level` changes them while the service runs.",
    )
    format: Literal["auto", "json", "text"] = Field(
        "auto",
        description="auto: text on a terminal, JSON lines elsewhere. In the journal of systemd "
        "each line has its priority.",
    )


class Tracing(Section):
    """Traces for OpenTelemetry, with the extra `otel` (docs/monitoring.md)."""

    endpoint: str = Field(
        "",
        pattern=r"^(https?://\S+)?$",
        json_schema_extra=ADDRESS,
        description="Receiver of OTLP over HTTP, such as http://127.0.0.1:4318. Empty: no traces. "
        "They hold times, numbers and ids, never the text of a question or document.",
    )
    sample: float = Field(
        0.1, ge=0, le=1, description="Share of the requests and jobs that are traced; 1: all."
    )
