"""`govbot backup`: make, list, check, restore and remove backups."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from govbot.cli import current_settings, output, run_async

if TYPE_CHECKING:
    from govbot.backup.folder import Backup
    from govbot.backup.manifest import Verdict
    from govbot.backup.order import Restored
    from govbot.backup.progress import Meter
    from govbot.backup.prune import Pruned
    from govbot.installation.backups import Outcome

app = typer.Typer(no_args_is_help=True, help="Make, check and restore backups.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Identity = Annotated[
    Path | None,
    typer.Option(help="File with the private key of age. [default: backup.identity_file]"),
]
STEPS = {
    "files": "Originals",
    "database": "Database",
    "checksums": "Checksums",
    "restore": "Restoring",
    "count": "Counting",
    "migrate": "Bringing up to date",
    "prune": "Removing old ones",
}


class Why(StrEnum):
    """What a backup is made for."""

    MANUAL = "manual"
    TIMER = "timer"
    UPGRADE = "upgrade"


@app.command()
def create(
    reason: Annotated[Why, typer.Option(help="What is written down as its cause.")] = Why.MANUAL,
    verify: Annotated[bool, typer.Option("--verify", help="Check it after it was made.")] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Remove old ones after it, if it is good.")
    ] = False,
    database_only: Annotated[
        bool, typer.Option("--database-only", help="Leave the originals out.")
    ] = False,
    asked: Annotated[
        bool, typer.Option("--asked", help="Rather do what was asked for on the page, if anything.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make a backup while the service runs; exit code 1 when its check finds a damage."""
    made = run_async(_asked) if asked else None
    made = made or run_async(_create, reason, verify, prune, database_only)
    known, verdict = made.backup.known, made.verdict
    if as_json:
        output.print_json(
            _row(made.backup)
            | {"path": made.backup.place, "seconds": known.seconds}
            | {"added_bytes": known.added_bytes, "missing": len(known.missing)}
            | {"problems": verdict.problems if verdict else ()}
            | {"removed": made.pruned.removed if made.pruned else ()}
        )
    else:
        print(f"{made.backup.place}  {_size(known.bytes)}, {_size(known.added_bytes)} of it new")
        _print_verdict(verdict)
        _print_pruned(made.pruned)
    if known.missing:
        output.warn(f"{len(known.missing)} originals are missing on the disk: govbot doctor")
    if not known.sealed:
        output.warn(
            "the backup is not encrypted, so the keys of the installation are not in it: keep a "
            "copy of secret.key apart, or set backup.recipients"
        )
    if verdict is not None and not verdict.good:
        raise typer.Exit(1)


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the backups, the newest first."""
    from govbot.backup.folder import folder_of

    found = folder_of(current_settings()).all()
    if as_json:
        output.print_json([_row(each) | {"path": each.place} for each in found])
        return
    columns = ["backup", "made", "reason", "size", "govbot", "encrypted", "checked"]
    output.print_table(columns, [_cells(each) for each in found])


@app.command()
def verify(
    backup: Annotated[str, typer.Argument(help="Name or path. [default: the newest]")] = "",
    identity: Identity = None,
    as_json: AsJson = False,
) -> None:
    """Compare all checksums, restore beside the database, count and ask; exit code 1 for a damage.

    backup.verify = "checksums" leaves the restored database out.
    """
    found, verdict = run_async(_verify, backup, identity)
    if as_json:
        output.print_json({"id": found.id} | verdict.model_dump(mode="json"))
    else:
        print(found.id)
        _print_verdict(verdict)
    if not verdict.good:
        raise typer.Exit(1)


@app.command()
def restore(
    backup: Annotated[str, typer.Argument(help="Name, or path of its folder.")],
    identity: Identity = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="In the place of what is there, which is kept aside.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before replacing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Restore a backup, with the service stopped; a schema of an older version is brought up."""
    if replace and not yes:
        _ask_first()
    done = run_async(_restore, backup, identity, replace)
    if as_json:
        output.print_json(done)
        return
    print(f"Restored {done.backup}: {done.rows} rows, {done.originals} originals brought back.")
    if done.erased_again:
        print(f"{done.erased_again} persons erased after the backup were erased again.")
    if done.aside:
        print(f"What was there before is kept in {done.aside}.")
    for note in done.notes:
        output.warn(note)


