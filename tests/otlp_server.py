"""A receiver of OTLP over HTTP, in this process: what a collector would get."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from govbot import tracing
from govbot.config.table import Settings, Tracing


@dataclass(frozen=True)
class Seen:
    """A span as it arrived; `parent` is the name of the span above it, empty at the top."""

    name: str
    parent: str
    trace: str
    facts: dict[str, Any]
    events: tuple[str, ...]
    failed: bool


@dataclass
class Receiver:
    """What was posted, byte by byte, and how."""

    address: str
    bodies: list[bytes] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    def spans(self) -> list[Seen]:
        """All that have arrived, in the order of their beginnings."""
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
            ExportTraceServiceRequest,
        )

        found = [
            span
            for body in self.bodies
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]
        names = {span.span_id: span.name for span in found}
        return [
            Seen(
                name=span.name,
                parent=names.get(span.parent_span_id, ""),
                trace=span.trace_id.hex(),
                facts={each.key: _value(each.value) for each in span.attributes},
                events=tuple(event.name for event in span.events),
                failed=span.status.code == 2,
            )
            for span in sorted(found, key=lambda span: int(span.start_time_unix_nano))
        ]

    @property
    def everything(self) -> bytes:
        return b"".join(self.bodies)


@contextmanager
def receiving(*, sample: float = 1.0) -> Iterator[Receiver]:
    """Traces go to a receiver while the block runs; call `tracing.close()` before looking."""
    pytest.importorskip("opentelemetry.sdk", reason="the extra otel is not installed")
    receiver = Receiver("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            receiver.paths.append(self.path)
            receiver.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    receiver.address = f"http://127.0.0.1:{server.server_port}"
    try:
        wanted = Tracing(endpoint=receiver.address, sample=sample)
        assert tracing.configure(Settings(tracing=wanted))
        yield receiver
    finally:
        tracing.close()
        server.shutdown()
        server.server_close()
        thread.join()


def _value(value: Any) -> Any:
    return getattr(value, value.WhichOneof("value"))
