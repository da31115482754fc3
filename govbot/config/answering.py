"""Settings of answers: search and checks; the models are in embedding.py and generation.py."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from govbot.config.section import PATH, Section


class Retrieval(Section):
    """Search for the passages of an answer."""

    passages: int = Field(8, ge=1, le=50, description="Passages given to the generator.")
    candidates: int = Field(
        100, ge=10, le=1000, description="Candidates taken from each of BM25 and vectors."
    )
    exact_scan_limit: int = Field(
        50_000,
        ge=0,
        le=10_000_000,
        description="Up to this many readable chunks every vector is compared; above it the index "
        "of vectors is asked or, while there is none, the candidates that the words found are "
        "compared.",
    )
    index_from: int = Field(
        50_000,
        ge=1000,
        le=100_000_000,
        description="From this many vectors on an index of them is made in the background.",
    )
    index_memory_mb: int = Field(
        2048,
        ge=64,
        le=262_144,
        description="Most memory of the database server, in MB, for making the index of vectors: "
        "about 2 for a thousand of 384 dimensions. With less it takes several times as long.",
    )
    min_confidence: float | None = Field(
        None,
        ge=0,
        le=1,
        description="Confidence, 0 to 1, that the passages hold the answer, below which it is "
        '"not found". Unset: what `govbot eval calibrate` stored, else what GovBot brings.',
    )
    neighbours: int = Field(
        2,
        ge=0,
        le=10,
        description="Passages before and after the best ones, where these are cut off, that the "
        "generator gets besides.",
    )
    referenced: int = Field(
        1,
        ge=0,
        le=10,
        description="Articles that the best passages refer to (nos termos do art. 12), that the "
        "generator gets besides.",
    )
    model_variants: bool = Field(
        False,
        description="Whether the generator proposes other wordings of a question, which are "
        "searched too. It costs the time of a short answer.",
    )
    model_variants_s: float = Field(
        4, ge=0.1, le=60, description="Longest time for that; then the search goes on without them."
    )


class Reranker(Section):
    """The model that reads question and passage together and puts the best passages first."""

    model: str = Field(
        "",
        description="Name in the catalog (mmarco-mMiniLMv2-L12-H384-v1, bge-reranker-v2-m3) or "
        "the folder of a cross-encoder; empty: none.",
    )
    device: str = Field(
        "auto",
        pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$",
        json_schema_extra={"allowed": "auto, cpu, mps, cuda or cuda:N"},
        description="Where it runs: auto, cpu, mps, cuda or cuda:N.",
    )
    batch_size: int = Field(8, ge=1, le=256, description="Passages read at once.")
    candidates: int = Field(
        24, ge=1, le=200, description="Passages it reads for a question, the best ones found."
    )
    weight: float = Field(
        0.7, ge=0, le=1, description="Share of its score in the order, 0 to 1; the rest: search."
    )
    timeout_s: float = Field(
        5, ge=0.1, le=120, description="Longest wait for it; then the order of the search stands."
    )


class Answers(Section):
    """What is done with answers once they are written."""

    unsupported: Literal["mark", "drop"] = Field(
        "mark",
        description="What happens to a sentence that the passages it cites do not say. mark: it is "
        "shown with a warning. drop: it is left out, and an answer of nothing else is refused.",
    )
    nli_model: str = Field(
        "",
        json_schema_extra=PATH,
        description="Folder of a cross-encoder for natural language inference, which then checks "
        "the sentences of an answer too; empty: words, values and the embedder do.",
    )
    cache: Literal["shared", "own", "off"] = Field(
        "shared",
        description="Whether a question is answered with what was written before, where the very "
        "same passages answer it. shared: written for anybody who reads the same passages. own: "
        "for the same person. off: every answer is written anew. Excerpts are never kept.",
    )
    cache_hours: int = Field(
        24, ge=0, le=8760, description="How long an answer is kept for that. 0: not at all."
    )
    further: bool = Field(
        True, description="Suggest questions to go on with under the last answer."
    )
    cache_similarity: float = Field(
        0,
        ge=0,
        le=1,
        description="Nearness in meaning from which another question about the same passages gets "
        "the same answer, such as 0.97. 0: only the same question.",
    )


class Attachments(Section):
    """Files that a person attaches to one conversation; nobody else sees them."""

    files: int = Field(
        5, ge=0, le=50, description="Files in one conversation; 0: nothing can be attached."
    )
    max_mb: int = Field(20, ge=1, le=1000, description="Largest file, in MB.")
    pages: int = Field(200, ge=1, le=5000, description="Most pages of one file.")


class Feedback(Section):
    """Ratings, and questions that were not answered."""

    gaps: bool = Field(
        True,
        description="Keep questions that no readable document answered, without the person, for "
        "the page of curators.",
    )
    gap_min_people: int = Field(
        2,
        ge=1,
        le=100,
        description="A topic without answer is shown only when so many different people asked "
        "about it within one month.",
    )
    gap_days: int = Field(
        365,
        ge=0,
        le=3650,
        description="Days after which questions without answer are deleted; 0 keeps them.",
    )
    min_group: int = Field(
        5,
        ge=1,
        le=1000,
        description="Figures of fewer people than these are not shown by group.",
    )
    training: bool = Field(
        False,
        description="Let `govbot finetune export --ratings` take answers that people rate good "
        "from now on, without the person; the page says so under the thumb.",
    )


class Analytics(Section):
    """Figures of use."""

    sentiment_model: str = Field(
        "",
        description="Folder of a text classification model (transformers) that judges the mood of "
        "questions; empty: none.",
    )


class Evaluation(Section):
    """The watch over quality: what a change of models, passages or prompt may cost."""

    gate: Literal["off", "warn", "refuse"] = Field(
        "warn",
        description="What happens when a change of embedder, reranker, passages, prompt or "
        "generator lowers the figures. warn: administrators are told. refuse: the service does "
        "not start with it, and `govbot reindex` keeps the old vectors. off: nothing.",
    )
    set: str = Field(
        "",
        max_length=80,
        description="Name of the set of gold questions that decides; empty: nothing is watched.",
    )
    margin: float = Field(
        0.02, ge=0, le=1, description="How much lower a figure may be, such as 0.02 of 1."
    )
    measures: tuple[
        Annotated[
            str, Field(pattern=r"^(mrr@10|ndcg@10|hit@(1|3|5|10)|answer_hit|refusal|support)$")
        ],
        ...,
    ] = Field(
        ("mrr@10", "answer_hit"),
        min_length=1,
        json_schema_extra={
            "allowed": "a list of mrr@10, ndcg@10, hit@1, hit@3, hit@5, hit@10, answer_hit, "
            "refusal, support"
        },
        description="Figures that may not fall. Those of answers (answer_hit, refusal, support) "
        "see a change of prompt or generator, and need an answer to each question.",
    )
