"""`govbot reindex`: the vectors of another embedding model."""

from __future__ import annotations

from typing import Annotated

import typer

from govbot.cli import current_settings, output, run_async


def command(
    force: Annotated[
        bool,
        typer.Option("--force", help="Switch although the figures of the gold set fall. Audited."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compute all vectors again, after a change of embedder; can be stopped and started again."""
    run_async(_reindex, force, as_json)


async def _reindex(force: bool, as_json: bool) -> None:
    from govbot.app import open_app
    from govbot.eval.trial import trial_of
    from govbot.ingest.reindex import reindex

    async with open_app(current_settings()) as app:
        if app.embedder is not None:
            # A server may hold another model than before: with its answer the fingerprint is true.
            await app.embedder.embed_query("aquecimento")
        with output.progress("chunks") as bar:
            trial = await trial_of(app, force=force)
            try:
                done = await reindex(
                    app, lambda n, total: bar.update(done=n, total=total), approve=trial
                )
            finally:
                if trial is not None and trial.rows:
                    await trial.record()
        model = app.embedder.name if app.embedder else "none"
    if as_json:
        output.print_json({"model": model, "made": done.made, "removed": done.removed})
    else:
        print(f"{model}: {done.made} vectors made, {done.removed} old ones removed")
        output.say("Restart the service if it runs with another model.")
