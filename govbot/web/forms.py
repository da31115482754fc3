"""Bounds of submitted forms: bytes and numbers of fields, before anything is parsed; no NUL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litestar import Request

from govbot.errors import Invalid, TooLarge

if TYPE_CHECKING:
    from litestar.datastructures import FormMultiDict

MAX_FORM_BYTES = 256_000  # routes that take files set their own limit
MAX_PARTS = 300  # of a multipart form: the files of one upload and some fields
MAX_FIELDS = 300  # of any other form


class BoundedRequest(Request[Any, Any, Any]):
    """A request whose form has a bounded number of fields."""

    async def form(self) -> FormMultiDict:
        kind = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        encoded = kind == "application/x-www-form-urlencoded"
        if encoded and (await self.body()).count(b"&") >= MAX_FIELDS:
            raise TooLarge
        form = await super().form()
        # No page sends it, and PostgreSQL holds no text with it.
        if any(isinstance(value, str) and "\0" in value for _, value in form.multi_items()):
            await form.close()
            raise Invalid
        return form
