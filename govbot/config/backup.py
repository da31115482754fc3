"""Settings of backups."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from govbot.config.section import CONNECTION, PATH, Section


class Backup(Section):
    """Backups of database, originals and settings (docs/backup.md)."""

    folder: str = Field(
        "",
        json_schema_extra=PATH,
        description="Folder of the backups, best on another disk. Empty: backups in data_dir, "
        "which a broken disk takes along.",
    )
    recipients: tuple[str, ...] = Field(
        (),
        description="Public keys of age (age1...) for which backups are encrypted; "
        "`govbot backup key` makes a pair. Empty: not encrypted, and without the keys of the "
        "installation.",
    )
    identity_file: str = Field(
        "",
        json_schema_extra=PATH,
        description="File with the private key of age that opens backups. Not needed to make them: "
        "better kept away from the server, and given to `govbot backup restore` when needed.",
    )
    verify: Literal["restore", "checksums"] = Field(
        "restore",
        description="What checking a backup means. restore: all checksums, and the database is "
        "restored beside the one in use, counted and asked. checksums: those alone.",
    )
    keep_last: int = Field(3, ge=1, le=1000, description="Newest backups that stay.")
    keep_daily: int = Field(
        7, ge=0, le=1000, description="Days of which the newest backup of the day stays."
    )
    keep_weekly: int = Field(4, ge=0, le=1000, description="Weeks, likewise.")
    keep_monthly: int = Field(12, ge=0, le=1000, description="Months, likewise.")
    database_url: str = Field(
        "",
        pattern=r"^(postgres(ql)?://\S+)?$",
        json_schema_extra=CONNECTION,
        description="Connection that reads an external database for backups: a role with "
        "BYPASSRLS. Empty: database.owner_url or database.url, if that role may.",
    )
    database_url_file: str = Field(
        "", json_schema_extra=PATH, description="File to read database_url from."
    )
    programs: str = Field(
        "",
        json_schema_extra=PATH,
        description="Folder of pg_dump and pg_restore, where the external server is newer than "
        "those that GovBot carries. Empty: GovBot's own.",
    )
