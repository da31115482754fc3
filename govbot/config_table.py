"""Every setting with its type, default, limits and help: the one table of the configuration.

`config.py` reads it from files and environment; `docs/settings.md` is written from it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, SecretStr

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
        False, description="Send cookies over HTTPS only. Turn on behind a TLS proxy."
    )
    max_upload_mb: int = Field(200, ge=1, le=10_000, description="Largest upload, in MB.")
    stream_timeout_s: int = Field(
        600, ge=10, le=86_400, description="Longest life of one answer's event stream, in seconds."
    )
    allowed_hosts: tuple[str, ...] = Field(
        (), description="Host names the application answers to. Empty: any."
    )


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
    min_password_length: int = Field(
        12, ge=8, le=128, description="Fewest characters of a new password."
    )
    sign_in_attempts: int = Field(
        10,
        ge=1,
        le=1000,
        description="Failed sign-ins allowed per user name in the window; ten times as many per "
        "address.",
    )
    sign_in_window_minutes: int = Field(
        15, ge=1, le=1440, description="Window in which failed sign-ins are counted, in minutes."
    )


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
    workers: int = Field(1, ge=1, le=64, description="Documents processed at the same time.")
    chunk_words: int = Field(110, ge=20, le=2000, description="Words in a chunk, at most.")
    chunk_overlap_words: int = Field(
        20, ge=0, le=500, description="Words a chunk repeats from the one before."
    )
    max_attempts: int = Field(
        3, ge=1, le=100, description="Attempts at a document when a part is unavailable."
    )


class Watch(Section):
    """A folder whose files are taken in by themselves."""

    folder: str = Field("", json_schema_extra=PATH, description="Folder to watch. Empty: none.")
    collection: str = Field("", description="Collection that receives its files.")
    settle_seconds: float = Field(
        2.0, ge=0.1, le=3600, description="A file is taken when unchanged for this long."
    )
    rescan_minutes: int = Field(
        15, ge=1, le=1440, description="Full look at the folder every so many minutes."
    )


class Audit(Section):
    """The record of who did what."""

    question_text: bool = Field(
        False, description="Keep the words of each question in the audit log."
    )


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
    embedder: Embedder = Embedder()
    retrieval: Retrieval = Retrieval()
    generation: Generation = Generation()
    ingest: Ingest = Ingest()
    watch: Watch = Watch()
    audit: Audit = Audit()
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


SECTIONS: dict[str, type[Section]] = {
    name: field.annotation
    for name, field in Settings.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, Section)
}
