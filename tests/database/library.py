"""Collections, documents, people and grants for tests of the search, put in with few words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, LiteralString

from govbot.db.access import Actor, Role, as_system
from govbot.db.pool import Connection, Pool
from govbot.ids import DocumentId, UserId, VersionId, new_id

FINGERPRINT = "test-space"


class FixedEmbedder:
    """Gives the vectors it is told, so that a test decides what is near."""

    name = "fixed"
    dimension = 3
    fingerprint = FINGERPRINT
    max_tokens = 100

    def __init__(self, vector: Sequence[float] = (1, 0, 0), weight: float = 0.5):
        self.vector = list(vector)
        self.weight = weight
        self.failure: Exception | None = None

    async def embed_query(self, text: str) -> list[float]:
        if self.failure is not None:
            raise self.failure
        return self.vector

    async def embed_passages(self, texts: Sequence[str]) -> list[list[float]]:
        return [self.vector for _ in texts]

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]

    def passage_tokens(self) -> int:
        return self.max_tokens

    async def aclose(self) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Document:
    id: DocumentId
    key: int
    version_id: VersionId
    filename: str


@dataclass(slots=True)
class Library:
    """Writes as the system; what was written is read through the search alone."""

    pool: Pool
    keys: dict[str, int] = field(default_factory=dict)

    async def collection(self, name: str) -> int:
        if name not in self.keys:
            row = await self._one(
                "INSERT INTO collections (id, name) VALUES (%(id)s, %(name)s) RETURNING key",
                {"id": new_id(), "name": name},
            )
            self.keys[name] = row["key"]
        return self.keys[name]

    async def document(
        self,
        collection: str,
        filename: str,
        *texts: str,
        title: str = "",
        vectors: Sequence[Sequence[float]] = (),
        pages: Sequence[int] = (),
    ) -> Document:
        """A ready document with one chunk per text, each on a page of its own unless told."""
        key = await self.collection(collection)
        document_id, version_id = DocumentId(new_id()), VersionId(new_id())
        row = await self._one(
            "INSERT INTO documents (id, collection_key, path, filename, title, source)"
            " VALUES (%(id)s, %(key)s, %(name)s, %(name)s, %(title)s, 'upload') RETURNING key",
            {"id": document_id, "key": key, "name": filename, "title": title},
        )
        made = Document(document_id, row["key"], version_id, filename)
        async with as_system(self.pool) as conn:
            await self._version(conn, made, key)
            for ord_, text in enumerate(texts):
                chunk_id = await self._chunk(
                    conn, made, key, title, ord_, text, pages[ord_] if pages else ord_ + 1
                )
                if vectors:
                    await self._vector(conn, made, key, chunk_id, vectors[ord_])
            await conn.execute("SELECT govbot_index_version(%(id)s)", {"id": version_id})
        return made

    async def remove(self, document: Document) -> None:
        async with as_system(self.pool) as conn:
            await conn.execute("SELECT govbot_unindex_document(%(key)s)", {"key": document.key})

    async def person(self, name: str, *collections: str, role: Role = Role.USER) -> Actor:
        actor = Actor(UserId(new_id()), name, role)
        await self._run(
            "INSERT INTO users (id, username, name, role)"
            " VALUES (%(id)s, %(name)s, %(name)s, %(role)s)",
            {"id": actor.id, "name": name, "role": role.value},
        )
        for collection in collections:
            await self.grant(actor, collection_key=await self.collection(collection))
        return actor

    async def grant(
        self,
        actor: Actor,
        *,
        collection_key: int | None = None,
        document_key: int | None = None,
        effect: str = "allow",
    ) -> None:
        await self._run(
            "INSERT INTO grants (id, user_id, collection_key, document_key, level, effect)"
            " VALUES (%(id)s, %(user)s, %(collection)s, %(document)s, 'read', %(effect)s)",
            {
                "id": new_id(),
                "user": actor.id,
                "collection": collection_key,
                "document": document_key,
                "effect": effect,
            },
        )

    async def model(self, fingerprint: str = FINGERPRINT, state: str = "active") -> int:
        row = await self._one(
            "INSERT INTO embedding_models (name, fingerprint, dimension, state)"
            " VALUES (%(f)s, %(f)s, 3, %(state)s)"
            " ON CONFLICT (name, fingerprint) DO UPDATE SET state = excluded.state RETURNING id",
            {"f": fingerprint, "state": state},
        )
        return int(row["id"])

    async def _version(self, conn: Connection, made: Document, collection_key: int) -> None:
        await conn.execute(
            "INSERT INTO document_versions (id, document_id, document_key, collection_key, number,"
            " sha256, size_bytes, mime, state) VALUES (%(version)s, %(document)s, %(key)s,"
            " %(collection)s, 1, repeat('a', 64), 1, 'text/plain', 'ready')",
            {
                "version": made.version_id,
                "document": made.id,
                "key": made.key,
                "collection": collection_key,
            },
        )

    async def _chunk(
        self,
        conn: Connection,
        made: Document,
        collection_key: int,
        title: str,
        ord_: int,
        text: str,
        page: int,
    ) -> int:
        cursor = await conn.execute(
            "INSERT INTO chunks (version_id, document_key, collection_key, ord, page_from, page_to,"
            " heading, text, start_offset, end_offset, tsv, length)"
            " SELECT %(version)s, %(key)s, %(collection)s, %(ord)s, %(page)s, %(page)s, '',"
            " %(text)s, 0, length(%(text)s), t.tsv,"
            " (SELECT coalesce(sum(cardinality(u.positions)), 0) FROM unnest(t.tsv) u)"
            " FROM govbot_passage_tsv(%(title)s, '', %(text)s) t (tsv) RETURNING id",
            {
                "version": made.version_id,
                "key": made.key,
                "collection": collection_key,
                "ord": ord_,
                "page": page,
                "text": text,
                "title": title,
            },
        )
        row = await cursor.fetchone()
        assert row is not None
        return int(row["id"])

    async def _vector(
        self,
        conn: Connection,
        made: Document,
        collection_key: int,
        chunk_id: int,
        vector: Sequence[float],
    ) -> None:
        await conn.execute(
            "INSERT INTO chunk_vectors (model_id, chunk_id, collection_key, document_key,"
            " embedding) SELECT m.id, %(chunk)s, %(collection)s, %(key)s, %(vector)s::halfvec"
            " FROM embedding_models m WHERE m.state = 'active'",
            {
                "chunk": chunk_id,
                "collection": collection_key,
                "key": made.key,
                "vector": str(list(vector)),
            },
        )

    async def _one(self, query: LiteralString, values: Mapping[str, object]) -> dict[str, Any]:
        async with as_system(self.pool) as conn:
            row = await (await conn.execute(query, values)).fetchone()
        assert row is not None
        return row

    async def _run(self, query: LiteralString, values: Mapping[str, object]) -> None:
        async with as_system(self.pool) as conn:
            await conn.execute(query, values)
