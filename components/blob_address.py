"""Where a blob is, and what the environment says of the way in. Nothing here talks to Azure.

A source or a clip is `https://ACCOUNT.blob.core.windows.net/CONTAINER/PATH`. `az://CONTAINER/PATH`
is short for it, with the account from the environment:

AZURE_STORAGE_CONNECTION_STRING    names the account and opens it; it goes before the two below
AZURE_STORAGE_ACCOUNT              the account's name, for az:// alone
AZURE_STORAGE_SAS_TOKEN            a SAS with the permissions Read and List
(neither string nor SAS)           workload identity, managed identity, `az login` or whatever else
                                   DefaultAzureCredential finds

No secret is ever taken from a URL: pipeline parameters are stored and shown. And none is sent to a
host that is not known to be Azure's, the connection string's, or this machine (an emulator).
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from components.errors import SourceError

ACCOUNT_VARIABLE: Final = "AZURE_STORAGE_ACCOUNT"
CONNECTION_STRING_VARIABLE: Final = "AZURE_STORAGE_CONNECTION_STRING"
SAS_VARIABLE: Final = "AZURE_STORAGE_SAS_TOKEN"

_ACCOUNT = re.compile(r"[a-z0-9]{3,24}", re.ASCII)
_CONTAINER = re.compile(r"\$root|\$web|(?=.{3,63}$)[a-z0-9](?:-?[a-z0-9])+", re.ASCII)
# The public cloud, the sovereign ones, and accounts with a DNS zone of their own.
_AZURE_HOST = re.compile(
    r"[a-z0-9-]{3,40}\.(?:z\d+\.)?blob\."
    r"(?:core\.windows\.net|core\.usgovcloudapi\.net|core\.chinacloudapi\.cn|storage\.azure\.net)",
    re.ASCII,
)
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_EMULATOR: Final = "http://127.0.0.1:10000/devstoreaccount1"


@dataclass(frozen=True, slots=True)
class BlobAddress:
    """A place in a container.

    Attributes:
        endpoint: URL of the account, without a slash at its end.
        container: name of the container.
        name: of a blob, or what the names of blobs begin with; not encoded.
    """

    endpoint: str
    container: str
    name: str

    @property
    def uri(self) -> str:
        """The URL without any secret, ASCII alone."""
        return f"{self.endpoint}/{self.container}/{quote(self.name)}"


def source_address(source: str) -> BlobAddress:
    """Read the address of a source, as a user writes it.

    Raises:
        SourceError: it is none, or the environment lacks the account.
    """
    if source.startswith("az://"):
        refuse_extras(source)
        container, _, prefix = source.removeprefix("az://").partition("/")
        address = BlobAddress(_endpoint_of_environment(), _checked_container(container), prefix)
    else:
        address = blob_address(source)
    prefix = address.name.strip("/")
    if has_odd_parts(prefix):
        raise SourceError("the path of the source has an empty, . or .. part; write it without")
    return BlobAddress(address.endpoint, address.container, prefix)


def blob_address(uri: str) -> BlobAddress:
    """Read the URL of a blob, or of what the names of some begin with.

    Raises:
        SourceError: it is none that a credential may be sent to; the message repeats no secret.
    """
    refuse_extras(uri)
    try:
        endpoint = _endpoint_of(uri)
        container, _, encoded = uri[len(endpoint) :].lstrip("/").partition("/")
        name = unquote(encoded, errors="strict")
    except ValueError:  # which repeats the URL
        raise SourceError(
            "the source is no URL: it is not UTF-8, or its host is malformed"
        ) from None
    return BlobAddress(endpoint, _checked_container(container), name)


def has_odd_parts(name: str) -> bool:
    """Whether a name has parts that a URL loses on its way: `..`, `.`, or nothing at all."""
    return bool(name) and not {"", ".", ".."}.isdisjoint(name.split("/"))


def connection_endpoint(connection_string: str) -> str:
    """The URL of the account that a connection string opens.

    Raises:
        SourceError: it names none; the message repeats nothing of it.
    """
    pairs = (part.split("=", 1) for part in connection_string.strip().split(";") if part)
    values = {pair[0].strip().lower(): pair[-1] for pair in pairs}
    if values.get("usedevelopmentstorage") == "true":
        return _EMULATOR
    if endpoint := values.get("blobendpoint"):
        return _checked_endpoint(endpoint.rstrip("/"))
    account = values.get("accountname")
    if not account:
        raise SourceError(
            f"{CONNECTION_STRING_VARIABLE} has neither BlobEndpoint nor AccountName: copy it whole "
            f"from the account's access keys, in quotes"
        )
    suffix = values.get("endpointsuffix", "core.windows.net")
    scheme = values.get("defaultendpointsprotocol", "https")
    return _checked_endpoint(f"{scheme}://{account}.blob.{suffix}")


def is_loopback(url: str) -> bool:
    """Whether a URL leads to this machine."""
    return (urlsplit(url).hostname or "") in _LOOPBACK


def refuse_extras(uri: str) -> None:
    """Refuse what may be a secret, and would be stored and shown as a parameter.

    Raises:
        SourceError: there is such a thing; the message repeats nothing of it.
    """
    netloc = uri.split("/", 3)[2] if uri.count("/") >= 2 else uri
    if "?" in uri or "#" in uri or "@" in netloc:
        raise SourceError(
            f"the source has a query, a fragment or a user in it. Write it without; a SAS belongs "
            f"into the environment variable {SAS_VARIABLE}"
        )


def _checked_endpoint(endpoint: str) -> str:
    if not endpoint.startswith("https://") and not is_loopback(endpoint):
        raise SourceError(f"{CONNECTION_STRING_VARIABLE} names an endpoint without https://")
    return endpoint


def _endpoint_of_environment() -> str:
    if connection_string := os.environ.get(CONNECTION_STRING_VARIABLE):
        return connection_endpoint(connection_string)
    account = os.environ.get(ACCOUNT_VARIABLE, "")
    if not _ACCOUNT.fullmatch(account):
        raise SourceError(
            f"az:// leaves out the account: put its name (3 to 24 of a-z 0-9) into "
            f"{ACCOUNT_VARIABLE}, or write https://ACCOUNT.blob.core.windows.net/CONTAINER/PREFIX"
        )
    return f"https://{account}.blob.core.windows.net"


def _endpoint_of(uri: str) -> str:
    if connection_string := os.environ.get(CONNECTION_STRING_VARIABLE):
        endpoint = connection_endpoint(connection_string)
        if uri.startswith(f"{endpoint}/"):
            return endpoint
        raise SourceError(
            f"{CONNECTION_STRING_VARIABLE} opens {endpoint}, and the source is of another account: "
            f"name that one, or unset the variable"
        )
    parts = urlsplit(uri)
    if is_loopback(uri):  # an emulator has the account in the path
        return "/".join(uri.split("/", 4)[:4])
    if parts.scheme == "https" and _AZURE_HOST.fullmatch(parts.netloc):
        return f"https://{parts.netloc}"
    raise SourceError(
        "no storage account is known at that address. Write "
        "https://ACCOUNT.blob.core.windows.net/CONTAINER/PREFIX; a domain of your own has to be "
        f"the BlobEndpoint in {CONNECTION_STRING_VARIABLE}"
    )


def _checked_container(container: str) -> str:
    if not _CONTAINER.fullmatch(container):
        raise SourceError(
            "the source names no container: 3 to 63 of a-z 0-9 -, after the account and a slash"
        )
    return container
