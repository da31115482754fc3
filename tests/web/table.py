"""The table cast x route x expected status: every route of the site, once or more often.

HOW TO ADD A ROUTE: put one `Row` into the tuple of its area, with the key "METHOD /path" exactly
as in web/routes.py and what each of PEOPLE gets. `everyone(others=404, reader=200, curator=200)`
gives 401 to who is not signed in; name `nobody` to say otherwise. `data` is the form (a value
"@law" is the id of that name), `use` names other objects than the usual ones for the places of the
address, `query` follows the address, `files` sends a file. Objects and their names: stage.py.
Each person meets the rows in the order of the table, in an office of their own: what destroys
something goes last or uses an object of its own. Other tests walk over this table too: unknown ids,
tokens against forged requests, response headers.
"""

from __future__ import annotations

from tests.web.matrix import everyone
from tests.web.row import Row
from tests.web.scene import PASSWORD
from tests.web.stage import FOLDER, NOTE
from tests.web.table_conversations import CONVERSATIONS, ENDED
from tests.web.table_documents import LISTING, SENDING
from tests.web.table_installation import INSTALLATION

DOCUMENT = "/documentos/{document_id:uuid}"
VERSION = "/documentos/{version_id:uuid}"
COLLECTION = "/colecoes/{collection_id:uuid}"
CONVERSATION = "/conversas/{conversation_id:uuid}"
QUESTION = CONVERSATION + "/perguntas/{question_id:uuid}"
ANSWER = CONVERSATION + "/respostas/{answer_id:uuid}"
PERSON = "/admin/usuarios/{user_id:uuid}"
GROUP = "/admin/grupos/{group_id:uuid}"

ALL = everyone(nobody=200, others=200)
INSIDE = everyone(others=200)  # everybody who is signed in, auditors excepted
OWN = everyone(others=200, auditor=200)  # one's own account
MINE = everyone(others=404, reader=200)  # of the reader's own conversation
MINE_DONE = everyone(others=404, reader=303)
READS = everyone(others=404, reader=200, writer=200, curator=200, admin=200)
WRITES = everyone(others=404, reader=403, writer=303, curator=303, admin=303)
WRITE_FORM = everyone(others=404, reader=403, writer=200, curator=200, admin=200)
MANAGES = everyone(others=404, reader=403, writer=403, curator=303, admin=303)
MANAGE_FORM = everyone(others=404, reader=403, writer=403, curator=200, admin=200)
# What is not published exists only for those who write in the collection.
DRAFT_WRITES = everyone(others=404, writer=303, curator=303, admin=303)
DRAFT_MANAGES = everyone(others=404, writer=403, curator=303, admin=303)
DRAFT_FORM = everyone(others=404, writer=403, curator=200, admin=200)
NOT_IN_TRASH = everyone(others=404, reader=403, writer=403, curator=409, admin=409)
ADMIN = everyone(others=403, admin=200)
ADMIN_DONE = everyone(others=403, admin=303)
CURATOR = everyone(others=403, curator=200, admin=200)
CURATOR_DONE = everyone(others=403, curator=303, admin=303)
AUDIT = everyone(others=403, auditor=200, admin=200)

SIGN_IN = {"username": "reader", "password": "wrong"}
NEW_PASSWORD = {"current": PASSWORD, "password": "a", "again": "b"}
FACTS = {"title": "Lei das férias", "kind": "lei", "number": "12", "year": "2021"}
SPARE = {"collection_id": "spare"}
AUDITOR = {"kind": "user", "id": "@auditor"}
GRANTEE = {"kind": "user", "id": "@reader"}

