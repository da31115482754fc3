"""`govbot audit`: read the audit log and check its chain."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from govbot.cli import current_settings, output, run_async

if TYPE_CHECKING:
    from govbot.audit import AuditReport
    from govbot.audit.checkpoints import Checkpoint

app = typer.Typer(no_args_is_help=True, help="List, verify and export the audit log.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Newest entries to show.")] = 50,
    before: Annotated[int | None, typer.Option(help="Go on from this entry number.")] = None,
    action: Annotated[str | None, typer.Option(help="Only this action.")] = None,
    user: Annotated[str | None, typer.Option(help="Only what this user did.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the newest entries first."""
    run_async(_list, limit, before, action, user, as_json)


@app.command()
def verify(
    as_json: AsJson = False,
    file: Annotated[
        Path | None,
        typer.Option(help="Check this file of JSON lines (.jsonl, .jsonl.gz), no database."),
    ] = None,
    checkpoint_file: Annotated[
        Path | None,
        typer.Option("--checkpoints", help="Signed checkpoints. [default: the service's own]"),
    ] = None,
    public_key: Annotated[
        list[str] | None,
        typer.Option(help="Public key, or its file, that may have signed; may be repeated."),
    ] = None,
    archives: Annotated[
        bool, typer.Option(help="Go through the archives of old entries too.")
    ] = True,
) -> None:
    """Check every entry against the chain and the checkpoints; exit code 1 when it is broken."""
    keys = frozenset(_public(text) for text in public_key or ())
    if file is not None:
        report = _verify_file(file, checkpoint_file, keys)
    else:
        report = run_async(_verify, checkpoint_file, keys, archives)
    if as_json:
        output.print_json(report)
    else:
        print(_sentence(report))
    if report.first_broken is not None:
        raise typer.Exit(1)


@app.command()
def key(
    short: Annotated[bool, typer.Option("--base64", help="In one line instead of PEM.")] = False,
) -> None:
    """Print the public key that checks checkpoints."""
    from govbot.audit.keys import open_key

    settings = current_settings()
    found = open_key(settings.audit.key.get_secret_value(), settings.data_dir)
    print(found.public if short else found.pem.strip())


@app.command()
def checkpoint(
    new_file: Annotated[
        bool, typer.Option("--new-file", help="Begin a file although there was another.")
    ] = False,
) -> None:
    """Sign the end of the log now."""
    found = run_async(_checkpoint, new_file)
    print(f"Entry {found.seq} is signed." if found else "Nothing is new since the last checkpoint.")


@app.command()
def export(
    after: Annotated[int, typer.Option(min=0, help="Begin behind this entry number.")] = 0,
) -> None:
    """Print every entry as a JSON line, the oldest first."""
    run_async(_export, after)


@app.command()
def prune() -> None:
    """Move entries older than audit.retention_days to archives now."""
    print(f"{run_async(_prune)} entries were moved.")


async def _list(
    limit: int, before: int | None, action: str | None, user: str | None, as_json: bool
) -> None:
    from govbot import audit
    from govbot.app import open_store
    from govbot.db.access import as_system

    async with open_store(current_settings()) as pool, as_system(pool) as conn:
        found = await audit.entries(conn, limit=limit, before=before, action=action, actor=user)
    if as_json:
        output.print_json(
            [
                {
                    "seq": e.seq,
                    "at": e.at.isoformat(),
                    "actor": e.actor_name,
                    "action": e.action,
                    "resource": e.resource,
                    "details": json.loads(e.details),
                    "ip": e.ip,
                    "hash": bytes(e.hash).hex(),
                }
                for e in found
            ]
        )
        return
    rows = [[e.seq, e.at, e.actor_name or "govbot", e.action, e.resource, e.details] for e in found]
    output.print_table(["seq", "at", "who", "action", "resource", "details"], rows)


def _verify_file(file: Path, signed: Path | None, keys: frozenset[str]) -> AuditReport:
    from govbot.audit import checkpoints
    from govbot.audit.proof import Evidence, verify_file
    from govbot.errors import Unavailable

    if not file.is_file():
        raise Unavailable("There is no file %(file)s.", file=str(file))
    found = tuple(checkpoints.read(signed)) if signed else ()
    return verify_file(file, Evidence(found, keys))


async def _verify(signed: Path | None, keys: frozenset[str], archives: bool) -> AuditReport:
    from govbot import audit
    from govbot.app import open_store
    from govbot.audit import archive, checkpoints
    from govbot.audit.keys import open_key
    from govbot.audit.proof import Evidence
    from govbot.db.access import as_system

    settings = current_settings()
    own = checkpoints.file_of(settings.audit.checkpoint_file, settings.data_dir)
    found = tuple(checkpoints.read(signed or own)) if signed or own.exists() else ()
    if not keys and found:
        keys = frozenset(
            {open_key(settings.audit.key.get_secret_value(), settings.data_dir).public}
        )
    evidence = Evidence(found, keys, settings.data_dir / archive.FOLDER if archives else None)
    async with open_store(settings) as pool, as_system(pool) as conn:
        return await audit.verify(conn, evidence)


async def _checkpoint(new_file: bool) -> Checkpoint | None:
    from govbot.app import open_store
    from govbot.audit import checkpoints
    from govbot.audit.keys import open_key

    settings = current_settings()
    key = open_key(settings.audit.key.get_secret_value(), settings.data_dir)
    file = checkpoints.file_of(settings.audit.checkpoint_file, settings.data_dir)
    async with open_store(settings) as pool:
        return await checkpoints.take(pool, key, file, renew=new_file)


async def _export(after: int) -> None:
    from govbot import audit
    from govbot.app import open_store
    from govbot.audit import book
    from govbot.audit.lines import to_line
    from govbot.db.access import OPERATOR, as_system

    async with open_store(current_settings()) as pool:
        async with as_system(pool) as conn:
            await audit.record(
                conn, actor=OPERATOR, action="audit.exported", details={"after": after}
            )
        while True:
            async with as_system(pool) as conn:
                batch = await book.after(conn, after, limit=1000)
            if not batch:
                return
            after = batch[-1].seq
            sys.stdout.write("".join(map(to_line, batch)))


async def _prune() -> int:
    from govbot.app import open_store
    from govbot.audit.keeper import Keeper

    settings = current_settings()
    async with open_store(settings) as pool:
        return await Keeper(pool, settings).prune()


def _public(text: str) -> str:
    from govbot.audit.keys import read_public

    file = Path(text)
    return read_public(file.read_text(encoding="ascii") if file.is_file() else text)


def _sentence(report: AuditReport) -> str:
    """What was found, in words."""
    if report.first_broken is None:
        span = f"{report.entries} entries ({report.first} to {report.last})"
        signed = f"{report.checkpoints} checkpoints agree"
        if report.unchecked:
            signed += f", {report.unchecked} belong to entries that are not here"
        return f"{span}, the chain is whole; {signed}. Last hash: {report.last_hash}"
    seq, until = report.first_broken, report.until
    span = f"entries {seq} to {until}" if until and until > seq else f"entry {seq}"
    words = {
        "edited": f"The chain is broken at {span}: it was changed.",
        "deleted": f"The chain is broken at {span}: it is missing.",
        "inserted": f"The chain is broken at {span}: it was put in later.",
        "rewritten": f"The chain is broken in {span}: it was rewritten after a checkpoint of "
        f"entry {until or seq} was signed.",
        "truncated": f"The chain is broken at {span}: a checkpoint knows more entries.",
        "bad-signature": f"The checkpoint of entry {seq} is not signed by a key that may sign.",
    }
    return words[str(report.reason)]
