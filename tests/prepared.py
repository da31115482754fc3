"""Scenes that are made once per worker and cloned for each test that begins there.

Taking in a document costs a process of its own; cloning a database that has it costs nothing more
than cloning an empty one. A test begins with a scene when one of its fixtures bears the name of a
recipe.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from govbot.db.dsns import Dsns
from govbot.db.embedded import EmbeddedPostgres
from tests.postgres import clone_database

Recipe = Callable[[Dsns, Path], Awaitable[Any]]
_RECIPES: dict[str, Recipe] = {}


@dataclass(frozen=True)
class Prepared:
    """A database to clone, the data folder that belongs to it, and what the recipe returned, which
    has the people of the scene as `cast`."""

    database: str
    data: Path
    scene: Any


def recipe(fixture: str) -> Callable[[Recipe], Recipe]:
    """Marks what fills an empty database and an empty folder for the tests that use `fixture`.

    It must leave no connection open. No other fixture may bear that name: its tests would begin
    with the scene too.
    """

    def keep(made: Recipe) -> Recipe:
        _RECIPES[fixture] = made
        return made

    return keep


@pytest.fixture(scope="session")
def prepared_scenes() -> dict[str, Prepared]:
    """The scenes that were made so far, by the fixture that asked for them."""
    return {}


@pytest.fixture
def prepared(
    request: pytest.FixtureRequest,
    postgres: EmbeddedPostgres,
    template_database: str,
    tmp_path_factory: pytest.TempPathFactory,
    prepared_scenes: dict[str, Prepared],
) -> Prepared | None:
    """The scene that this test begins with; None: an empty database and no folder."""
    callspec = getattr(request.node, "callspec", None)
    parameters = callspec.params if callspec else {}  # those may bear any name
    wanted = [n for n in request.fixturenames if n in _RECIPES and n not in parameters]
    if not wanted:
        return None
    (name,) = wanted
    if name not in prepared_scenes:
        database = f"prepared_{name}"
        clone_database(postgres, database, template_database)
        data = tmp_path_factory.mktemp(name) / "data"
        # In a thread of its own: a loop may be there already.
        with ThreadPoolExecutor(1) as alone:
            made = alone.submit(_run, _RECIPES[name], postgres.dsns(database), data)
            prepared_scenes[name] = Prepared(database, data, made.result())
    return prepared_scenes[name]


def _run(made: Recipe, dsns: Dsns, data: Path) -> Any:
    async def fill() -> Any:
        return await made(dsns, data)

    return asyncio.run(fill())
