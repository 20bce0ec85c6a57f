"""Removing what a source in Azure Blob holds of one person, snapshots and old versions included.

The identity needs more than a run does: *Storage Blob Data Contributor*, or a SAS with Read, List
and Delete; where versioning is on *Storage Blob Data Owner*, or Delete version, since a contributor
may delete no version. Whether soft delete is on is a property of the account, which a SAS for a
container, or a role for data alone, may not read.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from azure.core.exceptions import (
    AzureError,
    HttpResponseError,
    ResourceModifiedError,
    ResourceNotFoundError,
)

from components.blob_address import BlobAddress, has_odd_parts, source_address
from components.blob_source import (
    bare,
    error_code,
    explained,
    held_to,
    open_container,
    open_service,
)
from components.errors import RemovalError, SourceError
from components.removal import AREAS, CHANGED, HIDDEN, Recovery, StoredFile, is_of
from components.sources import MAX_FILES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from azure.storage.blob import BlobProperties

_REASONS = {
    "LeaseIdMissing": "somebody holds a lease on it: break the lease",
    "ConditionNotMet": CHANGED,
    "BlobImmutableDueToPolicy": "a policy of immutability, or a legal hold, protects it",
    "SnapshotsPresent": "it has got a snapshot meanwhile; run it again",
    "DirectoryIsNotEmpty": "it is a folder that is not empty",
}
_MAY_NOT = (
    "this identity may not delete: it needs the role Storage Blob Data Contributor (Owner, where "
    "versioning is on), or a SAS with Read, List and Delete (and Delete version)"
)


class BlobStore:
    """A source below a prefix in a container."""

    def __init__(self, source: str) -> None:
        """Take an address; nothing is asked of the account yet.

        Raises:
            SourceError: it is no address, or the environment has no way in.
        """
        self._address = source_address(source)
        self._container = open_container(self._address)
        self._prefix = f"{self._address.name}/" if self._address.name else ""

    @property
    def place(self) -> str:
        """The URL, without any secret."""
        return self._address.uri

    def files_of(self, person_id: str) -> Iterator[StoredFile]:
        """List a person's blobs, their snapshots and versions, what lies deeper first.

        Raises:
            SourceError: the account, the container or the credentials do not work, or there are
                more than MAX_FILES.
        """
        found = [blob for area in AREAS for blob in self._listed(area, person_id)]
        # Of one name the old ones first: a blob with snapshots cannot go. A folder goes last.
        yield from sorted(
            found,
            key=lambda file: (file.path, bool(file.version or file.snapshot)),
            reverse=True,
        )

    def _listed(self, area: str, person_id: str) -> list[StoredFile]:
        below = f"{self._prefix}{area}/"
        return [
            self._stored(blob)
            for begin in HIDDEN
            for blob in self._blobs(f"{below}{begin}{person_id}")
            if is_of(blob.name.removeprefix(below), person_id)
        ]

    def _blobs(self, begin: str) -> list[BlobProperties]:
        include = ["metadata", "snapshots", "versions"]
        with explained(self._address):
            try:
                return self._page_through(begin, include)
            except HttpResponseError as error:
                # Such accounts have no versions, and need not take the question for them.
                if "HierarchicalNamespace" not in error_code(error):
                    raise
            return self._page_through(begin, include[:-1])

    def _page_through(self, begin: str, include: list[str]) -> list[BlobProperties]:
        listed = self._container.list_blobs(name_starts_with=begin, include=include)
        blobs = list(itertools.islice(listed, MAX_FILES + 1))
        if len(blobs) > MAX_FILES:
            raise SourceError(f"there are more than {MAX_FILES:,} blobs to look at")
        return blobs

    def _stored(self, blob: BlobProperties) -> StoredFile:
        address = BlobAddress(self._address.endpoint, self._address.container, blob.name)
        old = bool(blob.snapshot) or (bool(blob.version_id) and not blob.is_current_version)
        readable = not old and not has_odd_parts(blob.name) and blob.blob_tier != "Archive"
        return StoredFile(
            blob.name.removeprefix(self._prefix),
            address.uri,
            bare(str(blob.etag)),
            blob.size,
            readable,
            "a snapshot" if blob.snapshot else "an older version" if old else "",
            blob.version_id,
            blob.snapshot,
        )

    def remove(self, file: StoredFile) -> None:
        """Remove one blob, version or snapshot.

        Raises:
            RemovalError: it changed, is protected, or the identity may not.
        """
        name = f"{self._prefix}{file.path}"
        if has_odd_parts(name):  # the SDK would ask for another blob
            raise RemovalError("its name has an empty, . or .. part: remove it by other means")
        try:
            self._delete(name, file)
        except ResourceNotFoundError:
            return
        except HttpResponseError as error:
            raise RemovalError(_why(error)) from None  # the cause holds the blob's URL
        except AzureError as error:
            raise RemovalError(f"the storage does not answer ({type(error).__name__})") from None

    def _delete(self, name: str, file: StoredFile) -> None:
        if file.snapshot:
            self._container.get_blob_client(name, snapshot=file.snapshot).delete_blob()
            return
        blob = self._container.get_blob_client(name)
        if not file.remark:
            try:
                blob.delete_blob(**held_to(file.etag))
            except ResourceModifiedError:  # what has gone does not fulfil a condition either
                if blob.exists():
                    raise
        if file.version:  # with versioning on, the current one has just become an old one
            blob.delete_blob(version_id=file.version)

    def recovery(self) -> Recovery:
        """Read the account's soft delete; where that is not allowed, say that it is not known."""
        try:
            with explained(self._address), open_service(self._address) as service:
                policy = service.get_service_properties()["delete_retention_policy"]
        except (SourceError, ResourceNotFoundError):
            return Recovery(
                soft_delete=None,
                days=None,
                remark="whether soft delete is on is unknown: this identity may not read the "
                "account's properties. Look at Data protection in the account's settings",
            )
        if not policy.enabled:
            return Recovery(soft_delete=False, days=None, remark="soft delete of blobs is off")
        return Recovery(
            soft_delete=True,
            days=policy.days,
            remark="soft delete of blobs is on: who may undelete can bring it back until then",
        )


def _why(error: HttpResponseError) -> str:
    code = error_code(error)
    if error.status_code in {401, 403}:
        return _MAY_NOT
    return _REASONS.get(code, f"the storage answers {error.status_code} {code}")