OPEN = (
    Row("GET /static/{digest:str}/{name:path}", ALL),
    Row("GET /healthz", ALL),
    Row("GET /readyz", ALL),
    Row("GET /metrics", everyone(nobody=403, others=403, admin=200)),
    Row("GET /entrar", everyone(nobody=200, others=303)),
    Row("POST /entrar", everyone(nobody=401, others=401), SIGN_IN),
    # No directory, provider or proxy is configured in the office.
    Row("GET /entrar/oidc", everyone(nobody=404, others=404)),
    Row("GET /entrar/oidc/retorno", everyone(nobody=404, others=404)),
    Row("GET /entrar/proxy", everyone(nobody=404, others=404)),
    Row("POST /preferencias", everyone(nobody=303, others=303), {"theme": "dark"}),
    # The setting is off: tests/browser/test_every_page.py looks at it.
    Row("GET /styleguide", everyone(others=404)),
)
ACCOUNT = (
    Row("GET /conta", OWN),
    Row("GET /conta/senha", OWN),
    Row("POST /conta/senha", everyone(others=422, auditor=422), NEW_PASSWORD),
    # Nobody waits for a code, and second factors are off: tests/web/test_second_factor.py.
    Row("GET /entrar/codigo", everyone(others=303, auditor=303)),
    Row("POST /entrar/codigo", everyone(others=303, auditor=303), {"code": "123456"}),
    Row("GET /conta/segundo-fator", everyone(others=403, auditor=403)),
    Row("POST /conta/segundo-fator", everyone(others=403, auditor=403)),
    Row("GET /conta/segundo-fator/trocar", everyone(others=403, auditor=403)),
    Row("POST /conta/segundo-fator/codigos", everyone(others=403, auditor=403)),
    Row("POST /conta/segundo-fator/retirar", everyone(others=403, auditor=403)),
    Row("POST /conta/dados", OWN),
    Row("GET /conta/sessoes", OWN),
    Row("GET /conta/supervisao", OWN),
    Row(
        "POST /conta/sessoes/{session_id:uuid}/encerrar", everyone(others=404, auditor=404)
    ),  # another's
    Row("POST /conta/sessoes/encerrar-outras", everyone(others=303, auditor=303)),
)
CHAT = (
    *CONVERSATIONS,
    Row("GET /", everyone(others=200, auditor=303)),
    Row("POST /conversas", everyone(others=303), {"question": "Quantos dias?"}),
    Row(f"GET {CONVERSATION}", MINE),
    Row(f"POST {CONVERSATION}/perguntas", MINE_DONE, {"question": "Quantos dias?"}),
    Row(f"GET {ANSWER}/eventos", MINE),
    Row(f"POST {ANSWER}/parar", MINE_DONE),
    Row(f"POST {ANSWER}/refazer", MINE_DONE),
    Row(f"POST {ANSWER}/avaliacao", MINE_DONE, {"rating": "up"}),
    Row(f"POST {ANSWER}/fontes/{{number:int}}/fixar", MINE_DONE),
    Row(f"POST {CONVERSATION}/fixados/{{pin_id:uuid}}/soltar", MINE_DONE),
    Row(f"GET {QUESTION}", MINE_DONE),
    Row(f"GET {QUESTION}/editar", MINE),
    Row(f"POST {QUESTION}", MINE_DONE, {"question": "Em quantas vezes?"}),
    Row(f"POST {QUESTION}/mostrar", MINE_DONE),
    Row(f"POST {CONVERSATION}/fontes", MINE_DONE, {"colecao": "@laws"}),
    Row(f"POST {CONVERSATION}/fontes/{{kind:str}}/{{key:int}}/retirar", MINE_DONE),
    Row(f"POST {CONVERSATION}/anexos", MINE_DONE, files={"arquivo": ("nota.txt", NOTE)}),
    Row(f"GET {CONVERSATION}/anexos", MINE_DONE),
    Row(
        f"POST {CONVERSATION}/anexos/{{document_id:uuid}}/retirar",
        everyone(others=404, reader=303),
        use={"document_id": "attached"},
    ),
    Row("POST /anexos", everyone(others=303), files={"arquivo": ("nota.txt", NOTE)}),
    Row("GET /atalhos", INSIDE),
    *ENDED,
)
VIEWER = (
    Row(
        f"GET {VERSION}/pagina",
        everyone(others=404, reader=303, writer=303, curator=303, admin=303),
        query="numero=2",
    ),
    Row(f"GET {VERSION}/busca", READS, query="q=ferias"),
    Row(f"GET {VERSION}/miniaturas", READS),
    Row(f"GET {DOCUMENT}/comparar", READS),
    Row(f"GET {VERSION}/pagina/{{number:int}}", READS),
    Row(f"GET {VERSION}/pagina/{{number:int}}/imagem", READS),
    Row(f"GET {VERSION}/arquivo", READS),
)
DOCUMENTS = (
    Row("GET /documentos", INSIDE),
    Row("GET /documentos", READS, query="colecao=@laws"),
    Row("GET /documentos/enviar", INSIDE),
    Row(
        "POST /documentos/enviar",
        everyone(others=404, reader=403, writer=200, curator=200, admin=200),
        {"colecao": "@laws"},
        files={"arquivos": ("nota.txt", NOTE)},
    ),
    Row(
        f"POST {DOCUMENT}/versoes",
        everyone(others=404, reader=403, writer=303, curator=303, admin=303),
        use={"document_id": "memo"},
        files={"arquivo": ("outro nome.txt", NOTE + b"outra")},
    ),
    Row("POST /documentos/repetir-falhas", everyone(others=303)),
    Row(f"GET {DOCUMENT}", READS),
    Row(f"GET {DOCUMENT}/dados-pessoais", WRITE_FORM),
    Row(f"GET {DOCUMENT}/trechos", READS),
    Row(f"POST {DOCUMENT}/repetir", WRITES, use={"document_id": "broken"}),
    Row(f"POST {DOCUMENT}/cancelar", WRITES, use={"document_id": "waiting"}),
    Row(f"GET {DOCUMENT}/excluir", WRITE_FORM, use={"document_id": "memo"}),
    Row(f"POST {DOCUMENT}/excluir", WRITES, use={"document_id": "memo"}),
    Row(f"POST {DOCUMENT}/restaurar", DRAFT_WRITES, use={"document_id": "trashed"}),
)
LIFECYCLE = (
    Row(f"GET {DOCUMENT}/dados", WRITE_FORM),
    Row(f"POST {DOCUMENT}/dados", WRITES, FACTS),
    Row(f"GET {DOCUMENT}/vigencia", WRITE_FORM),
    Row(f"POST {DOCUMENT}/vigencia", WRITES, {"from": "2020-01-01"}),
    Row(f"GET {DOCUMENT}/revogar", WRITE_FORM),
    Row(f"POST {DOCUMENT}/revogar", WRITES, {"on": "2020-01-01"}),
    Row(f"GET {DOCUMENT}/restabelecer", WRITE_FORM),
    Row(f"POST {DOCUMENT}/restabelecer", WRITES),
    Row(f"GET {DOCUMENT}/guarda", MANAGE_FORM),
    Row(f"POST {DOCUMENT}/guarda", MANAGES, {"reason": "Processo"}),
    Row(f"GET {DOCUMENT}/excluir-definitivamente", NOT_IN_TRASH),
    Row(f"POST {DOCUMENT}/excluir-definitivamente", NOT_IN_TRASH),
)
ACCESS = (
    Row(f"GET {DOCUMENT}/acesso", MANAGE_FORM),
    Row(f"POST {DOCUMENT}/acesso", MANAGES, {"who": "auditor", "level": "read", "effect": "deny"}),
    Row(f"POST {DOCUMENT}/acesso/retirar", MANAGES, {**AUDITOR, "effect": "deny"}),
    Row(f"POST {DOCUMENT}/sigilo", MANAGES, {"secrecy": "0"}),
    Row(f"GET {DOCUMENT}/quem", MANAGE_FORM),
    Row(f"GET {DOCUMENT}/porque", READS),
    Row(f"GET {DOCUMENT}/porque", MANAGE_FORM, query="pessoa=auditor"),
    Row("GET /conta/acesso", OWN),
)
REVIEWS = (
    Row("GET /revisoes", INSIDE),
    Row(f"POST {VERSION}/revisao", DRAFT_WRITES, use={"version_id": "draft_version"}),
    Row(f"GET {VERSION}/devolver", DRAFT_FORM, use={"version_id": "submitted_version"}),
    Row(
        f"POST {VERSION}/devolver", DRAFT_MANAGES, {"note": "Falta o anexo."},
        use={"version_id": "submitted_version"},
    ),
    Row(f"POST {VERSION}/aprovar", DRAFT_MANAGES, use={"version_id": "draft_version"}),
)  # fmt: skip
COLLECTIONS = (
    Row("GET /colecoes", INSIDE),
    Row("GET /colecoes/nova", CURATOR),
    Row("POST /colecoes", CURATOR_DONE, {"name": "Nova"}),
    Row(f"GET {COLLECTION}", READS),
    Row(f"POST {COLLECTION}", MANAGES, {"name": "Leis"}),
    Row(f"POST {COLLECTION}/revisao", MANAGES),
    Row(f"POST {COLLECTION}/orientacoes", MANAGES),
    Row(f"POST {COLLECTION}/perguntas", MANAGES, {"questions": "Quantos dias?"}),
    Row(f"POST {COLLECTION}/dados-pessoais", MANAGES, {"mask-cpf": "1"}),
    Row(f"GET {COLLECTION}/quem", MANAGE_FORM),
    Row(f"POST {COLLECTION}/acessos", MANAGES, {"who": "auditor", "level": "read"}, SPARE),
    Row(f"POST {COLLECTION}/acessos/retirar", MANAGES, GRANTEE, SPARE),
    Row(f"GET {COLLECTION}/excluir", MANAGE_FORM, use=SPARE),
    Row(f"POST {COLLECTION}/excluir", MANAGES, {"name": "Vazia"}, SPARE),
)  # fmt: skip
ACCOUNTS = (
    Row("GET /admin/usuarios", ADMIN),
    Row("GET /admin/usuarios/novo", ADMIN),
    Row("POST /admin/usuarios", ADMIN, {"username": "ana", "name": "Ana", "role": "user"}),
    Row(f"GET {PERSON}", ADMIN),
    Row(f"GET {PERSON}/acesso", ADMIN),
    Row(f"POST {PERSON}/dados", ADMIN),
    Row(f"GET {PERSON}/apagar", ADMIN),
    Row(f"POST {PERSON}/apagar", everyone(others=403, admin=422), {"username": "ninguem"}),
    Row(f"POST {PERSON}/credencial", ADMIN_DONE, {"clearance": "0"}),
    Row(f"POST {PERSON}/papel", ADMIN_DONE, {"role": "auditor"}),
    Row(f"POST {PERSON}/situacao", ADMIN_DONE, {"disabled": "false"}),
    Row(f"POST {PERSON}/sessoes/encerrar", ADMIN_DONE),
    Row(f"POST {PERSON}/segundo-fator/retirar", ADMIN_DONE),
    Row(f"POST {PERSON}/senha", ADMIN),
    Row("GET /admin/diretorio", ADMIN),
    Row("POST /admin/diretorio/testar", everyone(others=403, admin=404)),
    Row("POST /admin/diretorio/comparar", everyone(others=403, admin=404)),
    Row("GET /admin/grupos", ADMIN),
    Row("POST /admin/grupos", ADMIN_DONE, {"name": "Obras"}),
    Row(f"GET {GROUP}", ADMIN),
    Row(f"POST {GROUP}/membros", ADMIN_DONE, {"who": "writer"}),
    Row(
        f"POST {GROUP}/membros/{{user_id:uuid}}/retirar", ADMIN_DONE, use={"user_id": "reader"}
    ),
    Row(f"GET {GROUP}/excluir", ADMIN),
    Row(f"POST {GROUP}/excluir", ADMIN_DONE),
)  # fmt: skip
UPKEEP = (
    Row("GET /admin/fila", CURATOR),
    Row("POST /admin/fila/pausar", ADMIN_DONE),
    Row("POST /admin/fila/retomar", ADMIN_DONE),
    Row("POST /admin/fila/repetir", CURATOR_DONE),
    Row(
        "POST /admin/fila/{version_id:uuid}/cancelar", CURATOR_DONE,
        use={"version_id": "waiting_version"},
    ),
    Row("GET /admin/modelos/respostas", ADMIN),
    Row("POST /admin/modelos/respostas/descarregar", ADMIN_DONE, {"model": "extractive"}),
    Row("POST /admin/modelos/respostas/carregar", ADMIN_DONE, {"model": "extractive"}),
    Row("GET /admin/modelos", ADMIN),
    # No hub is set in the office, and nothing lies in its folder for models.
    Row("POST /admin/modelos/consultar", everyone(others=403, admin=503), {"source": "a/b"}),
    Row(
        "POST /admin/modelos/buscar",
        ADMIN_DONE,
        {"source": "orgao/novo", "name": "novo", "revision": "0123456789abcdef"},
    ),
    Row("POST /admin/modelos/incluir", everyone(others=403, admin=404), {"place": "x.gguf"}),
    Row("POST /admin/modelos/conferir", ADMIN_DONE, {"name": "pequeno"}),
    Row("POST /admin/modelos/{transfer_id:uuid}/cancelar", ADMIN_DONE),
    Row("GET /admin/modelos/remover", ADMIN, query="nome=pequeno"),
    Row("POST /admin/modelos/remover", ADMIN_DONE, {"name": "pequeno"}),
    Row("GET /admin/pastas", ADMIN),
    Row("POST /admin/pastas/olhar", ADMIN_DONE, {"path": FOLDER}),
    Row("GET /admin/acesso/teste", ADMIN),
    Row(
        "POST /admin/acesso/teste",
        ADMIN,
        {"who": "reader", "question": "Quantos dias?"},
    ),
    Row("GET /admin/auditoria", AUDIT),
    Row("POST /admin/auditoria/verificar", AUDIT),
    Row("GET /admin/auditoria/csv", AUDIT),
    Row("GET /admin/auditoria/json", AUDIT),
    Row("GET /admin/auditoria/registros/{seq:int}", AUDIT),
    Row("GET /admin/auditoria/verificar/eventos", AUDIT),
    # The setting is off: tests/web/test_supervision.py has the other half.
    Row(f"GET {PERSON}/conversas", everyone(others=403, admin=404)),
    Row(f"POST {PERSON}/conversas", everyone(others=403, admin=404), {"reason": "Processo 12"}),
    Row(f"POST {PERSON}/conversas/{{conversation_id:uuid}}", everyone(others=403, admin=404)),
)  # fmt: skip
REPORT = "/curadoria/respostas/{report_id:uuid}"
TOPIC = "/curadoria/lacunas/{topic_id:uuid}"
NOWHERE = {"place": "none", "question": "Quantas vagas?"}
CURATION = (
    Row("GET /curadoria", CURATOR),
    Row(f"GET {REPORT}", CURATOR),
    Row(f"POST {REPORT}", CURATOR_DONE, {"state": "working"}),
    Row(f"POST {REPORT}/testar", CURATOR),
    Row(f"GET {REPORT}/avaliacao", CURATOR),
    Row(f"POST {REPORT}/avaliacao", CURATOR_DONE, NOWHERE),
    Row("GET /curadoria/lacunas", CURATOR),
    Row(f"GET {TOPIC}", CURATOR),
    Row(f"POST {TOPIC}", CURATOR_DONE, {"state": "working"}),
    Row(f"POST {TOPIC}/testar", CURATOR),
    Row(f"GET {TOPIC}/avaliacao", CURATOR),
    Row(f"POST {TOPIC}/avaliacao", CURATOR_DONE, {**NOWHERE, "question": "Quantas salas?"}),
    Row("GET /analises", CURATOR),
    Row("GET /analises", everyone(others=403, curator=404, admin=200), query="colecao=@secret"),
    Row("GET /analises/csv", CURATOR),
    Row("GET /analises/categorias", ADMIN),
    Row("POST /analises/categorias", ADMIN_DONE, {"name": "Férias", "description": "férias"}),
    Row("POST /analises/categorias/{category_id:uuid}/excluir", ADMIN_DONE),
)
GOLD_SET = "/avaliacao/conjuntos/{set_id:uuid}"
GOLD = "/avaliacao/perguntas/{gold_id:uuid}"
RUN = "/avaliacao/rodadas/{run_id:uuid}"
ASKED = {"question": "Quem pede?", "answers": "o servidor", "pages": "1"}
LINES = {"file": ("perguntas.jsonl", b'{"question": "Quem decide?", "answers": []}')}
NO_FIGURES = everyone(others=403, curator=422, admin=422)
EVALUATION = (
    Row("GET /avaliacao", CURATOR),
    Row("POST /avaliacao/conjuntos", CURATOR_DONE, {"name": "Outras"}),
    Row(f"GET {GOLD_SET}", CURATOR),
    Row(f"GET {GOLD_SET}/perguntas/nova", CURATOR),
    Row(f"POST {GOLD_SET}/perguntas", CURATOR_DONE, ASKED),
    Row(f"POST {GOLD_SET}/importar", CURATOR_DONE, files=LINES),
    Row(f"GET {GOLD_SET}/exportar", CURATOR),
    Row(f"GET {GOLD}", CURATOR),
    Row(f"POST {GOLD}", CURATOR_DONE, {**ASKED, "documents": "lei-12.pdf"}),
    Row(f"POST {GOLD_SET}/rodar", CURATOR_DONE, {"label": "antes"}),
    Row(f"GET {RUN}", CURATOR),
    Row(f"POST {RUN}/cancelar", CURATOR_DONE),
    # A run without figures: tests/web/test_evaluation.py compares two that have some.
    Row("GET /avaliacao/comparar", NO_FIGURES, query="depois=@run"),
    Row(f"POST {GOLD}/excluir", CURATOR_DONE),
    Row(f"POST {GOLD_SET}/excluir", ADMIN_DONE, {"name": "Férias"}),
)
KEYS = (
    Row("GET /conta/chaves", OWN),
    Row("GET /conta/chaves/documentacao", OWN),
    Row(
        "POST /conta/chaves", everyone(others=200, auditor=403, admin=403),
        {"name": "Portal", "scope": "ask", "days": "30"},
    ),
    Row("POST /conta/chaves/{key_id:uuid}/revogar", everyone(others=404, auditor=404, reader=303)),
    Row(f"GET {PERSON}/chaves", ADMIN),
    Row(
        f"POST {PERSON}/chaves/{{key_id:uuid}}/revogar", ADMIN_DONE, use={"user_id": "reader"}
    ),
)  # fmt: skip
LAST = (
    Row("POST /sair", everyone(others=303, auditor=303)),  # "/entrar" is where it leads
)

TABLE: tuple[Row, ...] = (
    *OPEN, *ACCOUNT, *VIEWER, *DOCUMENTS, *LISTING, *SENDING, *LIFECYCLE, *ACCESS, *REVIEWS,
    *COLLECTIONS, *ACCOUNTS, *UPKEEP, *CURATION, *EVALUATION, *KEYS, *INSTALLATION, *CHAT, *LAST,
)  # fmt: skip
