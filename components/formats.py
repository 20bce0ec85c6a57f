"""Which files are taken for videos and for stills, by the ends of their names in lower case."""

from __future__ import annotations

from typing import Final

VIDEO_SUFFIXES: Final = frozenset({".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi"})
IMAGE_SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp"})
