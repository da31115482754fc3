"""Traces for OpenTelemetry: what one question, one document, one request spent its time on.

Off unless [tracing] has an endpoint; then, and only then, the libraries of the extra `otel` are
imported. A span holds numbers, stable words and ids: never a word of a question, an answer or a
document, which is why what may be noted is a list (NAMES) and why messages of errors stay out.
"""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urlsplit

from govbot import __version__
from govbot.errors import GovBotError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span as ForeignSpan
    from opentelemetry.trace import Tracer

    from govbot.config import Settings

log = logging.getLogger(__name__)

Fact = str | int | float | bool
# What may be noted, by the names of the semantic conventions where they have one.
NAMES: Final[Mapping[str, str]] = {
    "method": "http.request.method",
    "route": "http.route",
    "status": "http.response.status_code",
    "request": "govbot.request",
    "code": "error.type",
    "answer": "govbot.answer",
    "outcome": "govbot.outcome",
    "sufficient": "govbot.sufficient",
    "passages": "govbot.passages",
    "citations": "govbot.citations",
    "model": "govbot.model",
    "reason": "govbot.reason",
    "prompt_tokens": "govbot.prompt_tokens",
    "shared_tokens": "govbot.shared_tokens",
    "generated_tokens": "govbot.generated_tokens",
    "first_token_ms": "govbot.first_token_ms",
    "kind": "govbot.kind",
    "document": "govbot.document",
    "pages": "govbot.pages",
    "chunks": "govbot.chunks",
    "attempt": "govbot.attempt",
}
_LONGEST: Final = 120
_STAGE: Final = re.compile(r"[a-z][a-z_]{0,30}")
_QUEUE: Final = 2048  # spans that wait to be sent; more are dropped
_BATCH: Final = 256
_EVERY_MS: Final = 2000
_SEND_S: Final = 5.0
_CLOSE_S: Final = 3.0

_TELL_EVERY_S: Final = 300.0

_provider: TracerProvider | None = None
_tracer: Tracer | None = None


class Span(Protocol):
    """A step that takes time."""

    def named(self, name: str) -> None:
        """Another name than at its beginning."""
        ...

    def note(self, **facts: Fact) -> None:
        """Facts by the keys of NAMES."""
        ...

    def stages(self, seconds: Mapping[str, float]) -> None:
        """How long parts of it took, by stable words."""
        ...

    def event(self, name: str) -> None:
        """Something that happened now."""
        ...

    def failed(self, error: BaseException) -> None:
        """It did not succeed; the error's code is noted, its words are not."""
        ...

    def end(self) -> None:
        """It is over."""
        ...


def configure(settings: Settings) -> bool:
    """Sends traces to `tracing.endpoint` from now on; False without one, or without the libraries.

    A service without traces is better than none, so what is wrong is said in the log.
    """
    global _provider, _tracer
    own = settings.tracing
    close()
    if not own.endpoint:
        return False
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
    except ModuleNotFoundError:
        log.error(
            "tracing.endpoint is set, but this installation lacks the extra otel: no traces",
            extra={"action": "tracing.missing"},
        )
        return False
    logging.getLogger(OTLPSpanExporter.__module__).addFilter(_seldom)
    resource = Resource(
        {
            "service.name": "govbot",
            "service.version": __version__,
            "service.instance.id": socket.gethostname(),
        }
    )
    provider = TracerProvider(
        sampler=ParentBased(TraceIdRatioBased(own.sample)),
        resource=resource,
        shutdown_on_exit=False,
    )
    exporter = OTLPSpanExporter(endpoint=_address(own.endpoint), timeout=_SEND_S)
    provider.add_span_processor(
        BatchSpanProcessor(
            exporter,
            max_queue_size=_QUEUE,
            max_export_batch_size=_BATCH,
            schedule_delay_millis=_EVERY_MS,
        )
    )
    _provider, _tracer = provider, provider.get_tracer("govbot", __version__)
    log.info("Traces go to %s", urlsplit(own.endpoint).netloc, extra={"action": "tracing.on"})
    return True


