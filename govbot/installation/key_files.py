"""The files of keys and secrets: who else may read them?"""

from __future__ import annotations

import stat
from pathlib import Path

from govbot.config import Settings, fields, is_secret
from govbot.errors import GovBotError
from govbot.sealing import KEY_FILE, open_sealer

OTHERS = stat.S_IRWXO
OWN_KEYS = (KEY_FILE, "audit.key")


def key_files(settings: Settings) -> list[Path]:
    """The files that hold a key or a secret of this installation and that are there."""
    named = [settings.data_dir / name for name in OWN_KEYS]
    secrets = {f"{section}.{name}" for section, name, info in fields() if is_secret(info)}
    for section, name, _info in fields():
        if section and f"{section}.{name.removesuffix('_file')}" in secrets - {f"{section}.{name}"}:
            value = getattr(getattr(settings, section), name)
            named += [Path(value)] if value else []
    if settings.file is not None and any(_in_file(settings, key) for key in secrets):
        named.append(settings.file)
    return [file for file in dict.fromkeys(named) if file.is_file()]


def sealing_problem(settings: Settings) -> str:
    """Why nothing can be sealed or opened with the key of this installation; else empty."""
    key = settings.security.key.get_secret_value()
    if not key and not (settings.data_dir / KEY_FILE).exists():
        return ""  # the first start makes it
    try:
        open_sealer(key, settings.data_dir)
    except GovBotError as error:
        return str(error)
    except (OSError, ValueError) as error:
        return f"{settings.data_dir / KEY_FILE}: {error}"
    return ""


def open_to_others(settings: Settings) -> list[Path]:
    """Those of them that other accounts of this machine may read or write."""
    return [file for file in key_files(settings) if file.stat().st_mode & OTHERS]


def _in_file(settings: Settings, key: str) -> bool:
    """Whether a secret stands in the configuration file itself."""
    return settings.origin(key) == str(settings.file)
