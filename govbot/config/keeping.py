"""Settings of documents and of the audit log."""

from __future__ import annotations

from typing import Literal

from pydantic import (
    Field,
    SecretStr,
)

from govbot.config.section import PATH, SECRET, Section


class Documents(Section):
    """What is kept."""

    trash_days: int = Field(
        30,
        ge=0,
        le=36_500,
        description="Days after which documents in the trash are deleted for good, those under "
        "legal hold excepted. 0: never.",
    )
    page_cache_mb: int = Field(
        512,
        ge=0,
        le=1_000_000,
        description="Room for pictures of pages that were drawn for the viewer, in "
        "the folder pages of data_dir, in MB; those that were looked at longest ago go first. 0: "
        "every look draws the page anew.",
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
