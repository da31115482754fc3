"""The models on this machine: what is here, what comes, what would fit. For administrators.

Opening the page asks nobody for anything. Only "look at the hub" and what is confirmed after it
reach the network.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

from litestar import Response
from litestar.params import FromPath, QueryParameter

from govbot.auth import roles
from govbot.config import Settings
from govbot.db.access import as_actor
from govbot.devices import Device, DeviceKind, build, devices
from govbot.errors import Conflict, Denied, GovBotError, Invalid, NotFound, Unavailable
from govbot.generate.placement import Placement, place
from govbot.generate.placing import wanted_of
from govbot.gguf import GgufHeader, shards_of
from govbot.models import delivery, records, transfers
from govbot.models.hub import endpoint_of, open_hub
from govbot.models.recommended import RECOMMENDED
from govbot.models.store import Installed, Kind, Store
from govbot.models.transfers import Order, Transfer
from govbot.models.usage import uses
from govbot.web.i18n import _
from govbot.web.visit import CurrentVisit, Visit

PATH = "/admin/modelos"
SHOWN = 8  # transfers
OFFERED = 50  # files of the import folder
KINDS = {
    Kind.GENERATOR: _("Writes answers"),
    Kind.EMBEDDER: _("Makes vectors"),
    Kind.RERANKER: _("Orders passages"),
    Kind.ADAPTER: _("Adapter"),
    Kind.OTHER: _("Other"),
}
DOINGS = {"pull": _("Fetch"), "add": _("Take in"), "verify": _("Check")}
STATES = {
    "waiting": _("Waiting"),
    "running": _("under way"),
    "done": _("done"),
    "failed": _("failed"),
    "cancelled": _("cancelled"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """A model of the folder as the page shows it. `memory`: bytes it would take as it is set."""

    model: Installed
    used: Sequence[str]
    memory: int
    fits: bool


async def listing(visit: CurrentVisit) -> Response[str]:
    """The page; for htmx the part of it that changes by itself."""
    if visit.wants_fragment:
        return visit.page("admin/_models.html", **await _moving(visit))
    return await _page(visit)


async def look(visit: CurrentVisit) -> Response[str]:
    """Asks the hub what a model is, how large and under which licence; changes nothing."""
    wish = await _wish(visit)
    own = visit.app.settings.models
    try:
        async with open_hub(endpoint_of(own.hub), own.token.get_secret_value()) as hub:
            plan = await delivery.plan_pull(hub, wish)
        await asyncio.to_thread(_store(visit).require_free_name, plan.name)
    except (Unavailable, Conflict, Denied, NotFound, Invalid) as error:
        return await _page(visit, problem=error, source=wish.source)
    return visit.page("admin/models_look.html", plan=plan, wish=wish, here=await _room(visit))


async def fetch(visit: CurrentVisit) -> Response[Any]:
    """Puts the model that was looked at in line, at the very commit that was shown."""
    wish = await _wish(visit)
    name = await visit.field("name", max_length=100)
    revision = await visit.field("revision", max_length=64)
    await asyncio.to_thread(_store(visit).require_free_name, name)
    return await _ask(visit, Order("pull", wish.source, name, revision, wish.sha256))


async def take_in(visit: CurrentVisit) -> Response[Any]:
    """Puts a file or folder of the import folder in line. Raises NotFound for any other."""
    roles.require(roles.may_manage_accounts(visit.actor))
    wanted = await visit.field("place", max_length=300)
    path = await asyncio.to_thread(_inside, visit.app.settings, wanted)
    try:
        plan = await asyncio.to_thread(delivery.plan_add, path)
        await asyncio.to_thread(_store(visit).require_free_name, plan.name)
    except (Unavailable, Conflict, Invalid) as error:
        return await _page(visit, problem=error)
    return await _ask(visit, Order("add", str(path), plan.name))


async def verify(visit: CurrentVisit) -> Response[Any]:
    """Puts the check of a model's files in line."""
    roles.require(roles.may_manage_accounts(visit.actor))
    name = await visit.field("name", max_length=100)
    model = await asyncio.to_thread(_store(visit).find, name)
    return await _ask(visit, Order("verify", model.name, model.name))


async def cancel(visit: CurrentVisit, transfer_id: FromPath[UUID]) -> Response[Any]:
    """Ends what is under way; what a hub sent so far is kept for the next attempt."""
    roles.require(roles.may_manage_accounts(visit.actor))
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        await transfers.cancel(conn, visit.actor, transfer_id)
    return _changed(visit)


async def remove_form(
    visit: CurrentVisit, nome: Annotated[str, QueryParameter(max_length=100)] = ""
) -> Response[str]:
    """Asks before a model is deleted."""
    roles.require(roles.may_manage_accounts(visit.actor))
    model = await asyncio.to_thread(_store(visit).find, nome)
    template = "admin/_model_remove.html" if visit.wants_fragment else "admin/model_remove.html"
    return visit.page(template, model=model, used=uses(visit.app.settings, model))


async def remove(visit: CurrentVisit) -> Response[Any]:
    """Deletes a model that no setting names. Raises Conflict for one in use."""
    roles.require(roles.may_manage_accounts(visit.actor))
    store = _store(visit)
    model = await asyncio.to_thread(store.find, await visit.field("name", max_length=100))
    if used := uses(visit.app.settings, model):
        raise Conflict(
            _('The model "%(name)s" is in use (%(settings)s): change the settings first.'),
            name=model.name,
            settings=", ".join(used),
            code="E-MODEL-IN-USE",
        )
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        await records.record(conn, visit.actor, "model.removed", model)
        await asyncio.to_thread(store.remove, model)
    return visit.redirect(PATH)


