"""Models worth trying, by the memory that they take: names to fetch them by, nothing more.

Sizes are those of the published files, rounded; what is fetched is measured and checked anew. No
figure here was measured by GovBot. Those of Portuguese are published ones of the full models, not
of the smaller files: macro-F1 of FaQuAD-NLI (whether a passage answers a question) and ASSIN 2 RTE
(whether one sentence follows from another), from the Open Portuguese LLM Leaderboard
(https://huggingface.co/spaces/eduagarcia/open_pt_llm_leaderboard), as its results stood in July
2025. `govbot eval` measures with the organisation's own questions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from govbot.models.store import Kind


@dataclass(frozen=True, slots=True)
class Recommended:
    """A published model. `size` in bytes; `memory` in bytes with a context of 8192 tokens.

    `answers` (FaQuAD-NLI) and `entails` (ASSIN 2 RTE) from 0 to 1; None: no published figure known.
    `gated`: its licence has to be accepted at the hub first.
    """

    name: str
    repository: str
    file: str
    kind: Kind
    size: int
    memory: int
    licence: str
    answers: float | None = None
    entails: float | None = None
    gated: bool = False


def _writer(
    name: str,
    repository: str,
    file: str,
    gigabytes: tuple[float, float],
    licence: str,
    figures: tuple[float, float] | None,
    *,
    gated: bool = False,
) -> Recommended:
    size, memory = (round(each * 1e9) for each in gigabytes)
    answers, entails = figures or (None, None)
    return Recommended(
        name, repository, file, Kind.GENERATOR, size, memory, licence, answers, entails, gated
    )


RECOMMENDED: Final = (
    _writer(
        "qwen2.5-0.5b-instruct", "Qwen/Qwen2.5-0.5B-Instruct-GGUF", "Q4_K_M", (0.5, 1.0),
        "apache-2.0", (0.599, 0.836),
    ),
    _writer(
        "qwen2.5-1.5b-instruct", "Qwen/Qwen2.5-1.5B-Instruct-GGUF", "Q4_K_M", (1.1, 1.8),
        "apache-2.0", (0.726, 0.878),
    ),
    _writer("qwen3-1.7b", "Qwen/Qwen3-1.7B-GGUF", "Q8_0", (1.8, 3.2), "apache-2.0", (0.778, 0.910)),
    _writer("qwen3-4b", "Qwen/Qwen3-4B-GGUF", "Q4_K_M", (2.5, 4.2), "apache-2.0", (0.825, 0.929)),
    _writer(
        "gemma-3-4b-it", "google/gemma-3-4b-it-qat-q4_0-gguf", "Q4_0", (3.2, 4.7), "gemma",
        (0.694, 0.904), gated=True,
    ),
    _writer(
        "qwen2.5-7b-instruct", "Qwen/Qwen2.5-7B-Instruct-GGUF", "Q4_K_M", (4.7, 5.7),
        "apache-2.0", (0.828, 0.938),
    ),
    _writer(
        "llama-3.1-8b-instruct", "bartowski/Meta-Llama-3.1-8B-Instruct-GGUF", "Q4_K_M", (4.9, 6.5),
        "llama3.1", (0.754, 0.926),
    ),
    _writer("qwen3-8b", "Qwen/Qwen3-8B-GGUF", "Q4_K_M", (5.0, 6.9), "apache-2.0", (0.833, 0.926)),
    _writer(
        "gemma-3-12b-it", "google/gemma-3-12b-it-qat-q4_0-gguf", "Q4_0", (8.1, 12.0), "gemma",
        (0.766, 0.939), gated=True,
    ),
    _writer(
        "qwen3-14b", "Qwen/Qwen3-14B-GGUF", "Q4_K_M", (9.0, 11.0), "apache-2.0", (0.858, 0.933),
    ),
    _writer(
        "mistral-small-24b-instruct", "bartowski/Mistral-Small-24B-Instruct-2501-GGUF", "Q4_K_M",
        (14.3, 16.5), "apache-2.0", (0.796, 0.937),
    ),
    _writer(
        "qwen3-30b-a3b", "Qwen/Qwen3-30B-A3B-GGUF", "Q4_K_M", (18.6, 20.0), "apache-2.0",
        (0.848, 0.929),
    ),
    _writer(
        "qwen3-32b", "Qwen/Qwen3-32B-GGUF", "Q4_K_M", (19.8, 22.7), "apache-2.0", (0.836, 0.937),
    ),
    Recommended(
        "embeddinggemma-300m-gguf", "ggml-org/embeddinggemma-300M-GGUF", "Q8_0", Kind.EMBEDDER,
        330_000_000, 700_000_000, "gemma",
    ),
    Recommended(
        "bge-m3-gguf", "gpustack/bge-m3-GGUF", "Q8_0", Kind.EMBEDDER, 640_000_000, 1_100_000_000,
        "mit",
    ),
    Recommended(
        "qwen3-embedding-0.6b-gguf", "Qwen/Qwen3-Embedding-0.6B-GGUF", "Q8_0", Kind.EMBEDDER,
        640_000_000, 1_300_000_000, "apache-2.0",
    ),
    Recommended(
        "multilingual-e5-base", "intfloat/multilingual-e5-base", "", Kind.EMBEDDER, 1_110_000_000,
        1_700_000_000, "mit",
    ),
    Recommended(
        "mmarco-mMiniLMv2-L12-H384-v1", "cross-encoder/mmarco-mMiniLMv2-L12-H384-v1", "",
        Kind.RERANKER, 470_000_000, 900_000_000, "apache-2.0",
    ),
    Recommended(
        "bge-reranker-v2-m3", "BAAI/bge-reranker-v2-m3", "", Kind.RERANKER, 2_270_000_000,
        3_000_000_000, "apache-2.0",
    ),
)  # fmt: skip


def find_recommended(name: str) -> Recommended | None:
    """The recommended model of this name, in any case."""
    wanted = name.casefold()
    return next((each for each in RECOMMENDED if each.name.casefold() == wanted), None)


def fitting(memory: int) -> tuple[Recommended, ...]:
    """Those that fit a memory of so many bytes, largest writers first."""
    found = [each for each in RECOMMENDED if each.memory <= memory]
    return tuple(sorted(found, key=lambda each: (each.kind != Kind.GENERATOR, -each.memory)))
