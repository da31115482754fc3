"""The configuration file is changed in place and nothing else of it."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from govbot.errors import BadConfig
from govbot.installation.settings_file import replace, rewritten

ROOT = Path(__file__).parents[3]
EXAMPLE = (ROOT / "govbot.toml").read_text(encoding="utf-8")


def test_commented_default_becomes_the_value_and_keeps_its_remark() -> None:
    made = rewritten(EXAMPLE, {"web.port": 9000, "web.base_url": "https://a.example"})
    before, after = EXAMPLE.splitlines(), made.splitlines()
    assert len(before) == len(after)
    changed = [(b, a) for b, a in zip(before, after, strict=True) if b != a]
    assert changed[0] == ("# port = 8080", "port = 9000")
    assert changed[1][1].startswith('base_url = "https://a.example"  ')
    assert changed[1][1].endswith(changed[1][0].partition("  #")[2])
    assert len(changed) == 2


def test_value_over_several_lines_is_replaced_whole() -> None:
    text = '[ldap]\nservers = [ # two\n  "ldaps://a",  # 1\n  "ldaps://b",\n]\ntls = "off" # x\n'
    made = rewritten(text, {"ldap.servers": ["ldaps://c"], "ldap.tls": "required"})
    assert made == '[ldap]\nservers = ["ldaps://c"]\ntls = "required" # x\n'


def test_new_keys_and_sections_find_their_place() -> None:
    made = rewritten("# mine\n[web]\nport = 1 # one\n\n[api]\n", {
        "organisation": 'A "B"', "web.host": "::", "ldap.base_dn": "dc=x"
    })  # fmt: skip
    assert made == (
        '# mine\norganisation = "A \\"B\\""\n\n[web]\nport = 1 # one\nhost = "::"\n\n[api]\n'
        '\n[ldap]\nbase_dn = "dc=x"\n'
    )


def test_tables_are_added_behind_those_that_are_there() -> None:
    row = {"path": "/srv/a", "collection": "A"}
    once = rewritten(EXAMPLE, {}, {"watch.folders": [row]})
    twice = rewritten(once, {}, {"watch.folders": [{**row, "path": "/srv/b"}]})
    found = tomllib.loads(twice)["watch"]["folders"]
    assert [each["path"] for each in found] == ["/srv/a", "/srv/b"]
    assert twice.index("[[watch.folders]]\npath") < twice.index("\n[audit]")


@pytest.mark.parametrize(
    ("text", "key"),
    [("web.port = 1\n", "web.port"), ("web = {port = 1}\n", "web.host"), ("[web\n", "web.port")],
)
def test_file_that_cannot_be_changed_safely_is_refused(text: str, key: str) -> None:
    with pytest.raises(BadConfig):
        rewritten(text, {key: 2})


@settings(max_examples=40)
@given(
    st.dictionaries(
        st.sampled_from(["organisation", "web.port", "web.host", "ocr.dpi", "oidc.scopes"]),
        st.one_of(st.text(max_size=30), st.integers(0, 9), st.lists(st.text(max_size=9))),
    ),
    st.booleans(),
)
def test_whatever_is_written_is_read_again(changes: dict[str, object], example: bool) -> None:
    read = tomllib.loads(rewritten(EXAMPLE if example else "", changes))
    for key, value in changes.items():
        section, _, name = key.rpartition(".")
        assert (read[section] if section else read)[name] == value


def test_file_is_replaced_whole_with_its_mode_and_the_old_one_stays(tmp_path: Path) -> None:
    file = tmp_path / "govbot.toml"
    assert replace(file, "a = 1\n") is None
    assert file.stat().st_mode & 0o777 == 0o640
    file.chmod(0o600)
    saved = replace(file, "a = 2\n")
    assert saved is not None
    assert (saved.read_text(), file.read_text()) == ("a = 1\n", "a = 2\n")
    assert file.stat().st_mode & 0o777 == 0o600
    assert replace(file, "a = 2\n") is None
    assert len(list(tmp_path.iterdir())) == 2
