"""What outside groups mean here, names from outside, entries of directories: no server needed."""

from __future__ import annotations

from pathlib import Path
from time import time
from typing import Any

import pytest

from govbot.auth.directory import Mapping, account_name, split_groups
from govbot.auth.ldap_link import Entry, Server, normal_dn
from govbot.auth.ldap_people import Dialect, by_ids, by_username, is_active, rule_token
from govbot.config import load_settings
from govbot.config.table import Ldap, OutsideGroup
from govbot.db.access import Role
from govbot.errors import BadConfig, Invalid


def mapping(*rules: dict[str, Any], **settings: Any) -> Mapping:
    return Mapping(Ldap(groups=tuple(OutsideGroup(**rule) for rule in rules), **settings))


def test_the_highest_role_and_clearance_and_all_groups_count() -> None:
    found = mapping(
        {"group": "a", "role": "curator", "member_of": ("X", "Y"), "clearance": 1},
        {"group": "b", "role": "auditor", "member_of": ("Y", "Z"), "clearance": 3},
        {"group": "c", "role": "admin", "clearance": 4},
    ).standing({"a", "b", "other"})
    assert (found.role, found.groups, found.clearance) == (Role.CURATOR, ("X", "Y", "Z"), 3)


def test_what_no_rule_names_is_decided_in_govbot() -> None:
    found = mapping({"group": "a", "member_of": ("X",)}).standing({"a"})
    assert (found.role, found.clearance) == (None, None)


def test_who_is_in_no_group_falls_back_to_the_default() -> None:
    found = mapping({"group": "a", "role": "admin", "clearance": 2}).standing(set())
    assert (found.role, found.clearance, found.groups) == (Role.USER, 0, ())


def test_one_of_the_required_groups_is_enough() -> None:
    both = mapping(required_groups=("a", "b"))
    assert both.standing({"b"}).admitted
    assert not both.standing({"c"}).admitted
    assert mapping().standing(set()).admitted


@pytest.mark.parametrize(
    ("outside", "name"),
    [
        ("Maria", "maria"),
        ("joão.silva", "joao.silva"),
        ("José da Silva", "jose.da.silva"),
        ("ana@aurora.gov.br", "ana@aurora.gov.br"),
        (" .x--y. ", "x--y"),
        ("ａｄｍｉｎ", "admin"),
        ("a" * 90, "a" * 64),
    ],
)
def test_user_names_from_outside_take_our_form(outside: str, name: str) -> None:
    assert account_name(outside) == name


@pytest.mark.parametrize("outside", ["", " ", "x", "日本", "...", "\x00"])
def test_a_name_of_which_nothing_is_left_is_refused(outside: str) -> None:
    with pytest.raises(Invalid):
        account_name(outside)


def test_odd_group_lists_are_cleaned() -> None:
    assert split_groups([" a ", "", None, 7, "b" * 2000, ["x"]]) == {"a"}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("cn=A,dc=x", "CN=a, DC=X", True),
        ("cn=a\\,b,dc=x", "cn=a\\2Cb,dc=x", True),
        ("cn=ção,dc=x", "cn=\\C3\\A7\\C3\\A3o,dc=x", True),
        ("cn=a,dc=x", "cn=a,dc=y", False),
        ("cn=a\\,dc=x", "cn=a,dc=x", False),
        ("cn=a+ou=b,dc=x", "cn=a,ou=b,dc=x", False),
        ("cn=a',dc='x,dc=y", "cn=a',dc='x\\,dc=y", False),
    ],
)
def test_names_of_entries_compare_by_what_they_mean(one: str, other: str, same: bool) -> None:
    assert (normal_dn(one) is not None and normal_dn(one) == normal_dn(other)) is same


def test_a_bare_name_and_a_whole_name_of_a_group_never_compare() -> None:
    assert rule_token("Chefia") == "name:chefia"
    assert rule_token("cn=Chefia,dc=x").startswith("dn:")


@pytest.mark.parametrize(
    ("username", "found"),
    [
        ("*", "(uid=\\2a)"),
        ("a)(uid=*", "(uid=a\\29\\28uid=\\2a)"),
        ("a\\b", "(uid=a\\5cb)"),
        ("{username}", "(uid={username})"),
    ],
)
def test_no_user_name_leaves_its_place_in_the_filter(username: str, found: str) -> None:
    dialect = Dialect.of(Ldap(user_filter="(uid={username})"))
    assert by_username(dialect, username) == found


