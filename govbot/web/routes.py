"""Every route of the pages in one table: who may come, and which function answers."""

from __future__ import annotations

from litestar import get, post
from litestar.handlers import HTTPRouteHandler

from govbot.db.access import Role
from govbot.web import (
    account,
    account_keys,
    admin_answering,
    admin_audit,
    admin_directory,
    admin_folders,
    admin_groups,
    admin_jobs,
    admin_models,
    admin_users,
    analytics,
    api_reference,
    assets,
    chat,
    collections,
    curation,
    curation_gaps,
    curation_gold,
    evaluation,
    evaluation_runs,
    federation,
    health,
    leak_test,
    pins,
    privacy,
    rating,
    reach,
    second_factor,
    sessions,
    sign_in,
    styleguide,
    supervision,
)
from govbot.web.forms import MAX_FORM_BYTES
from govbot.web.routes_admin import installation
from govbot.web.routes_asking import questions
from govbot.web.routes_conversations import conversations
from govbot.web.routes_documents import documents
from govbot.web.routes_viewer import viewing

OPEN = {"bare": True, "public": True}  # no session is read
PUBLIC = {"public": True}
BEFORE_CODE = {"before_code": True}
BEFORE_PASSWORD = {"before_password": True}
BEFORE_ENROLMENT = {"before_enrolment": True}
ALWAYS = {**BEFORE_CODE, **BEFORE_PASSWORD, **BEFORE_ENROLMENT}  # whatever is left to do

CONVERSATION = "/conversas/{conversation_id:uuid}"
ANSWER = CONVERSATION + "/respostas/{answer_id:uuid}"
VERSION = "/documentos/{version_id:uuid}"

DOCUMENT = "/documentos/{document_id:uuid}"
COLLECTION = "/colecoes/{collection_id:uuid}"
PERSON = "/admin/usuarios/{user_id:uuid}"
REPORT = "/curadoria/respostas/{report_id:uuid}"
GOLD_SET = "/avaliacao/conjuntos/{set_id:uuid}"
GOLD = "/avaliacao/perguntas/{gold_id:uuid}"
RUN = "/avaliacao/rodadas/{run_id:uuid}"
TOPIC = "/curadoria/lacunas/{topic_id:uuid}"
SUPERVISED = PERSON + "/conversas/{conversation_id:uuid}"
GROUP = "/admin/grupos/{group_id:uuid}"

CURATORS = {"roles": (Role.ADMIN, Role.CURATOR)}
ADMINS = {"roles": (Role.ADMIN,)}
AUDITORS = {"roles": (Role.ADMIN, Role.AUDITOR)}


def routes(upload_bytes: int = MAX_FORM_BYTES) -> list[HTTPRouteHandler]:
    """The table of routes. A route without `opt` is for everybody who is signed in.

    `upload_bytes` is the largest body of the routes that take files.
    """
    return [
        *_asking(),
        *questions(upload_bytes),
        *_keeping(upload_bytes),
        *_models(),
        *_administration(),
        *installation(),
    ]


def _asking() -> list[HTTPRouteHandler]:
    return [
        get("/static/{digest:str}/{name:path}", opt=OPEN)(assets.static_file),
        get("/healthz", opt=OPEN)(health.healthz),
        get("/readyz", opt=OPEN)(health.readyz),
        get("/metrics", opt=OPEN)(health.figures),
        *_account(),
        get("/styleguide")(styleguide.show),
        # Chat
        get("/")(chat.home),
        post("/conversas", status_code=200)(chat.start),
        get(CONVERSATION)(chat.show),
        post(CONVERSATION + "/perguntas", status_code=200)(chat.ask),
        get(ANSWER + "/eventos")(chat.events),
        post(ANSWER + "/parar", status_code=200)(chat.stop),
        post(ANSWER + "/refazer", status_code=200)(chat.regenerate),
        post(ANSWER + "/avaliacao", status_code=200)(rating.rate),
        post(ANSWER + "/fontes/{number:int}/fixar", status_code=200)(pins.pin),
        post(CONVERSATION + "/fixados/{pin_id:uuid}/soltar", status_code=200)(pins.unpin),
        *conversations(),
        *viewing(),
    ]


