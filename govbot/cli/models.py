"""`govbot models`: bring models here, see them, check them, delete them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from govbot.cli import current_settings, output, run_async

if TYPE_CHECKING:
    from govbot.config import Settings
    from govbot.db.pool import Pool
    from govbot.models.store import Installed, Store

app = typer.Typer(no_args_is_help=True, help="Bring models here, see, check and delete them.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Name = Annotated[str, typer.Argument(help="Name of the model, as `govbot models list` shows it.")]
Sum = Annotated[str, typer.Option(help="SHA-256 that the file must have, from a trusted place.")]
NewName = Annotated[str, typer.Option("--name", help="Name to give it here.")]


@app.command("list")
def list_(
    catalog: Annotated[
        bool, typer.Option("--catalog", help="Models worth trying, with the memory they need.")
    ] = False,
    memory: Annotated[
        float | None, typer.Option(min=0.1, help="GB of memory for it; with --catalog.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the models that are here, or those worth trying. Asks nobody for anything."""
    if catalog:
        _print_catalog(memory, as_json)
    else:
        _print_installed(as_json)


@app.command()
def show(
    name: Annotated[
        str | None,
        typer.Argument(
            help="Name of a model here or in [[generation.models]], or the path of a GGUF file; "
            "without it: all models that answer, a line each."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what a model says of itself and where it would run on this machine."""
    from govbot.cli import models_show

    if name is None:
        models_show.show_writers(current_settings(), as_json)
    else:
        models_show.show_model(current_settings(), name, as_json)


@app.command()
def pull(
    source: Annotated[
        str,
        typer.Argument(
            help="Name in the catalog, or organisation/model, perhaps with :Q4_K_M or :file.gguf."
        ),
    ],
    name: NewName = "",
    revision: Annotated[str, typer.Option(help="Branch, tag or commit.")] = "main",
    sha256: Sum = "",
    yes: Yes = False,
) -> None:
    """Fetch a model from the hub, or from the mirror in HF_ENDPOINT.

    A pull that was cut off goes on where it ended.
    """
    run_async(_pull, source, name, revision, sha256, yes)


@app.command()
def add(
    path: Annotated[Path, typer.Argument(help="GGUF file or folder, on a stick for instance.")],
    name: NewName = "",
    sha256: Sum = "",
    yes: Yes = False,
) -> None:
    """Copy a model from a file or folder.

    Checksums beside it (SHA256SUMS, FILE.sha256, the manifest of another GovBot) must be right.
    """
    run_async(_add, path.expanduser(), name, sha256, yes)


@app.command()
def verify(
    name: Annotated[str | None, typer.Argument(help="Name of one model; else all.")] = None,
    as_json: AsJson = False,
) -> None:
    """Read the files again and compare their checksums; exit code 1 when one is wrong."""
    from govbot.models.store import Store, total

    settings = current_settings()
    store = Store(settings.data_dir / "models")
    chosen = [store.find(name)] if name else [m for m in store.all() if m.manifest]
    size = sum(total(model.manifest.files) for model in chosen if model.manifest)
    found = []
    with output.progress("verify", size) as bar:
        for model in chosen:
            findings = store.verify(model, bar.advance)
            found += [(model.name, finding.path, finding.problem) for finding in findings]
    run_async(_record_verified, settings, [model.name for model in chosen], found)
    if as_json:
        output.print_json([{"model": m, "file": f, "problem": p} for m, f, p in found])
    elif found:
        output.print_table(("model", "file", "problem"), found)
    else:
        output.say(f"{len(chosen)} models, all files as they came.")
    if found:
        raise typer.Exit(1)


@app.command()
def remove(
    name: Name,
    force: Annotated[bool, typer.Option(help="Also when the settings name it.")] = False,
    yes: Yes = False,
) -> None:
    """Delete a model from this machine."""
    run_async(_remove, name, force, yes)


async def _pull(source: str, name: str, revision: str, sha256: str, yes: bool) -> None:
    from govbot.models import delivery
    from govbot.models.hub import endpoint_of, open_hub
    from govbot.models.store import Store

    settings = current_settings()
    async with _audited(settings) as (pool, settings):
        endpoint = endpoint_of(settings.models.hub)
        token = settings.models.token.get_secret_value()
        store = Store(settings.data_dir / "models")
        async with _refusals(pool, source), open_hub(endpoint, token) as hub:
            plan = await delivery.plan_pull(hub, delivery.Wish(source, name, revision, sha256))
            store.require_free_name(plan.name)
            store.require_space(0)
            rows = [(file.path, _gigabytes(file.size)) for file in plan.files]
            _announce(
                rows, plan.name, f"{endpoint}/{plan.listing.repository}", plan.listing.licence, yes
            )
            with output.progress(plan.name, plan.size) as bar:
                model = await delivery.pull(store, hub, plan, bar.advance)
        await _record(pool, "model.added", model)
    _done(model)


async def _add(path: Path, name: str, sha256: str, yes: bool) -> None:
    from govbot.models import delivery
    from govbot.models.store import Store

    async with _audited(current_settings()) as (pool, settings):
        store = Store(settings.data_dir / "models")
        async with _refusals(pool, str(path)):
            plan = await asyncio.to_thread(delivery.plan_add, path, name, sha256)
            store.require_free_name(plan.name)
            rows = [
                (file.path, _gigabytes(file.size), "known" if file.sha256 else "not known")
                for file in plan.files
            ]
            _announce(rows, plan.name, plan.source, plan.licence, yes)
            with output.progress(plan.name, plan.size) as bar:
                model = await asyncio.to_thread(delivery.add, store, plan, bar.advance)
        await _record(pool, "model.added", model)
    _done(model)


async def _remove(name: str, force: bool, yes: bool) -> None:
    from govbot.errors import Conflict
    from govbot.models.store import Store
    from govbot.models.usage import uses

    async with _audited(current_settings()) as (pool, settings):
        store = Store(settings.data_dir / "models")
        model = store.find(name)
        named = uses(settings, model)
        if named and not force:
            raise Conflict(
                'The model "%(name)s" is in use (%(settings)s): change the settings first.',
                name=model.name,
                settings=", ".join(named),
                code="E-MODEL-IN-USE",
            )
        if not yes:
            typer.confirm(f"Delete {model.name} ({_gigabytes(model.size)})?", abort=True, err=True)
        await asyncio.to_thread(store.remove, model)
        await _record(pool, "model.removed", model)
    output.say(f"{model.name} is deleted.")


@asynccontextmanager
async def _audited(settings: Settings) -> AsyncIterator[tuple[Pool, Settings]]:
    """The database of the audit log, without which nothing is changed, and the sealed token."""
    from govbot.app import open_store
    from govbot.auth import sealed
    from govbot.sealing import open_sealer

    async with open_store(settings) as pool:
        sealer = open_sealer(settings.security.key.get_secret_value(), settings.data_dir)
        yield pool, await sealed.fill(settings, pool, sealer)


@asynccontextmanager
async def _refusals(pool: Pool, source: str) -> AsyncIterator[None]:
    """A model that does not come is written down too."""
    from govbot.db.access import OPERATOR, as_system
    from govbot.errors import GovBotError
    from govbot.models.records import record_refused

    try:
        yield
    except GovBotError as error:
        async with as_system(pool) as conn:
            await record_refused(conn, OPERATOR, source, error.error_code)
        raise


async def _record(pool: Pool, action: str, model: Installed) -> None:
    from govbot.db.access import OPERATOR, as_system
    from govbot.models.records import record

    async with as_system(pool) as conn:
        await record(conn, OPERATOR, action, model)


async def _record_verified(
    settings: Settings, names: Sequence[str], found: Sequence[tuple[str, str, str]]
) -> None:
    from govbot.db.access import OPERATOR, as_system
    from govbot.models.records import record_verified

    async with _audited(settings) as (pool, _), as_system(pool) as conn:
        await record_verified(
            conn, OPERATOR, names, [f"{model}/{file}" for model, file, _ in found]
        )


def _announce(
    rows: Sequence[Sequence[object]], name: str, source: str, licence: str, yes: bool
) -> None:
    """What will come, from where and under which licence; asks unless told not to."""
    columns = ("file", "size", "checksum")[: len(rows[0])] if rows else ("file",)
    output.print_table(columns, rows)
    output.print_table(
        ("name", "source", "licence"), [(name, source, licence or "not told: see its page")]
    )
    if not yes:
        typer.confirm("Bring it here under this licence?", abort=True, err=True)


def _done(model: Installed) -> None:
    from govbot.models.store import Kind

    output.say(f"{model.name} is in its place: {model.place}")
    key = {
        Kind.GENERATOR: "generation.model_path",
        Kind.EMBEDDER: "embedder.model",
        Kind.RERANKER: "reranker.model",
        Kind.ADAPTER: "generation.lora",
    }.get(model.kind)
    if key:
        output.say(f'To use it: {key} = "{model.file or model.name}" in the settings.')


def _print_installed(as_json: bool) -> None:
    from govbot.models.store import Store
    from govbot.models.usage import uses

    settings = current_settings()
    store: Store = Store(settings.data_dir / "models")
    found = store.all()
    if as_json:
        output.print_json([_as_json(model, uses(settings, model)) for model in found])
        return
    rows = [
        (
            model.name,
            model.kind,
            _gigabytes(model.size),
            model.header.quantisation if model.header else "",
            model.licence,
            "yes" if model.manifest else "no",
            ", ".join(uses(settings, model)) or model.problem,
        )
        for model in found
    ]
    columns = ("name", "kind", "size", "quantisation", "licence", "checksums", "used by")
    output.print_table(columns, rows)


def _print_catalog(memory: float | None, as_json: bool) -> None:
    from govbot.models.recommended import RECOMMENDED, fitting

    found: Sequence[Any] = fitting(round(memory * 1e9)) if memory else RECOMMENDED
    if as_json:
        output.print_json(found)
        return
    rows = [
        (
            each.name,
            each.kind,
            _gigabytes(each.size),
            _gigabytes(each.memory),
            each.licence + (", gated" if each.gated else ""),
            _figure(each.answers),
            _figure(each.entails),
            "not measured",
        )
        for each in found
    ]
    columns = ("name", "kind", "size", "memory", "licence", "FaQuAD-NLI", "ASSIN2-RTE", "here")
    output.print_table(columns, rows)
    output.say(
        "FaQuAD-NLI and ASSIN2-RTE: macro-F1 of the full model in Portuguese, Open Portuguese LLM "
        "Leaderboard, July 2025. Measure with your own questions: govbot eval."
    )


def _as_json(model: Installed, used: Sequence[str]) -> dict[str, Any]:
    return {
        "name": model.name,
        "kind": model.kind,
        "place": model.place,
        "file": model.file,
        "size": model.size,
        "quantisation": model.header.quantisation if model.header else None,
        "licence": model.licence,
        "source": model.manifest.source if model.manifest else None,
        "checksums": model.manifest is not None,
        "used_by": list(used),
        "problem": model.problem,
    }


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.2f} GB" if size >= 10_000_000 else f"{size / 1e3:.0f} kB"


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
