#!/bin/sh
# The command `govbot` of the image; `govbot healthy` is what its HEALTHCHECK asks.
python=/usr/lib/govbot/venv/bin/python
if [ "${1:-}" = healthy ]; then
    exec "$python" -I -B -c '
import os, sys, urllib.request
port = os.environ.get("GOVBOT_WEB__PORT", "8080")
try:
    urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=4)
except OSError as error:
    sys.exit(f"not ready: {error}")'
fi
exec "$python" -I -B /usr/lib/govbot/venv/bin/govbot "$@"
