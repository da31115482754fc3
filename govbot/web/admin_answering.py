"""The models that answer: where each stands, loading, unloading, and why they were chosen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from litestar import Response

from govbot import audit
from govbot.auth import roles
from govbot.chat import routing
from govbot.db.access import as_actor
from govbot.errors import NotFound
from govbot.web.admin_model_test import PROMPT
from govbot.web.i18n import _
from govbot.web.visit import CurrentVisit, Visit

PATH = "/admin/modelos/respostas"
DAYS = 30

TIERS = {"fast": _("fast"), "quality": _("quality")}
KINDS = {
    "llama": _("file in this server"),
    "openai": _("remote server"),
    "extractive": _("literal excerpts"),
}
PRESENCES = {
    "loaded": _("In memory"),
    "unloaded": _("Not in memory"),
    "remote": _("Remote"),
    "out": _("Out of use"),
}
NOTES = {
    "idle": _("It left the memory because nobody asked for it."),
    "room": _("It made room for another model."),
    "unloaded": _("An administrator unloaded it."),
}
REASONS = {
    "only": _("the only model"),
    "simple": _("simple question"),
    "complex": _("difficult question"),
    "chosen": _("chosen by the person"),
    "background": _("work in the background"),
    "tier": _("kind of model asked for"),
    "context": _("long passages"),
    "fallback-full": _("stood in: the other was full"),
    "fallback-failed": _("stood in: the other failed"),
    "fallback-memory": _("stood in: no memory for the other"),
    "fallback-context": _("stood in: too long for the other"),
}
SIGNS = {
    "comparison": _("comparison"),
    "explanation": _("explanation"),
    "several": _("several questions"),
    "long": _("long question"),
    "very-long": _("very long question"),
    "documents": _("many documents"),
    "history": _("questions before"),
}


async def listing(visit: CurrentVisit) -> Response[str]:
    """The models as they are now, and the decisions of the last days."""
    template = "admin/_answering.html" if visit.wants_fragment else "admin/answering.html"
    return visit.page(template, **await _models(visit))


async def load(visit: CurrentVisit) -> Response[Any]:
    """Puts a model into use and begins to load it. Raises NotFound."""
    name = await _named(visit, "model.loaded")
    pool = visit.app.generator
    pool.begin(pool.load(name))
    return _changed(visit)


async def unload(visit: CurrentVisit) -> Response[Any]:
    """Takes a model out of use; its memory is free once its answers are over. Raises NotFound."""
    name = await _named(visit, "model.unloaded")
    pool = visit.app.generator
    pool.begin(pool.unload(name))
    return _changed(visit)


async def _named(visit: Visit, action: str) -> str:
    """The model of the form, and the entry in the audit log."""
    roles.require(roles.may_manage_accounts(visit.actor))
    name = await visit.field("model", max_length=200)
    if name not in {each.name for each in visit.app.generator.models()}:
        raise NotFound
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        await audit.record(conn, actor=visit.actor, action=action, resource=f"model:{name}")
    return name


def _changed(visit: Visit) -> Response[Any]:
    response = visit.done(PATH)
    response.headers["HX-Trigger"] = "models-changed"
    return response


async def _models(visit: Visit) -> dict[str, Any]:
    roles.require(roles.may_manage_accounts(visit.actor))
    since = (datetime.now(UTC) - timedelta(days=DAYS)).date()
    async with as_actor(visit.app.pool, visit.actor) as conn:
        found = await routing.counts(conn, since=since)
    return {
        "models": visit.app.generator.models(),
        "counts": found,
        "days": DAYS,
        "tier": lambda word: visit.translate(TIERS[word]),
        "kind": lambda word: visit.translate(KINDS[word]),
        "presence": lambda word: visit.translate(PRESENCES[word]),
        "note": lambda word: visit.translate(NOTES.get(word, "")) if word else "",
        "reason": lambda word: reason(visit, word),
        "model_name": lambda name: model_name(visit, name),
        "sentence": visit.language.sentence,
        "testable": [model for model in visit.app.generator.models() if model.kind != "extractive"],
        "chosen": "",
        "prompt": visit.translate(PROMPT),
    }


def model_name(visit: Visit, name: str) -> str:
    """A model's name; what answers without one is told in words."""
    return visit.translate(KINDS[name]) if name == "extractive" else name


def reason(visit: Visit, word: str) -> str:
    """Why a model wrote an answer, in words."""
    return visit.translate(REASONS[word]) if word in REASONS else word


def signs(visit: Visit, words: tuple[str, ...]) -> str:
    """What made a question a difficult one, in words."""
    return ", ".join(visit.translate(SIGNS[word]) for word in words if word in SIGNS)
