"""Answers that were written before, for whoever has the very same passages.

Looked up after the search under the asker's own rights. The key is made of all that the model
would see (its messages), of the passages with their versions, and of what else makes an answer; so
who may read other documents, or reads them masked otherwise, has another key. Row-level security
by the sources of the entry stands behind it. What the generator said is kept and goes through
marks, filters and citations again, as if it were said now.
"""

from __future__ import annotations

import hashlib
import logging
import re
import unicodedata
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path

from govbot import __version__, metrics
from govbot.chat import cached
from govbot.chat.cached import Kept, Key
from govbot.chat.neutral import neutral
from govbot.chat.reply import Asked, Parts, Progress
from govbot.config import Settings
from govbot.db.access import OPERATOR, Actor, as_actor
from govbot.errors import GovBotError
from govbot.generate import Generator, Request, Source
from govbot.generate.stems import fold
from govbot.retrieval.passages import Passage

log = logging.getLogger(__name__)

# What turns a question into another one that lies near it in meaning.
_TURNS = re.compile(r"\d+(?:[.,/-]\d+)*|\b(?:nao|nem|sem|nunca|nenhum\w*|exceto|salvo|not|no)\b")
# The codes around passages in a prompt are of one process: chat/prompt.py.
_CODE = re.compile(r'(</?\w+)-[0-9a-f]{8}(?= n="|>)')


@dataclass(slots=True)
class Place:
    """The place of one answer in the cache: what lies there, or what will.

    `passages` and `request` are those to go on with: an answer that lies there keeps the order
    that its passages had. `hit` says how it was found; "" when it has to be written.
    """

    parts: Parts
    actor: Actor
    asked: Asked
    passages: Sequence[Passage]
    key: Key | None
    kept: Kept | None = None
    hit: str = ""
    _said: str = ""
    _shown: tuple[int, ...] = ()
    _vector: Sequence[float] | None = None

    async def say(
        self, request: Request, written: AsyncGenerator[Progress | str, None]
    ) -> AsyncGenerator[Progress | str, None]:
        """What lies here, or else `written`, listening to it."""
        if self.kept is None:
            async with aclosing(written) as steps:
                async for step in steps:
                    if isinstance(step, str):
                        self._said += step
                    yield step
            return
        await written.aclose()
        yield Progress("status", "writing")
        if request.on_sources is not None:
            shown = set(self.kept.shown)
            request.on_sources(tuple(s for s in request.sources if s.number in shown))
        yield self.kept.content

    def listening(self, request: Request) -> Request:
        """The request that tells this place, too, which sources reach the model."""
        self._shown = tuple(source.number for source in request.sources)
        passed_on = request.on_sources

        def hear(sources: tuple[Source, ...]) -> None:
            self._shown = tuple(source.number for source in sources)
            if passed_on is not None:
                passed_on(sources)

        return replace(request, on_sources=hear)

    async def keep(self) -> None:
        """Puts what was said here; it was said to the end, and well. A failure is only logged."""
        if self.key is None or self.kept is not None or not self._said.strip():
            return
        entry = Kept(self._said, tuple(p.chunk_id for p in self.passages), self._shown)
        try:
            vector, fingerprint = await self._sense()
            async with as_actor(self.parts.pool, self.actor, write=True) as conn:
                await cached.put(
                    conn,
                    self.key,
                    entry,
                    owner=None if self.actor is OPERATOR else self.actor.id,
                    answer_id=self.asked.answer_id,
                    shared=self.parts.settings.answers.cache == "shared",
                    sources=_keys(self.passages, self.asked),
                    versions=sorted({passage.version_id for passage in self.passages}),
                    hours=self.parts.settings.answers.cache_hours,
                    vector=vector,
                    fingerprint=fingerprint,
                )
        except GovBotError as error:
            log.warning(
                "An answer was not cached: %s", error.error_code, extra={"action": "cache.failed"}
            )

    async def _look(self) -> None:
        assert self.key is not None  # noqa: S101 - asked by `place` alone, which has a key
        answer_id = self.asked.answer_id
        async with as_actor(self.parts.pool, self.actor, write=answer_id is not None) as conn:
            self.kept = await cached.same(conn, self.key)
            if self.kept is not None and answer_id is not None:
                await cached.mark(conn, answer_id, self.key.exact)
        if self.kept is not None:
            self._found(self.kept, "hit")
        elif self.parts.settings.answers.cache_similarity:
            await self._look_near(self.key)

    async def _look_near(self, key: Key) -> None:
        vector, fingerprint = await self._sense()
        if vector is None or fingerprint is None:
            return
        answer_id = self.asked.answer_id
        least = self.parts.settings.answers.cache_similarity
        async with as_actor(self.parts.pool, self.actor, write=answer_id is not None) as conn:
            found = await cached.near(conn, key, vector, fingerprint, least)
            if found is not None and answer_id is not None:
                await cached.mark(conn, answer_id, found[0])
        if found is None:
            return
        self._found(found[1], "near")

    def _found(self, kept: Kept, hit: str) -> None:
        self.kept, self.hit = kept, hit
        by_chunk = {passage.chunk_id: passage for passage in self.passages}
        self.passages = [by_chunk[chunk] for chunk in kept.passages]

    async def _sense(self) -> tuple[Sequence[float] | None, str | None]:
        """The question as a vector, where near questions count."""
        embedder = self.parts.embedder
        if embedder is None or not self.parts.settings.answers.cache_similarity:
            return None, None
        if self._vector is None:
            self._vector = await embedder.embed_query(self.asked.question)
        return self._vector, embedder.fingerprint


