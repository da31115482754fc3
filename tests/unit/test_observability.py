"""What monitors get: dashboard and alert rules name metrics that exist, and pages that explain."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from govbot import metrics

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "packaging" / "observability"
DASHBOARD = json.loads((FOLDER / "govbot-dashboard.json").read_text(encoding="utf-8"))
RULES = yaml.safe_load((FOLDER / "govbot-rules.yml").read_text(encoding="utf-8"))
ALL = [rule for group in RULES["groups"] for rule in group["rules"]]
RECORDED = {rule["record"] for rule in ALL if "record" in rule}
PAGE = (ROOT / "docs" / "monitoring.md").read_text(encoding="utf-8")
PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(
    PROMTOOL is None, reason="promtool (of the Debian package prometheus) is not here"
)


def _panels() -> list[dict[str, Any]]:
    return [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def _queries() -> Iterator[tuple[str, str]]:
    for panel in _panels():
        for target in panel["targets"]:
            yield panel["title"], target["expr"]
    for note in DASHBOARD["annotations"]["list"]:
        yield note["name"], note["expr"]
    for variable in DASHBOARD["templating"]["list"]:
        yield variable["name"], variable.get("definition", "")
    for rule in ALL:
        yield rule.get("alert") or rule["record"], rule["expr"]


def _named(query: str) -> set[str]:
    bare = re.sub(r'"[^"]*"', '""', query)
    return set(re.findall(r"\b(?:govbot|process|python)[_:][a-z0-9_:]+", bare))


@pytest.mark.parametrize(("where", "query"), [*_queries()])
def test_every_metric_of_a_query_exists(where: str, query: str) -> None:
    unknown = _named(query) - metrics.names() - RECORDED
    assert unknown == set(), where
    assert query.count("(") == query.count(")")


def test_every_metric_is_explained_and_every_one_explained_exists() -> None:
    families = {family.name for family in metrics.registry.collect()}
    totals = {f"{f.name}_total" for f in metrics.registry.collect() if f.type == "counter"}
    plain = {f.name for f in metrics.registry.collect() if f.type != "counter"}
    ours = {name for name in totals | plain if name.startswith("govbot_") and "_test_" not in name}
    told = set(re.findall(r"`(govbot_[a-z0-9_]+)`", PAGE))
    assert ours - told == set()
    assert told - ours - families - metrics.names() == set()


def test_labels_are_few_fixed_words() -> None:
    allowed = {
        "code", "engine", "folder", "kind", "limit", "method", "model", "outcome", "part", "place",
        "pool", "reason", "receiver", "route", "stage", "state", "status", "version",
    }  # fmt: skip
    found = {
        label
        for collector in set(metrics.registry._names_to_collectors.values())
        if str(getattr(collector, "_name", "")).startswith("govbot_")
        for label in getattr(collector, "_labelnames", ())
    }
    assert found <= allowed


def test_every_alert_says_how_bad_it_is_and_where_to_read_on() -> None:
    headings = {
        re.sub(r"[^a-z0-9 -]", "", line.lstrip("# ").lower()).replace(" ", "-")
        for line in PAGE.splitlines()
        if line.startswith("#")
    }
    for rule in (each for each in ALL if "alert" in each):
        assert rule["labels"]["severity"] in ("page", "ticket"), rule["alert"]
        page, _, place = rule["annotations"]["runbook"].partition("#")
        assert page == "docs/monitoring.md"
        assert place in headings, rule["alert"]


@pytest.mark.parametrize("objective", ["requests_failed", "answers_failed", "answers_late"])
def test_every_objective_is_watched_over_four_pairs_of_windows(objective: str) -> None:
    pairs = {
        tuple(re.findall(rf"govbot:{objective}:ratio_rate(\w+)", rule["expr"]))
        for rule in ALL
        if "alert" in rule and objective in rule["expr"]
    }
    assert pairs == {("1h", "5m"), ("6h", "30m"), ("1d", "2h"), ("3d", "6h")}


def test_panels_stand_beside_one_another_and_have_their_own_number() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells
    numbers = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(numbers) == len(set(numbers))


@needs_promtool
def test_prometheus_takes_the_rules_and_they_ring_when_they_should() -> None:
    for arguments in (
        ["check", "rules", "govbot-rules.yml"],
        ["test", "rules", "govbot-rules-test.yml"],
    ):
        done = subprocess.run(
            [str(PROMTOOL), *arguments], cwd=FOLDER, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_prometheus_takes_every_query_of_the_dashboard(tmp_path: Path) -> None:
    queries = [target["expr"] for panel in _panels() for target in panel["targets"]]
    filled = [each.replace("$__rate_interval", "5m") for each in queries]
    rules = [{"record": f"panel:query:{n}", "expr": each} for n, each in enumerate(filled)]
    file = tmp_path / "panels.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    done = subprocess.run(
        [str(PROMTOOL), "check", "rules", str(file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