@app.command()
def prune(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove what backup.keep_last, _daily, _weekly and _monthly do not keep."""
    done = run_async(_prune, dry_run)
    if as_json:
        output.print_json(done)
    else:
        _print_pruned(done)


@app.command()
def key(
    file: Annotated[Path, typer.Option("--output", metavar="FILE", help="File to write.")],
) -> None:
    """Make a pair of keys: the private one into a file, the public one for backup.recipients."""
    from govbot.backup.sealed import new_identity
    from govbot.errors import Conflict, Unavailable

    private, public = new_identity()
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError:
        raise Conflict("There is a file %(file)s already.", file=str(file)) from None
    except OSError as error:
        raise Unavailable(
            "%(file)s cannot be written (%(reason)s).", file=str(file), reason=error.strerror
        ) from error
    with os.fdopen(handle, "w", encoding="ascii") as stream:
        stream.write(f"# public key: {public}\n{private}\n")
        stream.flush()
        os.fsync(stream.fileno())
    print(public)
    output.warn(
        f"{file} opens the backups, and nothing else does: keep it on paper or in a safe, far from "
        "this server. The line above belongs into backup.recipients."
    )


def _ask_first() -> None:
    from govbot.errors import Invalid

    if not sys.stdin.isatty():
        raise Invalid("--replace needs --yes where nobody can be asked.")
    typer.confirm("Restore in the place of what is there now?", abort=True)


async def _create(reason: Why, verify: bool, prune: bool, database_only: bool) -> Outcome:
    from govbot.installation import backups

    async with backups.open_parts(current_settings()) as parts:
        with output.progress("Backup") as bar:
            return await backups.make(
                parts,
                _meter("backup", bar),
                reason=reason.value,
                originals=not database_only,
                check=verify,
                tidy=prune,
            )


async def _asked() -> Outcome | None:
    """None where nobody asked for anything."""
    from govbot.installation import backup_wishes, backups

    wish = backup_wishes.take(current_settings())
    if wish is None:
        return None
    async with backups.open_parts(current_settings(), by=wish.by) as parts:
        return await backup_wishes.work(parts, wish)


async def _verify(name: str, identity: Path | None) -> tuple[Backup, Verdict]:
    from govbot.installation import backups

    settings = current_settings()
    async with backups.open_parts(settings) as parts:
        found = parts.folder.find(name)
        with output.progress("Check") as bar:
            return found, await backups.prove(parts, found, identity, _meter("check", bar))


async def _restore(name: str, identity: Path | None, replace: bool) -> Restored:
    from govbot.backup.folder import folder_of
    from govbot.installation import backups

    settings = current_settings()
    found = folder_of(settings).find(name)
    with output.progress("Restore") as bar:
        meter = _meter("restore", bar)
        return await backups.put_back(settings, found, identity, meter, replace=replace)


async def _prune(dry_run: bool) -> Pruned:
    from govbot.installation import backups

    async with backups.open_parts(current_settings()) as parts:
        return await backups.tidy(parts, _meter("prune", None), rehearse=dry_run)


def _meter(what: str, bar: output.Progress | None) -> Meter:
    from govbot.backup.progress import Meter

    def tell(step: str, done: int, total: int) -> None:
        if bar is not None:
            bar.update(done=done >> 20, total=(total >> 20) or None, label=f"{STEPS[step]}, MB")

    return Meter(what, tell=tell)


def _row(backup: Backup) -> dict[str, Any]:
    known, verdict = backup.manifest, backup.verdict
    return {
        "id": backup.id,
        "made_at": known.made_at if known else None,
        "reason": known.reason if known else None,
        "bytes": known.bytes if known else None,
        "govbot": known.govbot if known else None,
        "encrypted": known.sealed if known else None,
        "originals": known.originals if known else None,
        "verified_at": verdict.at if verdict else None,
        "good": verdict.good if verdict else None,
        "restored": verdict.restored if verdict else None,
        "problem": str(backup.problem) if backup.problem else None,
    }


def _cells(backup: Backup) -> list[object]:
    known, verdict = backup.manifest, backup.verdict
    if known is None:
        return [backup.id, None, None, None, None, None, f"{backup.problem}"]
    checked = "no"
    if verdict is not None:
        checked = "DAMAGED" if not verdict.good else "restored" if verdict.restored else "checksums"
        checked = f"{checked}, {verdict.at:%Y-%m-%d}"
    reason = known.reason if known.originals else f"{known.reason}, database only"
    return [
        backup.id, known.made_at, reason, _size(known.bytes), known.govbot, known.sealed, checked,
    ]  # fmt: skip


def _print_verdict(verdict: Verdict | None) -> None:
    if verdict is None:
        return
    how = "restored and counted" if verdict.restored else "checksums compared"
    print(f"Good: {how} in {verdict.seconds} s." if verdict.good else "DAMAGED:")
    for sentence in (*verdict.problems, *verdict.notes):
        print(f"  {sentence}")


def _print_pruned(done: Pruned | None) -> None:
    if done is None:
        return
    for name in done.removed:
        print(f"removed {name}")
    print(f"{len(done.kept)} backups stay, {_size(done.bytes)} of originals were removed.")


def _size(number: int) -> str:
    if number < 1_000_000:
        return f"{number / 1e3:.1f} kB"
    return f"{number / 1e6:.1f} MB" if number < 1_000_000_000 else f"{number / 1e9:.1f} GB"
