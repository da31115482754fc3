"""Where the files that are not Python live: beside the package, or installed under share/govbot."""

from __future__ import annotations

import sys
from pathlib import Path

from govbot.errors import Unavailable

_PACKAGE = Path(__file__).resolve().parent


def migrations_dir() -> Path:
    """The alembic environment and the SQL files of the schema."""
    return _find("migrations")


def templates_dir() -> Path:
    """The Jinja templates of the pages."""
    return _find("templates")


def static_dir() -> Path:
    """Style sheets, scripts and pictures that the web server hands out."""
    return _find("static")


def locales_dir() -> Path:
    """The gettext catalogs: they travel inside the package."""
    return _PACKAGE / "locales"


def models_dir() -> Path:
    """Models that a package brings along; a checkout has none, so the folder may be absent."""
    return Path(sys.prefix) / "share" / "govbot" / "models"


def _find(name: str) -> Path:
    """The source tree wins over what is installed, so that a checkout uses its own files."""
    places = (_PACKAGE.parent / name, Path(sys.prefix) / "share" / "govbot" / name)
    for place in places:
        if place.is_dir():
            return place
    raise Unavailable(
        'GovBot is not installed completely: the folder "%(name)s" is missing. Install it again.',
        name=name,
    )
