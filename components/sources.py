"""Where the files are: list what is there, read the roster, bring one file to a local path.

Every kind of source has the layout `roster.csv`, `images/` and `videos/`, of the last two at least
one; the roster may also lie elsewhere. A file is known by its URI and its etag; the etag changes
with the content, so that a later step notices that it would read another file than the one that was
listed.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import quote, unquote_to_bytes, urlsplit

from components.contracts import ClipError, Reason
from components.errors import RosterError, SourceError
from components.formats import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from components.roster import MAX_ROSTER_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

ROSTER_NAME: Final = "roster.csv"
VIDEOS_NAME: Final = "videos"
IMAGES_NAME: Final = "images"
SCRATCH_VARIABLE: Final = "ROLLCALL_SCRATCH"
"""Environment variable: the folder for clips on their way, if not the system's temporary one."""
MAX_FILES: Final = 1_000_000
MAX_DEPTH: Final = 8
"""Folders below `videos/` or `images/` that are looked into; the layouts need two."""
SUFFIXES: Final = {IMAGES_NAME: IMAGE_SUFFIXES, VIDEOS_NAME: VIDEO_SUFFIXES}
"""What lies below which folder; they are listed in this order, which is that of the URIs."""
SYSTEM_FILES: Final = frozenset({"thumbs.db", "desktop.ini"})


@dataclass(frozen=True, slots=True)
class SourceFile:
    """Something that lies below `videos/` or `images/`.

    Attributes:
        path: its path below that folder, with slashes.
        uri: where to find it again.
        etag: changes when the content does.
        bytes: its size.
        problem: why it cannot be read as a file; None if it can.
        folder: VIDEOS_NAME or IMAGES_NAME.
    """

    path: str
    uri: str
    etag: str
    bytes: int
    problem: str | None = None
    folder: str = VIDEOS_NAME


class Source(Protocol):
    """A place with videos or stills, and mostly a roster."""

    @property
    def place(self) -> str:
        """Where it is, for a message; free of secrets."""
        ...

    def read_roster(self) -> bytes:
        """Return the content of the roster.

        Raises:
            RosterError: there is none, or it cannot be read.
        """
        ...

    def files(self) -> Iterator[SourceFile]:
        """List everything below `images/` and then `videos/`, each in the order of the paths.

        Hidden and system files are left out.

        Raises:
            SourceError: neither is there, or they hold more than MAX_FILES files.
        """
        ...


def open_source(source: str) -> Source:
    """Return the source that a user named: a folder's path, its file:// URI, or Azure Blob.

    Raises:
        SourceError: it is not there, or of an unknown kind.
    """
    if is_blob(source):
        from components.blob_source import BlobFolder  # noqa: PLC0415 - Azure's SDK is slow to load

        return BlobFolder(source)
    if "://" in source and not source.startswith("file://"):
        scheme = source.partition("://")[0]  # the rest may carry an access token
        raise SourceError(
            f"{scheme}:// is no kind of source known here; give a folder, file://, az:// or https://"
        )
    return LocalFolder(_local_path(source) if source.startswith("file://") else Path(source))


def read_roster(source: Source, roster: str = "") -> bytes:
    """Return the content of the roster: the one given apart, or else that of the source.

    Args:
        source: whose roster is wanted.
        roster: a path, a file:// URI or a blob's URL of a roster that is given apart; or nothing.

    Raises:
        RosterError: there is none, or it cannot be read.
    """
    if not roster:
        return source.read_roster()
    try:
        return _read_roster_apart(roster)
    except SourceError as error:
        raise RosterError(f"the roster that is given apart: {error}") from None


def _read_roster_apart(roster: str) -> bytes:
    if is_blob(roster):
        from components.blob_source import read_roster_blob  # noqa: PLC0415 - as above

        return read_roster_blob(roster)
    if "://" in roster and not roster.startswith("file://"):
        scheme = roster.partition("://")[0]  # the rest may carry an access token
        raise SourceError(
            f"{scheme}:// is no place known here; give a path, file://, az:// or https://"
        )
    path = _local_path(roster) if roster.startswith("file://") else Path(roster)
    return _read_roster_file(path.expanduser().absolute())


def is_blob(source: str) -> bool:
    """Whether a source or a clip is in Azure Blob; http:// is for an emulator on this machine."""
    return source.startswith(("az://", "https://", "http://"))


@contextlib.contextmanager
def localise(uri: str, etag: str | None) -> Iterator[Path]:
    """Yield a local path to a clip, as long as it still is what was listed.

    A blob is there in a temporary file, which is deleted at the end.

    Raises:
        ClipError: it has gone, or its etag is another one.
        SourceError: the URI is of an unknown kind, or its storage does not work.
    """
    if is_blob(uri):
        from components.blob_source import localise_blob  # noqa: PLC0415 - as above

        with localise_blob(uri, etag) as path:
            yield path
    else:
        yield _unchanged(uri, etag)


def check_unchanged(uri: str, etag: str | None) -> None:
    """Hold a clip that was localised and read against its etag once more.

    A local file may be written to meanwhile. Of a blob every byte came with the etag already.

    Raises:
        ClipError: it has gone, or its etag is another one.
    """
    if not is_blob(uri):
        _unchanged(uri, etag)


def _unchanged(uri: str, etag: str | None) -> Path:
    if not uri.startswith("file://"):
        raise SourceError(f"clips of {uri.partition('://')[0]}:// cannot be read here")
    path = _local_path(uri)
    try:
        status = path.stat()
    except OSError as error:
        detail = f"cannot be found any more ({type(error).__name__})"
        raise ClipError(Reason.CHANGED_SINCE_INGEST, detail) from error
    if not stat.S_ISREG(status.st_mode) or etag_of(status) != etag:
        raise ClipError(Reason.CHANGED_SINCE_INGEST, "size or time differ from when it was listed")
    return path


