"""`govbot doctor`: the machine: program, disk, memory, processor, clock."""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import stat
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from govbot.cli.doctor_finding import Found, Seen, Visit, fail, ok, warn

FREE_GB: Final = 2.0  # less free space than this is a fault
SCARCE_GB: Final = 10.0
FREE_FILES: Final = 10_000  # inodes
LEAST_GB: Final = 1.8  # of memory: a machine of 2 GB has a little less
SCARCE_MEMORY_GB: Final = 0.5
AHEAD_S: Final = 300.0  # a file from the future by more than this: the clock was set back
_UNSYNCHRONISED: Final = 5  # TIME_ERROR of adjtimex(2)


def program(_visit: Visit) -> Found:
    """The version that runs, and on what."""
    from govbot import __version__

    return ok(f"GovBot {__version__}, Python {platform.python_version()}, {platform.platform()}")


def configuration(visit: Visit) -> Found:
    """The file that counts, and that nobody else may change it."""
    file = visit.settings.file
    if file is None:
        return ok("defaults (no govbot.toml found)")
    mode = file.stat().st_mode
    if mode & stat.S_IWOTH:
        return fail(f"{file}: every account may change it", f"chmod o-w {file}")
    return ok(str(file))


def files_named(visit: Visit) -> Found:
    """Files and folders that the settings name and that must be there."""
    own = visit.settings
    named = {
        "ldap.ca_file": own.ldap.ca_file,
        "oidc.ca_file": own.oidc.ca_file,
        "embedder.tokenizer": own.embedder.tokenizer,
        "answers.nli_model": own.answers.nli_model,
        "analytics.sentiment_model": own.analytics.sentiment_model,
    }
    given = {key: Path(path) for key, path in named.items() if path}
    missing = [f"{key} ({path})" for key, path in given.items() if not path.exists()]
    if missing:
        return fail(f"not there: {', '.join(missing)}", "Correct the path or bring the file back.")
    return ok(f"{len(given)} named, all there")


def data_folder(visit: Visit) -> Found:
    """There, writable by this account, closed to others."""
    folder = visit.settings.data_dir
    if not folder.exists():
        try:
            folder.mkdir(parents=True)
        except OSError as error:
            return fail(f"{folder}: {error.strerror}", _give(folder.parent))
    if not folder.is_dir():
        return fail(f"{folder} is no folder", "Set data_dir to a folder.")
    for each in (folder, folder / "files"):  # the originals may lie on a disk of their own
        if reason := _cannot_write(each):
            return fail(f"{each}: {reason}", _give(each))
    if folder.stat().st_mode & stat.S_IWOTH:
        return fail(f"{folder}: every account may write here", f"chmod o-w {folder}")
    return ok(f"{folder}, writable")


def _cannot_write(folder: Path) -> str:
    """The reason, if this account cannot; a folder that is yet to be made is no matter."""
    if not folder.is_dir():
        return ""
    probe = folder / f".doctor-{os.getpid()}"
    try:
        probe.write_bytes(b"x" * 4096)
        probe.unlink()
    except OSError as error:
        with suppress(OSError):
            probe.unlink(missing_ok=True)
        return error.strerror or str(error)
    return ""


def _give(folder: Path) -> str:
    return (
        f"Let the service's account write in {folder} (chown govbot: {folder}); under systemd add "
        "ReadWritePaths= to the unit; make room where the disk is full."
    )


def disk(visit: Visit) -> Found:
    """Room on the disk of the data folder."""
    folder = visit.settings.data_dir
    usage = shutil.disk_usage(folder)
    files = os.statvfs(folder)
    seen = f"{usage.free / 1e9:.1f} of {usage.total / 1e9:.1f} GB free at {folder}"
    remedy = (
        "Make room or move data_dir to a larger disk; documents that wait go on by themselves. "
        "`govbot models list` and `govbot jobs list` tell what could go."
    )
    if usage.free < FREE_GB * 1e9:
        return fail(seen, remedy)
    if files.f_files and files.f_favail < FREE_FILES:
        return fail(f"{files.f_favail} inodes left at {folder}", remedy)
    return warn(seen, remedy) if usage.free < SCARCE_GB * 1e9 else ok(seen)


def memory(visit: Visit) -> Found:
    """Memory of the machine against what the models need by themselves."""
    from govbot.generate.router import entries_of
    from govbot.generate.weight import estimate

    found = {
        line.partition(":")[0]: int(line.split()[1]) * 1024
        for line in Path("/proc/meminfo").read_text("ascii").splitlines()
        if line.split()[1:2] and line.split()[1].isdecimal()
    }
    total, free = found["MemTotal"] / 1e9, found.get("MemAvailable", 0) / 1e9
    own = visit.settings.generation
    each = [estimate(entry.settings) for entry in entries_of(own)]
    wanted = min(sum(each), own.memory_mb << 20) if own.memory_mb else sum(each)
    seen = f"{total:.1f} GB, {free:.1f} GB available" + (
        f", the models take about {wanted / 1e9:.1f} GB" if wanted else ""
    )
    if total < LEAST_GB:
        return fail(seen, "GovBot needs 2 GB of memory, 4 GB with the starter embedder.")
    if max(each, default=0) > found["MemTotal"]:
        return fail(seen, "Choose a smaller model or quantisation: docs/models.md.")
    if wanted > found["MemTotal"]:
        return warn(seen, "Set generation.memory_mb, so that not all are loaded at a time.")
    if free < SCARCE_MEMORY_GB:
        return warn(seen, "Stop what else runs here, or give the machine more memory.")
    return ok(seen)


def clock(visit: Visit) -> Found:
    """Against the network's time, the program's age and the newest files of the data folder."""
    now = time.time()
    remedy = "Set the clock and switch time synchronisation on: timedatectl set-ntp true."
    built = Path(__file__).stat().st_mtime
    if now < built - AHEAD_S:
        return fail(f"{_iso(now)}: before the program was installed", remedy)
    newest = max(_times(visit.settings.data_dir), default=0.0)
    if newest > now + AHEAD_S:
        words = f"{_iso(now)}: files of the data folder are from {_iso(newest)}"
        return fail(words, f"{remedy} It was set back, or the files were written by another clock.")
    if _synchronised() is False:
        return warn(f"{_iso(now)}, not synchronised", remedy)
    return ok(_iso(now))


def _times(folder: Path) -> list[float]:
    """When files that GovBot writes all the time were written last."""
    names = ("audit-checkpoints.jsonl", "secret.key", "audit.key", "postgres/postmaster.pid")
    return [(folder / name).stat().st_mtime for name in names if (folder / name).is_file()]


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def _synchronised() -> bool | None:
    """What the kernel knows; None where it does not tell, as in some containers."""
    asked = ctypes.create_string_buffer(512)  # struct timex; modes = 0: only read
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(asked)
    except (AttributeError, OSError):
        return None
    return None if state < 0 else state != _UNSYNCHRONISED


def spare(visit: Visit) -> list[Seen]:
    """Room where the folder of the models, if it is another disk, takes what is fetched."""
    folder = visit.settings.data_dir / "models"
    if not folder.is_dir() or folder.stat().st_dev == visit.settings.data_dir.stat().st_dev:
        return []
    free = shutil.disk_usage(folder).free / 1e9
    seen = f"{free:.1f} GB free at {folder}"
    return [ok(seen) if free >= FREE_GB else warn(seen, "Make room for models on that disk.")]
