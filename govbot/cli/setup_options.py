"""The options of `govbot setup`: each is told once, with the setting that it writes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, fields
from inspect import Parameter, Signature
from pathlib import Path
from typing import Annotated, Final, get_type_hints

import typer

PASSWORD: Final = "GOVBOT_ADMIN_PASSWORD"  # noqa: S105 - the name of a variable
LINE: Final = "file with one line, - for standard input"


@dataclass(frozen=True, slots=True)
class Writes:
    """Beside an option: the setting that gets its value."""

    key: str


@dataclass(frozen=True, slots=True)
class Names:
    """Beside an option: the setting that names a file with a secret."""

    key: str


@dataclass(frozen=True, slots=True)
class Options:
    """What was given on the command line; None, or empty, leaves a setting as it is."""

    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Ask nothing: what is not given stays as it is.")
    ] = False
    check: Annotated[
        bool, typer.Option("--check", help="Only say what is wrong with the answers.")
    ] = False
    organisation: Annotated[
        str | None, typer.Option(help="Name on top of the pages."), Writes("organisation")
    ] = None
    language: Annotated[
        str | None, typer.Option(help="Language of the pages: pt-BR, en."), Writes("language")
    ] = None
    admin: Annotated[str, typer.Option(help="User name of the first administrator.")] = ""
    admin_name: Annotated[str, typer.Option(help="That person's full name.")] = ""
    admin_password_file: Annotated[
        str, typer.Option(metavar="FILE", help=f"The password: {LINE}; or ${PASSWORD}.")
    ] = ""
    host: Annotated[str | None, typer.Option(help="Address to listen on."), Writes("web.host")] = (
        None
    )
    port: Annotated[int | None, typer.Option(help="TCP port to listen on."), Writes("web.port")] = (
        None
    )
    base_url: Annotated[
        str | None,
        typer.Option(help="Address people type, such as https://govbot.example.org."),
        Writes("web.base_url"),
    ] = None
    tls_certificate: Annotated[
        Path | None,
        typer.Option(help="Certificate (PEM) for GovBot's own TLS."),
        Writes("web.tls_certificate"),
    ] = None
    tls_key: Annotated[
        Path | None,
        typer.Option(help="Its key, without a pass phrase."),
        Writes("web.tls_key"),
    ] = None
    data_dir: Annotated[
        Path | None, typer.Option(help="Folder of all data."), Writes("data_dir")
    ] = None
    embedded_database: Annotated[
        bool, typer.Option("--embedded-database", help="PostgreSQL inside the data folder.")
    ] = False
    database_url_file: Annotated[
        str,
        typer.Option(metavar="FILE", help=f"Connection to an own PostgreSQL: {LINE}."),
        Names("database.url_file"),
    ] = ""
    database_owner_url_file: Annotated[
        str,
        typer.Option(metavar="FILE", help=f"The owner's connection: {LINE}."),
        Names("database.owner_url_file"),
    ] = ""
    model: Annotated[
        list[Path] | None,
        typer.Option(help="Model to take in: a GGUF file or a folder; repeatable."),
    ] = None
    watch: Annotated[
        list[str] | None,
        typer.Option(metavar="FOLDER=COLLECTION", help="Folder to watch; repeatable."),
    ] = None
    ldap_server: Annotated[
        list[str] | None,
        typer.Option(help="ldaps://host of the directory; repeatable."),
        Writes("ldap.servers"),
    ] = None
    ldap_kind: Annotated[str | None, typer.Option(help="openldap, or ad."), Writes("ldap.kind")] = (
        None
    )
    ldap_base_dn: Annotated[
        str | None, typer.Option(help="Branch of the people."), Writes("ldap.base_dn")
    ] = None
    ldap_bind_dn: Annotated[
        str | None, typer.Option(help="Account that searches."), Writes("ldap.bind_dn")
    ] = None
    ldap_password_file: Annotated[
        str,
        typer.Option(metavar="FILE", help=f"Its password: {LINE}."),
        Names("ldap.bind_password_file"),
    ] = ""
    ldap_ca_file: Annotated[
        Path | None,
        typer.Option(help="Certificates (PEM) of the directory's authority."),
        Writes("ldap.ca_file"),
    ] = None
    backup_folder: Annotated[
        Path | None, typer.Option(help="Folder of the backups."), Writes("backup.folder")
    ] = None
    backup_timer: Annotated[
        bool, typer.Option("--backup-timer", help="A backup every night, by systemd.")
    ] = False
    gpu: Annotated[
        bool | None, typer.Option("--gpu/--no-gpu", help="Let the service use the GPU.")
    ] = None
    start: Annotated[bool, typer.Option("--start", help="Start the service, now and at boot.")] = (
        False
    )

    @classmethod
    def signature(cls) -> Signature:
        """The parameters of a command with these options."""
        hints = get_type_hints(cls, include_extras=True)
        return Signature(
            [
                Parameter(
                    field.name,
                    Parameter.KEYWORD_ONLY,
                    default=field.default,
                    annotation=hints[field.name],
                )
                for field in fields(cls)
            ]
        )

    def settings(self) -> dict[str, object]:
        """The settings that were given; a path is written whole."""
        given = {key: getattr(self, name) for name, key in _beside(Writes)}
        return {
            key: absolute(value) if isinstance(value, Path) else value
            for key, value in given.items()
            if value not in (None, [])
        }

    def secrets(self) -> dict[str, str]:
        """By setting, where its secret is: a file, or - for standard input."""
        given = {key: getattr(self, name) for name, key in _beside(Names)}
        return {key: place for key, place in given.items() if place}


def absolute(path: Path) -> str:
    """The path without ~ and from the root on; links in it stay."""
    return os.path.abspath(path.expanduser())


def _beside(kind: type[Writes | Names]) -> Iterator[tuple[str, str]]:
    """Options and the settings that stand beside them."""
    for name, hint in get_type_hints(Options, include_extras=True).items():
        for note in hint.__metadata__:
            if isinstance(note, kind):
                yield name, note.key
