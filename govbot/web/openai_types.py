"""What the OpenAI-compatible routes take and give; unknown fields of a request are ignored.

The shapes are those of https://platform.openai.com/docs/api-reference, as clients read them.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

from govbot.web.api_types import CitationItem, SupportItem

MAX_MESSAGES = 500
MAX_INPUTS = 64
MAX_INPUT = 16_000  # characters of one text to embed

ModelName = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=300,
        description="`govbot` for all that may be read, `govbot:<collection>` for one collection, "
        "by its name or id.",
        examples=["govbot"],
    ),
]


FaultType = Literal[
    "invalid_request_error", "authentication_error", "permission_error", "rate_limit_error",
    "server_error",
]  # fmt: skip


class Fault(Struct, frozen=True):
    """What went wrong; `code` is GovBot's own and stable (docs/errors.md)."""

    message: str
    type: FaultType
    param: str | None
    code: str


class OpenAIProblem(Struct, frozen=True):
    """An error, as OpenAI's clients expect it."""

    error: Fault


class Part(Struct, frozen=True):
    """A part of a message; only those of type `text` can be read."""

    type: str = "text"
    text: str | None = None


class Said(Struct, frozen=True):
    """A message of the conversation. `system` and `developer` are ignored: GovBot's rules hold."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[Part] | None = None


class Kind(Struct, frozen=True):
    """The form of the answer: `text`."""

    type: str


class StreamOptions(Struct, frozen=True):
    """What a stream tells beside the text."""

    include_usage: bool | None = None


class ChatRequest(Struct, frozen=True):
    """A conversation whose last message of the user is the question."""

    model: ModelName
    messages: Annotated[
        list[Said],
        Meta(
            min_length=1,
            max_length=MAX_MESSAGES,
            examples=[[{"role": "user", "content": "Quantos dias dura a licença-paternidade?"}]],
        ),
    ]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(gt=0, le=1)] | None = None
    seed: Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)] | None = None
    max_tokens: Annotated[int, Meta(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Meta(ge=1)] | None = None
    stop: str | list[str] | None = None
    response_format: Kind | None = None
    n: int | None = None
    tools: list[Any] | None = None
    functions: list[Any] | None = None
    logprobs: bool | None = None
    logit_bias: dict[str, Any] | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    modalities: list[str] | None = None
    engine: Annotated[
        Annotated[str, Meta(max_length=200)] | None,
        Meta(description="GovBot's own: the model that writes, where one may be chosen."),
    ] = None
    sources_in_text: Annotated[
        bool | None,
        Meta(description="GovBot's own: list the sources with links below the answer as well."),
    ] = None


class UrlCitation(Struct, frozen=True):
    """A source: `start_index` to `end_index` are the characters of its mark in the text."""

    start_index: int
    end_index: int
    title: str
    url: Annotated[str, Meta(description="The page of the document on this site.")]


class Annotation(Struct, frozen=True):
    """Where a mark in the text leads."""

    url_citation: UrlCitation
    type: Literal["url_citation"] = "url_citation"


class Notes(Struct, frozen=True):
    """What GovBot knows of the answer: see `POST /api/v1/ask`."""

    refused: bool
    excerpts: bool
    engine: str
    nearest: list[CitationItem]
    support: list[SupportItem]


class PromptDetails(Struct, frozen=True):
    """`cached_tokens` of the prompt were in memory."""

    cached_tokens: int = 0


class ChatUsage(Struct, frozen=True):
    """What the model took; 0 where no model wrote: refusals, excerpts, answers kept from before."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0
    prompt_tokens_details: PromptDetails = field(default_factory=PromptDetails)


Finish = Literal["stop", "length"]


class Message(Struct, frozen=True):
    """The answer: Markdown with marks [n]."""

    content: str
    annotations: list[Annotation]
    role: Literal["assistant"] = "assistant"
    refusal: None = None


class Choice(Struct, frozen=True):
    """The one answer."""

    message: Message
    finish_reason: Finish
    index: Literal[0] = 0
    logprobs: None = None


class Completion(Struct, frozen=True):
    """An answer. `citations` are the sources of its marks, `govbot` what is known of it beside."""

    id: str
    created: int
    model: str
    choices: list[Choice]
    usage: ChatUsage
    citations: list[CitationItem]
    govbot: Notes
    object: Literal["chat.completion"] = "chat.completion"


class Delta(Struct, frozen=True, omit_defaults=True):
    """What a chunk adds; the annotations come with the last one."""

    role: Literal["assistant"] | None = None
    content: str | None = None
    annotations: list[Annotation] = field(default_factory=list)


class ChunkChoice(Struct, frozen=True):
    """The one answer, as far as it came."""

    delta: Delta
    finish_reason: Finish | None = None
    index: Literal[0] = 0
    logprobs: None = None


class Chunk(Struct, frozen=True, omit_defaults=True):
    """A piece of a streamed answer; the last one has the citations."""

    id: str
    created: int
    model: str
    choices: list[ChunkChoice]
    object: Literal["chat.completion.chunk"]
    usage: ChatUsage | None = None
    citations: list[CitationItem] = field(default_factory=list)
    govbot: Notes | None = None


class Model(Struct, frozen=True):
    """What can be asked: everything, or one collection."""

    id: str
    created: int
    object: Literal["model"] = "model"
    owned_by: str = "govbot"


class ModelList(Struct, frozen=True):
    """What the person behind the key may ask."""

    data: list[Model]
    object: Literal["list"] = "list"


class EmbeddingRequest(Struct, frozen=True):
    """Texts to turn into vectors."""

    input: Annotated[
        str | list[str | int | list[int]],
        Meta(description="One text or up to 64; tokens are not taken.", examples=["férias"]),
    ]
    model: Annotated[
        str,
        Meta(
            max_length=300,
            description="`govbot`, or the name of the embedding model.",
            examples=["govbot"],
        ),
    ] = "govbot"
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: int | None = None
    input_type: Annotated[
        Literal["query", "passage"] | None,
        Meta(description="GovBot's own: models embed questions otherwise than passages."),
    ] = None


class Embedding(Struct, frozen=True):
    """A vector of length 1; as base64, 32-bit floats, the lowest byte first."""

    index: int
    embedding: list[float] | str
    object: Literal["embedding"] = "embedding"


class EmbeddingUsage(Struct, frozen=True):
    """Tokens of the texts as the model counts them."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingList(Struct, frozen=True):
    """The vectors, in the order of the texts."""

    data: list[Embedding]
    model: str
    usage: EmbeddingUsage
    object: Literal["list"] = "list"