def test_people_are_looked_up_in_batches_and_guids_byte_by_byte() -> None:
    assert len(list(by_ids(Dialect.of(Ldap()), [str(n) for n in range(120)]))) == 3
    (text,) = by_ids(Dialect.of(Ldap(kind="ad")), ["01020304-0506-0708-090a-0b0c0d0e0f5c"])
    assert text.startswith("(|(objectGUID=\\04\\03\\02\\01\\06\\05")


@pytest.mark.parametrize(
    ("attributes", "active"),
    [
        ({}, True),
        ({"useraccountcontrol": "512"}, True),
        ({"useraccountcontrol": "514"}, False),
        ({"useraccountcontrol": "66050"}, False),
        ({"accountexpires": "0"}, True),
        ({"accountexpires": "9223372036854775807"}, True),
        ({"accountexpires": str(int((time() + 11_644_473_600 - 60) * 10_000_000))}, False),
        ({"accountexpires": str(int((time() + 11_644_473_600 + 86_400) * 10_000_000))}, True),
        ({"nsaccountlock": "TRUE"}, False),
        ({"pwdaccountlockedtime": "000001010000Z"}, False),
        ({"pwdaccountlockedtime": "20260101000000Z"}, True),
    ],
)
def test_whether_a_directory_lets_an_account_in(attributes: dict[str, str], active: bool) -> None:
    entry = Entry("cn=x", {name: (value.encode(),) for name, value in attributes.items()})
    assert is_active(entry) is active


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("ldap://dc1", Server("dc1", 389, False)),
        ("ldaps://dc1/", Server("dc1", 636, True)),
        ("ldaps://dc1:3269", Server("dc1", 3269, True)),
        ("ldap://[::1]:1389", Server("::1", 1389, False)),
    ],
)
def test_addresses_of_servers(url: str, server: Server) -> None:
    assert Server.parse(url) == server


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"LDAP__SERVERS": "dc1"}, "a list of addresses ldaps://host or ldap://host"),
        ({"LDAP__SERVERS": "ldap://u:p@dc1"}, "a list of addresses"),
        ({"LDAP__SERVERS": "ldap://dc1"}, "needs base_dn"),
        ({"LDAP__USER_FILTER": "(uid=x)"}, "must stand in parentheses and hold {username}"),
        ({"OIDC__ISSUER": "https://sso"}, "needs client_id"),
        ({"OIDC__ISSUER": "https://sso", "OIDC__CLIENT_ID": "x"}, "needs [web] base_url"),
        ({"OIDC__ISSUER": "http://sso", "OIDC__CLIENT_ID": "x", "WEB__BASE_URL": "https://g"},
         "must begin with https://"),
        ({"OIDC__ISSUER": "https://sso", "OIDC__CLIENT_ID": "x", "WEB__BASE_URL": "https://g",
          "OIDC__SCOPES": "email"}, 'must hold "openid"'),
        ({"PROXY__USER_HEADER": "X-Remote-User"}, "needs trusted"),
        ({"PROXY__TRUSTED": "10.0.0.5/8"}, "a list of addresses and networks"),
        ({"PROXY__TRUSTED": "everybody"}, "a list of addresses and networks"),
    ],
)  # fmt: skip
def test_settings_that_would_be_unsafe_or_incomplete_are_refused(
    variables: dict[str, str], sentence: str
) -> None:
    with pytest.raises(BadConfig) as error:
        load_settings(None, {f"GOVBOT_{name}": value for name, value in variables.items()})
    assert sentence in str(error.value)


def test_a_file_of_certificates_is_a_path_and_no_secret(tmp_path: Path) -> None:
    file = tmp_path / "govbot.toml"
    file.write_text('[ldap]\nca_file = "ca.pem"\n[oidc]\nca_file = "/etc/ca.pem"\n')
    settings = load_settings(file, {})
    assert settings.ldap.ca_file == str(tmp_path / "ca.pem")
    assert settings.oidc.ca_file == "/etc/ca.pem"
