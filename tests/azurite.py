"""What tests ask of Azurite, and a gate in front of it that misbehaves."""

from __future__ import annotations

import contextlib
import socket
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest
from azure.storage.blob import ContainerClient, generate_container_sas

from pipelines.azurite import ACCOUNT, KEY, RunningAzurite, connection_string, running_azurite

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PROGRAM = Path(__file__).parents[1] / "build" / "azurite"


class Azurite(RunningAzurite):
    """One that runs, with what only tests ask of it."""

    def upload_many(self, container: str, contents: dict[str, bytes]) -> None:
        """Upload small blobs without a client, which is slower and tidies up names on their way."""
        sas = self.sas(container, ends_in=timedelta(hours=1), permission="rlcw")
        headers = {"x-ms-blob-type": "BlockBlob", "x-ms-version": "2021-12-02"}
        with contextlib.closing(HTTPConnection("127.0.0.1", self.port, timeout=10)) as connection:
            for name, sent in contents.items():
                path = f"/{ACCOUNT}/{container}/{name}?{sas}"
                connection.request("PUT", path, sent, headers)
                answer = connection.getresponse()
                content = answer.read()
                assert answer.status == 201, content

    def sas(self, container: str, *, ends_in: timedelta, permission: str = "rl") -> str:
        now = datetime.now(UTC)
        return generate_container_sas(
            ACCOUNT,
            container,
            account_key=KEY,
            permission=permission,
            start=now - timedelta(days=2),
            expiry=now + ends_in,
        )


@dataclass
class Request:
    """What came by."""

    method: str
    path: str
    range: str | None
    if_match: str | None


@dataclass
class Gate:
    """A little HTTP proxy in front of Azurite that answers 503 or hangs up when told to.

    Attributes:
        unavailable: how many of the next downloads are answered 503.
        cuts: how many of the next downloads break off in their midst.
        before_download: called before each download is passed on, with its number from 0.
        requests: what came by.
    """

    port: int = 0
    unavailable: int = 0
    cuts: int = 0
    before_download: Callable[[int], Any] = field(default=lambda _: None)
    requests: list[Request] = field(default_factory=list)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}/{ACCOUNT}"

    def downloads(self) -> list[Request]:
        """The GETs of clips and stills that came by."""
        return [one for one in self.requests if _is_download(one.method, one.path)]


def _is_download(method: str, path: str) -> bool:
    below = any(f"/{folder}/" in unquote(path) for folder in ("videos", "images"))
    return method == "GET" and "comp=list" not in path and below


@contextlib.contextmanager
def gate_before(azurite: Azurite) -> Iterator[Gate]:
    gate = Gate()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 10

        def do_GET(self) -> None:
            _pass(self, gate, azurite.port)

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        gate.port = server.server_address[1]
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield gate
        finally:
            server.shutdown()


def _pass(handler: BaseHTTPRequestHandler, gate: Gate, port: int) -> None:
    headers = dict(handler.headers)
    wanted = headers.get("x-ms-range") or headers.get("Range")
    is_download = _is_download(handler.command, handler.path)
    if is_download:
        gate.before_download(len(gate.downloads()))
    gate.requests.append(Request(handler.command, handler.path, wanted, headers.get("If-Match")))
    if is_download and gate.unavailable > 0:
        gate.unavailable -= 1
        handler.send_response(503)
        handler.send_header("x-ms-error-code", "ServerBusy")
        handler.send_header("Content-Length", "0")
        handler.end_headers()
        return
    upstream = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        upstream.request(handler.command, handler.path, headers=headers)
        answer = upstream.getresponse()
        content = answer.read()
        handler.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in {"transfer-encoding", "connection", "date", "server"}:
                handler.send_header(name, value)
        if handler.command == "GET" and answer.getheader("Content-Length") is None:
            handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        if is_download and gate.cuts > 0:
            gate.cuts -= 1
            handler.wfile.write(content[: len(content) // 2])
            handler.wfile.flush()
            handler.connection.shutdown(socket.SHUT_RDWR)
            handler.close_connection = True
            return
        if handler.command == "GET":
            handler.wfile.write(content)
    finally:
        upstream.close()


AZURE_VARIABLES = (
    "AZURE_STORAGE_ACCOUNT",
    "AZURE_STORAGE_CONNECTION_STRING",
    "AZURE_STORAGE_SAS_TOKEN",
    "AZURE_CLIENT_ID",
    "AZURE_TENANT_ID",
    "AZURE_FEDERATED_TOKEN_FILE",
)


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    with running_azurite(tmp_path_factory.mktemp("azurite"), PROGRAM) as running:
        yield Azurite(running.port)


@pytest.fixture
def container(
    azurite: Azurite, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[ContainerClient]:
    """A container of the test's own; the environment opens it, and pauses are short.

    Temporary files go to the folder `scratch`, where a test can look.
    """
    from components import blob_source

    for name in AZURE_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", connection_string(azurite.endpoint))
    (tmp_path / "scratch").mkdir()
    monkeypatch.setenv("ROLLCALL_SCRATCH", str(tmp_path / "scratch"))
    no_pause = {"initial_backoff": 0, "increment_base": 0, "random_jitter_range": 0}
    monkeypatch.setattr(blob_source, "BACKOFF", no_pause)
    blob_source._client.cache_clear()
    with azurite.service as service:
        yield service.create_container(f"c{uuid.uuid4().hex}")
    blob_source._client.cache_clear()


@pytest.fixture
def gate(
    azurite: Azurite, container: ContainerClient, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Gate]:
    """The environment leads through the gate."""
    with gate_before(azurite) as made:
        monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", connection_string(made.endpoint))
        yield made
