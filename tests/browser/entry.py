"""Signing in without the form, which costs a page; test_sign_in.py tries the form."""

from __future__ import annotations

from playwright.async_api import BrowserContext

from tests.web.scene import PASSWORD


async def enter(context: BrowserContext, username: str) -> None:
    """From now on the windows of the context are those of this person."""
    form: dict[str, str | float | bool] = {
        "username": username,
        "password": PASSWORD,
        "follow": "/",
    }
    answer = await context.request.post("/entrar", form=form, max_redirects=0)
    assert answer.status == 303, await answer.text()
