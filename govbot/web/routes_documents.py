"""Routes of documents: the list, one document, its life and its access, files that are sent.

Row-level security decides which documents, and who may change them.
"""

from __future__ import annotations

from litestar import get, post
from litestar.handlers import HTTPRouteHandler

from govbot.web import (
    access,
    document,
    document_bulk,
    document_events,
    lifecycle,
    privacy,
    reach,
    reviews,
    upload_parts,
    uploads,
)
from govbot.web import documents as pages

DOCUMENT = "/documentos/{document_id:uuid}"
VERSION = "/documentos/{version_id:uuid}"
UPLOAD = "/documentos/envios/{upload_id:uuid}"


def documents(upload_bytes: int) -> list[HTTPRouteHandler]:
    """`upload_bytes` is the largest body of the routes that take whole files."""
    return [
        get("/documentos")(pages.index),
        post("/documentos/envios", status_code=200)(upload_parts.begin),
        get(UPLOAD)(upload_parts.show),
        post(UPLOAD + "/partes", status_code=200, request_max_body_size=upload_parts.BODY_BYTES)(
            upload_parts.take
        ),
        post(UPLOAD + "/cancelar", status_code=200)(upload_parts.drop),
        get("/documentos/eventos")(document_events.watch),
        post("/documentos/varios", status_code=200)(document_bulk.act),
        get("/documentos/enviar")(uploads.form),
        post("/documentos/enviar", status_code=200, request_max_body_size=upload_bytes)(
            uploads.upload
        ),
        post(DOCUMENT + "/versoes", status_code=200, request_max_body_size=upload_bytes)(
            uploads.revise
        ),
        post("/documentos/repetir-falhas", status_code=200)(pages.retry_all),
        get(DOCUMENT)(document.show),
        get(DOCUMENT + "/dados-pessoais")(privacy.found),
        get(DOCUMENT + "/trechos")(document.passages),
        post(DOCUMENT + "/repetir", status_code=200)(pages.retry),
        post(DOCUMENT + "/cancelar", status_code=200)(pages.cancel),
        get(DOCUMENT + "/excluir")(pages.delete_form),
        post(DOCUMENT + "/excluir", status_code=200)(pages.delete),
        post(DOCUMENT + "/restaurar", status_code=200)(pages.restore),
        *_lifecycle(),
        *_access(),
    ]


def _access() -> list[HTTPRouteHandler]:
    """Who manages a document decides who else has it; why, everybody may ask about themselves."""
    return [
        get(DOCUMENT + "/acesso")(access.show),
        post(DOCUMENT + "/acesso", status_code=200)(access.grant),
        post(DOCUMENT + "/acesso/retirar", status_code=200)(access.withdraw),
        post(DOCUMENT + "/sigilo", status_code=200)(access.set_secrecy),
        get(DOCUMENT + "/quem")(access.people),
        get(DOCUMENT + "/porque")(access.why),
        get("/conta/acesso")(reach.own),
    ]


def _lifecycle() -> list[HTTPRouteHandler]:
    return [
        get(DOCUMENT + "/dados")(lifecycle.facts_form),
        post(DOCUMENT + "/dados", status_code=200)(lifecycle.set_facts),
        get(DOCUMENT + "/vigencia")(lifecycle.validity_form),
        post(DOCUMENT + "/vigencia", status_code=200)(lifecycle.set_validity),
        get(DOCUMENT + "/revogar")(lifecycle.revoke_form),
        post(DOCUMENT + "/revogar", status_code=200)(lifecycle.revoke),
        get(DOCUMENT + "/restabelecer")(lifecycle.unrevoke_form),
        post(DOCUMENT + "/restabelecer", status_code=200)(lifecycle.unrevoke),
        get(DOCUMENT + "/guarda")(lifecycle.hold_form),
        post(DOCUMENT + "/guarda", status_code=200)(lifecycle.set_hold),
        get(DOCUMENT + "/excluir-definitivamente")(lifecycle.end_form),
        post(DOCUMENT + "/excluir-definitivamente", status_code=200)(lifecycle.end),
        # Approval by a second person
        get("/revisoes")(reviews.listing),
        post(VERSION + "/revisao", status_code=200)(reviews.submit),
        post(VERSION + "/aprovar", status_code=200)(reviews.approve),
        get(VERSION + "/devolver")(reviews.reject_form),
        post(VERSION + "/devolver", status_code=200)(reviews.reject),
    ]
