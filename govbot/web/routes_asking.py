"""Routes of asking: branches, choice of sources, files of one conversation, suggested questions."""

from __future__ import annotations

from litestar import get, post
from litestar.handlers import HTTPRouteHandler

from govbot.web import asking, attachments, collections

CONVERSATION = "/conversas/{conversation_id:uuid}"
QUESTION = CONVERSATION + "/perguntas/{question_id:uuid}"
FILES = CONVERSATION + "/anexos"


def questions(attach_bytes: int) -> list[HTTPRouteHandler]:
    """Row-level security decides whose conversations; `attach_bytes` bounds one file with its
    form."""
    return [
        get(QUESTION)(asking.question),
        post(QUESTION, status_code=200)(asking.edit),
        get(QUESTION + "/editar")(asking.edit_form),
        post(QUESTION + "/mostrar", status_code=200)(asking.show_branch),
        post(CONVERSATION + "/fontes", status_code=200)(asking.choose),
        post(CONVERSATION + "/fontes/{kind:str}/{key:int}/retirar", status_code=200)(asking.leave),
        post("/anexos", status_code=200, request_max_body_size=attach_bytes)(attachments.begin),
        get(FILES)(attachments.listing),
        post(FILES, status_code=200, request_max_body_size=attach_bytes)(attachments.add),
        post(FILES + "/{document_id:uuid}/retirar", status_code=200)(attachments.remove),
        post("/colecoes/{collection_id:uuid}/perguntas", status_code=200)(
            collections.set_questions
        ),
        get("/atalhos")(asking.keys),
    ]
