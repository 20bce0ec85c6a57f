"""A client of a Kubeflow Pipelines server that says what to do when the server is not there.

It is `kfp.Client` with three things more: every request has a time limit, every failure is a
`KubeflowError` with a way on in it, and nothing is printed, kept in the home folder or read there.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import warnings
from collections import deque
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import kfp
import urllib3
from kfp_server_api import ApiException, V2beta1GetHealthzResponse

from components.blob_address import is_loopback
from components.errors import RollcallError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pipelines.settings import Settings

OLDEST: Final = (2, 17)
"""The version from which an exit handler around loops works."""
CONNECT_SECONDS: Final = 10.0
READ_SECONDS: Final = 60.0
"""Of a request: until there is a connection, and between two parts of the answer."""
MAX_MESSAGE: Final = 600
"""Characters of what a server says that are shown."""
MAX_TOKEN_BYTES: Final = 1 << 14
MAX_LOG_BYTES: Final = 64 << 20
"""Of a pod's log that are read for its end: the server gives a log from its start alone."""


class KubeflowError(RollcallError):
    """The server is not there, or refuses.

    Attributes:
        status: the one of HTTP, 0 where there was no answer.
    """

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status

    @property
    def may_pass(self) -> bool:
        """Whether the same question may be answered a little later."""
        return self.status in {0, 429} or self.status >= 500


class KubeflowClient(kfp.Client):  # type: ignore[misc] # kfp has no types
    """A connection that was tried, and answered.

    Attributes:
        host: where the server is.
        version: what the server calls itself, e.g. 2.17.0; "unknown" if it is built from source.
        multi_user: whether it keeps users apart by namespace.
        namespace: of what is asked for; empty where the server knows none.
    """

    def __init__(self, host: str, token: str, namespace: str, ca_file: Path | None) -> None:
        self.host = host
        self.version = "unknown"
        self.multi_user = False
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of versions long gone
            # Asks for the server's health by the way.
            super().__init__(
                host, existing_token=token or None, ssl_ca_cert=str(ca_file) if ca_file else None
            )
        if self.multi_user and not namespace:
            raise KubeflowError(
                f"{host} keeps users apart by namespace: put yours into ROLLCALL_NAMESPACE"
            )
        self.namespace = namespace if self.multi_user else ""
        self.set_user_namespace(self.namespace)

    def _load_context_setting_or_default(self) -> None:
        """Start from nothing: the file in the home folder may hold another server's cookies."""
        self._context_setting = {"namespace": ""}

    def set_user_namespace(self, namespace: str) -> None:
        """Work in a namespace; kfp's own also writes it into the home folder."""
        self._context_setting["namespace"] = namespace

    def get_kfp_healthz(self, sleep_duration: int = 0) -> V2beta1GetHealthzResponse:  # noqa: ARG002
        """Ask for health and version, once; kfp's own asks five times and prints tracebacks.

        Raises:
            KubeflowError: there is no server, or it is too old.
        """
        self._bound_requests()
        health = self._call("/apis/v2beta1/healthz", response_type="object")
        if not isinstance(health, dict):
            raise KubeflowError(
                f"{self.host} answers with a page, not with Kubeflow's API. Is the path right, and "
                "does a log-in stand in front? Then it needs a token: ROLLCALL_TOKEN_FILE"
            )
        # The API server says it in one way, its user interface in another.
        self.version = str(health.get("tag_name") or health.get("apiServerTagName") or "unknown")
        self.multi_user = bool(health.get("multi_user"))
        self._refuse_old()
        return V2beta1GetHealthzResponse(multi_user=self.multi_user)

    def page(self, kind: str, name: str) -> str:
        """URL of something in the user interface, e.g. `page("runs/details", run_id)`."""
        return f"{self.host}/#/{kind}/{name}"

    def log_tail(self, run_id: str, pod: str, lines: int) -> list[str]:
        """The last lines of what a run's pod wrote.

        The server reads them from the pod, and where that is gone, from the archive that it was
        set up with. `kfp.Client` has no method for this address, which is the one that the server
        of 2.17 has.

        Raises:
            KubeflowError: there is no such pod (any more), or no right to read it.
        """
        answer = self._call(
            "/apis/v1alpha1/runs/{run}/nodes/{pod}/log",
            {"run": run_id, "pod": pod},
            _preload_content=False,
        )
        try:
            with self._told("GET"):
                return _last_lines(answer, lines)
        finally:
            answer.close()

    def _call(self, path: str, parts: dict[str, str] | None = None, **more: Any) -> Any:  # noqa: ANN401
        return self._healthz_api.api_client.call_api(
            path,
            "GET",
            parts or {},
            [],
            {},
            auth_settings=["Bearer"],
            _return_http_data_only=True,
            **more,
        )

    def _bound_requests(self) -> None:
        """Give every request of this client a time limit, and its failures a message."""
        rest = self._healthz_api.api_client.rest_client
        # No silent second try, and no way after a redirection to a log-in, be it with the token.
        rest.pool_manager.connection_pool_kw["retries"] = False
        request: Callable[..., Any] = rest.request

        def bounded(method: str, url: str, **options: Any) -> Any:  # noqa: ANN401
            options["_request_timeout"] = (CONNECT_SECONDS, READ_SECONDS)
            with self._told(method):
                return request(method, url, **options)

        rest.request = bounded

    @contextlib.contextmanager
    def _told(self, method: str) -> Iterator[None]:
        """Turn what goes wrong into what to do."""
        try:
            yield
        except ApiException as error:
            raise KubeflowError(_refusal(self.host, error), error.status or 0) from None
        except urllib3.exceptions.HTTPError as error:
            lost = "" if method == "GET" else ". It may have arrived: look before you send it again"
            raise KubeflowError(_no_answer(self.host, error) + lost) from None

    def _refuse_old(self) -> None:
        found = re.match(r"v?(\d+)\.(\d+)", self.version)
        if found and tuple(map(int, found.groups())) < OLDEST:
            raise KubeflowError(
                f"{self.host} is Kubeflow Pipelines {self.version}; "
                f"{'.'.join(map(str, OLDEST))} or newer is needed"
            )


