"""`govbot models show`: what a model says of itself, and where it would run on this machine."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from govbot.cli import output

if TYPE_CHECKING:
    from govbot.config import Settings
    from govbot.generate import GenerationSettings
    from govbot.generate.members import Entry
    from govbot.generate.placement import Placement
    from govbot.gguf import GgufHeader
    from govbot.models.store import Installed

_SHOWN = (
    "architecture", "name", "quantisation", "licence", "layers", "embedding", "heads", "context",
    "vocabulary", "window", "chat_template", "shards", "size",
)  # fmt: skip


def show_writers(settings: Settings, as_json: bool) -> None:
    """Prints the models that answer, each placed as if it had the machine to itself.

    Raises BadConfig when one lacks a setting.
    """
    found = [_row(entry) for entry in _writers(settings)]
    if as_json:
        output.print_json(found)
    elif not found:
        print("No model answers: answers are excerpts of the documents (docs/models.md).")
    else:
        output.print_table(tuple(found[0]), [tuple(row.values()) for row in found])


def show_model(settings: Settings, name: str, as_json: bool) -> None:
    """Prints a model of the folder or the list, or any GGUF. Raises NotFound, Unavailable."""
    from govbot.gguf import read_header
    from govbot.models.store import Store
    from govbot.models.usage import uses

    entry = next((each for each in _writers(settings) if each.name == name), None)
    writer = entry.settings if entry else settings.generation
    path = Path((entry and entry.settings.model_path) or name).expanduser()
    model = None if path.is_file() else Store(settings.data_dir / "models").find(name)
    header = read_header(path) if model is None else model.header
    placement = _placement(writer, header) if header and header.layers else None
    prompts = _prompts(writer, header, placement) if header and placement else ""
    if as_json:
        output.print_json(_as_json(model, header, placement, prompts))
        return
    rows: list[tuple[str, object]] = []
    if model is not None:
        rows += [("model", model.name), ("kind", model.kind), ("place", model.file or model.place)]
        rows += [("used by", ", ".join(uses(settings, model)) or "no setting")]
        rows += [("problem", model.problem)] if model.problem else []
    if model is not None and model.manifest is not None:
        kept = model.manifest
        rows += [("source", kept.source), ("revision", kept.revision), ("added", kept.added_at)]
        rows += [(f"sha256 of {file.path}", file.sha256) for file in kept.files]
    if header is not None:
        values = asdict(header)
        rows += [(key, values[key]) for key in _SHOWN]
    output.print_table(("", "value"), rows)
    if placement is not None:
        _print_placement(placement, prompts)


def _writers(settings: Settings) -> list[Entry]:
    """The models that answer; none where answers are excerpts."""
    from govbot.generate.router import entries_of

    return [entry for entry in entries_of(settings.generation) if entry.kind != "extractive"]


def _row(entry: Entry) -> dict[str, str]:
    """Where a model runs, or what keeps it from running."""
    from govbot.errors import GovBotError
    from govbot.gguf import read_header

    writer = entry.settings
    row = dict.fromkeys(
        ("name", "tier", "place", "layers on GPU", "answers at once", "memory"), "-"
    )
    row |= {"name": entry.name, "tier": entry.tier}
    if entry.kind == "openai":
        return row | {"place": writer.base_url}
    row["place"] = str(writer.model_path)
    try:
        placement = _placement(writer, read_header(Path(writer.model_path).expanduser()))
    except GovBotError as error:
        return row | {"memory": str(error)}
    return row | {
        "layers on GPU": f"{placement.layers} of {placement.of}",
        "answers at once": str(placement.slots),
        "memory": "enough" if placement.fits else "too little",
    }


def _placement(writer: GenerationSettings, header: GgufHeader) -> Placement:
    from govbot.devices import devices
    from govbot.generate.placement import place
    from govbot.generate.placing import wanted_of

    return place(header, wanted_of(writer, header), devices())


def _prompts(writer: GenerationSettings, header: GgufHeader, placement: Placement) -> str:
    """With which weights prompts would be read, and why."""
    from govbot.devices import build
    from govbot.generate.prompt_copy import choose

    choice = choose(writer, header, placement, build().features)
    words = f"a copy in BF16 of {choice.size / 1e9:.1f} GB" if choice.copied else "the file itself"
    return f"{words}: {choice.why}"


def _print_placement(placement: Placement, prompts: str) -> None:
    from govbot.generate.placement import COLUMNS, table

    print()
    output.print_table(COLUMNS, table(placement))
    print()
    output.print_table(
        ("", "value"),
        [
            ("layers on GPU", f"{placement.layers} of {placement.of}"),
            ("main GPU", placement.main_gpu if placement.main_gpu >= 0 else "-"),
            ("tensor split", ", ".join(f"{each:g}" for each in placement.split) or "-"),
            ("keys and values", placement.kv_type),
            ("flash attention", placement.flash_attention),
            ("why", placement.why),
            ("prompts are read with", prompts),
            ("memory is enough", placement.fits),
        ],
    )


def _as_json(
    model: Installed | None,
    header: GgufHeader | None,
    placement: Placement | None,
    prompts: str,
) -> dict[str, Any]:
    return {
        "model": model.name if model else None,
        "kind": model.kind if model else None,
        "manifest": model.manifest if model else None,
        "header": header,
        "placement": placement,
        "prompts": prompts or None,
    }
