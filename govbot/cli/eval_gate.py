"""`govbot eval accept`: takes the configuration in the settings into use, as far as the gate asks.

`govbot serve` asks the gate before it starts.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Annotated

import typer

from govbot.cli import current_settings, output, run_async

if TYPE_CHECKING:
    from govbot.app import App
    from govbot.eval.gate import Standing

log = logging.getLogger(__name__)


def accept(
    force: Annotated[
        bool, typer.Option("--force", help="Although its figures fell, or were never measured.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Accept the configuration of the settings: later changes are compared with it. Audited.

    Measure it first: `govbot eval run --gold SET`, with the set of evaluation.set.
    """
    found = run_async(_accept, force)
    if as_json:
        output.print_json({"state": found.state, "changed": found.changed, "fell": found.falls})
    else:
        print("accepted already" if found.state == "accepted" else "accepted")


async def _accept(force: bool) -> Standing:
    from govbot.app import open_app
    from govbot.db.access import OPERATOR, as_system
    from govbot.eval import gate
    from govbot.eval.fingerprint import fingerprint

    async with open_app(current_settings()) as app, as_system(app.pool) as conn:
        made_with = await fingerprint(conn, app)
        found = await gate.standing(conn, app.settings, made_with)
        if found.state == "accepted":
            return found
        if not force:
            gate.require(app.settings, found, measured=True)
        await gate.accept(conn, OPERATOR, made_with, found.run, forced=force)
        return found


async def ask_gate(app: App) -> None:
    """Before the service starts: raises Conflict E-GATE where the gate refuses the settings.

    Otherwise a configuration that is not known yet is measured in the background.
    """
    from govbot.db.access import as_system
    from govbot.eval import background, gate
    from govbot.eval.fingerprint import fingerprint

    async with as_system(app.pool) as conn:
        made_with = await fingerprint(conn, app)
        found = await gate.standing(conn, app.settings, made_with)
        if app.settings.evaluation.gate == "refuse":
            gate.require(app.settings, found)
        if found.state == "accepted":
            await gate.withdraw_warnings(conn)
        elif found.state == "passed" or (found.state == "first" and found.run is not None):
            await gate.accept(conn, None, made_with, found.run)
        elif found.state in ("first", "unknown"):
            await background.measure(conn, app.queue, app.settings, made_with)
    _tell(app, found)


def _tell(app: App, found: Standing) -> None:
    if found.state == "unknown":
        log.warning(
            "The configuration changed since it was accepted and is being evaluated",
            extra={"action": "evaluation.changed", "changed": list(found.changed)},
        )
    if found.state == "failed":
        log.warning(
            "The configuration in use answers worse than the one accepted: %s",
            found.told,
            extra={"action": "evaluation.fell", "changed": list(found.changed)},
        )
    if found.state == "no-set":
        log.warning(
            'evaluation.set: there is no gold set "%s" with questions',
            app.settings.evaluation.set,
            extra={"action": "evaluation.no-set"},
        )