def connect(
    host: str, *, token: str = "", namespace: str = "", ca_file: Path | None = None
) -> KubeflowClient:
    """Connect to a server, and see that it is there and new enough.

    Args:
        host: its address, e.g. http://localhost:8080.
        token: proves who asks; it is sent, and neither printed nor kept.
        namespace: of the user, where the server keeps users apart.
        ca_file: certificates of authorities to trust in the place of the public ones.

    Raises:
        KubeflowError: the address is none, the server is not there, too old, or refuses.
    """
    if ca_file and not ca_file.is_file():
        raise KubeflowError(f"ROLLCALL_CA_FILE names no file: {ca_file}")
    return KubeflowClient(_checked(host, token), token, namespace, ca_file)


def connect_as_set(settings: Settings, host: str = "") -> KubeflowClient:
    """Connect to `host`, or else to that of the settings, as they say.

    Raises:
        KubeflowError: as `connect`, or the token cannot be read.
    """
    token = _token_of(settings)
    return connect(
        host or settings.host, token=token, namespace=settings.namespace, ca_file=settings.ca_file
    )


@contextlib.contextmanager
def silent() -> Iterator[None]:
    """Keep from the terminal what kfp prints of its own accord."""
    with contextlib.redirect_stdout(io.StringIO()):
        yield


def printable(text: str) -> str:
    """A line that others wrote, without what could steer a terminal."""
    return "".join(each if each.isprintable() else " " for each in text)


def _checked(host: str, token: str) -> str:
    """The address without a slash at its end.

    Raises:
        KubeflowError: there is none, it has too much in it, or the token would be read on its way.
    """
    if not host:
        raise KubeflowError(
            "where is Kubeflow Pipelines? Give --host or ROLLCALL_HOST, e.g. http://localhost:8080 "
            "while `kubectl port-forward service/ml-pipeline-ui 8080:80` runs"
        )
    host = (host if "://" in host else f"https://{host}").rstrip("/")
    parts = urlsplit(host)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise KubeflowError("--host has to be an address such as https://kubeflow.example.org")
    if parts.username or parts.query or parts.fragment:
        raise KubeflowError(
            "--host has a user, a query or a fragment (#) in it: give the address up to there, and "
            "a token by ROLLCALL_TOKEN_FILE"
        )
    inside = parts.hostname.endswith((".svc", ".svc.cluster.local"))
    if token and parts.scheme == "http" and not (inside or is_loopback(host)):
        raise KubeflowError("the token would be sent in the clear: give --host with https://")
    return host


