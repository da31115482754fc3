"""Rows of the administration of the whole installation (routes_admin.py)."""

from __future__ import annotations

from tests.web.matrix import everyone
from tests.web.row import Row

ADMIN = everyone(others=403, admin=200)
ADMIN_DONE = everyone(others=403, admin=303)
SETTINGS = "/admin/configuracoes"
ANNOUNCEMENT = "/admin/avisos/{announcement_id:uuid}"
NOTICE = {"text_pt": "Pausa às 18 h", "severity": "info", "dismissible": "1"}
PEOPLE = "usuario;nome;perfil\nana.souza;Ana Souza;curadora\n"

INSTALLATION = (
    Row("GET /admin", ADMIN),
    Row("GET /admin/comecar", ADMIN),
    Row("POST /admin/comecar/organizacao", ADMIN_DONE, {"name": "Prefeitura de Aurora"}),
    Row("POST /admin/comecar/colecao", ADMIN_DONE, {"name": "Primeira"}),
    Row("POST /admin/comecar/pular", ADMIN_DONE, {"step": "model"}),
    Row("GET /admin/sistema", ADMIN),
    Row(f"GET {SETTINGS}", ADMIN),
    Row(f"POST {SETTINGS}", ADMIN_DONE, {"group": "limits", "limits.uploads_per_hour": "900"}),
    Row(f"GET {SETTINGS}/historico", ADMIN),
    Row(f"POST {SETTINGS}/historico/{{change_id:int}}/desfazer", ADMIN_DONE),
    Row(f"GET {SETTINGS}/servidor", ADMIN),
    Row("GET /admin/avisos", ADMIN),
    Row("POST /admin/avisos", ADMIN_DONE, NOTICE),
    Row(f"GET {ANNOUNCEMENT}", ADMIN),
    Row(f"POST {ANNOUNCEMENT}", ADMIN_DONE, NOTICE),
    Row("POST /conta/avisos/{announcement_id:uuid}/dispensar", everyone(others=303, auditor=303)),
    Row(f"POST {ANNOUNCEMENT}/excluir", ADMIN_DONE),
    Row("GET /admin/usuarios/importar", ADMIN),
    Row("POST /admin/usuarios/importar", ADMIN, files={"file": ("p.csv", PEOPLE.encode())}),
    Row("POST /admin/usuarios/importar/criar", ADMIN, {"text": PEOPLE}),
    Row("GET /admin/copias", ADMIN),
    Row("POST /admin/copias/conferir", everyone(others=403, admin=404), {"backup": "none"}),
    Row("POST /admin/copias", ADMIN_DONE),
    Row("GET /admin/permissoes", ADMIN),
    Row("GET /admin/permissoes", ADMIN, query="tipo=grupos"),
    Row("GET /admin/chaves", ADMIN),
    Row("POST /admin/chaves/{key_id:uuid}/revogar", ADMIN_DONE),
    # There is no model: tests/web/test_installation.py tries one.
    Row("POST /admin/modelos/respostas/testar", everyone(others=403, admin=404), {"model": "x"}),
)
