"""Where the videos are: list what is there, read the roster, bring one clip to a local path.

Every kind of source has the layout `roster.csv` and `videos/`. A clip is known by its URI and its
etag; the etag changes with the content, so that a later step notices that it would read another
clip than the one that was listed.
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
from components.roster import MAX_ROSTER_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

ROSTER_NAME: Final = "roster.csv"
VIDEOS_NAME: Final = "videos"
SCRATCH_VARIABLE: Final = "ROLLCALL_SCRATCH"
"""Environment variable: the folder for clips on their way, if not the system's temporary one."""
MAX_FILES: Final = 1_000_000
MAX_DEPTH: Final = 8
"""Folders below `videos/` that are looked into; the layouts need two."""
VIDEO_SUFFIXES: Final = frozenset({".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi"})
SYSTEM_FILES: Final = frozenset({"thumbs.db", "desktop.ini"})


@dataclass(frozen=True, slots=True)
class SourceFile:
    """Something that lies below `videos/`.

    Attributes:
        path: its path below `videos/`, with slashes.
        uri: where to find it again.
        etag: changes when the content does.
        bytes: its size.
        problem: why it cannot be read as a file; None if it can.
    """

    path: str
    uri: str
    etag: str
    bytes: int
    problem: str | None = None


class Source(Protocol):
    """A place with a roster and videos."""

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
        """List everything below `videos/` but hidden and system files, in the order of the paths.

        Raises:
            SourceError: there is no `videos/`, or it holds more than MAX_FILES files.
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
    if not stat.S_ISREG(status.st_mode) or _etag(status) != etag:
        raise ClipError(Reason.CHANGED_SINCE_INGEST, "size or time differ from when it was listed")
    return path


class LocalFolder:
    """A source in a folder of this machine.

    Links to files within `videos/` are followed; links out of it and links to folders are not.
    """

    def __init__(self, folder: Path) -> None:
        """Take a folder that has to exist.

        Raises:
            SourceError: it does not, or is no folder.
        """
        self._root = folder.expanduser().absolute()
        if not self._root.is_dir():
            raise SourceError(
                f"looked for a folder with {ROSTER_NAME} and {VIDEOS_NAME}/ at "
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
        path = self._root / ROSTER_NAME
        try:
            if not path.is_file():
                raise RosterError(
                    f"looked for {ROSTER_NAME} in {self._root}: there is none. It says who agreed "
                    "to be recorded; without it no video is opened"
                )
            with path.open("rb") as stream:
                return stream.read(MAX_ROSTER_BYTES + 1)
        except OSError as error:
            raise RosterError(f"{path} cannot be read: {error.strerror}") from error

    def files(self) -> Iterator[SourceFile]:
        """List what lies below `videos/`; memory grows with the largest single folder only.

        Raises:
            SourceError: there is no `videos/`, or it holds more than MAX_FILES files.
        """
        videos = self._root / VIDEOS_NAME
        if not videos.is_dir():
            raise SourceError(
                f"looked for the folder {VIDEOS_NAME}/ in {self._root}: there is none"
            )
        videos = videos.resolve()
        for count, file in enumerate(_walk(videos, videos, depth=1)):
            if count >= MAX_FILES:
                raise SourceError(f"{videos} holds more than {MAX_FILES:,} files; split the source")
            yield file


def _walk(folder: Path, videos: Path, depth: int) -> Iterator[SourceFile]:
    try:
        names = _sorted_names(folder)
    except OSError as error:
        yield _unusable(folder, videos, f"the folder cannot be read: {error.strerror}")
        return
    for name, is_folder in names:
        path = folder / name
        if not is_folder:
            yield _examine(path, videos)
        elif depth > MAX_DEPTH:
            yield _unusable(path, videos, f"a folder more than {MAX_DEPTH} levels deep")
        else:
            if path.suffix.lower() in VIDEO_SUFFIXES:  # somebody may count on it as a clip
                yield _unusable(path, videos, "a folder, not a file")
            yield from _walk(path, videos, depth + 1)


def _sorted_names(folder: Path) -> list[tuple[str, bool]]:
    """Names in the folder and whether each is a folder, such that whole paths come out sorted."""
    with os.scandir(folder) as entries:
        names = [
            (entry.name, entry.is_dir(follow_symlinks=False))
            for entry in itertools.islice(entries, MAX_FILES + 1)
            if not entry.name.startswith(".") and entry.name.lower() not in SYSTEM_FILES
        ]
    return sorted(names, key=lambda item: item[0] + "/" if item[1] else item[0])


def _examine(path: Path, videos: Path) -> SourceFile:
    try:
        target = path.resolve(strict=True)
        status = target.stat()
    except (OSError, RuntimeError):  # RuntimeError: a loop of links, up to Python 3.12
        return _unusable(path, videos, "a link that leads nowhere, or a file that has just gone")
    if not target.is_relative_to(videos):
        return _unusable(path, videos, f"a link that leaves {VIDEOS_NAME}/")
    if not stat.S_ISREG(status.st_mode):
        return _unusable(path, videos, "not a regular file but a pipe, a device or a linked folder")
    return SourceFile(_below(path, videos), _uri(path), _etag(status), status.st_size)


def _unusable(path: Path, videos: Path, problem: str) -> SourceFile:
    return SourceFile(_below(path, videos), _uri(path), "", 0, problem)


def _below(path: Path, videos: Path) -> str:
    return path.relative_to(videos).as_posix() if path != videos else ""


def _etag(status: os.stat_result) -> str:
    return f"{status.st_size}-{status.st_mtime_ns}"


def _uri(path: Path) -> str:
    return "file://" + quote(os.fsencode(path))  # bytes: a name need not be UTF-8


def _local_path(uri: str) -> Path:
    parts = urlsplit(uri, allow_fragments=False)
    if parts.netloc not in {"", "localhost"}:
        raise SourceError(f"file://{parts.netloc}/... names another machine; write file:///path")
    raw = parts.path + (f"?{parts.query}" if parts.query else "")
    return Path(os.fsdecode(unquote_to_bytes(raw)))
