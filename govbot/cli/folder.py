"""`govbot folder`: the watched folders, how they do, and what a look at them would change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from govbot.cli import current_settings, output, run_async

if TYPE_CHECKING:
    from govbot.config.table import WatchedFolder

app = typer.Typer(no_args_is_help=True, help="See the watched folders and what they would change.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the watched folders with their counts and what is wrong with them."""
    run_async(_list, as_json)


@app.command()
def check(
    path: Annotated[
        str | None, typer.Argument(help="One folder of the settings. [default: all]")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what the next look would do, file by file, without changing anything."""
    run_async(_check, path, as_json)


async def _list(as_json: bool) -> None:
    from govbot.app import open_store
    from govbot.db.access import as_system
    from govbot.documents import folders

    settings = current_settings()
    async with open_store(settings) as pool, as_system(pool) as conn:
        known = {folder.path: folder for folder in await folders.list_folders(conn)}
    if as_json:
        output.print_json(
            [{"settings": f.model_dump(), "state": known.get(f.path)}
             for f in settings.watch.folders]
        )  # fmt: skip
        return
    rows: list[list[object]] = []
    for watched in settings.watch.folders:
        found = known.get(watched.path)
        if found is None:
            rows.append([watched.path, watched.collection, *[""] * 6, "not looked at yet"])
            continue
        counts = [found.files, found.taken, found.copies, found.waiting, found.refused]
        rows.append([found.path, found.collection, found.looked_at, *counts, found.error or "ok"])
    output.print_table(
        ["path", "collection", "looked at", "files", "documents", "copies", "waiting", "refused",
         "state"],
        rows,
    )  # fmt: skip


async def _check(path: str | None, as_json: bool) -> None:
    from govbot.app import open_store
    from govbot.ingest.preview import Preview

    settings = current_settings()
    chosen = _chosen(settings.watch.folders, path)
    broken = False
    async with open_store(settings) as pool:
        for folder in chosen:
            preview = Preview(pool, settings, folder)
            counts: dict[str, int] = {}
            try:
                async for step in preview.steps():
                    counts[step.act] = counts.get(step.act, 0) + 1
                    if as_json:
                        output.print_json({"folder": folder.path, "step": step}, line=True)
                    else:
                        print(f"{step.act}\t{step.place}\t{step.words}".rstrip())
            except OSError as error:
                broken = True
                output.warn(f"{folder.path}: {error.strerror or error}")
                continue
            words = [f"{count} {act}" for act, count in counts.items()]
            output.say(", ".join([f"{folder.path}: {preview.unchanged} unchanged", *words]))
    if broken:
        raise typer.Exit(1)


def _chosen(folders: tuple[WatchedFolder, ...], path: str | None) -> list[WatchedFolder]:
    from govbot.errors import NotFound

    chosen = [folder for folder in folders if path in (None, folder.path)]
    if not chosen and path is not None:
        raise NotFound("%(path)s is not one of [[watch.folders]].", path=path)
    return chosen
