"""Fixtures that every kind of test may use."""

from __future__ import annotations

import compileall
import gc
import logging
import os
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

pytest_plugins = [
    "tests.postgres",
    "tests.prepared",
    "tests.troupe",
    "tests.ingestion",
    "tests.answering",
    "tests.slapd",
]


# Time is measured in tests/bench: a busy machine must fail nothing here.
settings.register_profile("govbot", deadline=None)
settings.load_profile("govbot")

# What takes longest goes first, so that no worker is left alone with it at the end.
LONGEST_FIRST = (
    *("system", "browser", "web", "database"),
    *("unit/extract", "unit/finetune", "unit/generate", "unit"),
)


def pytest_configure(config: pytest.Config) -> None:
    """Hundreds of child processes load the program; where the environment lets nothing keep what
    is compiled of it, each one would compile it again. Done before there are workers."""
    if "PYTEST_XDIST_WORKER" not in os.environ and not config.option.collectonly:
        compileall.compile_dir(ROOT / "govbot", quiet=2)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, Any, Any]:
    """What thousands of tests are made of stays to the end: nobody has to look through it again
    and again, neither while it is made nor later."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        path = item.path.relative_to(ROOT / "tests").as_posix()
        places = (at for at, part in enumerate(LONGEST_FIRST) if path.startswith(f"{part}/"))
        return next(places, len(LONGEST_FIRST))

    items.sort(key=place)


@pytest.fixture(autouse=True)
def _log_handlers_go() -> Iterator[None]:
    """A handler that a test leaves behind writes into a stream that is closed by then."""
    before = list(logging.root.handlers)
    yield
    for handler in set(logging.root.handlers) - set(before):
        logging.root.removeHandler(handler)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real documents and question sets, which is not part of the repository."""
    folder = Path(os.environ.get("GOVBOT_SHARED_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip("the shared documents are not here (GOVBOT_SHARED_DATA)")
    return folder
