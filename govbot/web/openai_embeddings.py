"""Vectors of texts by the configured embedder, for programs that bring their own search."""

from __future__ import annotations

import asyncio
import base64
import struct

from litestar.di import NamedDependency
from litestar.params import JSONBody

from govbot import audit
from govbot.db.access import as_actor
from govbot.errors import Invalid, TooLarge, Unavailable
from govbot.models.embedder import Embedder
from govbot.web import rates
from govbot.web.api_call import Call, CurrentCall
from govbot.web.api_questions import Slots
from govbot.web.i18n import _
from govbot.web.openai_models import ALL, unknown_model
from govbot.web.openai_reading import refused
from govbot.web.openai_types import (
    MAX_INPUT,
    MAX_INPUTS,
    Embedding,
    EmbeddingList,
    EmbeddingRequest,
    EmbeddingUsage,
)


async def embeddings(
    call: CurrentCall, slots: NamedDependency[Slots], data: JSONBody[EmbeddingRequest]
) -> EmbeddingList:
    """Vectors of texts by the model that GovBot searches with. Text beyond what the model sees is
    cut. The texts are not kept."""
    texts = _texts(data)
    embedder = _embedder(call, data)
    with slots.one(call.actor.id):
        await rates.count_question(call.app, call.actor)
        if data.input_type == "query":
            vectors = [await embedder.embed_query(text) for text in texts]
        else:
            vectors = await embedder.embed_passages(texts)
        tokens = sum(await asyncio.to_thread(embedder.count_tokens, texts))
    details: dict[str, object] = {"texts": len(texts), "tokens": tokens}
    async with as_actor(call.app.pool, call.actor, write=True) as conn:
        await audit.record(conn, actor=call.actor, action="texts.embedded", details=details)
    shown = [
        Embedding(n, _packed(vector) if data.encoding_format == "base64" else vector)
        for n, vector in enumerate(vectors)
    ]
    return EmbeddingList(shown, embedder.name, EmbeddingUsage(tokens, tokens))


def _texts(data: EmbeddingRequest) -> list[str]:
    """Raises Invalid or TooLarge."""
    given = [data.input] if isinstance(data.input, str) else data.input
    if len(given) > MAX_INPUTS:
        raise TooLarge(_("At most 64 texts at once."), code="E-EMBED-TEXTS", param="input")
    texts = [each.replace("\x00", "") for each in given if isinstance(each, str)]
    if len(texts) < len(given):
        raise refused(_("Send text, not tokens: the models do not count alike."), "input")
    if not texts or not all(text.strip() for text in texts):
        raise Invalid(_("There is an empty text."), code="E-EMBED-TEXTS", param="input")
    if any(len(text) > MAX_INPUT for text in texts):
        raise TooLarge(
            _("A text is longer than 16000 characters."), code="E-EMBED-TEXTS", param="input"
        )
    return texts


def _embedder(call: Call, data: EmbeddingRequest) -> Embedder:
    """Raises NotFound for another model, Invalid for other dimensions, Unavailable for none."""
    embedder: Embedder | None = call.app.embedder
    if embedder is None:
        raise Unavailable(_("No embedding model is configured."))
    if data.model.casefold() not in (ALL, embedder.name.casefold()):
        raise unknown_model()
    if data.dimensions not in (None, embedder.dimension):
        raise refused(_("The vectors of this model cannot be shortened."), "dimensions")
    return embedder


def _packed(vector: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
