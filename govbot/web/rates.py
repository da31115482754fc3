"""The limits of rate that pages and API share, each with its setting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from govbot.auth import limits
from govbot.auth.limits import Rate
from govbot.db.access import Actor

if TYPE_CHECKING:
    from govbot.app import App

HOUR_S = 3600


async def count_question(app: App, actor: Actor) -> None:
    """One question or search of a person. Raises RateLimited."""
    most = app.settings.limits.questions_per_minute
    await limits.admit(app.pool, Rate(f"question:{actor.id}", most))


async def count_upload(app: App, actor: Actor) -> None:
    """One file that a person sends. Raises RateLimited."""
    most = app.settings.limits.uploads_per_hour
    await limits.admit(app.pool, Rate(f"upload:{actor.id}", most, HOUR_S))


async def count_picture(app: App, actor: Actor) -> None:
    """One page that is drawn for a person. Raises RateLimited."""
    most = app.settings.limits.pictures_per_minute
    await limits.admit(app.pool, Rate(f"picture:{actor.id}", most))


async def count_anonymous(app: App, address: str) -> None:
    """One request of somebody unknown. Raises RateLimited."""
    most = app.settings.limits.anonymous_per_minute
    await limits.admit(app.pool, Rate(f"anonymous:{limits.origin(address)}", most))
