"""A conversation or one answer as a file: PDF, DOCX or Markdown, under the rights of the moment."""

from __future__ import annotations

import asyncio
import hashlib
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal
from uuid import UUID

from litestar import Response
from litestar.params import FromPath, FromQuery

from govbot import __version__, audit
from govbot.auth import users
from govbot.chat import sharing, store
from govbot.chat.store import Turn
from govbot.db.access import Actor, as_actor
from govbot.db.pool import Connection
from govbot.dossier import content, markdown, pdf, word
from govbot.dossier.compose import Voice, compose
from govbot.dossier.content import Dossier
from govbot.ids import ConversationId, MessageId
from govbot.web import i18n
from govbot.web.conversation_list import sidebar
from govbot.web.visit import CurrentVisit

if TYPE_CHECKING:
    from govbot.app import App

Format = Literal["pdf", "docx", "md"]
TYPES: Final[dict[Format, str]] = {
    "pdf": "application/pdf",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "md": "text/markdown; charset=utf-8",
}


@dataclass(frozen=True, slots=True)
class File:
    """A dossier in one format."""

    name: str
    media_type: str
    body: bytes

    def response(self) -> Response[bytes]:
        """To be saved, not shown."""
        headers = {
            "Content-Disposition": f'attachment; filename="{self.name}"',
            "Cache-Control": "no-store",
        }
        return Response(self.body, media_type=self.media_type, headers=headers)


async def form(
    visit: CurrentVisit, conversation_id: FromPath[UUID], resposta: FromQuery[UUID | None] = None
) -> Response[str]:
    """Asks for the format; `resposta` is the one answer to export."""
    async with as_actor(visit.app.pool, visit.actor) as conn:
        conversation = await store.get_conversation(conn, ConversationId(conversation_id))
    if visit.wants_fragment:
        return visit.page("chat/_export.html", item=conversation, answer_id=resposta)
    return visit.page(
        "chat/export.html", item=conversation, answer_id=resposta, **await sidebar(visit)
    )


async def download(
    visit: CurrentVisit,
    conversation_id: FromPath[UUID],
    formato: FromQuery[Format] = "pdf",
    resposta: FromQuery[UUID | None] = None,
) -> Response[bytes]:
    """One's own conversation, or one answer of it."""
    file = await exported(
        visit.app,
        visit.actor,
        ConversationId(conversation_id),
        formato,
        visit.language,
        answer_id=MessageId(resposta) if resposta else None,
    )
    return file.response()


async def download_shared(
    visit: CurrentVisit, link: FromPath[str], formato: FromQuery[Format] = "pdf"
) -> Response[bytes]:
    """A shared conversation, as far as the reader's own rights reach."""
    app, actor = visit.app, visit.actor
    async with as_actor(app.pool, actor, write=True) as conn:
        opened = await sharing.open_share(conn, actor, link[:64])
        dossier = await _dossier(conn, app, actor, opened.title, opened.turns, opened.owner)
    dossier = replace(dossier, left_out=dossier.left_out + opened.left_out)
    details = {"share": str(opened.id)}
    file = await _written(
        app, actor, opened.conversation_id, dossier, formato, visit.language, details
    )
    return file.response()


async def exported(
    app: App,
    actor: Actor,
    conversation_id: ConversationId,
    format: Format,  # noqa: A002 - what it is called
    language: i18n.Language,
    *,
    answer_id: MessageId | None = None,
) -> File:
    """One's own conversation, or one answer of it, as a file; audited with its SHA-256.

    NotFound for somebody else's, or an answer out of reach; Conflict E-EXPORT while it is written.
    """
    async with as_actor(app.pool, actor) as conn:
        conversation = await store.get_conversation(conn, conversation_id)
        turns = await store.turns(conn, conversation_id, every=answer_id is not None)
        if answer_id is not None:
            turns = content.only(turns, answer_id)
        dossier = await _dossier(conn, app, actor, conversation.title, turns)
    details = {"answer": str(answer_id)} if answer_id else {}
    return await _written(app, actor, conversation_id, dossier, format, language, details)


async def _dossier(
    conn: Connection, app: App, actor: Actor, title: str, turns: Sequence[Turn], owner: str = ""
) -> Dossier:
    entries, left_out = await content.entries_of(conn, turns[: content.MOST])
    person = await users.get(conn, actor.id)
    return Dossier(
        title=title,
        organisation=app.settings.organisation,
        exported_by=f"{person.name} ({person.username})",
        exported_at=datetime.now().astimezone(),
        program=f"GovBot {__version__}",
        entries=entries,
        left_out=left_out,
        cut=max(0, len(turns) - content.MOST),
        shared_by=owner,
    )


async def _written(
    app: App,
    actor: Actor,
    conversation_id: ConversationId,
    dossier: Dossier,
    format: Format,  # noqa: A002 - what it is called
    language: i18n.Language,
    details: dict[str, str],
) -> File:
    """The file, and the entry of the audit log that knows it again by its hash."""
    body = await asyncio.to_thread(_render, dossier, format, language)
    async with as_actor(app.pool, actor, write=True) as conn:
        await audit.record(
            conn,
            actor=actor,
            action="conversation.exported",
            resource=f"conversation:{conversation_id}",
            details={
                **details,
                "format": format,
                "questions": len(dossier.entries),
                "sha256": hashlib.sha256(body).hexdigest(),
            },
        )
    return File(_name(dossier, format), TYPES[format], body)


def _render(dossier: Dossier, format: Format, language: i18n.Language) -> bytes:  # noqa: A002
    voice = _voice(language)
    blocks = compose(dossier, voice)
    if format == "md":
        return markdown.render(blocks)
    made: Any = {
        "language": voice.code, "author": dossier.exported_by, "made_at": dossier.exported_at,
    }  # fmt: skip
    if format == "docx":
        return word.render(blocks, **made)
    return pdf.render(
        blocks,
        **made,
        page_word=lambda number: voice.translate("Page %(number)s", number=number),
    )


def _voice(language: i18n.Language) -> Voice:
    def translate(message: str, **params: object) -> str:
        text = language.gettext(message)
        return text % params if params else text

    return Voice(language.code, translate, language.moment, language.short_date)


def _name(dossier: Dossier, format: Format) -> str:  # noqa: A002
    """Plain letters: what any system can store."""
    folded = unicodedata.normalize("NFKD", dossier.title).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9]+", "-", folded.lower()).strip("-")[:60].rstrip("-")
    return f"govbot-{slug or 'conversa'}-{dossier.exported_at:%Y-%m-%d}.{format}"
