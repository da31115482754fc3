"""A hold on the folder of a stopped embedded server, so that it can be replaced."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from govbot.db.account import account_for
from govbot.db.cluster import Cluster
from govbot.db.locks import FileLock
from govbot.errors import Conflict

RUNNING: Final = "E-BACKUP-RUNNING"
_PATIENCE_S: Final = 5.0


@contextmanager
def stopped(data_dir: Path) -> Iterator[None]:
    """While the block runs no server starts on the folder of `data_dir`.

    Raises Conflict when a GovBot process uses the database that is there.
    """
    cluster = Cluster(data_dir.resolve() / "postgres")
    if not cluster.folder.exists():
        yield
        return
    account = account_for(cluster.folder, "", reach=[])
    users = FileLock(cluster.folder / "users.lock", account)
    starting = FileLock(cluster.folder / "start.lock", account)
    with starting.alone(_PATIENCE_S, threading.Event()):
        try:
            if not users.try_alone() or (cluster.data.exists() and cluster.postmaster()):
                raise _running(data_dir)
            yield
        finally:
            users.close()


def require_unused(data_dir: Path) -> None:
    """Raises Conflict when a GovBot process uses the database; what one left running is fine."""
    cluster = Cluster(data_dir.resolve() / "postgres")
    if not (cluster.folder / "users.lock").exists():
        return
    users = FileLock(cluster.folder / "users.lock", account_for(cluster.folder, "", reach=[]))
    try:
        if not users.try_alone():
            raise _running(data_dir)
    finally:
        users.close()


def owner_name(data_dir: Path) -> str:
    """The account that the database of `data_dir` belongs to; empty where there is none."""
    data = data_dir / "postgres" / "data"
    return data.owner() if data.exists() else ""


def _running(data_dir: Path) -> Conflict:
    return Conflict(
        'GovBot is running on the data folder "%(path)s": stop it first '
        "(systemctl stop govbot.socket govbot).",
        path=str(data_dir),
        code=RUNNING,
    )
