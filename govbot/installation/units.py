"""Drop-ins that let the service of systemd reach what the settings name: written by `govbot setup`,
compared by `govbot doctor`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from psycopg.conninfo import conninfo_to_dict

from govbot.backup.folder import PACKAGED, PACKAGED_DATA
from govbot.config import Settings
from govbot.systemd import DROPINS, listen_dropin, paths_dropin

OFFERED: Final = (
    Path("/usr/share/govbot/dropins"),
    Path(sys.prefix) / "share" / "govbot" / "dropins",
    Path(__file__).resolve().parents[2] / "systemd",
)
NAMES: Final = ("listen.conf", "paths.conf", "network.conf", "gpu.conf")
MARK: Final = "# Written by `govbot setup`; without this line it stays as you change it.\n"
SERVICE, BACKUP, SOCKET = "govbot.service.d", "govbot-backup.service.d", "govbot.socket.d"


def wanted(settings: Settings, *, gpu: bool = False, root: Path = DROPINS) -> dict[Path, str]:
    """Every drop-in that these settings need, by its place. `root` is the folder of the units."""
    found: dict[Path, str] = {}
    address = (settings.web.host, settings.web.port)
    if address != ("127.0.0.1", 8080):
        found[root / SOCKET / "listen.conf"] = listen_dropin(*address)
    write, read = set(_written(settings)), [Path(each.path) for each in settings.watch.folders]
    if write or any(_is_hidden(path) for path in read):
        found[root / SERVICE / "paths.conf"] = paths_dropin(write, read)
    backup = {*_away(settings.data_dir), *_backup_folder(settings)}
    if backup:
        found[root / BACKUP / "paths.conf"] = paths_dropin(backup)
    if outward(settings):
        found[root / SERVICE / "network.conf"] = offered("network.conf")
    if settings.database.url and _by_network(settings.database.url):
        found[root / BACKUP / "network.conf"] = offered("network.conf")
    if gpu:
        found[root / SERVICE / "gpu.conf"] = offered("gpu.conf")
    return {place: text for place, text in found.items() if text}


def install(settings: Settings, *, gpu: bool | None = None, root: Path = DROPINS) -> list[str]:
    """Writes what is needed and takes away what an earlier run wrote and nobody needs any more.

    `gpu` None: as it is. What somebody wrote by hand stays. Returns what changed, in words.
    """
    if gpu is None:
        gpu = (root / SERVICE / "gpu.conf").is_file()
    needed = {place: MARK + text for place, text in wanted(settings, gpu=gpu, root=root).items()}
    changed = []
    for folder in (SERVICE, BACKUP, SOCKET):
        for name in NAMES:
            place = root / folder / name
            there = place.read_text("utf-8") if place.is_file() else None
            if place in needed and there != needed[place] and (there or MARK).startswith(MARK):
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text(needed[place], "utf-8")
                changed.append(f"wrote {place}")
            elif there is not None and place not in needed and there.startswith(MARK):
                place.unlink()
                changed.append(f"removed {place}")
    return changed


def missing(settings: Settings, *, root: Path = DROPINS) -> list[Path]:
    """The drop-ins that are needed and not there; what somebody wrote into them is his."""
    return [place for place in wanted(settings, root=root) if not place.is_file()]


def outward(settings: Settings) -> list[str]:
    """The settings that need a network: the unit has none but its own loopback."""
    found = [f"ldap.servers {each}" for each in settings.ldap.servers]
    addresses = {
        "oidc.issuer": settings.oidc.issuer,
        "embedder.base_url": settings.embedder.base_url,
        "generation.base_url": settings.generation.base_url,
        "tracing.endpoint": settings.tracing.endpoint,
    }
    found += [f"{key} {value}" for key, value in addresses.items() if value]
    found += [
        f"generation.models {model.base_url}"
        for model in settings.generation.models
        if model.base_url
    ]
    found += [
        f"audit.forward {each.name}"
        for each in settings.audit.forward
        if each.kind not in ("unix", "file")
    ]
    if settings.database.url and _by_network(settings.database.url):
        found.append("database.url")
    return found


def offered(name: str) -> str:
    """The text of a drop-in that the package brings along; empty where there is none."""
    for folder in OFFERED:
        if (folder / name).is_file():
            return (folder / name).read_text("utf-8")
    return ""


def _written(settings: Settings) -> Iterator[Path]:
    """Folders outside its own in which the service writes."""
    yield from _away(settings.data_dir)
    if file := settings.audit.checkpoint_file:
        yield from _away(Path(file).parent)
    for receiver in settings.audit.forward:
        if receiver.kind == "file" and receiver.path:
            yield from _away(Path(receiver.path).parent)
    yield from _backup_folder(settings)


def _backup_folder(settings: Settings) -> Iterator[Path]:
    folder = settings.backup.folder
    if folder and not Path(folder).is_relative_to(PACKAGED):
        yield from _away(Path(folder))


def _away(folder: Path) -> Iterator[Path]:
    if not folder.is_relative_to(PACKAGED_DATA):
        yield folder


def _is_hidden(path: Path) -> bool:
    """Below what ProtectHome hides from the unit."""
    return any(path.is_relative_to(each) for each in ("/home", "/root", "/run/user"))


def _by_network(url: str) -> bool:
    """Whether a connection goes by TCP, rather than by a socket of this machine."""
    host = str(conninfo_to_dict(url).get("host") or "")
    return bool(urlsplit(url).hostname or host) and not host.startswith("/")