def _account() -> list[HTTPRouteHandler]:
    return [
        get("/entrar", opt=PUBLIC)(sign_in.form),
        post("/entrar", opt=PUBLIC, status_code=200)(sign_in.submit),
        get("/entrar/codigo", opt=BEFORE_CODE)(sign_in.code_form),
        post("/entrar/codigo", opt=BEFORE_CODE, status_code=200)(sign_in.submit_code),
        get("/entrar/oidc", opt=PUBLIC)(federation.oidc_start),
        get("/entrar/oidc/retorno", opt=PUBLIC)(federation.oidc_return),
        get("/entrar/proxy", opt=PUBLIC)(federation.proxy_enter),
        post("/sair", opt=ALWAYS, status_code=200)(sign_in.sign_out),
        post("/preferencias", opt=PUBLIC, status_code=200)(account.preferences),
        get("/conta")(account.account),
        get("/conta/senha", opt=BEFORE_PASSWORD)(account.password_form),
        post("/conta/senha", opt=BEFORE_PASSWORD, status_code=200)(account.change_password),
        get("/conta/segundo-fator", opt=BEFORE_ENROLMENT)(second_factor.show),
        post("/conta/segundo-fator", opt=BEFORE_ENROLMENT, status_code=200)(second_factor.enrol),
        get("/conta/segundo-fator/trocar")(second_factor.replace_form),
        post("/conta/segundo-fator/codigos", status_code=200)(second_factor.renew_codes),
        post("/conta/segundo-fator/retirar", status_code=200)(second_factor.remove),
        get("/conta/chaves")(account_keys.listing),
        post("/conta/chaves", status_code=200)(account_keys.create),
        get("/conta/chaves/documentacao")(api_reference.show),
        post("/conta/chaves/{key_id:uuid}/revogar", status_code=200)(account_keys.revoke),
        get("/conta/supervisao")(supervision.own),
        post("/conta/dados", status_code=200)(privacy.own_export),
        get("/conta/sessoes")(sessions.listing),
        post("/conta/sessoes/encerrar-outras", status_code=200)(sessions.end_others),
        post("/conta/sessoes/{session_id:uuid}/encerrar", status_code=200)(sessions.end),
    ]


def _keeping(upload_bytes: int) -> list[HTTPRouteHandler]:
    """Row-level security decides which documents and collections, and who may change them."""
    return [
        *documents(upload_bytes),
        *_curation(),
        *_evaluation(),
        # Collections
        get("/colecoes")(collections.listing),
        get("/colecoes/nova", opt=CURATORS)(collections.create_form),
        post("/colecoes", opt=CURATORS, status_code=200)(collections.create),
        get(COLLECTION)(collections.show),
        post(COLLECTION, status_code=200)(collections.change),
        post(COLLECTION + "/revisao", status_code=200)(collections.set_review),
        post(COLLECTION + "/orientacoes", status_code=200)(collections.set_instructions),
        post(COLLECTION + "/dados-pessoais", status_code=200)(privacy.set_masks),
        get(COLLECTION + "/excluir")(collections.delete_form),
        post(COLLECTION + "/excluir", status_code=200)(collections.delete),
        get(COLLECTION + "/quem")(collections.people),
        post(COLLECTION + "/acessos", status_code=200)(collections.grant),
        post(COLLECTION + "/acessos/retirar", status_code=200)(collections.withdraw),
    ]


