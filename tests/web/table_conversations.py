"""Rows of one's own conversations beside the chat: order, sharing, export
(routes_conversations.py)."""

from __future__ import annotations

from datetime import date

from tests.web.matrix import everyone
from tests.web.row import Row

CONVERSATION = "/conversas/{conversation_id:uuid}"
SHARE = "/compartilhadas/{share_id:uuid}"
SHARED = "/compartilhada/{link:str}"
INSIDE = everyone(others=200)
MINE = everyone(others=404, reader=200)
MINE_DONE = everyone(others=404, reader=303)
CHOSEN = {"id": "@conversation"}
FOR_ALL = {"title": "Férias", "with": "everyone", "until": date.today().isoformat()}

CONVERSATIONS = (
    Row("GET /conversas", INSIDE),
    Row("GET /conversas", INSIDE, query="arquivadas=1"),
    Row(f"GET {CONVERSATION}/opcoes", MINE),
    Row(f"GET {CONVERSATION}/titulo", MINE),
    Row(f"POST {CONVERSATION}/titulo", MINE_DONE, {"title": "Férias"}),
    Row(f"POST {CONVERSATION}/destaque", MINE_DONE, {"on": "1"}),
    Row(f"POST {CONVERSATION}/arquivo", MINE_DONE, {"on": "1"}),
    Row(f"POST {CONVERSATION}/saida", MINE_DONE),
    Row("POST /conversas/escolhidas", MINE_DONE, {**CHOSEN, "act": "restore"}),
    Row("POST /conversas/escolhidas", MINE, {**CHOSEN, "act": "delete"}),
    Row(f"GET {CONVERSATION}/exportar", MINE),
    Row(f"GET {CONVERSATION}/dossie", MINE, query="formato=md"),
    Row(f"GET {CONVERSATION}/compartilhar", MINE),
    Row(f"POST {CONVERSATION}/compartilhar", MINE_DONE, FOR_ALL),
    Row("GET /compartilhadas", INSIDE),
    # Shared with everybody; what of it somebody sees: tests/web/test_sharing.py.
    Row(f"GET {SHARED}", INSIDE),
    Row(f"GET {SHARED}/dossie", INSIDE, query="formato=md"),
    Row(f"POST {SHARE}/atualizar", MINE_DONE),
    Row(f"POST {SHARE}/retirar", MINE_DONE),
)
# At the end, when nothing needs the conversation any more.
ENDED = (
    Row(f"GET {CONVERSATION}/excluir", MINE),
    Row(f"POST {CONVERSATION}/excluir", MINE_DONE),
)
