"""A small embedding server for tests: real HTTP over a real socket, vectors from hashed words."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


@dataclass
class EmbeddingServer:
    """`with EmbeddingServer() as server`: it answers from a thread of its own.

    `replies` are statuses, with bodies, for the next requests, before it answers well. `seed` is
    the model: another one gives other vectors. More than `most` texts, or a text of more than
    `longest` characters, is refused.
    """

    dimension: int = 8
    seed: str = "a"
    most: int = 1000
    longest: int = 100_000
    delay_s: float = 0.0
    noise: float = 0.0
    replies: deque[tuple[int, str]] = field(default_factory=deque)
    received: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    def __enter__(self) -> Self:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                server.received.append({"path": self.path, **body})
                server.headers.append({k.lower(): v for k, v in self.headers.items()})
                time.sleep(server.delay_s)
                status, text = server.answer(body["input"])
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}"

    def answer(self, texts: list[str]) -> tuple[int, str]:
        if self.replies:
            return self.replies.popleft()
        if len(texts) > self.most:
            return 422, json.dumps({"error": f"batch size {len(texts)} > {self.most}"})
        if max(map(len, texts)) > self.longest:
            return 400, json.dumps({"error": "exceeds the maximum context length"})
        rows = [{"index": i, "embedding": self.vector(text)} for i, text in enumerate(texts)]
        return 200, json.dumps({"object": "list", "data": rows[::-1], "model": "modelo"})

    def vector(self, text: str) -> list[float]:
        """Not of length 1: servers differ in that."""
        numbers = [0.0] * self.dimension
        for word in text.split():
            for place, byte in enumerate(hashlib.md5(f"{self.seed}{word}".encode()).digest()):
                numbers[place % self.dimension] += byte - 128
        return [number * (1 + self.noise * place) + 1 for place, number in enumerate(numbers)]