def _token_of(settings: Settings) -> str:
    if settings.token_file is None:
        return settings.token.get_secret_value()
    try:
        with settings.token_file.open(encoding="ascii") as stream:
            token = stream.read(MAX_TOKEN_BYTES).strip()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        raise KubeflowError(f"ROLLCALL_TOKEN_FILE cannot be read: {why}") from None
    if not token or len(token.split()) > 1:
        raise KubeflowError("ROLLCALL_TOKEN_FILE has to hold a token, and nothing else")
    return token


def _refusal(host: str, error: ApiException) -> str:
    """What to do about an answer that is none of success."""
    if not error.status:  # kfp_server_api's way to tell of TLS
        return _no_tls(host, str(error.reason))
    told = {
        401: f"{host} does not know who you are: put a token into the file that "
        "ROLLCALL_TOKEN_FILE names, or a new one if it is over",
        403: f"{host} does not let you: ask for the role in your namespace, and check "
        "ROLLCALL_NAMESPACE",
    }.get(error.status)
    if told is None and 300 <= error.status < 400:
        place = urlsplit((error.headers or {}).get("Location", ""))
        told = (
            f"{host} sends on to {place.scheme}://{place.netloc}: give that as --host, or, if it "
            "is a log-in, a token by ROLLCALL_TOKEN_FILE"
        )
    said = _said(error.body)
    if error.status == 404 and not said:
        return f"{host} answers 404: there is no Kubeflow Pipelines at that path"
    if told is None:
        told = f"{host} answers {error.status}"
    return f"{told} ({said})" if said else told


def _said(body: Any) -> str:  # noqa: ANN401 - text or bytes
    """The message in an error of the API; empty where it is a page of something in front of it."""
    try:
        told = json.loads(body)
        return printable(str(told.get("message") or told.get("error") or ""))[:MAX_MESSAGE]
    except (ValueError, TypeError, AttributeError):
        return ""


def _no_answer(host: str, error: urllib3.exceptions.HTTPError) -> str:
    if isinstance(error, urllib3.exceptions.SSLError):
        return _no_tls(host, str(error))
    if isinstance(error, urllib3.exceptions.NameResolutionError):
        return f"there is no host of the name in {host}: check --host or ROLLCALL_HOST"
    if isinstance(error, urllib3.exceptions.NewConnectionError):  # is a ConnectTimeoutError, too
        return f"nobody listens at {host}: check --host, or start `kubectl port-forward` again"
    if isinstance(error, urllib3.exceptions.ConnectTimeoutError):
        return f"{host} could not be reached within {CONNECT_SECONDS:.0f} s: is a VPN needed?"
    if isinstance(error, urllib3.exceptions.ReadTimeoutError):
        return f"{host} did not answer within {READ_SECONDS:.0f} s"
    return f"{host} broke off the connection"


def _no_tls(host: str, reason: str) -> str:
    if "CERTIFICATE_VERIFY_FAILED" in reason:
        return (
            f"the certificate of {host} is not trusted: put your authority's certificates into a "
            "file and name it in ROLLCALL_CA_FILE"
        )
    return f"{host} does not speak TLS as expected: is it http:// instead of https://?"


def _last_lines(answer: urllib3.BaseHTTPResponse, lines: int) -> list[str]:
    last: deque[str] = deque(maxlen=lines)
    read, rest = 0, b""
    for chunk in answer.stream(1 << 16):
        read += len(chunk)
        if read > MAX_LOG_BYTES:
            last.append(f"(the log goes on after {MAX_LOG_BYTES >> 20} MiB, which were read)")
            return [*last]
        *whole, rest = (rest + chunk)[-(1 << 20) :].split(b"\n")
        last.extend(map(_line, whole))
    if rest:
        last.append(_line(rest))
    return [*last]


def _line(content: bytes) -> str:
    return printable(content.decode("utf-8", errors="replace").rstrip())
