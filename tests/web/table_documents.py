"""Rows of the list of documents and of files that are sent part by part (routes_documents.py)."""

from __future__ import annotations

from tests.web.matrix import everyone
from tests.web.row import Row

UPLOAD = "/documentos/envios/{upload_id:uuid}"
INSIDE = everyone(others=200)
HERS = everyone(others=404, writer=200)  # the file that the writer began to send
MEMO = {"d": "@memo"}
NEW = {"nome": "nova.txt", "tamanho": "60", "colecao": "@laws"}

LISTING = (
    Row("GET /documentos/eventos", INSIDE),
    # What a person may not change is counted, not refused.
    Row("POST /documentos/varios", everyone(others=303), {**MEMO, "acao": "repetir"}),
    Row("POST /documentos/varios", INSIDE, {**MEMO, "acao": "lixeira"}),
    Row("POST /documentos/varios", everyone(others=422), {"acao": "lixeira"}),
)
SENDING = (
    Row(
        "POST /documentos/envios",
        everyone(others=404, reader=403, writer=200, curator=200, admin=200),
        NEW,
    ),
    Row(f"GET {UPLOAD}", HERS),
    Row(f"POST {UPLOAD}/partes", HERS, {"a": "b"}, query="inicio=0"),
    Row(f"POST {UPLOAD}/cancelar", everyone(others=303)),
)
