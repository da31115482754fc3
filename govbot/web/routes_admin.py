"""Routes of the administration of the whole installation."""

from __future__ import annotations

from litestar import get, post
from litestar.handlers import HTTPRouteHandler

from govbot.db.access import Role
from govbot.web import (
    admin_announcements,
    admin_backups,
    admin_home,
    admin_import,
    admin_keys,
    admin_model_test,
    admin_permissions,
    admin_settings,
    admin_setup,
    admin_system,
)

ADMINS = {"roles": (Role.ADMIN,)}
SETTINGS = "/admin/configuracoes"
ANNOUNCEMENT = "/admin/avisos/{announcement_id:uuid}"
IMPORT = "/admin/usuarios/importar"


def installation() -> list[HTTPRouteHandler]:
    """Putting an announcement away is for everybody who is signed in; the rest for admins."""
    return [
        post("/conta/avisos/{announcement_id:uuid}/dispensar", status_code=200)(
            admin_announcements.dismiss
        ),
        get("/admin", opt=ADMINS)(admin_home.show),
        get("/admin/comecar", opt=ADMINS)(admin_setup.show),
        post("/admin/comecar/organizacao", opt=ADMINS, status_code=200)(admin_setup.organisation),
        post("/admin/comecar/colecao", opt=ADMINS, status_code=200)(admin_setup.collection),
        post("/admin/comecar/pular", opt=ADMINS, status_code=200)(admin_setup.skip),
        get("/admin/sistema", opt=ADMINS)(admin_system.show),
        get(SETTINGS, opt=ADMINS)(admin_settings.show),
        post(SETTINGS, opt=ADMINS, status_code=200)(admin_settings.change),
        get(SETTINGS + "/historico", opt=ADMINS)(admin_settings.history),
        post(SETTINGS + "/historico/{change_id:int}/desfazer", opt=ADMINS, status_code=200)(
            admin_settings.undo
        ),
        get(SETTINGS + "/servidor", opt=ADMINS)(admin_settings.server),
        get("/admin/avisos", opt=ADMINS)(admin_announcements.listing),
        post("/admin/avisos", opt=ADMINS, status_code=200)(admin_announcements.publish),
        get(ANNOUNCEMENT, opt=ADMINS)(admin_announcements.form),
        post(ANNOUNCEMENT, opt=ADMINS, status_code=200)(admin_announcements.change),
        post(ANNOUNCEMENT + "/excluir", opt=ADMINS, status_code=200)(admin_announcements.delete),
        get(IMPORT, opt=ADMINS)(admin_import.form),
        post(IMPORT, opt=ADMINS, status_code=200, request_max_body_size=admin_import.BODY_BYTES)(
            admin_import.preview
        ),
        post(
            IMPORT + "/criar",
            opt=ADMINS,
            status_code=200,
            request_max_body_size=admin_import.BODY_BYTES,
        )(admin_import.create),
        get(admin_backups.PATH, opt=ADMINS)(admin_backups.listing),
        post(admin_backups.PATH, opt=ADMINS, status_code=200)(admin_backups.create),
        post(admin_backups.PATH + "/conferir", opt=ADMINS, status_code=200)(admin_backups.verify),
        get("/admin/permissoes", opt=ADMINS)(admin_permissions.show),
        get("/admin/chaves", opt=ADMINS)(admin_keys.listing),
        post("/admin/chaves/{key_id:uuid}/revogar", opt=ADMINS, status_code=200)(admin_keys.revoke),
        post("/admin/modelos/respostas/testar", opt=ADMINS, status_code=200)(admin_model_test.run),
    ]
