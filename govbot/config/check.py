"""What one setting demands of another."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import urlsplit

from govbot.config.appearance import colour_demands
from govbot.config.table import Settings
from govbot.errors import BadConfig


def check_together(settings: Settings) -> None:
    """Raises BadConfig for settings that do not fit one another."""
    generation, ingest = settings.generation, settings.ingest
    demands = (
        (
            generation.backend == "llama" and not generation.model_path,
            "generation.backend",
            '"llama" needs [generation] model_path, the path of a GGUF file',
        ),
        (
            generation.backend == "openai" and not generation.base_url,
            "generation.backend",
            '"openai" needs [generation] base_url, the address of the server',
        ),
        (
            generation.max_tokens >= generation.context_tokens,
            "generation.max_tokens",
            f"must be smaller than context_tokens ({generation.context_tokens})",
        ),
        (
            ingest.chunk_overlap_words * 2 > ingest.chunk_words,
            "ingest.chunk_overlap_words",
            f"must be at most half of chunk_words ({ingest.chunk_words})",
        ),
        (
            bool(settings.database.owner_url) and not settings.database.url,
            "database.owner_url",
            "needs [database] url, the connection of the application role",
        ),
        (
            bool(settings.web.tls_certificate) and not settings.web.tls_key,
            "web.tls_certificate",
            "needs tls_key, the file of its key",
        ),
        (
            bool(settings.web.tls_key) and not settings.web.tls_certificate,
            "web.tls_key",
            "needs tls_certificate, the file of the certificate",
        ),
        *_federation_demands(settings),
        *colour_demands(settings.appearance),
    )
    for broken, key, sentence in demands:
        if broken:
            section, _, name = key.partition(".")
            raise BadConfig(f"{settings.origin(key)}: [{section}] {name} {sentence}")
    _check_models(settings)
    _check_folders(settings)
    _check_receivers(settings)


def _federation_demands(settings: Settings) -> tuple[tuple[bool, str, str], ...]:
    """Secrets are not among them: they may come from the database later (`govbot secret`)."""
    ldap, oidc, proxy = settings.ldap, settings.oidc, settings.proxy
    issuer = urlsplit(oidc.issuer)
    here = issuer.hostname in ("localhost", "127.0.0.1", "::1")
    user_filter = ldap.user_filter
    on = bool(oidc.issuer)
    return (
        (bool(ldap.servers) and not ldap.base_dn, "ldap.servers", "needs base_dn"),
        (
            bool(user_filter) and not re.fullmatch(r"\(.*\{username\}.*\)", user_filter),
            "ldap.user_filter",
            "must stand in parentheses and hold {username}",
        ),
        (on and not oidc.client_id, "oidc.issuer", "needs client_id"),
        (on and not settings.web.base_url, "oidc.issuer", "needs [web] base_url"),
        (on and issuer.scheme != "https" and not here, "oidc.issuer", "must begin with https://"),
        (on and "openid" not in oidc.scopes, "oidc.scopes", 'must hold "openid"'),
        (bool(proxy.user_header) and not proxy.trusted, "proxy.user_header", "needs trusted"),
    )


def _check_models(settings: Settings) -> None:
    """Each model of the list has a name of its own and is a file or a server, not both."""
    generation, place = settings.generation, settings.origin("generation.models")
    if not generation.models:
        return
    for key in ("model_path", "base_url", "model", "lora", "draft"):
        if getattr(generation, key):
            raise BadConfig(
                f"{settings.origin(f'generation.{key}')}: [generation] {key} and "
                "[[generation.models]]: set only one of them"
            )
    if generation.backend != "auto":
        raise BadConfig(
            f'{settings.origin("generation.backend")}: [generation] backend must be "auto" where '
            "there are [[generation.models]]"
        )
    names: set[str] = set()
    for number, model in enumerate(generation.listed(), 1):
        where = f"{place}: {nth_table('generation.models', number)}"
        demands = (
            (model.backend == "extractive", 'backend "extractive" writes nothing: not in a list'),
            (model.backend == "llama" and not model.model_path, 'backend "llama" needs model_path'),
            (model.backend == "openai" and not model.base_url, 'backend "openai" needs base_url'),
            (not model.model_path and not model.base_url, "needs model_path or base_url"),
            (bool(model.model_path and model.base_url), "model_path and base_url: only one"),
            (bool(model.base_url) and not model.model, "base_url needs model"),
            (model.max_tokens >= model.context_tokens, "max_tokens: smaller than context_tokens"),
            (model.name in names, f'name "{model.name}" is taken by another model'),
        )
        if (broken := next((sentence for wrong, sentence in demands if wrong), None)) is not None:
            raise BadConfig(f"{where}: {broken}")
        names.add(model.name)


def _check_receivers(settings: Settings) -> None:
    """A receiver of the audit log has a name of its own and an address."""
    place = settings.origin("audit.forward")
    names: set[str] = set()
    for number, receiver in enumerate(settings.audit.forward, 1):
        where = f"{place}: {nth_table('audit.forward', number)}"
        needed = "path" if receiver.kind in ("unix", "file") else "host"
        if not getattr(receiver, needed):
            raise BadConfig(f'{where}: kind "{receiver.kind}" needs {needed}')
        if receiver.name in names:
            raise BadConfig(f'{where}: name "{receiver.name}" is taken by another receiver')
        names.add(receiver.name)


def _check_folders(settings: Settings) -> None:
    """A file belongs to one folder, and what GovBot keeps belongs to none."""
    place = settings.origin("watch.folders")
    data = Path(os.path.normpath(settings.data_dir))
    paths = [Path(folder.path) for folder in settings.watch.folders]
    for number, path in enumerate(paths, 1):
        where = f"{place}: {nth_table('watch.folders', number)}: path"
        if data.is_relative_to(path) or path.is_relative_to(data):
            raise BadConfig(f"{where} {path} must be apart from data_dir ({data})")
        for other, earlier in enumerate(paths[: number - 1], 1):
            if path == earlier:
                raise BadConfig(f"{where} {path} is the folder of number {other} already")
            if path.is_relative_to(earlier) or earlier.is_relative_to(path):
                raise BadConfig(
                    f"{where} {path} and number {other} ({earlier}) must not lie in one another"
                )


def nth_table(key: str, number: int) -> str:
    """The words for one table of a list; tables are counted from 1."""
    return f"[[{key}]] number {number}"
