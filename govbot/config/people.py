"""Settings of people: accounts, directories, their data."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, SecretStr

from govbot.config.section import ADDRESS, PATH, SECRET, Network, Section


class Auth(Section):
    """Sign-in and sessions."""

    session_idle_minutes: int = Field(
        480, ge=5, le=43_200, description="A session ends after this many minutes without use."
    )
    session_absolute_hours: int = Field(
        24 * 7, ge=1, le=8760, description="A session ends after this many hours in any case."
    )
    privileged_idle_minutes: int = Field(
        60,
        ge=5,
        le=43_200,
        description="The same for administrators, curators and auditors, in minutes without use.",
    )
    privileged_absolute_hours: int = Field(
        12,
        ge=1,
        le=8760,
        description="The same for administrators, curators and auditors, in hours in any case.",
    )
    min_password_length: int = Field(
        12, ge=8, le=128, description="Fewest characters of a new password."
    )
    first_password_days: int = Field(
        14,
        ge=1,
        le=3650,
        description="A password given out by an administrator can be used this many days.",
    )
    second_factor: Literal["off", "privileged", "everyone"] = Field(
        "privileged",
        description="Who must confirm a password with a code of an authenticator app (TOTP). "
        "privileged: administrators, curators and auditors; others may. everyone: all. off: "
        "nobody is asked. `govbot serve --demo` takes off unless this is set.",
    )
    sign_in_attempts: int = Field(
        5,
        ge=1,
        le=1000,
        description="Failures after which an account waits before the next attempt: 1 s, then "
        "twice as long each time; an address after ten times as many.",
    )
    sign_in_window_minutes: int = Field(
        15,
        ge=1,
        le=1440,
        description="Longest of these waits, in minutes; each time that it passes without a "
        "failure, one failure is forgotten.",
    )


class OutsideGroup(Section):
    """What the members of an outside group get here: one table for each."""

    group: str = Field(
        min_length=1,
        max_length=1000,
        description="The outside group. LDAP: its whole DN, or its name (cn) for groups under "
        "ldap.groups_base_dn. OIDC and proxy: as the provider writes it.",
    )
    role: Literal["", "user", "auditor", "curator", "admin"] = Field(
        "",
        description="Role of its members; where several groups name one, the last of user, "
        "auditor, curator, admin. Where no table names a role, roles are given in GovBot.",
    )
    member_of: tuple[str, ...] = Field(
        (), description="Groups of GovBot that its members are put into; created when missing."
    )
    clearance: int | None = Field(
        None,
        ge=0,
        le=4,
        description="Secrecy that its members may read: 0 public, 1 restricted, 2 reserved, "
        "3 secret, 4 top secret; the highest of several groups. Where no table names one, "
        "clearances are given in GovBot.",
    )


class Ldap(Section):
    """Sign-in with an LDAP directory or Active Directory (docs/sign-in.md)."""

    servers: tuple[Annotated[str, Field(pattern=r"^ldaps?://[^\s/@?#]+/?$")], ...] = Field(
        (),
        json_schema_extra={"allowed": "a list of addresses ldaps://host or ldap://host"},
        description="Servers in the order in which they are asked: ldaps://dc1.example.org or "
        "ldap://dc1.example.org:389, which is secured by STARTTLS. Empty: no directory.",
    )
    kind: Literal["openldap", "ad"] = Field(
        "openldap",
        description="ad: Active Directory or Samba. openldap: every other. Decides what the "
        "empty settings below mean.",
    )
    tls: Literal["required", "off"] = Field(
        "required",
        description="off: passwords go through the network in clear text on ldap://.",
    )
    ca_file: str = Field(
        "",
        json_schema_extra=PATH,
        description="Certificates (PEM) that the servers' must be signed by. Empty: the system's.",
    )
    timeout_s: int = Field(
        5, ge=1, le=120, description="Longest wait for a server's word, in seconds."
    )
    bind_dn: str = Field(
        "",
        description="Account that searches; AD takes user@domain too. Empty: search unnamed.",
    )
    bind_password: SecretStr = Field(
        SecretStr(""), json_schema_extra=SECRET, description="Password of that account."
    )
    bind_password_file: str = Field(
        "", json_schema_extra=PATH, description="File to read bind_password from."
    )
    base_dn: str = Field("", description="Branch that holds the people: dc=example,dc=org.")
    user_filter: str = Field(
        "",
        description="Filter for the entry of a person, with {username} in it. Empty: "
        "(&(objectClass=person)(uid={username})); ad: "
        "(&(objectCategory=person)(objectClass=user)(sAMAccountName={username})).",
    )
    id_attribute: str = Field(
        "",
        description="Attribute that never changes. Empty: entryUUID; ad: objectGUID.",
    )
    username_attribute: str = Field("", description="Empty: uid; ad: sAMAccountName.")
    name_attribute: str = Field("", description="Empty: cn; ad: displayName.")
    email_attribute: str = Field("mail", description="Attribute with the e-mail address.")
    groups_base_dn: str = Field("", description="Branch that holds the groups. Empty: base_dn.")
    group_filter: str = Field(
        "",
        description="Filter for groups. Empty: (|(objectClass=groupOfNames)"
        "(objectClass=groupOfUniqueNames)(objectClass=posixGroup)); ad: (objectClass=group).",
    )
    nested_groups: bool = Field(True, description="Members of a group's groups are members too.")
    required_groups: tuple[str, ...] = Field(
        (), description="Only members of one of these groups sign in. Empty: everybody found."
    )
    default_role: Literal["user", "auditor", "curator", "admin"] = Field(
        "user", description="Role of new accounts whose groups name none."
    )
    sync_minutes: int = Field(
        60,
        ge=0,
        le=10_080,
        description="Accounts are compared with the directory every so many minutes. 0: only "
        "when their owner signs in.",
    )
    max_disabled_percent: int = Field(
        20,
        ge=0,
        le=100,
        description="A comparison that would disable more than this share of the accounts (and "
        "more than two) is refused: the directory is rather at fault.",
    )
    groups: tuple[OutsideGroup, ...] = Field(
        (), description="What groups mean here, each a table [[ldap.groups]] with the keys below."
    )


class Oidc(Section):
    """Sign-in with an OpenID Connect provider (docs/sign-in.md)."""

    issuer: str = Field(
        "",
        pattern=r"^(https?://\S+)?$",
        json_schema_extra=ADDRESS,
        description="Address of the provider; http only on this machine. Needs web.base_url. "
        "Empty: no provider.",
    )
    name: str = Field(
        "", max_length=60, description='Words of the button: "Sign in with NAME". Empty: the host.'
    )
    client_id: str = Field("", description="What the provider calls this installation.")
    client_secret: SecretStr = Field(
        SecretStr(""), json_schema_extra=SECRET, description="Empty for a public client."
    )
    client_secret_file: str = Field(
        "", json_schema_extra=PATH, description="File to read client_secret from."
    )
    scopes: tuple[str, ...] = Field(
        ("openid", "profile", "email"), description="What is asked for; openid must be in it."
    )
    hosts: tuple[str, ...] = Field(
        (),
        description="Hosts besides the issuer's own that its endpoints may lie on. No other host "
        "is ever asked.",
    )
    ca_file: str = Field(
        "",
        json_schema_extra=PATH,
        description="Certificates (PEM) that sign the provider's. Empty: those of the system.",
    )
    timeout_s: int = Field(10, ge=1, le=120, description="Longest wait for it, in seconds.")
    username_claim: str = Field("preferred_username", description="Claim with the user name.")
    name_claim: str = Field("name", description="Claim with the person's name.")
    email_claim: str = Field("email", description="Claim with the e-mail address.")
    groups_claim: str = Field(
        "groups",
        description="Claim with groups or roles; a dot leads inside: realm_access.roles.",
    )
    userinfo: bool = Field(False, description="Ask the provider's userinfo for missing claims.")
    auto_redirect: bool = Field(
        False, description="The sign-in page leads on to the provider; /entrar?local=1 does not."
    )
    logout: bool = Field(True, description="Signing out here signs out at the provider as well.")
    strength: tuple[str, ...] = Field(
        (),
        description="Only sign-ins whose claim acr or amr holds one of these (mfa) count; they are "
        "asked for as acr_values. Empty: the second factor is the provider's business.",
    )
    required_groups: tuple[str, ...] = Field(
        (), description="Only members of one of these groups sign in. Empty: everybody."
    )
    default_role: Literal["user", "auditor", "curator", "admin"] = Field(
        "user", description="Role of new accounts whose groups name none."
    )
    groups: tuple[OutsideGroup, ...] = Field(
        (), description="What groups mean here, each a table [[oidc.groups]] with the keys below."
    )


class Proxy(Section):
    """Reverse proxies in front, and sign-in by a header of theirs (docs/sign-in.md)."""

    trusted: tuple[Network, ...] = Field(
        (),
        json_schema_extra={"allowed": "a list of addresses and networks: 10.0.0.5, 10.1.0.0/16"},
        description="Addresses or networks of the proxies whose headers are believed: 10.0.0.5, "
        "10.1.0.0/16, ::1. Everybody else's are ignored. Empty: nobody's.",
    )
    user_header: str = Field(
        "",
        pattern=r"^[A-Za-z0-9-]*$",
        max_length=100,
        json_schema_extra={"allowed": "the name of an HTTP header, or empty"},
        description="Header in which a trusted proxy names the user it has signed in "
        "(X-Remote-User). Empty: no sign-in by header.",
    )
    name_header: str = Field("", pattern=r"^[A-Za-z0-9-]*$", description="Header with the name.")
    email_header: str = Field(
        "", pattern=r"^[A-Za-z0-9-]*$", description="Header with the e-mail address."
    )
    groups_header: str = Field(
        "", pattern=r"^[A-Za-z0-9-]*$", description="Header with the groups."
    )
    groups_separator: str = Field(
        ",", min_length=1, max_length=1, description="Character between two groups."
    )
    strip_realm: bool = Field(
        True, description="maria@EXAMPLE.ORG, as Kerberos writes it, is the user maria."
    )
    required_groups: tuple[str, ...] = Field(
        (), description="Only members of one of these groups sign in. Empty: everybody."
    )
    default_role: Literal["user", "auditor", "curator", "admin"] = Field(
        "user", description="Role of new accounts whose groups name none."
    )
    groups: tuple[OutsideGroup, ...] = Field(
        (), description="What groups mean here, each a table [[proxy.groups]] with the keys below."
    )


class Privacy(Section):
    """Personal data (docs/privacy.md)."""

    conversation_days: int = Field(
        0,
        ge=0,
        le=36_500,
        description="Days after its last question until a conversation is deleted. 0: never.",
    )
