"""`govbot doctor`: the units of systemd, where they are the ones that run this configuration."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Final

from govbot.cli.doctor_finding import Found, Visit, absent, fail, ok, warn

SYSTEMD: Final = Path("/run/systemd/system")
SERVICE_FILE: Final = Path("/etc/govbot/govbot.toml")
RESTARTS: Final = 3  # more are a sign
_ASK_S: Final = 5


def service(visit: Visit) -> Found:
    """The unit of systemd, where this configuration is the one it reads."""
    if reason := _not_ours(visit):
        return absent(f"{reason}: whoever starts GovBot looks after it")
    facts = _unit("govbot.service")
    state, enabled = facts.get("ActiveState", ""), facts.get("UnitFileState", "")
    seen = f"{state} ({facts.get('SubState')}), {enabled}, {facts.get('NRestarts', '0')} restarts"
    if state == "failed":
        return fail(seen, "journalctl -u govbot -n 50, then systemctl restart govbot.")
    if state != "active" or enabled in ("disabled", "masked"):
        return warn(seen, "systemctl enable --now govbot.socket govbot.service")
    if int(facts.get("NRestarts") or 0) > RESTARTS:
        return warn(seen, "journalctl -u govbot tells why it was started again.")
    return ok(seen)


def drop_ins(visit: Visit) -> Found:
    """Whether the unit may reach what the settings name outside the data folder."""
    from govbot.installation.units import missing, wanted

    if reason := _not_ours(visit):
        return absent(reason)
    if lacking := missing(visit.settings):
        words = f"the unit lacks {', '.join(str(each) for each in lacking)}"
        return fail(words, "Run `govbot setup` as root again.")
    return ok(f"{len(wanted(visit.settings))} drop-ins needed, all there")


def _not_ours(visit: Visit) -> str:
    """Why the units of the package have nothing to do with this configuration; else empty."""
    if not SYSTEMD.is_dir():
        return "no systemd here"
    if visit.settings.file != SERVICE_FILE:
        return f"the unit reads {SERVICE_FILE}, not this configuration"
    return "" if _unit("govbot.service").get("LoadState") == "loaded" else "no govbot.service"


def _unit(name: str) -> dict[str, str]:
    wanted = "LoadState,ActiveState,SubState,UnitFileState,NRestarts,Result"
    done = subprocess.run(
        ["systemctl", "show", name, "--property", wanted],
        capture_output=True,
        text=True,
        timeout=_ASK_S,
        check=False,
    )
    return dict(line.partition("=")[::2] for line in done.stdout.splitlines())


def timer(visit: Visit) -> Found:
    """The nightly backup, where systemd runs this installation."""
    if reason := _not_ours(visit):
        return absent(f"{reason}: start backups by other means")
    facts = _unit("govbot-backup.timer")
    if facts.get("LoadState") != "loaded":
        return absent("there is no govbot-backup.timer")
    if facts.get("ActiveState") != "active":
        return warn("stopped", "systemctl enable --now govbot-backup.timer")
    result = _unit("govbot-backup.service").get("Result", "")
    if result not in ("", "success"):
        return fail(f"the last run ended with {result}", "journalctl -u govbot-backup -n 50")
    return ok("active")
