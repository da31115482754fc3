"""Every setting with its type, default, limits and help: the one table of the configuration.

`load.py` reads it from files and environment; `docs/settings.md` is written from it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Le, MaxLen, MinLen
from pydantic import (
    Field,
    PrivateAttr,
    SecretStr,
)
from pydantic.fields import FieldInfo

from govbot.config.answering import (
    Analytics,
    Answers,
    Attachments,
    Evaluation,
    Feedback,
    Reranker,
    Retrieval,
)
from govbot.config.appearance import Appearance
from govbot.config.backup import Backup
from govbot.config.embedding import Embedder
from govbot.config.generation import Generation, ModelSettings
from govbot.config.keeping import Audit, AuditReceiver, Documents, Ingest, Ocr, Watch, WatchedFolder
from govbot.config.models import Models
from govbot.config.people import Auth, Ldap, Oidc, OutsideGroup, Privacy, Proxy
from govbot.config.section import PATH, Section
from govbot.config.serving import Api, Database, Limits, Logging, Security, Tracing, Web

__all__ = [
    "SECTIONS",
    "Analytics",
    "Answers",
    "Api",
    "Appearance",
    "Attachments",
    "Audit",
    "AuditReceiver",
    "Auth",
    "Backup",
    "Database",
    "Documents",
    "Embedder",
    "Evaluation",
    "Feedback",
    "Generation",
    "Ingest",
    "Ldap",
    "Limits",
    "Logging",
    "ModelSettings",
    "Models",
    "Ocr",
    "Oidc",
    "OutsideGroup",
    "Privacy",
    "Proxy",
    "Reranker",
    "Retrieval",
    "Section",
    "Security",
    "Settings",
    "Tracing",
    "Watch",
    "WatchedFolder",
    "Web",
    "allowed",
    "is_secret",
    "marks",
    "table_of",
]


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
    appearance: Appearance = Appearance()
    web: Web = Web()
    database: Database = Database()
    auth: Auth = Auth()
    ldap: Ldap = Ldap()
    oidc: Oidc = Oidc()
    proxy: Proxy = Proxy()
    security: Security = Security()
    embedder: Embedder = Embedder()
    retrieval: Retrieval = Retrieval()
    reranker: Reranker = Reranker()
    generation: Generation = Generation()
    models: Models = Models()
    answers: Answers = Answers()
    attachments: Attachments = Attachments()
    documents: Documents = Documents()
    ingest: Ingest = Ingest()
    ocr: Ocr = Ocr()
    watch: Watch = Watch()
    audit: Audit = Audit()
    backup: Backup = Backup()
    privacy: Privacy = Privacy()
    feedback: Feedback = Feedback()
    analytics: Analytics = Analytics()
    evaluation: Evaluation = Evaluation()
    limits: Limits = Limits()
    api: Api = Api()
    logging: Logging = Logging()
    tracing: Tracing = Tracing()

    _file: Path | None = PrivateAttr(default=None)
    _origins: dict[str, str] = PrivateAttr(default_factory=dict)
    _base: Settings | None = PrivateAttr(default=None)

    @property
    def base(self) -> Settings:
        """The settings without what was changed while the service runs."""
        return self._base or self

    @property
    def file(self) -> Path | None:
        """The configuration file that was read, if any."""
        return self._file

    def origin(self, key: str) -> str:
        """Where the value of `key` (`web.port`, `data_dir`) came from; "default" if nowhere."""
        return self._origins.get(key, "default")

    def with_secret(self, key: str, value: str, *, origin: str) -> Settings:
        """The same settings with another value of the secret `key`: `generation.api_key`, or of
        the table of a list that has this name, `generation.models.servidor.api_key`."""
        section, _, name = key.partition(".")
        part = getattr(self, section)
        if "." in name:
            of_list, _, rest = name.partition(".")
            table, _, inner = rest.rpartition(".")
            tables = tuple(
                each.model_copy(update={inner: SecretStr(value)}) if each.name == table else each
                for each in getattr(part, of_list)
            )
            part = part.model_copy(update={of_list: tables})
        else:
            part = part.model_copy(update={name: SecretStr(value)})
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