def close() -> None:
    """Sends what waits, for a few seconds at most, and ends."""
    global _provider, _tracer
    provider, _provider, _tracer = _provider, None, None
    if provider is None:
        return
    ending = threading.Thread(target=provider.shutdown, name="tracing", daemon=True)
    ending.start()
    ending.join(_CLOSE_S)


@contextmanager
def span(name: str, **facts: Fact) -> Iterator[Span]:
    """A step around the block; those that begin inside belong to it. An exception marks it.

    Not inside an async generator, whose caller would get it as the current one: `begin` there.
    """
    if _tracer is None:
        yield OFF
        return
    with _tracer.start_as_current_span(
        name, attributes=_attributes(facts), record_exception=False, set_status_on_exception=False
    ) as foreign:
        step = _Traced(foreign)
        try:
            yield step
        except GeneratorExit:
            raise
        except BaseException as error:
            step.failed(error)
            raise


def begin(name: str, **facts: Fact) -> Span:
    """A step under the current one, without becoming it; the caller ends it."""
    if _tracer is None:
        return OFF
    return _Traced(_tracer.start_span(name, attributes=_attributes(facts)))


def trace_id() -> str:
    """The trace that this task belongs to, for log lines; empty without one."""
    if _tracer is None:
        return ""
    from opentelemetry.trace import get_current_span

    found = get_current_span().get_span_context()
    return f"{found.trace_id:032x}" if found.is_valid and found.trace_flags.sampled else ""


class _Seldom(logging.Filter):
    """Of a receiver that does not answer, one line in five minutes is enough."""

    told_at = -_TELL_EVERY_S

    def filter(self, record: logging.LogRecord) -> bool:
        now = time.monotonic()
        if record.levelno < logging.WARNING or now - self.told_at < _TELL_EVERY_S:
            return False
        self.told_at = now
        return True


_seldom: Final = _Seldom()


class _Off:
    """What is noted while there are no traces."""

    def named(self, name: str) -> None: ...

    def note(self, **facts: Fact) -> None: ...

    def stages(self, seconds: Mapping[str, float]) -> None: ...

    def event(self, name: str) -> None: ...

    def failed(self, error: BaseException) -> None: ...

    def end(self) -> None: ...


OFF: Final = _Off()


class _Traced:
    """A span of OpenTelemetry."""

    def __init__(self, foreign: ForeignSpan) -> None:
        self._span = foreign

    def named(self, name: str) -> None:
        self._span.update_name(name)

    def note(self, **facts: Fact) -> None:
        if self._span.is_recording():  # news of an answer can come after its end
            self._span.set_attributes(_attributes(facts))

    def stages(self, seconds: Mapping[str, float]) -> None:
        for stage, taken in seconds.items():
            if _STAGE.fullmatch(stage):
                self._span.set_attribute(f"govbot.seconds.{stage}", round(taken, 6))

    def event(self, name: str) -> None:
        self._span.add_event(name)

    def failed(self, error: BaseException) -> None:
        from opentelemetry.trace import StatusCode

        if isinstance(error, asyncio.CancelledError):  # who asked went away
            self.event("cancelled")
            return
        code = error.error_code if isinstance(error, GovBotError) else type(error).__name__
        self.note(code=code)
        self._span.set_status(StatusCode.ERROR)

    def end(self) -> None:
        self._span.end()


def _attributes(facts: Mapping[str, Fact]) -> dict[str, Fact]:
    """Under their public names; what is not in the list is left out."""
    return {
        NAMES[key]: value[:_LONGEST] if isinstance(value, str) else value
        for key, value in facts.items()
        if key in NAMES
    }


def _address(endpoint: str) -> str:
    """The address that spans are posted to; one without a path gets the usual one."""
    return endpoint if urlsplit(endpoint).path.strip("/") else endpoint.rstrip("/") + "/v1/traces"