def _evaluation() -> list[HTTPRouteHandler]:
    """Row-level security decides which gold questions and runs a curator sees."""
    return [
        get("/avaliacao", opt=CURATORS)(evaluation.listing),
        post("/avaliacao/conjuntos", opt=CURATORS, status_code=200)(evaluation.create),
        get(GOLD_SET, opt=CURATORS)(evaluation.show),
        get(GOLD_SET + "/perguntas/nova", opt=CURATORS)(evaluation.new_question),
        post(GOLD_SET + "/perguntas", opt=CURATORS, status_code=200)(evaluation.add_question),
        post(
            GOLD_SET + "/importar",
            opt=CURATORS,
            status_code=200,
            request_max_body_size=evaluation.IMPORT_BYTES,
        )(evaluation.import_questions),
        get(GOLD_SET + "/exportar", opt=CURATORS)(evaluation.export_questions),
        post(GOLD_SET + "/rodar", opt=CURATORS, status_code=200)(evaluation_runs.start),
        get(GOLD, opt=CURATORS)(evaluation.question),
        post(GOLD, opt=CURATORS, status_code=200)(evaluation.change_question),
        get(RUN, opt=CURATORS)(evaluation_runs.show),
        post(RUN + "/cancelar", opt=CURATORS, status_code=200)(evaluation_runs.cancel),
        get("/avaliacao/comparar", opt=CURATORS)(evaluation_runs.difference),
        post(GOLD + "/excluir", opt=CURATORS, status_code=200)(evaluation.delete_question),
        post(GOLD_SET + "/excluir", opt=ADMINS, status_code=200)(evaluation.delete_set),
    ]


def _curation() -> list[HTTPRouteHandler]:
    """Whose documents an answer was made from, or came near, decides who sees it."""
    return [
        get("/curadoria", opt=CURATORS)(curation.listing),
        get(REPORT, opt=CURATORS)(curation.show),
        post(REPORT, opt=CURATORS, status_code=200)(curation.decide),
        post(REPORT + "/testar", opt=CURATORS, status_code=200)(curation.try_again),
        get(REPORT + "/avaliacao", opt=CURATORS)(curation_gold.report_form),
        post(REPORT + "/avaliacao", opt=CURATORS, status_code=200)(curation_gold.from_report),
        get("/curadoria/lacunas", opt=CURATORS)(curation_gaps.listing),
        get(TOPIC, opt=CURATORS)(curation_gaps.show),
        post(TOPIC, opt=CURATORS, status_code=200)(curation_gaps.decide),
        post(TOPIC + "/testar", opt=CURATORS, status_code=200)(curation_gaps.try_again),
        get(TOPIC + "/avaliacao", opt=CURATORS)(curation_gold.topic_form),
        post(TOPIC + "/avaliacao", opt=CURATORS, status_code=200)(curation_gold.from_topic),
        get("/analises", opt=CURATORS)(analytics.show),
        get("/analises/csv", opt=CURATORS)(analytics.download),
        get("/analises/categorias", opt=ADMINS)(analytics.category_list),
        post("/analises/categorias", opt=ADMINS, status_code=200)(analytics.add_category),
        post("/analises/categorias/{category_id:uuid}/excluir", opt=ADMINS, status_code=200)(
            analytics.remove_category
        ),
    ]


def _models() -> list[HTTPRouteHandler]:
    return [
        get("/admin/modelos/respostas", opt=ADMINS)(admin_answering.listing),
        post("/admin/modelos/respostas/carregar", opt=ADMINS, status_code=200)(
            admin_answering.load
        ),
        post("/admin/modelos/respostas/descarregar", opt=ADMINS, status_code=200)(
            admin_answering.unload
        ),
        get("/admin/modelos", opt=ADMINS)(admin_models.listing),
        post("/admin/modelos/consultar", opt=ADMINS, status_code=200)(admin_models.look),
        post("/admin/modelos/buscar", opt=ADMINS, status_code=200)(admin_models.fetch),
        post("/admin/modelos/incluir", opt=ADMINS, status_code=200)(admin_models.take_in),
        post("/admin/modelos/conferir", opt=ADMINS, status_code=200)(admin_models.verify),
        post("/admin/modelos/{transfer_id:uuid}/cancelar", opt=ADMINS, status_code=200)(
            admin_models.cancel
        ),
        get("/admin/modelos/remover", opt=ADMINS)(admin_models.remove_form),
        post("/admin/modelos/remover", opt=ADMINS, status_code=200)(admin_models.remove),
    ]


