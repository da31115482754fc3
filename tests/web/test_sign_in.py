"""Signing in and out through the form."""

from __future__ import annotations

from tests.web.conftest import Client


async def test_a_visitor_is_led_to_the_form(anyone: Client) -> None:
    answer = await anyone.get("/conversas?q=a")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/entrar?seguir=/conversas%3Fq%3Da"
    form = await anyone.get("/entrar")
    assert form.status_code == 200
    assert "Prefeitura de Aurora" in form.text
