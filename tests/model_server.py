"""A model server for whole processes: OpenAI's protocol from a thread, as slow as a test wants."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self


@dataclass
class ModelServer:
    """`with ModelServer() as server`: while `slow` is set, an answer says `meanwhile` on and on;
    then `answer` to its end."""

    meanwhile: str = "Um momento, por favor. "
    answer: str = "A licença-paternidade é de vinte dias corridos [1]."
    slow: threading.Event = field(default_factory=threading.Event)
    asked: int = 0

    def __enter__(self) -> Self:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._head("application/json")
                self.wfile.write(b'{"object": "list", "data": [{"id": "modelo"}]}')

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                server.asked += 1
                self._head("text/event-stream")
                try:
                    while server.slow.is_set():
                        self._say(server.meanwhile)
                        server.gone.wait(0.1)
                    self._say(server.answer)
                    self.wfile.write(b"data: [DONE]\n\n")
                except OSError:
                    pass  # who asked has died

            def _head(self, kind: str) -> None:
                self.send_response(200)
                self.send_header("content-type", kind)
                self.end_headers()

            def _say(self, text: str) -> None:
                delta = {"choices": [{"index": 0, "delta": {"content": text}}]}
                self.wfile.write(f"data: {json.dumps(delta)}\n\n".encode())
                self.wfile.flush()

            def log_message(self, *_: object) -> None:
                pass

        self.gone = threading.Event()
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
        self.slow.clear()
        self.gone.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}/v1"
