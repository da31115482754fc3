"""The description of the API as a page: made on this server from its OpenAPI document, without
scripts and without anything from elsewhere."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from litestar import Response

from govbot.web import api
from govbot.web.i18n import _
from govbot.web.visit import CurrentVisit

PATH = "/conta/chaves/documentacao"
JSON = "application/json"
LARGE = 10**12  # bounds beyond it are those of the numbers of machines
_REF = "#/components/schemas/"
AREAS: Mapping[str, str] = {
    "openai": _("For OpenAI's clients"),
    "questions": _("Search and questions"),
    "documents": _("Documents"),
    "collections": _("Collections"),
    "person": _("Account and conversations"),
    "jobs": _("Queue"),
    "people": _("Accounts and groups"),
    "audit": _("Audit log"),
    "status": _("What runs"),
}
_BOUNDS = (
    ("minLength", "≥ {} characters"), ("maxLength", "≤ {} characters"), ("minimum", "≥ {}"),
    ("maximum", "≤ {}"), ("minItems", "≥ {} items"), ("maxItems", "≤ {} items"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter or a field: `kind` is its type in words, `shapes` the objects that it names."""

    name: str
    kind: str
    shapes: tuple[str, ...]
    place: str
    required: bool
    about: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that can be asked for."""

    name: str
    method: str
    path: str
    scope: str
    about: str
    fields: tuple[Field, ...]
    media: str
    answer: Field | None
    status: str
    problems: tuple[str, ...]
    example: str


@dataclass(frozen=True, slots=True)
class Reference:
    """The whole description."""

    areas: tuple[tuple[str, tuple[Operation, ...]], ...]
    shapes: tuple[tuple[str, tuple[Field, ...]], ...]


async def show(visit: CurrentVisit) -> Response[str]:
    """Every operation with its fields, answers and an example for the command line."""
    found = reference()
    base = (visit.app.settings.web.base_url or str(visit.request.base_url)).rstrip("/")
    return visit.page(
        "account/api.html", reference=found, areas=AREAS, base=base, description=api.SCHEMA
    )


@cache
def reference() -> Reference:
    """What the OpenAPI document says, as the page shows it."""
    document = api.document()
    shapes = document["components"]["schemas"]
    found: dict[str, list[Operation]] = {tag: [] for tag in AREAS}
    for path, methods in document["paths"].items():
        for method, each in methods.items():
            found[each["tags"][0]].append(_operation(path, method.upper(), each, shapes))
    areas = tuple((tag, tuple(operations)) for tag, operations in found.items())
    shown = tuple(
        (name, tuple(_fields(shape)))
        for name, shape in sorted(shapes.items())
        if shape.get("properties")
    )
    return Reference(areas, shown)


def _operation(path: str, method: str, found: Mapping[str, Any], shapes: Any) -> Operation:
    media, body = _body(found)
    fields = [*map(_parameter, found.get("parameters", []))]
    if body is not None:
        shape = shapes.get(str(body.get("$ref", "")).removeprefix(_REF))
        whole = _field("", body, place="body", required=True)
        fields += _fields(shape, "body") if shape else [whole]
    status, answer = _answer(found)
    return Operation(
        found["operationId"], method, path, " ".join(found["security"][0]["key"]),
        found.get("description", ""), tuple(fields), media, answer, status,
        tuple(code for code in found["responses"] if code >= "4"),
        _example(path, method, found, media, body, shapes),
    )  # fmt: skip


def _body(found: Mapping[str, Any]) -> tuple[str, Any]:
    for media, each in found.get("requestBody", {}).get("content", {}).items():
        return media, each["schema"]
    return "", None


def _answer(found: Mapping[str, Any]) -> tuple[str, Field | None]:
    """The best status, and what comes with it."""
    status = min(code for code in found["responses"] if code.startswith("2"))
    status = "202" if "202" in found["responses"] else status
    for each in found["responses"][status].get("content", {}).values():
        return status, _field("", each.get("schema", {}), place="", required=True)
    return status, None


def _parameter(found: Mapping[str, Any]) -> Field:
    return _field(
        found["name"], found["schema"], place=found["in"], required=bool(found.get("required")),
        about=found.get("description", ""),
    )  # fmt: skip


def _fields(shape: Mapping[str, Any], place: str = "") -> Iterator[Field]:
    required = shape.get("required", [])
    for name, schema in shape.get("properties", {}).items():
        yield _field(name, schema, place=place, required=name in required)


def _field(name: str, schema: Any, *, place: str, required: bool, about: str = "") -> Field:
    given = ((schema.get(key), words) for key, words in _BOUNDS)
    bounds = [
        words.format(bound)
        for bound, words in given
        if bound is not None and -LARGE < bound < LARGE
    ]
    kind = ", ".join([_kind(schema), *bounds])
    said = about or schema.get("description", "")
    return Field(name, kind, tuple(dict.fromkeys(_named(schema))), place, required, said)


def _kind(schema: Mapping[str, Any]) -> str:
    """A type in words."""
    if "$ref" in schema:
        return str(schema["$ref"]).removeprefix(_REF)
    for key in ("oneOf", "anyOf"):
        if key in schema:
            return " | ".join(_kind(each) for each in schema[key])
    if "enum" in schema:
        return " | ".join(json.dumps(each, ensure_ascii=False) for each in schema["enum"])
    if "const" in schema:
        return json.dumps(schema["const"], ensure_ascii=False)
    kind = schema.get("type", "any")
    if kind == "array":
        return f"[{_kind(schema.get('items', {}))}]"
    return str(schema.get("format", kind))


def _named(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if "$ref" in schema:
            yield str(schema["$ref"]).removeprefix(_REF)
        for each in schema.values():
            yield from _named(each)
    elif isinstance(schema, list):
        for each in schema:
            yield from _named(each)


def _example(
    path: str, method: str, found: Mapping[str, Any], media: str, body: Any, shapes: Any
) -> str:
    """A line for the shell; BASE stands for the address of the site."""
    query = "&".join(
        f"{each['name']}={_upper(each['name'])}"
        for each in found.get("parameters", [])
        if each["in"] == "query" and each.get("required")
    )
    address = path.replace("{", "$").replace("}", "")
    address = "BASE" + _with_upper(address) + (f"?{query}" if query else "")
    parts = ["curl", "-H", '"Authorization: Bearer $API_KEY"']
    parts += ["-X", method] if method not in ("GET", "POST") else []
    if media == JSON:
        sent = json.dumps(_sample(body, shapes), ensure_ascii=False)
        parts += ["-H", f'"Content-Type: {JSON}"', "-d", shlex.quote(sent)]
    elif media.startswith("multipart"):
        parts += ["-F", "collection_id=$COLLECTION_ID", "-F", "file=@lei.pdf"]
    elif media:
        parts += ["--data-binary", "@lei.pdf", "-H", f'"Content-Type: {media}"']
    elif method == "POST":
        parts += ["-X", method]
    return " ".join([*parts, f'"{address}"'])


def _sample(schema: Any, shapes: Any) -> Any:
    """A value that fits: the example where there is one, else what its type allows."""
    if schema.get("examples"):
        return schema["examples"][0]
    if "$ref" in schema:
        shape = shapes[str(schema["$ref"]).removeprefix(_REF)]
        properties = shape.get("properties")
        if properties is None:
            return _sample(shape, shapes)
        wanted = [
            name for name in properties
            if name in shape.get("required", []) or properties[name].get("examples")
        ]  # fmt: skip
        return {name: _sample(properties[name], shapes) for name in wanted}
    for key in ("oneOf", "anyOf"):
        if key in schema:
            return _sample(schema[key][0], shapes)
    if schema.get("enum"):
        return schema["enum"][0]
    kinds: dict[str, Any] = {"integer": 1, "number": 1.0, "boolean": True, "array": []}
    return kinds.get(schema.get("type", ""), _SAMPLES.get(schema.get("format", ""), "…"))


_SAMPLES = {"date": "2026-12-31", "uuid": "0197f0c2-0000-7000-8000-000000000000"}


def _upper(name: str) -> str:
    return "lei.pdf" if name == "filename" else f"${name.upper()}"


def _with_upper(address: str) -> str:
    return "/".join(part.upper() if part.startswith("$") else part for part in address.split("/"))