async def _page(
    visit: Visit, *, problem: GovBotError | None = None, source: str = ""
) -> Response[str]:
    settings = visit.app.settings
    moving = await _moving(visit)
    found, machine, offers = await asyncio.gather(
        asyncio.to_thread(_devices),
        asyncio.to_thread(_machine),
        asyncio.to_thread(_offers, settings, _store(visit)),
    )
    memory = max([device.free for device in found], default=0)
    here = {row.model.name.casefold() for row in moving["rows"]}
    return visit.page(
        "admin/models.html",
        status=problem.status if problem else 200,
        problem=visit.language.sentence(problem) if problem else "",
        source=source,
        hub=endpoint_of(settings.models.hub),
        devices=found,
        machine=machine,
        memory=memory,
        recommended=[each for each in RECOMMENDED if each.name.casefold() not in here],
        offers=offers,
        import_folder=_import_folder(settings),
        **moving,
    )


async def _moving(visit: Visit) -> dict[str, Any]:
    """What changes by itself: the models and what is under way."""
    roles.require(roles.may_manage_accounts(visit.actor))
    async with as_actor(visit.app.pool, visit.actor) as conn:
        latest = await transfers.latest(conn, limit=SHOWN)
    rows = await asyncio.to_thread(_rows, visit.app.settings, _store(visit))

    def why(transfer: Transfer) -> str:
        return visit.language.sentence(transfer.problem) if transfer.problem else ""

    return {
        "rows": rows,
        "excerpts": visit.app.generator.excerpts,
        "transfers": latest,
        "busy": any(each.open for each in latest),
        "kind_name": lambda kind: visit.translate(KINDS[Kind(kind)]),
        "doing": lambda transfer: visit.translate(DOINGS[transfer.kind]),
        "state_name": lambda transfer: visit.translate(STATES[transfer.state]),
        "why": why,
        "gigabytes": lambda size: _gigabytes(visit, size),
    }


async def _wish(visit: Visit) -> delivery.Wish:
    roles.require(roles.may_manage_accounts(visit.actor))
    source = await visit.field("source", max_length=300)
    digest = (await visit.field("sha256", max_length=80, required=False)).lower()
    if digest and (len(digest) != 64 or set(digest) - set("0123456789abcdef")):
        raise Invalid(_("A SHA-256 has 64 letters and digits."), code="E-MODEL-CHECKSUM")
    return delivery.Wish(source, sha256=digest)


async def _ask(visit: Visit, order: Order) -> Response[Any]:
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        await transfers.ask(conn, visit.actor, order)
    return _changed(visit)


def _changed(visit: Visit) -> Response[Any]:
    response = visit.done(PATH)
    response.headers["HX-Trigger"] = "models-changed"
    return response


def _store(visit: Visit) -> Store:
    return Store(visit.app.settings.data_dir / "models")


def _rows(settings: Settings, store: Store) -> list[Row]:
    found = _devices()
    rows = []
    for model in store.all():
        made = _placed(settings, model.header, found) if model.kind is Kind.GENERATOR else None
        memory = sum(share.used for share in made.shares) if made else model.size
        rows.append(Row(model, uses(settings, model), memory, made.fits if made else True))
    return rows


def _placed(
    settings: Settings, header: GgufHeader | None, found: Sequence[Device]
) -> Placement | None:
    if header is None or not header.layers:
        return None
    return place(header, wanted_of(settings.generation, header), found)


def _devices() -> tuple[Device, ...]:
    """What llama.cpp sees; nothing where it is not installed."""
    try:
        found = devices()
    except Unavailable:
        return ()
    return tuple(device for device in found if device.kind is not DeviceKind.ACCEL)


def _machine() -> str:
    """The build of llama.cpp in a few words."""
    try:
        own = build()
    except Unavailable:
        return ""
    return f"llama-cpp-python {own.version} ({', '.join(own.backends)})"


async def _room(visit: Visit) -> dict[str, int]:
    """Memory and disk of this machine, in bytes."""

    def measured() -> dict[str, int]:
        free = [device.free for device in _devices()]
        return {"memory": max(free, default=0), "disk": _store(visit).free_space()}

    return await asyncio.to_thread(measured)


def _import_folder(settings: Settings) -> Path:
    own = settings.models.import_folder
    return Path(own) if own else settings.data_dir / "models-import"


def _offers(settings: Settings, store: Store) -> list[str]:
    """Files and folders of the import folder that look like models."""
    folder = _import_folder(settings)
    here = {model.name.casefold() for model in store.all()}
    found = []
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return []
    for entry in entries[:2000]:
        try:
            model = (
                entry.suffix == ".gguf" and shards_of(entry)[0] == entry
                if entry.is_file()
                else (entry / "config.json").is_file() or any(entry.glob("*.gguf"))
            )
        except (OSError, GovBotError):
            continue
        if model and entry.name.removesuffix(".gguf").casefold() not in here:
            found.append(entry.name)
    return found[:OFFERED]


def _inside(settings: Settings, name: str) -> Path:
    """A file or folder right in the import folder, no link out of it. Raises NotFound."""
    folder = _import_folder(settings).resolve()
    path = (folder / name).resolve()
    if "/" in name or name in ("", ".", "..") or path.parent != folder or not path.exists():
        raise NotFound
    links = [each for each in path.rglob("*") if each.is_symlink()] if path.is_dir() else []
    if any(not each.resolve().is_relative_to(folder) for each in links):
        raise NotFound
    return path


def _gigabytes(visit: Visit, size: int) -> str:
    """Bytes in words: "4,7 GB"."""
    if size < 100_000_000:
        return f"{visit.language.number(round(size / 1e6, 1))} MB"
    return f"{visit.language.number(round(size / 1e9, 1))} GB"
