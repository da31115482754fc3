"""Routes of one's own conversations beside the chat itself: order, sharing, export."""

from __future__ import annotations

from litestar import get, post
from litestar.handlers import HTTPRouteHandler

from govbot.web import conversation_list, dossier, sharing

CONVERSATION = "/conversas/{conversation_id:uuid}"
SHARE = "/compartilhadas/{share_id:uuid}"
SHARED = "/compartilhada/{link:str}"


def conversations() -> list[HTTPRouteHandler]:
    """Row-level security decides whose conversations, and what of a shared one."""
    return [
        get("/conversas")(conversation_list.listing),
        post("/conversas/escolhidas", status_code=200)(conversation_list.act),
        get(CONVERSATION + "/opcoes")(conversation_list.options),
        get(CONVERSATION + "/titulo")(conversation_list.title_form),
        post(CONVERSATION + "/titulo", status_code=200)(conversation_list.rename),
        post(CONVERSATION + "/destaque", status_code=200)(conversation_list.pin),
        post(CONVERSATION + "/arquivo", status_code=200)(conversation_list.archive),
        post(CONVERSATION + "/saida", status_code=200)(conversation_list.leave),
        get(CONVERSATION + "/excluir")(conversation_list.delete_form),
        post(CONVERSATION + "/excluir", status_code=200)(conversation_list.delete),
        # To take away
        get(CONVERSATION + "/exportar")(dossier.form),
        get(CONVERSATION + "/dossie")(dossier.download),
        # To read only, under the reader's own rights
        get(CONVERSATION + "/compartilhar")(sharing.form),
        post(CONVERSATION + "/compartilhar", status_code=200)(sharing.create),
        get("/compartilhadas")(sharing.listing),
        post(SHARE + "/atualizar", status_code=200)(sharing.renew),
        post(SHARE + "/retirar", status_code=200)(sharing.withdraw),
        get(SHARED)(sharing.read),
        get(SHARED + "/dossie")(dossier.download_shared),
    ]