async def place(
    parts: Parts, actor: Actor, asked: Asked, request: Request, passages: Sequence[Passage]
) -> Place:
    """Where the answer to this request has its place; looked into unless it is to be renewed."""
    key = key_of(parts.settings, parts.generator, actor, asked, request, passages)
    if asked.cache == "off":
        key = None
    found = Place(parts, actor, asked, passages, key)
    if key is None or asked.cache == "renew":
        return found
    try:
        await found._look()
    except GovBotError as error:
        log.warning(
            "The cache of answers was not asked: %s",
            error.error_code,
            extra={"action": "cache.failed"},
        )
    metrics.observe_cache(found.hit or "miss")
    return found


def key_of(
    settings: Settings,
    generator: Generator,
    actor: Actor,
    asked: Asked,
    request: Request,
    passages: Sequence[Passage],
) -> Key | None:
    """The key of an answer; None where answers are not cached, as excerpts never are.

    It holds the messages for the model as they are (rules, instructions, turns before, passages
    after masking, day), the passages by id and version in their order, generator, model and
    settings. The context holds the same with the passages in a fixed order and, of the question,
    its numbers and negations only.
    """
    own = settings.answers
    if own.cache == "off" or not own.cache_hours or generator.excerpts or not passages:
        return None
    if own.cache == "own" and actor is OPERATOR:
        return None
    made_with = [
        __version__,
        generator.name,
        _model(settings.generation.model_path),
        *(_model(each.model_path) for each in settings.generation.models),
        asked.wishes.model,
        settings.language,
        settings.generation.model_dump_json(),
        settings.answers.model_dump_json(),
        own.cache if own.cache == "shared" else f"own {actor.id}",
        asked.as_of.isoformat() if asked.as_of else "",
        *(str(key) for turn in asked.history for key in (*turn.sources, "turn")),
    ]
    places = [f"{p.chunk_id} {p.version_id}" for p in passages]
    order = sorted(range(len(passages)), key=lambda at: passages[at].chunk_id)
    arranged = tuple(
        replace(request.sources[at], number=number) for number, at in enumerate(order, 1)
    )
    question = neutral(asked.question).strip()
    context = _digest(
        made_with,
        sorted(places),
        _seen(replace(request, messages=request.build(arranged)), question),
        sorted(_TURNS.findall(fold(asked.question))),
    )
    exact = _digest(made_with, places, _seen(request, question), [_normal(asked.question)])
    return Key(exact, context)


def _seen(request: Request, question: str) -> list[str]:
    """What the model sees but the question, without the codes that this process puts around it."""
    *before, last = request.messages
    shown = _CODE.sub(r"\1", last.content.removesuffix(question))
    return [*(f"{each.role}\n{each.content}" for each in before), shown]


def _normal(question: str) -> str:
    """A question without what does not change it: case, spaces, marks at its end."""
    return " ".join(unicodedata.normalize("NFC", question).casefold().split()).rstrip("?!. ")


def _model(path: str) -> str:
    """What changes when the file of the model does."""
    if not path:
        return ""
    try:
        found = Path(path).stat()
    except OSError:
        return "missing"
    return f"{found.st_size} {found.st_mtime_ns}"


def _digest(*lists: Sequence[str]) -> bytes:
    """SHA-256 of lists of texts; each is led by its length, so that none runs into the next."""
    digest = hashlib.sha256()
    for texts in lists:
        digest.update(f"[{len(texts)}]".encode())
        for text in texts:
            data = text.encode("utf-8", "surrogatepass")
            digest.update(f"{len(data)}:".encode() + data)
    return digest.digest()


def _keys(passages: Sequence[Passage], asked: Asked) -> list[int]:
    """The documents that the answer is made from; those of the turns before count."""
    keys = {passage.document_key for passage in passages}
    return sorted(keys.union(*(turn.sources for turn in asked.history)))
