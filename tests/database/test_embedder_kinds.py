"""Documents with and without an embedder, and from one to the other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from govbot.config import Settings
from govbot.config.embedding import Embedder as EmbedderSettings
from govbot.db.access import as_system
from govbot.documents.embedding_models import ensure_model
from govbot.errors import Conflict, Unavailable
from govbot.ingest.reindex import reindex
from govbot.installation.vectors import vectors
from govbot.models import embedder as module
from govbot.retrieval.retrieve import find
from tests.ingestion import Cast, Parts, count, document_of, take

NONE = Settings(embedder=EmbedderSettings(kind="none"))


async def test_words_find_documents_that_came_in_without_an_embedder_and_a_reindex_adds_the_vectors(
    parts: Parts, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = replace(parts, embedder=None)
    law = await take(bare, cast.curator, cast.a, "lei.txt", "Art. 1º A licença dura vinte dias.")
    await bare.work()
    assert (await document_of(bare, law)).version.state == "ready"
    assert await count(bare, "chunk_vectors") == 0
    found = await find(
        bare.pool, cast.reader, "quanto dura a licença", embedder=None, settings=NONE, limit=5
    )
    assert ["licença" in passage.text for passage in found.passages] == [True]
    assert await vectors(bare.pool, NONE) == "none: words search alone"

    monkeypatch.setattr("govbot.installation.vectors.open_embedder", lambda _: parts.embedder)
    with pytest.raises(Conflict, match="1 passages have no vector"):
        await vectors(parts.pool, parts.settings)
    assert (await reindex(parts)).made == 1
    assert (await vectors(parts.pool, parts.settings)).startswith("1 by hash")

    # Without it again, nothing is taken in beside the vectors before a reindex takes them away.
    monkeypatch.setattr("govbot.installation.vectors.open_embedder", module.open_embedder)
    with pytest.raises(Conflict, match="the settings name none"):
        await vectors(bare.pool, NONE)
    with pytest.raises(Unavailable, match="govbot reindex"):
        async with as_system(bare.pool) as conn:
            await ensure_model(conn, None)
    assert (await reindex(bare)).removed == 1
    assert await vectors(bare.pool, NONE) == "none: words search alone"
