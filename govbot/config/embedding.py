"""Settings of the embedder: which model makes the vectors, and where it runs."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr

from govbot.config.section import ADDRESS, PATH, SECRET, Section


class Embedder(Section):
    """The model that turns text into vectors."""

    kind: Literal["auto", "sentence-transformers", "gguf", "openai", "none"] = Field(
        "auto",
        description="sentence-transformers: a model's folder, needs the extra torch. gguf: a GGUF "
        "file through llama.cpp. openai: a server with /v1/embeddings. none: words alone. "
        "auto: openai when base_url is set, gguf when model is a GGUF file, else "
        "sentence-transformers; without the extra torch a GGUF file of that name, else none for "
        "the starter.",
    )
    model: str = Field(
        "starter",
        min_length=1,
        description="Name in the catalog (starter, bge-m3, multilingual-e5-base...), the folder "
        "of a sentence-transformers model, a GGUF file, or the name to ask the server for.",
    )
    device: str = Field(
        "auto",
        pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$",
        json_schema_extra={"allowed": "auto, cpu, mps, cuda or cuda:N"},
        description="Where it runs: auto, cpu, mps, cuda or cuda:N.",
    )
    batch_size: int = Field(32, ge=1, le=1024, description="Passages encoded at once.")
    query_threads: int = Field(
        1, ge=1, le=64, description="CPU threads for one question; more is often slower."
    )
    query_batch: int = Field(
        16,
        ge=1,
        le=256,
        description="Questions encoded at once when they wait at the same time; 1: one by one.",
    )
    query_cache: int = Field(
        2048,
        ge=0,
        le=1_000_000,
        description="Vectors of questions kept in memory for the next time the same words are "
        "asked; 0: none.",
    )
    weight: float | None = Field(
        None,
        ge=0,
        le=1,
        description="Share of the vectors in the hybrid score, 0 to 1. "
        "Unset: the catalog's value for the model.",
    )
    max_tokens: int | None = Field(
        None,
        ge=16,
        le=131_072,
        description="Most tokens of a text that the model is given. Unset: the catalog's value, "
        "else 512; never more than the model's files allow.",
    )
    query_prefix: str | None = Field(
        None, description="Put before a question. Unset: the catalog's, or the model's own."
    )
    passage_prefix: str | None = Field(
        None, description="Put before a passage. Unset: the catalog's, or the model's own."
    )
    base_url: str = Field(
        "",
        pattern=r"^(https?://\S+)?$",
        json_schema_extra=ADDRESS,
        description="Address of the server for openai, with /v1 where it has one.",
    )
    api_key: SecretStr = Field(
        SecretStr(""), json_schema_extra=SECRET, description="Key for that server, if it wants one."
    )
    api_key_file: str = Field("", json_schema_extra=PATH, description="File to read api_key from.")
    dimension: int | None = Field(
        None,
        ge=1,
        le=16_000,
        description="Numbers in a vector of that server. Unset: the catalog's, else asked from it.",
    )
    timeout_s: float = Field(
        60, ge=0.1, le=3600, description="Longest wait for that server, in seconds."
    )
    query_timeout_s: float = Field(
        3,
        ge=0.1,
        le=120,
        description="Longest wait for that server with a question; then words search alone.",
    )
    tokenizer: str = Field(
        "",
        json_schema_extra=PATH,
        description="The server's tokenizer, by which passages are cut: a tokenizer.json or a "
        "GGUF file. Empty: characters_per_token.",
    )
    characters_per_token: float = Field(
        2.5,
        ge=0.5,
        le=20,
        description="Characters of a token, without a tokenizer; too few only make passages "
        "shorter.",
    )
