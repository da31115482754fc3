"""A large generated library: words with the frequencies of language, vectors in clusters.

Collections hold such shares of it that readers see 100, 50, 25, 10, 1 and 0.1 % of the chunks.
"""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import psycopg
from psycopg import sql

from govbot.db.access import Actor, Role
from govbot.db.dsns import Dsns
from govbot.db.pool import open_pool
from govbot.ids import UserId
from tests.database.library import Library

DIMENSION: Final = 384
WORDS: Final = 70  # that carry meaning, in a passage of some 130
VOCABULARY: Final = 200_000
FREQUENT: Final = 20  # rank at which the vocabulary begins: those before are stop words
DOCUMENT: Final = 200  # chunks of the largest documents
BLOCK: Final = 20_000
TOPICS: Final = 300
CLUSTER: Final = 400  # chunks of one subject
OWN: Final = 0.8  # share of a subject's chunks that stand in one collection
# Shares of the chunks in collections; a reader of a share reads all that come before, too.
SHARES: Final = {
    0.001: (0.001,),
    0.01: (0.003,) * 3,
    0.1: (0.015,) * 6,
    0.25: (0.03,) * 5,
    0.5: (0.05,) * 5,
    1.0: (0.05,) * 10,
}


@dataclass(frozen=True, slots=True)
class LargeLibrary:
    """Who reads which share, by account; seconds of each step of the making."""

    chunks: int
    readers: dict[float, Actor]
    seconds: dict[str, float]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question near one chunk, which its reader may read or not."""

    text: str
    vector: list[float]
    near_readable: bool


async def build(dsns: Dsns, chunks: int, seed: int = 7) -> LargeLibrary:
    """Fills an empty, migrated database; needs its superuser. Without an index of vectors."""
    random = np.random.default_rng(seed)
    seconds: dict[str, float] = {}
    pool = await open_pool(dsns.app, size=2, name="bench")
    library = Library(pool)
    model = await library.model()
    names: list[tuple[str, float]] = []
    readers: dict[float, Actor] = {}
    for reach, parts in SHARES.items():
        names += [(f"parte-{reach}-{n}", share) for n, share in enumerate(parts)]
        readers[reach] = await library.person(f"le-{reach}", *(name for name, _ in names))
    await pool.close()
    keys = [library.keys[name] for name, _ in names]
    counts = [max(1, round(chunks * share)) for _, share in names]
    with psycopg.connect(dsns.superuser) as conn:
        conn.execute("SET session_replication_role = replica")
        conn.execute("SET synchronous_commit = off")
        conn.execute("SET maintenance_work_mem = '1GB'")
        conn.execute("SET work_mem = '256MB'")
        conn.execute("UPDATE embedding_models SET dimension = %(d)s", {"d": DIMENSION})
        with _timed(seconds, "documents"):
            places = _documents(conn, keys, counts)
        # One row a chunk: document, collection, ordinal. In the order of the documents.
        with _timed(seconds, "texts"), _without_indexes(conn, "chunks"):
            _texts(conn, places, random)
        with _timed(seconds, "postings"), _without_indexes(conn, "postings"):
            _postings(conn)
        with _timed(seconds, "vectors"), _without_indexes(conn, "chunk_vectors"):
            _vectors(conn, places, keys, model, random)
        conn.commit()
        conn.autocommit = True
        with _timed(seconds, "analyze"):
            conn.execute("VACUUM (ANALYZE)")
    return LargeLibrary(len(places), readers, seconds)


def save(library: LargeLibrary, file: Path) -> None:
    """Writes what `load` reads, so that another run finds the library again."""
    readers = {str(share): asdict(actor) for share, actor in library.readers.items()}
    told = {"chunks": library.chunks, "readers": readers, "seconds": library.seconds}
    file.write_text(json.dumps(told, default=str))


def load(file: Path) -> LargeLibrary:
    """A library that `save` told of."""
    told = json.loads(file.read_text())
    readers = {
        float(share): Actor(UserId(actor["id"]), actor["name"], Role(actor["role"]))
        for share, actor in told["readers"].items()
    }
    return LargeLibrary(told["chunks"], readers, told["seconds"])


def questions(conn: psycopg.Connection[Any], reach: float, count: int, seed: int) -> list[Asked]:
    """Half of them near chunks that the reader of `reach` may read, half near others.

    Who reads everything is asked near chunks only. `conn` is the superuser's.
    """
    random = np.random.default_rng(seed)
    # Chunks are numbered in the order of the collections, and who reads one reads those before.
    row = conn.execute(
        "SELECT count(*) FILTER (WHERE collection_key = ANY (%(keys)s)), count(*) FROM chunks",
        {"keys": _collections_of(conn, reach)},
    ).fetchone()
    assert row is not None
    readable, every = row
    asked = []
    for number in range(count):
        inside = reach == 1.0 or number % 2 == 0
        lowest, highest = (1, readable) if inside else (readable + 1, every)
        text, vector = _one_chunk(conn, lowest, highest, random)
        words = random.choice(np.array(text.split()), 9, replace=False)
        near = vector + 0.6 * _spread(random, 1)[0]
        near /= np.linalg.norm(near)
        asked.append(Asked(" ".join(words), [float(x) for x in near], inside))
    return asked


def exact(
    conn: psycopg.Connection[Any], reach: float, asked: list[Asked], limit: int = 10
) -> list[set[int]]:
    """The chunks nearest to each question that the reader of `reach` may read, by comparing all."""
    wanted = np.array([question.vector for question in asked], dtype=np.float32).T
    ids: list[np.ndarray[Any, Any]] = []
    scores: list[np.ndarray[Any, Any]] = []
    with conn.cursor().copy(
        sql.SQL(
            "COPY (SELECT chunk_id, embedding FROM chunk_vectors WHERE collection_key IN ({}))"
            " TO STDOUT (FORMAT binary)"
        ).format(sql.SQL(",").join(map(sql.Literal, _collections_of(conn, reach))))
    ) as copy:
        for rows in _rows(copy):
            ids.append(rows["chunk"].astype(np.int64))
            vectors = rows["embedding"].astype(np.float32)
            lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
            scores.append((vectors / lengths) @ wanted)
    every, by_question = np.concatenate(ids), np.concatenate(scores)
    order = np.argsort(-by_question, axis=0)[:limit]
    return [{int(every[row]) for row in order[:, n]} for n in range(len(asked))]


def _documents(
    conn: psycopg.Connection[Any], keys: list[int], counts: list[int]
) -> np.ndarray[Any, Any]:
    """Makes the documents; an array with one row a chunk: document, collection, ordinal."""
    rows: list[tuple[int, int, int]] = []
    for key, count in zip(keys, counts, strict=True):
        for start in range(0, count, DOCUMENT):
            rows.append((len(rows) + 1, key, min(DOCUMENT, count - start)))
    conn.execute(
        """
        INSERT INTO documents (id, key, collection_key, path, filename, title, source)
        OVERRIDING SYSTEM VALUE
        SELECT gen_random_uuid(), d.key, d.collection, d.key || '.txt', d.key || '.txt', '',
               'upload'
        FROM unnest(%(keys)s::int[], %(collections)s::int[]) d (key, collection)
        """,
        {"keys": [row[0] for row in rows], "collections": [row[1] for row in rows]},
    )
    conn.execute(
        """
        INSERT INTO document_versions (id, document_id, document_key, collection_key, number,
                                       sha256, size_bytes, mime, state)
        SELECT gen_random_uuid(), d.id, d.key, d.collection_key, 1, repeat('a', 64), 1,
               'text/plain', 'ready'
        FROM documents d
        """
    )
    _go_on_after(conn, "documents", "key")
    conn.execute("ANALYZE documents, document_versions")
    return np.array(
        [(key, collection, ord_) for key, collection, size in rows for ord_ in range(size)],
        dtype=np.int32,
    )


def _texts(
    conn: psycopg.Connection[Any], places: np.ndarray[Any, Any], random: np.random.Generator
) -> None:
    """The chunks, numbered from 1, with stems that are the words themselves."""
    vocabulary = _vocabulary(conn)
    weights = 1 / np.arange(FREQUENT, FREQUENT + len(vocabulary))
    sums = np.cumsum(weights / weights.sum())
    conn.execute("CREATE TEMPORARY TABLE heap (id bigint, document_key int, ord int, text text)")
    with conn.cursor().copy("COPY heap FROM STDIN") as copy:
        for start in range(0, len(places), BLOCK):
            part = places[start : start + BLOCK]
            ranks = np.searchsorted(sums, random.random((len(part), WORDS)))
            texts = vocabulary[ranks.clip(max=len(vocabulary) - 1)].view(f"S{8 * WORDS}").ravel()
            copy.write(
                b"".join(
                    b"%d\t%d\t%d\t%s\n" % (start + n + 1, place[0], place[2], text.rstrip())
                    for n, (place, text) in enumerate(zip(part.tolist(), texts, strict=True))
                )
            )
    conn.execute(
        """
        INSERT INTO chunks (id, version_id, document_key, collection_key, ord, page_from, page_to,
                            heading, text, start_offset, end_offset, tsv, length)
        OVERRIDING SYSTEM VALUE
        SELECT h.id, v.id, v.document_key, v.collection_key, h.ord, h.ord + 1, h.ord + 1, '',
               h.text, 0, length(h.text), to_tsvector('simple', h.text), %(words)s
        FROM heap h
        JOIN document_versions v ON v.document_key = h.document_key
        ORDER BY h.id
        """,
        {"words": WORDS},
    )
    _go_on_after(conn, "chunks", "id")
    conn.execute("DROP TABLE heap")
    conn.execute("ANALYZE chunks")


def _go_on_after(conn: psycopg.Connection[Any], table: str, column: str) -> None:
    """New rows get numbers after those that were given here."""
    conn.execute(
        sql.SQL("SELECT setval(pg_get_serial_sequence({}, {}), max({})) FROM {}").format(
            sql.Literal(table), sql.Literal(column), sql.Identifier(column), sql.Identifier(table)
        )
    )


def _vocabulary(conn: psycopg.Connection[Any]) -> np.ndarray[Any, Any]:
    """Words of seven letters and a space, most frequent first, that stemming leaves alone."""
    syllables = [a + b for a in "bcdfgjlmnprstv" for b in "aeiou"]
    cursor = conn.execute(
        """
        SELECT w.word FROM (
            SELECT a.s || b.s || c.s || 'z' AS word
            FROM unnest(%(s)s::text[]) a (s), unnest(%(s)s::text[]) b (s), unnest(%(s)s::text[]) c (s)
        ) w
        WHERE tsvector_to_array(to_tsvector('portuguese', w.word)) = ARRAY[w.word]
        ORDER BY hashtext(w.word), w.word
        LIMIT %(size)s
        """,  # noqa: E501
        {"s": syllables, "size": VOCABULARY},
    )
    return np.array([row[0].encode() + b" " for row in cursor.fetchall()], dtype="S8")


def _postings(conn: psycopg.Connection[Any]) -> None:
    """What govbot_index_version writes for one document, for all of them at once."""
    conn.execute(
        """
        INSERT INTO postings (lexeme, collection_key, document_key, chunk_id, tf, length)
        SELECT t.lexeme, c.collection_key, c.document_key, c.id, cardinality(t.positions), c.length
        FROM chunks c, unnest(c.tsv) t
        """
    )
    conn.execute(
        """
        INSERT INTO term_stats (lexeme, collection_key, secrecy, chunks)
        SELECT p.lexeme, p.collection_key, 0, count(*)
        FROM postings p
        GROUP BY p.lexeme, p.collection_key
        """
    )
    conn.execute(
        """
        INSERT INTO collection_stats (collection_key, secrecy, chunks, length)
        SELECT c.collection_key, 0, count(*), sum(c.length)
        FROM chunks c
        GROUP BY c.collection_key
        """
    )


def _vectors(
    conn: psycopg.Connection[Any],
    places: np.ndarray[Any, Any],
    keys: list[int],
    model: int,
    random: np.random.Generator,
) -> None:
    """Subjects under topics; most chunks of a subject stand in one collection."""
    subjects = _subjects(random, max(1, len(places) // CLUSTER))
    owner = random.choice(
        np.array(keys), len(subjects), p=np.bincount(places[:, 1])[keys] / len(places)
    )
    pools = {key: np.flatnonzero(owner == key) for key in keys}
    dtype = _dtype()
    with conn.cursor().copy(
        "COPY chunk_vectors (model_id, chunk_id, collection_key, document_key, embedding)"
        " FROM STDIN (FORMAT binary)"
    ) as copy:
        copy.write(_HEADER)
        for start in range(0, len(places), BLOCK):
            part = places[start : start + BLOCK]
            chosen = random.integers(0, len(subjects), len(part))
            own = random.random(len(part)) < OWN
            for key in np.unique(part[:, 1]):
                if len(pools[key]):
                    here = own & (part[:, 1] == key)
                    chosen[here] = random.choice(pools[key], int(here.sum()))
            vectors = subjects[chosen] + 0.9 * _spread(random, len(part))
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            rows = np.zeros(len(part), dtype)
            for name, size in _SIZES.items():
                rows[f"{name}_size"] = size
            rows["fields"], rows["dimension"], rows["model"] = len(_SIZES), DIMENSION, model
            rows["chunk"] = np.arange(start + 1, start + 1 + len(part))
            rows["collection"], rows["document"] = part[:, 1], part[:, 0]
            rows["embedding"] = vectors
            copy.write(rows.tobytes())
        copy.write(struct.pack("!h", -1))


def _subjects(random: np.random.Generator, count: int) -> np.ndarray[Any, Any]:
    topics = _spread(random, TOPICS)
    return np.asarray(topics[random.integers(0, TOPICS, count)] + 0.8 * _spread(random, count))


def _spread(random: np.random.Generator, count: int) -> np.ndarray[Any, Any]:
    """Vectors of length about 1 in which few directions count for much, as in those of models."""
    scales = 1 / np.sqrt(np.arange(1, DIMENSION + 1) + 10)
    scales /= np.sqrt((scales**2).sum())
    return np.asarray(random.standard_normal((count, DIMENSION)) * scales, dtype=np.float32)


# Binary COPY: https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-FILE-FORMATS-BINARY
_HEADER: Final = b"PGCOPY\n\xff\r\n\0" + struct.pack("!ii", 0, 0)
_SIZES: Final = {
    "model": 2,
    "chunk": 8,
    "collection": 4,
    "document": 4,
    "embedding": 4 + 2 * DIMENSION,
}


def _dtype() -> np.dtype[Any]:
    """One row of chunk_vectors as binary COPY has it."""
    return np.dtype(
        [
            ("fields", ">i2"),
            ("model_size", ">i4"),
            ("model", ">i2"),
            ("chunk_size", ">i4"),
            ("chunk", ">i8"),
            ("collection_size", ">i4"),
            ("collection", ">i4"),
            ("document_size", ">i4"),
            ("document", ">i4"),
            ("embedding_size", ">i4"),
            ("dimension", ">i2"),
            ("unused", ">i2"),
            ("embedding", ">f2", (DIMENSION,)),
        ]
    )


def _rows(copy: Any) -> Iterator[np.ndarray[Any, Any]]:
    """Blocks of rows (chunk, embedding) out of a binary COPY; psycopg gives row by row."""
    dtype = np.dtype(
        [
            ("fields", ">i2"),
            ("chunk_size", ">i4"),
            ("chunk", ">i8"),
            ("embedding_size", ">i4"),
            ("dimension", ">i2"),
            ("unused", ">i2"),
            ("embedding", ">f2", (DIMENSION,)),
        ]
    )
    held = bytearray()
    skip = len(_HEADER)
    for data in copy:
        held += bytes(data)[skip:]
        skip = 0
        if len(held) >= BLOCK * dtype.itemsize:
            whole = len(held) // dtype.itemsize
            yield np.frombuffer(bytes(held[: whole * dtype.itemsize]), dtype)
            del held[: whole * dtype.itemsize]
    whole = len(held) // dtype.itemsize  # two bytes more mark the end
    if whole:
        yield np.frombuffer(bytes(held[: whole * dtype.itemsize]), dtype)


def _collections_of(conn: psycopg.Connection[Any], reach: float) -> list[int]:
    cursor = conn.execute(
        "SELECT g.collection_key FROM grants g JOIN users u ON u.id = g.user_id"
        " WHERE u.username = %(name)s ORDER BY 1",
        {"name": f"le-{reach}"},
    )
    return [row[0] for row in cursor.fetchall()]


def _one_chunk(
    conn: psycopg.Connection[Any], lowest: int, highest: int, random: np.random.Generator
) -> tuple[str, np.ndarray[Any, Any]]:
    """Text and vector of a chunk drawn among those with these numbers."""
    found = conn.execute(
        """
        SELECT c.text, (SELECT v.embedding::text FROM chunk_vectors v WHERE v.chunk_id = c.id)
        FROM chunks c WHERE c.id = %(id)s
        """,
        {"id": int(random.integers(lowest, highest + 1))},
    ).fetchone()
    assert found is not None
    return found[0], np.array(json.loads(found[1]), dtype=np.float32)


@contextmanager
def _without_indexes(conn: psycopg.Connection[Any], table: str) -> Iterator[None]:
    """Takes the indexes of a table away while it is filled, but those of constraints."""
    cursor = conn.execute(
        """
        SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid)
        FROM pg_index i
        WHERE i.indrelid = %(table)s::regclass
          AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid)
        """,
        {"table": table},
    )
    indexes = cursor.fetchall()
    for name, _ in indexes:
        conn.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(name)))
    yield
    for _, definition in indexes:
        conn.execute(definition)


@contextmanager
def _timed(seconds: dict[str, float], step: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    seconds[step] = round(time.perf_counter() - started, 1)
    print(f"  {step}: {seconds[step]} s", flush=True)
