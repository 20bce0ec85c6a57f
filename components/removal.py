"""Removing what a source holds of one person. What the pipeline reads a source by cannot remove.

A person's files are those in `videos/` and `images/` whose path begins with the pseudonym, up to a
slash or a dot: clips, but also side files, hidden ones and thumbnails that a file manager left
there, which no run would read.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from components.errors import RemovalError, SourceError
from components.sources import (
    IMAGES_NAME,
    MAX_FILES,
    VIDEOS_NAME,
    LocalFolder,
    etag_of,
    is_blob,
    open_source,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

AREAS: Final = (IMAGES_NAME, VIDEOS_NAME)
"""Folders of a source with a folder, or a file, for each person."""
HIDDEN: Final = ("", ".", "._")
"""What the name of a person's file may begin with: Finder and editors hide copies like that."""
CHANGED: Final = "it changed since it was shown; run it again"


@dataclass(frozen=True, slots=True)
class StoredFile:
    """Something of one person that a source holds.

    Attributes:
        path: below the source, with slashes.
        uri: where it can be read, as `sources.localise` takes it.
        etag: changes when the content does.
        bytes: its size.
        readable: whether its content can be read by its URI.
        remark: what the reader of a receipt should know of it.
        version: of a blob, if it is not the current one.
        snapshot: of a blob, if it is one.
    """

    path: str
    uri: str
    etag: str
    bytes: int
    readable: bool = True
    remark: str = ""
    version: str | None = None
    snapshot: str | None = None


@dataclass(frozen=True, slots=True)
class Recovery:
    """For how long the storage itself keeps what was removed.

    Attributes:
        soft_delete: whether it does; None where that cannot be found out.
        days: for how long, if it does.
        remark: what it means, or why it cannot be found out.
    """

    soft_delete: bool | None
    days: int | None
    remark: str


class Store(Protocol):
    """A source from which a person's files can be removed."""

    @property
    def place(self) -> str:
        """Where it is, for a message; free of secrets."""
        ...

    def files_of(self, person_id: str) -> Iterator[StoredFile]:
        """List a person's files such that each can be removed in its turn.

        Raises:
            SourceError: they cannot be listed, or are more than MAX_FILES.
        """
        ...

    def remove(self, file: StoredFile) -> None:
        """Remove one file, if it still is what was listed; one that has gone is no error.

        Raises:
            RemovalError: it is still there; the message says why.
        """
        ...

    def recovery(self) -> Recovery:
        """Say for how long the storage keeps what is removed."""
        ...


def open_store(source: str) -> Store:
    """Return a source as `sources.open_source` takes it.

    Raises:
        SourceError: it is not there, or of an unknown kind.
    """
    if is_blob(source):
        from components.blob_removal import BlobStore  # noqa: PLC0415 - Azure's SDK is slow to load

        return BlobStore(source)
    return FolderStore(open_source(source))


def is_of(path: str, person_id: str) -> bool:
    """Whether a path below one of AREAS is a person's."""
    first = path.partition("/")[0]
    return any(re.fullmatch(rf"{re.escape(begin + person_id)}(\..*)?", first) for begin in HIDDEN)


class FolderStore:
    """A source in a folder of this machine."""

    def __init__(self, source: LocalFolder | object) -> None:
        """Take an opened source.

        Raises:
            SourceError: it is none in a folder.
        """
        if not isinstance(source, LocalFolder):
            raise SourceError("nothing can be removed from a source of this kind")
        self._root = Path(source.place)

    @property
    def place(self) -> str:
        """The folder's path."""
        return str(self._root)

    def files_of(self, person_id: str) -> Iterator[StoredFile]:
        """List a person's files, hidden ones and links too; links are not followed.

        Raises:
            SourceError: a folder cannot be read, or there are more than MAX_FILES.
        """
        count = 0
        for area in AREAS:
            for path in self._below(area, person_id):
                count += 1
                if count > MAX_FILES:
                    raise SourceError(f"there are more than {MAX_FILES:,} files of this person")
                yield self._stored(path)

    def _below(self, area: str, person_id: str) -> Iterator[Path]:
        folder = self._root / area
        if not folder.is_dir():
            return
        with _refusing():
            names = sorted(entry.name for entry in os.scandir(folder))
        for name in names:
            path = folder / name
            if not is_of(name, person_id):
                continue
            if path.is_dir() and not path.is_symlink():
                yield from _files_below(path)
            else:
                yield path

    def _stored(self, path: Path) -> StoredFile:
        status = path.lstat()
        regular = stat.S_ISREG(status.st_mode)
        remark = "a link; what it leads to is left" if stat.S_ISLNK(status.st_mode) else ""
        return StoredFile(
            path.relative_to(self._root).as_posix(),
            path.as_uri() if regular else "",
            etag_of(status),
            status.st_size,
            regular,
            remark,
        )

    def remove(self, file: StoredFile) -> None:
        """Remove one file, and the folders that it leaves empty.

        Raises:
            RemovalError: it changed, or the system refuses.
        """
        path = self._root / file.path
        try:
            if etag_of(path.lstat()) != file.etag:
                raise RemovalError(CHANGED)
            path.unlink()
            for folder in path.parents[: len(Path(file.path).parts) - 2]:
                if any(folder.iterdir()):
                    break
                folder.rmdir()
        except FileNotFoundError:
            return
        except OSError as error:
            raise RemovalError(f"the system refuses: {error.strerror}") from None

    def recovery(self) -> Recovery:
        """A folder keeps nothing, as far as this program can see."""
        return Recovery(
            soft_delete=False,
            days=None,
            remark="deleted from the file system; backups and snapshots of the disk are not "
            "known here",
        )


@contextlib.contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SourceError(f"a folder of the source cannot be read: {error.strerror}") from None


def _files_below(folder: Path) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        with _refusing():
            raise error

    for parent, folders, names in os.walk(folder, onerror=refuse):
        links = [name for name in folders if (Path(parent) / name).is_symlink()]
        yield from (Path(parent) / name for name in sorted([*names, *links]))
