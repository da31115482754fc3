"""The examples of docs/proxy.md: they let through what GovBot lets through, for as long."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from govbot.config import Settings
from govbot.web.server import PROXY_KEEP_ALIVE_S

PAGE = (Path(__file__).parents[2] / "docs" / "proxy.md").read_text()
EXAMPLES = dict(re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
WEB = Settings().web


def number(kind: str, before: str) -> int:
    found = re.search(rf"{before}\s*=?\s*(\d+)", EXAMPLES[kind])
    assert found, before
    return int(found[1])


@pytest.mark.parametrize(
    ("kind", "words"),
    [("nginx", "proxy_read_timeout"), ("apache", "timeout"), ("caddyfile", "read_timeout")],
)
def test_answers_may_last_as_long_as_they_may_in_govbot(kind: str, words: str) -> None:
    assert number(kind, words) >= WEB.stream_timeout_s


@pytest.mark.parametrize(
    ("kind", "words"), [("nginx", "client_max_body_size"), ("caddyfile", "max_size")]
)
def test_uploads_may_be_as_large(kind: str, words: str) -> None:
    assert number(kind, words) > WEB.max_upload_mb


@pytest.mark.parametrize(
    ("kind", "words"),
    [("nginx", "keepalive_timeout"), ("apache", "ttl"), ("caddyfile", "keepalive")],
)
def test_a_resting_connection_is_let_go_before_govbot_does(kind: str, words: str) -> None:
    assert number(kind, words) < PROXY_KEEP_ALIVE_S