class LocalFolder:
    """A source in a folder of this machine.

    Links to files within `videos/` or `images/` are followed; links out of it and links to folders
    are not.
    """

    def __init__(self, folder: Path) -> None:
        """Take a folder that has to exist.

        Raises:
            SourceError: it does not, or is no folder.
        """
        self._root = folder.expanduser().absolute()
        if not self._root.is_dir():
            raise SourceError(
                f"looked for a folder with {ROSTER_NAME} and {VIDEOS_NAME}/ or {IMAGES_NAME}/ at "
                f"{self._root}: there is none"
            )

    @property
    def place(self) -> str:
        """The folder's path."""
        return str(self._root)

    def read_roster(self) -> bytes:
        """Return the content of `roster.csv`.

        Raises:
            RosterError: there is none, or it cannot be read.
        """
        return _read_roster_file(self._root / ROSTER_NAME)

    def files(self) -> Iterator[SourceFile]:
        """List what lies below `images/` and `videos/`.

        Memory grows with the largest single folder only.

        Raises:
            SourceError: neither is there, or they hold more than MAX_FILES files.
        """
        tops = [
            _Top(name, (self._root / name).resolve())
            for name in SUFFIXES
            if (self._root / name).is_dir()
        ]
        if not tops:
            raise SourceError(
                f"looked for the folder {VIDEOS_NAME}/ or {IMAGES_NAME}/ in {self._root}: there is "
                "neither"
            )
        everything = itertools.chain.from_iterable(_walk(top.folder, top, depth=1) for top in tops)
        for count, file in enumerate(everything):
            if count >= MAX_FILES:
                raise SourceError(
                    f"{self._root} holds more than {MAX_FILES:,} files; split the source"
                )
            yield file


def _read_roster_file(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise RosterError(
                f"looked for {path.name} in {path.parent}: there is no such file. The roster says "
                "who agreed to be recorded; without it nothing is opened. It may also be given "
                "apart (roster)"
            )
        with path.open("rb") as stream:
            return stream.read(MAX_ROSTER_BYTES + 1)
    except OSError as error:
        raise RosterError(f"{path} cannot be read: {error.strerror}") from error


@dataclass(frozen=True, slots=True)
class _Top:
    """`videos/` or `images/`, and where a link may have led from there."""

    name: str
    folder: Path


def _walk(folder: Path, top: _Top, depth: int) -> Iterator[SourceFile]:
    is_listed = depth > 1 and folder.suffix.lower() in SUFFIXES[top.name]
    if is_listed:  # somebody may count on it as a file
        yield _unusable(folder, top, "a folder, not a file")
    try:
        names = _sorted_names(folder)
    except OSError as error:
        if not is_listed:  # nothing is listed twice
            yield _unusable(folder, top, f"the folder cannot be read: {error.strerror}")
        return
    for name, is_folder in names:
        path = folder / name
        if not is_folder:
            yield _examine(path, top)
        elif depth > MAX_DEPTH:
            yield _unusable(path, top, f"a folder more than {MAX_DEPTH} levels deep")
        else:
            yield from _walk(path, top, depth + 1)


def _sorted_names(folder: Path) -> list[tuple[str, bool]]:
    """Names in the folder and whether each is a folder, such that whole paths come out sorted."""
    with os.scandir(folder) as entries:
        names = [
            (entry.name, entry.is_dir(follow_symlinks=False))
            for entry in itertools.islice(entries, MAX_FILES + 1)
            if not entry.name.startswith(".") and entry.name.lower() not in SYSTEM_FILES
        ]
    return sorted(names, key=lambda item: item[0] + "/" if item[1] else item[0])


def _examine(path: Path, top: _Top) -> SourceFile:
    try:
        target = path.resolve(strict=True)
        status = target.stat()
    except (OSError, RuntimeError):  # RuntimeError: a loop of links, up to Python 3.12
        return _unusable(path, top, "a link that leads nowhere, or a file that has just gone")
    if not target.is_relative_to(top.folder):
        return _unusable(path, top, f"a link that leaves {top.name}/")
    if not stat.S_ISREG(status.st_mode):
        return _unusable(path, top, "not a regular file but a pipe, a device or a linked folder")
    below = _below(path, top)
    return SourceFile(below, _uri(path), etag_of(status), status.st_size, folder=top.name)


def _unusable(path: Path, top: _Top, problem: str) -> SourceFile:
    return SourceFile(_below(path, top), _uri(path), "", 0, problem, top.name)


def _below(path: Path, top: _Top) -> str:
    return path.relative_to(top.folder).as_posix() if path != top.folder else ""


def etag_of(status: os.stat_result) -> str:
    """What `localise` holds a local file to."""
    return f"{status.st_size}-{status.st_mtime_ns}"


def _uri(path: Path) -> str:
    return "file://" + quote(os.fsencode(path))  # bytes: a name need not be UTF-8


def _local_path(uri: str) -> Path:
    parts = urlsplit(uri, allow_fragments=False)
    if parts.netloc not in {"", "localhost"}:
        raise SourceError(f"file://{parts.netloc}/... names another machine; write file:///path")
    raw = parts.path + (f"?{parts.query}" if parts.query else "")
    return Path(os.fsdecode(unquote_to_bytes(raw)))
