"""What an evaluation was made with: the parts of the configuration that make its figures."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from govbot import __version__
from govbot.chat import prompt
from govbot.config import Settings
from govbot.config.generation import ModelSettings, Writer
from govbot.db.pool import Connection
from govbot.generate import Generator, Source
from govbot.models.embedder import Embedder
from govbot.models.reranker import Reranker

# A change of these is a change that the gate looks at; the others are told beside the figures.
GATED: Final = ("embedder", "reranker", "chunking", "prompt", "generator")
_CODE = re.compile(r"-[0-9a-f]{8}\b")
_EXAMPLE = Source(number=1, text="texto", title="título", heading="seção", page=1, score=0.0)


class Parts(Protocol):
    """What of the application is measured."""

    @property
    def settings(self) -> Settings: ...
    @property
    def embedder(self) -> Embedder | None: ...
    @property
    def reranker(self) -> Reranker | None: ...
    @property
    def generator(self) -> Generator: ...


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Each part by name, in a form that people can compare: "starter 3f2a9c01"."""

    parts: Mapping[str, str]

    @property
    def digest(self) -> str:
        """One word for all that the gate looks at."""
        return digest({name: self.parts[name] for name in GATED})

    def changed(self, other: Mapping[str, str]) -> list[str]:
        """Names of the gated parts that differ."""
        return [name for name in GATED if self.parts[name] != other.get(name, "")]


async def fingerprint(conn: Connection, parts: Parts) -> Fingerprint:
    """Of the configuration in use; loads no model."""
    settings = parts.settings
    embedder, reranker = parts.embedder, parts.reranker
    return Fingerprint(
        {
            "embedder": _named(embedder),
            "reranker": _named(reranker),
            "chunking": f"{settings.ingest.chunk_words} words,"
            f" {settings.ingest.chunk_overlap_words} repeated",
            "prompt": _prompt(settings.language),
            "generator": _generator(settings, parts.generator),
            "retrieval": digest(settings.retrieval.model_dump(mode="json")),
            "calibration": await _calibration(conn, embedder, reranker),
            "code": __version__,
        }
    )


def digest(value: object) -> str:
    """Twelve hexadecimal digits of SHA-256 over the value as JSON."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _named(model: Embedder | Reranker | None) -> str:
    return f"{model.name} {digest(model.fingerprint)}" if model is not None else "none"


def _prompt(language: str) -> str:
    """The messages of an example, the code of this process taken out."""
    messages = prompt.prompt_for("pergunta", [_EXAMPLE], language=language)
    return digest([_CODE.sub("", message.content) for message in messages])


def _generator(settings: Settings, generator: Generator) -> str:
    """Its name, and what of its settings changes what it writes."""
    if generator.excerpts:
        return generator.name
    own = settings.generation
    if own.models:
        return f"{generator.name} {digest([_written_with(each) for each in own.listed()])}"
    return f"{generator.name} {digest(_written_with(own))}"


def _written_with(own: Writer) -> dict[str, object]:
    """What of the settings of a model changes what it writes."""
    file = Path(own.model_path) if own.model_path else None
    found: dict[str, object] = {
        "model": own.model,
        "bytes": file.stat().st_size if file is not None and file.is_file() else 0,
        "context": own.context_tokens,
        "tokens": own.max_tokens,
        "temperature": own.temperature,
    }
    if own.lora:
        found["adapters"] = [(Path(each).name, own.lora_scale) for each in own.lora]
    if isinstance(own, ModelSettings):
        found["tier"] = own.tier
    return found


async def _calibration(
    conn: Connection, embedder: Embedder | None, reranker: Reranker | None
) -> str:
    cursor = await conn.execute(
        """
        SELECT c.weights, c.bias, c.threshold FROM calibrations c
        WHERE c.embedder = %(embedder)s AND c.reranker = %(reranker)s
        """,
        {
            "embedder": embedder.fingerprint if embedder else "",
            "reranker": reranker.fingerprint if reranker else "",
        },
    )
    row = await cursor.fetchone()
    return digest(row) if row else "as shipped"
