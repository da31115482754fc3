"""Settings of the models that write answers: one, or a list."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import (
    Field,
    SecretStr,
)

from govbot.config.section import ADDRESS, PATH, SECRET, Section


class Writer(Section):
    """What is set for one model that writes answers, alone or in the list."""

    backend: Literal["auto", "llama", "openai", "extractive"] = Field(
        "auto",
        description="llama: a GGUF file in this process. openai: a server that speaks its "
        "protocol. extractive: no model, literal excerpts. auto: llama when model_path is set, "
        "else openai when base_url is set, else extractive.",
    )
    model_path: str = Field("", json_schema_extra=PATH, description="GGUF file for llama.")
    n_gpu_layers: int = Field(
        -1, ge=-1, le=1000, description="Layers on the GPU; -1: all that fit, 0: CPU only."
    )
    context_tokens: int = Field(
        8192, ge=512, le=1_048_576, description="Context of the model, prompt and answer together."
    )
    max_tokens: int = Field(1024, ge=16, le=32_768, description="Longest answer, in tokens.")
    temperature: float = Field(
        0.2, ge=0, le=2, description="0: always the likeliest word; higher: freer."
    )
    threads: int = Field(0, ge=0, le=1024, description="CPU threads for llama; 0: all cores.")
    base_url: str = Field(
        "",
        pattern=r"^(https?://\S+)?$",
        json_schema_extra=ADDRESS,
        description="Address of the OpenAI-compatible server, with /v1 where it has one.",
    )
    model: str = Field("", description="Model name to ask that server for.")
    api_key: SecretStr = Field(
        SecretStr(""), json_schema_extra=SECRET, description="Key for that server, if it wants one."
    )
    api_key_file: str = Field("", json_schema_extra=PATH, description="File to read api_key from.")
    timeout_s: int = Field(
        120, ge=1, le=3600, description="Longest silence of that server, in seconds."
    )
    connect_timeout_s: float = Field(
        10, ge=0.1, le=120, description="Longest wait for a connection to that server."
    )
    retries: int = Field(
        1,
        ge=0,
        le=10,
        description="How often a server that is not there, or not ready, is asked again before the "
        "first word, with growing waits.",
    )
    health_s: int = Field(
        30,
        ge=0,
        le=3600,
        description="Seconds between two looks of the service at that server, so that a question "
        "finds out neither that it is away nor that it is back. 0: none.",
    )
    parallel: int = Field(
        0,
        ge=0,
        le=10_000,
        description="Answers that this server writes for GovBot at once; the others wait here, in "
        "turns between people. 0: as many as there are.",
    )
    main_gpu: int = Field(
        -1, ge=-1, le=63, description="GPU that holds the whole model, from 0; -1: chosen."
    )
    tensor_split: tuple[Annotated[float, Field(ge=0)], ...] = Field(
        (),
        max_length=64,
        json_schema_extra={"allowed": "a list of numbers, one for each GPU"},
        description="Shares of the model on each GPU, such as 3, 1; empty: chosen.",
    )
    slots: int = Field(
        4,
        ge=1,
        le=256,
        description="Answers that the model writes at a time, each with memory for context_tokens; "
        "fewer where there is less memory. Others wait in turns.",
    )
    shared_context_tokens: int = Field(
        0,
        ge=0,
        le=16_777_216,
        description="Tokens in memory for all answers together, where there is not enough for "
        "context_tokens of each; slower. An answer begins when its tokens fit. 0: each its own.",
    )
    max_waiting: int = Field(
        64, ge=1, le=10_000, description="Questions that may wait for the model; more are refused."
    )
    max_waiting_per_owner: int = Field(
        4, ge=1, le=10_000, description="How many of them may be of one person."
    )
    answer_timeout_s: int = Field(
        600,
        ge=5,
        le=86_400,
        description="Longest time of an answer in seconds, waiting and writing together.",
    )
    kv_type: Literal["auto", "f16", "q8_0", "q4_0"] = Field(
        "auto",
        description="Numbers of the memory for context: q8_0 takes half of f16, q4_0 a quarter, "
        "which costs quality. Both need flash attention. auto: f16, and q8_0 where all of the "
        "model fits a GPU only so.",
    )
    flash_attention: Literal["auto", "on", "off"] = Field(
        "auto",
        description="Attention that is faster and takes less memory; auto: where the device has "
        "it. off: on the CPU, a seed gives the same words whatever else is being written.",
    )
    prefix_memory_mb: int = Field(
        512,
        ge=0,
        le=1_048_576,
        description="Memory, in MB, for prompts that are no longer in the context, so that the "
        "next question on the same passages begins at once. 0: none.",
    )
    prompt_weights: Literal["auto", "bf16", "file"] = Field(
        "auto",
        description="Weights that prompts are read with on the CPU. bf16: those of a copy in BF16, "
        "made once beside the file (twice as large as 8 bits); answers are written with the file. "
        "auto: so where the processor, the type of the file and the memory make it worth while. "
        "file: its own.",
    )
    speculation: Literal["off", "lookup"] = Field(
        "lookup",
        description="lookup: what the passages say next is proposed to the model, which checks "
        "several words at once. The answers are the same. off: one word at a time.",
    )
    lora: tuple[str, ...] = Field(
        (),
        max_length=8,
        json_schema_extra={**PATH, "allowed": "a list of paths"},
        description="LoRA adapters (GGUF files) laid over the model.",
    )
    lora_scale: float = Field(1.0, ge=0, le=4, description="Strength of the adapters; 1: as made.")
    draft: str = Field(
        "",
        json_schema_extra=PATH,
        description="Small GGUF file with the same vocabulary that proposes words for the model to "
        "check; empty: none.",
    )
    idle_unload_s: int = Field(
        0,
        ge=0,
        le=604_800,
        description="Seconds without a question after which the model leaves the memory; the next "
        "question loads it again. 0: it stays.",
    )


class ModelSettings(Writer):
    """One model of the list: one table [[generation.models]] for each."""

    name: str = Field(
        pattern=r"^[a-z0-9][a-z0-9._-]{0,39}$",
        json_schema_extra={
            "allowed": "1 to 40 small letters, digits and . _ -, beginning with a letter or digit"
        },
        description="Name of the model in GovBot: for the log, the pages, the command line.",
    )
    label: str = Field("", max_length=60, description="Name shown to people; empty: name.")
    tier: Literal["fast", "quality"] = Field(
        "quality",
        description="fast: short, simple questions, and work in the background. quality: "
        "comparisons, explanations, long questions. Each stands in for the other.",
    )
    offered: bool = Field(
        False, description="Whether people may choose this model for a question themselves."
    )


class Generation(Writer):
    """The model that writes the answer, or the list of models. What a model of the list leaves
    open is taken from here; which model it is, is not."""

    models: tuple[ModelSettings, ...] = Field(
        (),
        max_length=32,
        description="Models that answer, the preferred ones first (docs/models.md); each question "
        "goes to one of them. Empty: the one model that is set here.",
    )
    complex_from: int = Field(
        2,
        ge=1,
        le=20,
        description="Signs of a difficult question (a comparison or an explanation count two; "
        "several questions, a long one, passages of many documents, turns before count one) from "
        "which it goes to a model of the tier quality.",
    )
    memory_mb: int = Field(
        0,
        ge=0,
        le=16_777_216,
        description="Most memory of all models loaded in this process, in MB, by an estimate from "
        "their files: another one that is not in use makes room, the longest unused first. "
        "0: no limit.",
    )

    def listed(self) -> tuple[ModelSettings, ...]:
        """The models of the list, with what they leave open taken from this section; which model
        it is, its key and its adapters are never taken from here."""
        shared = {
            name: getattr(self, name)
            for name in Writer.model_fields
            if name in self.model_fields_set and name not in _OF_ONE
        }
        return tuple(
            each.model_copy(
                update={n: v for n, v in shared.items() if n not in each.model_fields_set}
            )
            for each in self.models
        )


# What makes a model this one: not shared with others.
_OF_ONE = frozenset(
    {"backend", "model_path", "base_url", "model", "api_key", "api_key_file", "lora", "draft"}
)
