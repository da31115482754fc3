"""What all sections of the settings are made of."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict

Mark = dict[str, Any]
PATH: Mark = {"path": True, "allowed": "a path"}
ADDRESS: Mark = {"allowed": "an address http://... or https://..., or empty"}
SECRET: Mark = {"secret": True}
CONNECTION: Mark = {
    "secret": True,
    "allowed": "a connection postgresql://user:password@host/base, or empty",
}

Level = Annotated[
    Literal["DEBUG", "INFO", "WARNING", "ERROR"],
    BeforeValidator(lambda value: value.upper() if isinstance(value, str) else value),
]


def _network(text: str) -> str:
    ip_network(text)  # strict: 10.0.0.5/8 is a slip
    return text


Network = Annotated[str, AfterValidator(_network)]


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())
