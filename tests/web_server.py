"""Web servers on this machine; one that answers by a script and remembers what it was asked."""

from __future__ import annotations

import contextlib
import json
import threading
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def serving(server: ThreadingHTTPServer, release: threading.Event) -> Iterator[None]:
    """Let a server answer meanwhile; at the end `release` is set, which its answers may await."""
    server.daemon_threads = True
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01), daemon=True)
    thread.start()
    try:
        yield
    finally:
        release.set()
        server.shutdown()
        server.server_close()
        thread.join(10)


@dataclass
class ScriptedServer:
    """What it answers, and what it was asked.

    Attributes:
        address: with a path that must not be told.
        answers: status, headers and body of each answer in turn; the last is given for ever.
        asked: method, path and body of each request.
        silence: answers wait until it is set.
    """

    address: str = ""
    answers: deque[tuple[int, dict[str, str], bytes]] = field(default_factory=deque)
    asked: list[tuple[str, str, bytes]] = field(default_factory=list)
    silence: threading.Event = field(default_factory=threading.Event)

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        """Answer so, after what was scripted before."""
        self.answers.append((status, {k.replace("_", "-"): v for k, v in headers.items()}, body))

    @property
    def bodies(self) -> list[Any]:
        return [json.loads(body) for _, _, body in self.asked]


@contextlib.contextmanager
def scripted_server() -> Iterator[ScriptedServer]:
    """Run one; it answers at once unless its `silence` is cleared."""
    script = ScriptedServer()
    script.silence.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            length = int(self.headers.get("Content-Length", 0))
            script.asked.append((self.command, self.path, self.rfile.read(length)))
            script.silence.wait(30)
            answers = script.answers
            status, headers, body = answers.popleft() if len(answers) > 1 else answers[0]
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # nobody waited
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

        do_GET = do_POST  # noqa: N815

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    script.address = f"http://127.0.0.1:{server.server_port}/services/s3cr3t"
    with serving(server, script.silence):
        yield script
