"""A source in Azure Blob storage: its listing, its roster, one clip at a time.

`components.blob_address` says how a source is written and where its credentials come from. Nothing
is copied to stay: a clip is streamed into a temporary file that is deleted as soon as the step is
done with it, range by range, each range held to the etag that was listed. Lost connections and busy
servers are tried again, from the range at which it happened.

Importing this module imports Azure's SDK; `components.sources` does so for such sources alone.
"""

from __future__ import annotations

import contextlib
import functools
import io
import logging
import os
import shutil
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

from azure.core import MatchConditions
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ResourceModifiedError,
    ResourceNotFoundError,
    ServiceRequestError,
)
from azure.identity import DefaultAzureCredential
from azure.storage.blob import (
    BlobProperties,
    BlobServiceClient,
    ContainerClient,
    ExponentialRetry,
)

from components.blob_address import (
    ACCOUNT_VARIABLE,
    CONNECTION_STRING_VARIABLE,
    SAS_VARIABLE,
    BlobAddress,
    blob_address,
    has_odd_parts,
    is_loopback,
    source_address,
)
from components.contracts import ClipError, Reason
from components.errors import RosterError, SourceError
from components.roster import MAX_ROSTER_BYTES
from components.sources import (
    IMAGES_NAME,
    MAX_FILES,
    ROSTER_NAME,
    SCRATCH_VARIABLE,
    SUFFIXES,
    SYSTEM_FILES,
    VIDEOS_NAME,
    SourceFile,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

RANGE_BYTES: Final = 8 << 20
DOWNLOAD_TIMEOUT_S: Final = 1200.0
"""For one clip; no further range is asked for after it."""
CONNECT_TIMEOUT_S: Final = 10
READ_TIMEOUT_S: Final = 30
RETRIES: Final = 4
BACKOFF: Final[Mapping[str, Any]] = {
    "initial_backoff": 1,
    "increment_base": 2,
    "random_jitter_range": 1,
}
"""Pauses of about 3, 5, 9 and 17 seconds."""

_SPARE_BYTES: Final = 64 << 20
_BLOBS_IN_A_PAGE: Final = 1000
"""Of 5000 allowed: the SDK holds a page whole, at several kilobytes a blob."""
_SCOPE: Final = "https://storage.azure.com/.default"


class BlobFolder:
    """A source below a prefix in a container."""

    def __init__(self, source: str) -> None:
        """Take an address; nothing is asked of the account yet.

        Raises:
            SourceError: it is no address, or the environment has no way in.
        """
        self._address = source_address(source)
        self._container = _container_of(self._address)
        self._prefix = f"{self._address.name}/" if self._address.name else ""

    @property
    def place(self) -> str:
        """The URL, without any secret."""
        return self._address.uri

    def read_roster(self) -> bytes:
        """Return the content of `roster.csv`.

        Raises:
            RosterError: there is none, or it changes meanwhile.
            SourceError: the account, the container or the credentials do not work.
        """
        name = f"{self._prefix}{ROSTER_NAME}"
        return _read_roster(
            BlobAddress(self._address.endpoint, self._address.container, name), self._container
        )

    def files(self) -> Iterator[SourceFile]:
        """List what lies below `images/` and `videos/`, page by page.

        Raises:
            SourceError: there is nothing, more than MAX_FILES, or no way in.
        """
        count = 0
        for folder in SUFFIXES:
            below = f"{self._prefix}{folder}/"
            for blob in self._list(below):
                count += 1
                if count > MAX_FILES:
                    raise SourceError(
                        f"{self.place} holds more than {MAX_FILES:,} files; split the source"
                    )
                path = blob.name.removeprefix(below)
                if not _is_clutter(blob, path):
                    yield self._file(blob, path, folder)
        if not count:
            raise SourceError(
                f"looked for blobs below {VIDEOS_NAME}/ or {IMAGES_NAME}/ in {self.place}: there "
                "are none"
            )

    def _list(self, below: str) -> Iterator[BlobProperties]:
        try:
            with _explained(self._address):
                # Metadata tells the folders of a hierarchical namespace, which are listed too.
                yield from self._container.list_blobs(
                    name_starts_with=below, include=["metadata"], results_per_page=_BLOBS_IN_A_PAGE
                )
        except ResourceNotFoundError:
            raise _no_container(self._address) from None

    def _file(self, blob: BlobProperties, path: str, folder: str) -> SourceFile:
        problem = None
        if has_odd_parts(path):  # another blob would be read, or none
            problem = "its name has an empty, . or .. part, which a URL does not keep"
        elif blob.blob_tier == "Archive":
            problem = "it is archived: rehydrate it first"
        address = BlobAddress(self._address.endpoint, self._address.container, blob.name)
        return SourceFile(path, address.uri, bare(blob.etag), blob.size, problem, folder)


def read_roster_blob(uri: str) -> bytes:
    """Return the content of a roster that is given apart from the source.

    Raises:
        RosterError: there is none, or it changes meanwhile.
        SourceError: the address, the account, the container or the credentials do not work.
    """
    address = source_address(uri)
    if not address.name:
        raise SourceError("it names a container and no blob in it")
    return _read_roster(address, _container_of(address))


def _read_roster(address: BlobAddress, container: ContainerClient) -> bytes:
    content = io.BytesIO()
    try:
        with _explained(address):
            listed = container.get_blob_client(address.name).get_blob_properties()
            limit = min(listed.size, MAX_ROSTER_BYTES + 1)
            _stream(container, address.name, bare(listed.etag), limit, content)
    except ResourceNotFoundError:
        folder, _, name = address.uri.rpartition("/")
        raise RosterError(
            f"looked for {name} in {folder}: there is none; without a roster nothing is opened. It "
            "may also be given apart (roster)"
        ) from None
    except ResourceModifiedError:
        raise RosterError("the roster changed while it was read; run it again") from None
    return content.getvalue()


@contextlib.contextmanager
def localise_blob(uri: str, etag: str | None) -> Iterator[Path]:
    """Yield a temporary file with the content that had `etag`; it is deleted at the end.

    Its name has nothing of the blob's.

    Raises:
        ClipError: CHANGED_SINCE_INGEST, when the blob has gone or has another etag.
        SourceError: the storage does not work, or there is no room on the disk.
    """
    if not etag:
        raise ClipError(Reason.CHANGED_SINCE_INGEST, "it was listed without an etag to hold it to")
    address = blob_address(uri)
    if has_odd_parts(address.name):
        raise SourceError("the name of a blob has an empty, . or .. part, so it cannot be read")
    with _temporary_file() as file:
        _fetch(address, etag, file)
        yield Path(file.name)


def _temporary_file() -> IO[bytes]:
    folder = os.environ.get(SCRATCH_VARIABLE) or None
    try:
        return tempfile.NamedTemporaryFile(prefix="rollcall-clip-", dir=folder)
    except OSError as error:
        raise _cannot_write(error) from None


def _cannot_write(error: OSError) -> SourceError:
    return SourceError(
        f"writing a temporary file fails ({error.strerror}): make room in the system's folder for "
        f"them, or name another in {SCRATCH_VARIABLE}"
    )


def _fetch(address: BlobAddress, etag: str, file: IO[bytes]) -> None:
    container = _container_of(address)
    try:
        with _explained(address):
            size = _size_of(container, address.name, etag)
            _check_room(file.name, size)
            _stream(container, address.name, etag, size, file)
        file.flush()
    except ResourceNotFoundError:
        raise ClipError(Reason.CHANGED_SINCE_INGEST, "the blob has gone") from None
    except ResourceModifiedError:
        raise ClipError(Reason.CHANGED_SINCE_INGEST, "the blob has another etag") from None
    except OSError as error:
        raise _cannot_write(error) from None


def _size_of(container: ContainerClient, name: str, etag: str) -> int:
    blob = container.get_blob_client(name)
    return blob.get_blob_properties(**held_to(etag)).size


def _stream(container: ContainerClient, name: str, etag: str, size: int, target: IO[bytes]) -> None:
    """Write the first `size` bytes of a blob, one range at a time."""
    blob = container.get_blob_client(name)
    deadline = time.monotonic() + DOWNLOAD_TIMEOUT_S
    for start in range(0, size, RANGE_BYTES):
        if time.monotonic() > deadline:
            raise SourceError(
                f"reading one blob took more than {DOWNLOAD_TIMEOUT_S:g} s: the storage or the "
                f"line to it is too slow"
            )
        length = min(RANGE_BYTES, size - start)
        content = blob.download_blob(
            start,
            length,
            max_concurrency=1,
            decompress=False,  # a Content-Encoding is the blob's affair: bytes are what was listed
            **held_to(etag),
        ).readall()
        if len(content) != length:
            raise SourceError(f"the storage sent {len(content)} bytes instead of {length}")
        target.write(content)


def held_to(etag: str) -> dict[str, Any]:
    """What makes a request fail unless the blob still has that etag."""
    return {"etag": f'"{etag}"', "match_condition": MatchConditions.IfNotModified}


def bare(etag: str) -> str:
    """Listings give it without quotes, headers with them."""
    return etag.strip('"')


def _check_room(path: str, size: int) -> None:
    free = shutil.disk_usage(Path(path).parent).free
    if size + _SPARE_BYTES > free:
        raise SourceError(
            f"a clip of {size:,} bytes does not fit beside the {_SPARE_BYTES:,} to be left free: "
            f"{free:,} are. Make room, or name another folder in {SCRATCH_VARIABLE}"
        )


def _is_clutter(blob: BlobProperties, path: str) -> bool:
    """What stands for a folder, and hidden and system files."""
    is_folder = (blob.metadata or {}).get("hdi_isfolder") == "true"
    if is_folder or (path.endswith("/") and not blob.size):
        return True
    parts = path.split("/")
    hidden = any(part.startswith(".") and part not in {".", ".."} for part in parts)
    return hidden or parts[-1].lower() in SYSTEM_FILES


@dataclass(frozen=True)
class _Secrets:
    """What the environment holds; not to be shown."""

    connection_string: str = field(repr=False)
    sas: str = field(repr=False)

    @classmethod
    def of_environment(cls) -> _Secrets:
        return cls(
            os.environ.get(CONNECTION_STRING_VARIABLE, ""),
            os.environ.get(SAS_VARIABLE, "").strip().lstrip("?"),
        )


def open_container(address: BlobAddress) -> ContainerClient:
    """Return a client of the container, opened as the environment says.

    Raises:
        SourceError: the environment has no way in.
    """
    return _container_of(address)


def open_service(address: BlobAddress) -> BlobServiceClient:
    """Return a client of the whole account, opened as the environment says.

    Raises:
        SourceError: the environment has no way in.
    """
    secrets = _Secrets.of_environment()
    if secrets.connection_string:
        return BlobServiceClient.from_connection_string(secrets.connection_string, **_settings())
    if secrets.sas:
        return BlobServiceClient(f"{address.endpoint}?{secrets.sas}", **_settings())
    credential = _container_of(address).credential
    return BlobServiceClient(address.endpoint, credential=credential, **_settings())


def _container_of(address: BlobAddress) -> ContainerClient:
    return _client(address.endpoint, address.container, _Secrets.of_environment())


@functools.lru_cache(maxsize=4)  # clients are safe to share between threads and keep connections
def _client(endpoint: str, container: str, secrets: _Secrets) -> ContainerClient:
    # At INFO the SDK logs every URL, and a URL has a person in it.
    logging.getLogger("azure").setLevel(logging.WARNING)
    settings = _settings()
    if secrets.connection_string:
        return _client_of_string(secrets.connection_string, container, settings)
    if secrets.sas:
        if "sig=" not in secrets.sas:
            raise SourceError(f"{SAS_VARIABLE} holds no SAS: put the whole token there, in quotes")
        return ContainerClient(f"{endpoint}?{secrets.sas}", container, **settings)
    if is_loopback(endpoint):
        raise SourceError(
            f"an emulator needs {CONNECTION_STRING_VARIABLE} or {SAS_VARIABLE}: an identity's "
            f"token is not sent without https"
        )
    return ContainerClient(endpoint, container, credential=_identity(endpoint), **settings)


def _settings() -> dict[str, Any]:
    return {
        "retry_policy": ExponentialRetry(
            retry_total=RETRIES,
            retry_connect=RETRIES,
            retry_read=RETRIES,
            retry_status=RETRIES,
            **BACKOFF,
        ),
        "connection_timeout": CONNECT_TIMEOUT_S,
        "read_timeout": READ_TIMEOUT_S,
        "max_single_get_size": RANGE_BYTES,
        "max_chunk_get_size": RANGE_BYTES,
    }


def _identity(endpoint: str) -> DefaultAzureCredential:
    credential = DefaultAzureCredential()
    try:  # now: within a request the lack of one is tried again and again
        credential.get_token(_SCOPE)
    except AzureError as error:
        raise SourceError(f"{_no_credentials(endpoint)} ({type(error).__name__})") from None
    return credential


def _no_credentials(endpoint: str) -> str:
    return (
        f"no credentials for {endpoint}: set {CONNECTION_STRING_VARIABLE} or {SAS_VARIABLE}, log "
        f"in with `az login`, or give the pod a workload identity"
    )


def _client_of_string(
    connection_string: str, container: str, settings: dict[str, Any]
) -> ContainerClient:
    try:
        return ContainerClient.from_connection_string(connection_string, container, **settings)
    except ValueError:  # what it says may repeat the string
        raise SourceError(
            f"{CONNECTION_STRING_VARIABLE} is malformed: copy it whole from the account's access "
            f"keys, in quotes"
        ) from None


def explained(address: BlobAddress) -> contextlib.AbstractContextManager[None]:
    """Turn the SDK's errors, which hold URLs, into a SourceError that says what to do.

    But for a single blob that has gone or changed: those stay ResourceNotFoundError and
    ResourceModifiedError, without their message.
    """
    return _explained(address)


@contextlib.contextmanager
def _explained(address: BlobAddress) -> Iterator[None]:
    """Turn the SDK's errors into ours, but for a single blob that has gone or changed.

    The SDK's messages hold URLs, so a person's name and perhaps a SAS: they are neither repeated
    nor shown as the cause.
    """
    try:
        yield
    except AzureError as error:
        raise _ours(error, address) from None


def _ours(error: AzureError, address: BlobAddress) -> Exception:
    if isinstance(error, HttpResponseError):
        return _ours_of_response(error, address)
    if isinstance(error, ServiceRequestError):
        return SourceError(
            f"{address.endpoint} cannot be reached: check the account's name, the network and the "
            f"account's firewall"
        )
    return SourceError(_why_broken(address))


def _ours_of_response(error: HttpResponseError, address: BlobAddress) -> Exception:
    code, status = _code(error), error.status_code
    if code == "ContainerNotFound":
        return _no_container(address)
    if code == "BlobArchived":
        return ClipError(Reason.CHANGED_SINCE_INGEST, "it was archived: rehydrate it")
    if status in {404, 412}:  # anew, without the message
        return ResourceNotFoundError() if status == 404 else ResourceModifiedError()
    if isinstance(error, ClientAuthenticationError) or status in {401, 403}:
        return SourceError(_why_refused(error, address))
    if status in {None, 200, 206}:  # it began well
        return SourceError(_why_broken(address))
    retried = f" after {RETRIES} retries; run it again later, or with fewer workers"
    return SourceError(f"{address.endpoint} answers {status} {code}{retried * (status >= 500)}")


def _no_container(address: BlobAddress) -> SourceError:
    return SourceError(
        f"there is no container {address.container!r} in {address.endpoint}: check its name"
    )


def _why_broken(address: BlobAddress) -> str:
    return f"the connection to {address.endpoint} keeps breaking off; run it again"


def error_code(error: HttpResponseError) -> str:
    """The service's own code of an error, such as BlobNotFound."""
    return _code(error)


def _code(error: HttpResponseError) -> str:
    """The service's own code; a HEAD request has it in a header alone."""
    headers: Any = getattr(error.response, "headers", {})
    code = getattr(error, "error_code", None) or headers.get("x-ms-error-code", "")
    return str(getattr(code, "value", code))


def _why_refused(error: ClientAuthenticationError | HttpResponseError, address: BlobAddress) -> str:
    code, secrets = _code(error), _Secrets.of_environment()
    refused = (
        f"{address.endpoint} cannot be opened ({error.status_code or 'no answer'} {code})".replace(
            " )", ")"
        )
    )
    if secrets.connection_string:
        return f"{refused}: the key or SAS in {CONNECTION_STRING_VARIABLE} is not (any more) valid"
    if error.response is None:
        return _no_credentials(address.endpoint)
    if secrets.sas:
        ends = parse_qs(secrets.sas).get("se", ["an unknown time"])[0]
        return (
            f"{refused}: the SAS in {SAS_VARIABLE} ends at {ends}, and needs the permissions Read "
            f"and List on the container; make a new one"
        )
    return (
        f"{refused}: give this identity the role Storage Blob Data Reader on the container, and "
        f"check that {ACCOUNT_VARIABLE} or the URL names the right account"
    )
