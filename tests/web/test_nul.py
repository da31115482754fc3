"""NUL, which PostgreSQL does not hold, is refused wherever text comes in."""

from __future__ import annotations

import pytest

from tests.web.conftest import Client, SignIn
from tests.web.office import Office

PAGES = ("/documentos", "/conversas", "/colecoes", "/admin/usuarios", "/admin/auditoria")
FORMS = {
    "/conversas": {"question": "Qual\0?"},
    "/admin/grupos": {"name": "a\0b"},
    "/colecoes": {"name": "a\0b"},
    "/admin/usuarios": {"username": "ana\0", "name": "Ana", "role": "user"},
}


@pytest.mark.parametrize("path", [f"{page}?q=%00" for page in PAGES] + ["/static/a%00/b"])
async def test_an_address_with_nul_is_refused(scene: Office, signed_in: SignIn, path: str) -> None:
    assert (await (await signed_in("admin")).get(path)).status_code == 400


@pytest.mark.parametrize("path", FORMS)
async def test_a_form_with_nul_is_refused(scene: Office, signed_in: SignIn, path: str) -> None:
    answer = await (await signed_in("admin")).post(path, data=FORMS[path])
    assert answer.status_code == 422
    assert "Traceback" not in answer.text


async def test_nul_in_a_password_is_refused(scene: Office, anyone: Client) -> None:
    answer = await anyone.post("/entrar", data={"username": "ana", "password": "\0"})
    assert answer.status_code == 422
