"""Good clips with random damage, the same on every run."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

from tests.hostile.makers import clip, mkv

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    Damage = Callable[[random.Random, bytes], bytes]

MUTANTS: Final = 500
_LARGEST_PART: Final = 200
_MOST_DAMAGES: Final = 3

_SMALL: Final = {"count": 12, "size": (32, 32)}
_AV1: Final = {"preset": "12", "svtav1-params": "lp=1"}
BASES: Final = {
    "h264.mp4": clip(**_SMALL),
    "h264_front.mp4": clip(**_SMALL, muxing={"movflags": "faststart"}),
    "h264_fragments.mp4": clip(**_SMALL, muxing={"movflags": "frag_keyframe+empty_moov"}),
    "h264.mkv": clip(**_SMALL, form="matroska"),
    "hevc.mp4": clip(count=12, size=(64, 64), codec="libx265"),  # of less it makes ever others
    "vp8.webm": clip(**_SMALL, codec="libvpx", form="webm"),
    "vp9.webm": clip(**_SMALL, codec="libvpx-vp9", form="webm"),
    "av1.mp4": clip(count=12, size=(64, 64), codec="libsvtav1", options=_AV1),
    "mpeg4.avi": clip(**_SMALL, codec="mpeg4", form="avi"),
    "mpeg4.mov": clip(**_SMALL, codec="mpeg4", form="mov"),
    "h264.mov": clip(**_SMALL, form="mov"),
    "mjpeg.mkv": mkv(shape=(16, 16)),
}
"""Small clips, by name: damage to 2 to 8 KB mostly hits something that matters."""


def make_bases(folder: Path) -> dict[str, bytes]:
    """Write the good clips that are to be damaged; give their content."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in BASES.items():
        make(folder / name)
    return {name: (folder / name).read_bytes() for name in BASES}


def mutant(number: int, bases: Mapping[str, bytes]) -> tuple[str, bytes]:
    """The name of a base, and its content with one to three kinds of damage."""
    chance = random.Random(number)
    name = sorted(bases)[number % len(bases)]
    content = bases[name]
    while content == bases[name]:
        for _ in range(chance.randint(1, _MOST_DAMAGES)):
            content = chance.choice(DAMAGES)(chance, content)
    return name, content


def _part(chance: random.Random, content: bytes) -> tuple[int, int]:
    start = chance.randrange(len(content) + 1)
    return start, min(len(content), start + chance.randint(1, _LARGEST_PART))


def _flip(chance: random.Random, content: bytes) -> bytes:
    changed = bytearray(content)
    for _ in range(chance.randint(1, 20) if changed else 0):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _overwrite(chance: random.Random, content: bytes) -> bytes:
    start, end = _part(chance, content)
    return content[:start] + chance.randbytes(end - start) + content[end:]


def _fill(chance: random.Random, content: bytes) -> bytes:
    """With what lengths and counts do not expect."""
    start, end = _part(chance, content)
    end = min(end, start + chance.choice([1, 2, 4, 8, _LARGEST_PART]))
    return (
        content[:start] + chance.choice([b"\0", b"\x7f", b"\xff"]) * (end - start) + content[end:]
    )


def _delete(chance: random.Random, content: bytes) -> bytes:
    start, end = _part(chance, content)
    return content[:start] + content[end:]


def _insert(chance: random.Random, content: bytes) -> bytes:
    start, end = _part(chance, content)
    return content[:start] + chance.randbytes(end - start) + content[start:]


def _repeat(chance: random.Random, content: bytes) -> bytes:
    start, end = _part(chance, content)
    return content[:end] + content[start:end] * chance.randint(1, 5) + content[end:]


def _swap(chance: random.Random, content: bytes) -> bytes:
    places = sorted((*_part(chance, content), *_part(chance, content)))
    a, b, c, d = places
    return content[:a] + content[c:d] + content[b:c] + content[a:b] + content[d:]


def _cut_tail(chance: random.Random, content: bytes) -> bytes:
    return content[: chance.randrange(len(content) + 1)]


def _cut_head(chance: random.Random, content: bytes) -> bytes:
    return content[min(len(content), chance.randint(1, _LARGEST_PART)) :]


DAMAGES: Final[tuple[Damage, ...]] = (
    _flip,
    _overwrite,
    _fill,
    _delete,
    _insert,
    _repeat,
    _swap,
    _cut_tail,
    _cut_head,
)
