"""A GovBot process reduced to its hold on the embedded database, for tests that kill it.

Prints "starting", then "ready PID" (of the server); lets go when its standard input ends. Without
fsync, because the tests kill processes and not the machine.
"""

from __future__ import annotations

import sys
from pathlib import Path

from govbot.db.embedded import EmbeddedPostgres

if __name__ == "__main__":
    print("starting", flush=True)
    with EmbeddedPostgres(Path(sys.argv[1]), options={"fsync": "off"}) as server:
        print("ready", server.pid, flush=True)
        sys.stdin.read()
    print("stopped", flush=True)