def _administration() -> list[HTTPRouteHandler]:
    return [
        get("/admin/usuarios", opt=ADMINS)(admin_users.listing),
        get("/admin/usuarios/novo", opt=ADMINS)(admin_users.create_form),
        post("/admin/usuarios", opt=ADMINS, status_code=200)(admin_users.create),
        get(PERSON, opt=ADMINS)(admin_users.show),
        get(PERSON + "/acesso", opt=ADMINS)(reach.of_person),
        post(PERSON + "/dados", opt=ADMINS, status_code=200)(privacy.person_export),
        get(PERSON + "/apagar", opt=ADMINS)(privacy.erase_form),
        post(PERSON + "/apagar", opt=ADMINS, status_code=200)(privacy.erase),
        post(PERSON + "/credencial", opt=ADMINS, status_code=200)(admin_users.set_clearance),
        post(PERSON + "/papel", opt=ADMINS, status_code=200)(admin_users.set_role),
        post(PERSON + "/situacao", opt=ADMINS, status_code=200)(admin_users.set_disabled),
        post(PERSON + "/senha", opt=ADMINS, status_code=200)(admin_users.new_password),
        get(PERSON + "/chaves", opt=ADMINS)(account_keys.listing_of),
        post(PERSON + "/chaves/{key_id:uuid}/revogar", opt=ADMINS, status_code=200)(
            account_keys.revoke_of
        ),
        post(PERSON + "/sessoes/encerrar", opt=ADMINS, status_code=200)(admin_users.end_sessions),
        post(PERSON + "/segundo-fator/retirar", opt=ADMINS, status_code=200)(
            admin_users.reset_factor
        ),
        get("/admin/diretorio", opt=ADMINS)(admin_directory.show),
        post("/admin/diretorio/testar", opt=ADMINS, status_code=200)(admin_directory.test),
        post("/admin/diretorio/comparar", opt=ADMINS, status_code=200)(admin_directory.compare),
        get("/admin/grupos", opt=ADMINS)(admin_groups.listing),
        post("/admin/grupos", opt=ADMINS, status_code=200)(admin_groups.create),
        get(GROUP, opt=ADMINS)(admin_groups.show),
        post(GROUP + "/membros", opt=ADMINS, status_code=200)(admin_groups.add_member),
        post(GROUP + "/membros/{user_id:uuid}/retirar", opt=ADMINS, status_code=200)(
            admin_groups.remove_member
        ),
        get(GROUP + "/excluir", opt=ADMINS)(admin_groups.delete_form),
        post(GROUP + "/excluir", opt=ADMINS, status_code=200)(admin_groups.delete),
        get("/admin/acesso/teste", opt=ADMINS)(leak_test.form),
        post("/admin/acesso/teste", opt=ADMINS, status_code=200)(leak_test.run),
        get("/admin/fila", opt=CURATORS)(admin_jobs.listing),
        post("/admin/fila/pausar", opt=ADMINS, status_code=200)(admin_jobs.pause),
        post("/admin/fila/retomar", opt=ADMINS, status_code=200)(admin_jobs.resume),
        post("/admin/fila/{version_id:uuid}/cancelar", opt=CURATORS, status_code=200)(
            admin_jobs.cancel
        ),
        post("/admin/fila/repetir", opt=CURATORS, status_code=200)(admin_jobs.retry_all),
        get("/admin/pastas", opt=ADMINS)(admin_folders.listing),
        post("/admin/pastas/olhar", opt=ADMINS, status_code=200)(admin_folders.look),
        get("/admin/auditoria", opt=AUDITORS)(admin_audit.listing),
        post("/admin/auditoria/verificar", opt=AUDITORS, status_code=200)(admin_audit.verify),
        get("/admin/auditoria/verificar/eventos", opt=AUDITORS)(admin_audit.progress),
        get("/admin/auditoria/registros/{seq:int}", opt=AUDITORS)(admin_audit.show),
        get("/admin/auditoria/csv", opt=AUDITORS)(admin_audit.download),
        get("/admin/auditoria/json", opt=AUDITORS)(admin_audit.download_lines),
        get(PERSON + "/conversas", opt=ADMINS)(supervision.form),
        post(PERSON + "/conversas", opt=ADMINS, status_code=200)(supervision.listing),
        post(SUPERVISED, opt=ADMINS, status_code=200)(supervision.conversation),
    ]
