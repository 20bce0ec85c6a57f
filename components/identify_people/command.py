"""The command: `rollcall identify`, or `python -m components.identify_people` on a robot."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from components.errors import RollcallError, SourceError
from components.formats import IMAGE_SUFFIXES
from components.identify_people.annotated import annotated_video, label
from components.identify_people.identifier import DEFAULT_WINDOW, Identifier
from components.identify_people.inputs import camera_views, clip_views, files_below, read_still

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    from components.identify_people.identifier import Decision
    from components.identify_people.inputs import View

MAX_SECONDS: Final = 86_400.0
DEFAULT_SECONDS: Final = 300.0
MAX_WINDOW: Final = 1_000
FAILED: Final = 1
INTERRUPTED: Final = 130
_TOLD: Final = ("time_s", "person", "role", "probability", "student", "frames", "face")
_Number = TypeVar("_Number", int, float)

DESCRIPTION: Final = """\
Say who is seen: a person of the model by pseudonym and role, or nobody it knows.

A clip or a camera gives a decision for each sampled frame, on the latest --window frames; an image,
or all images of one folder together, give one. Whoever scores below the model's threshold is
unknown. Nothing is stored but what --output asks for."""

EPILOG: Final = """\
with --json, a line a decision:
  source       name of the file or folder, or the camera
  time_s       of the latest frame, since the first
  person       pseudonym; null for nobody that the model knows
  role         student, staff or visitor; null where person is
  probability  of the likeliest person, known or not; null where no face was found
  student      whether to treat them as a student; null where person is
  frames       how many were pooled
  face         whether a face was found
and at the end {"event": "summary", "frames", "decisions", "latency_ms": {"p50", "p99"}}

examples:
  %(prog)s champion/ me.jpg
  %(prog)s champion/ visit.mp4 --output annotated.mp4
  %(prog)s champion/ recordings/ --json > decisions.jsonl
  %(prog)s champion/ 0 --seconds 60 --json       the first camera, for a minute

exit status: 0 done, 1 something cannot be used (stderr says what), 130 interrupted"""


def main(arguments: Sequence[str] | None = None, prog: str | None = None) -> int:
    """Run the command; errors that a user can mend are shown without a traceback.

    Returns:
        The exit status.
    """
    options = _parser(prog).parse_args(arguments)
    try:
        return _Call(options).run()
    except RollcallError as error:
        _complain(error)
        return FAILED
    except BrokenPipeError:  # whoever read it has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED


class _Call:
    """One call of the command."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._input: str = options.input
        self._output: Path | None = options.output
        self._seconds: float = options.seconds
        self._is_json: bool = options.json
        self._identifier = Identifier(options.model, options.window)
        self._decisions = 0
        self._status = 0

    def run(self) -> int:
        """Decide, and tell; an interruption ends it as the last frame does."""
        try:
            self._decide()
        except KeyboardInterrupt:
            self._status = INTERRUPTED
        self._summarise()
        return self._status

    def _decide(self) -> None:
        path, rate = Path(self._input), self._identifier.frames_per_second
        is_image = path.is_file() and path.suffix.lower() in IMAGE_SUFFIXES
        if self._output and (is_image or path.is_dir()):
            raise SourceError("--output makes a video of one clip or camera; leave it out")
        if path.is_dir():
            self._decide_all(path)
        elif is_image:
            self._see_stills(path.name, [path])
        elif path.is_file():
            self._follow(path.name, clip_views(path, rate, self._seconds))
        elif self._input.isdecimal():
            views = camera_views(int(self._input), rate, self._seconds)
            self._follow(f"camera {self._input}", views)
        else:
            raise SourceError(f"{self._input} is no file, no folder and no number of a camera")

    def _decide_all(self, folder: Path) -> None:
        """What cannot be read is told of, and the rest is looked at all the same."""
        clips, stills = files_below(folder)
        rate = self._identifier.frames_per_second
        for clip in clips:
            with self._noting_failure():
                self._follow(clip.name, clip_views(clip, rate, self._seconds))
        for place, paths in stills.items():
            with self._noting_failure():
                self._see_stills(place.resolve().name, paths)

    def _see_stills(self, source: str, paths: list[Path]) -> None:
        self._tell(source, self._identifier.see_stills(map(read_still, paths)))

    def _follow(self, source: str, views: Generator[View, None, None]) -> None:
        self._identifier.forget()
        rate = self._identifier.frames_per_second
        with contextlib.ExitStack() as stack:
            stack.callback(views.close)
            video = None
            if self._output is not None:
                video = stack.enter_context(annotated_video(self._output, rate))
            for view in views:
                decision = self._identifier.see(view.image, view.time_s, view.pixel_aspect)
                self._tell(source, decision)
                if video is not None:
                    video.add(view.image, decision)

    @contextlib.contextmanager
    def _noting_failure(self) -> Iterator[None]:
        try:
            yield
        except SourceError as error:
            _complain(error)
            self._status = FAILED

    def _tell(self, source: str, decision: Decision) -> None:
        self._decisions += 1
        if self._is_json:
            told = {name: _rounded(getattr(decision, name)) for name in _TOLD}
            print(json.dumps({"source": source, **told}), flush=True)
        else:
            print(f"{source}  {decision.time_s:6.2f} s  {label(decision)}", flush=True)

    def _summarise(self) -> None:
        seen, latency = self._identifier.seen, self._identifier.latency_ms()
        if self._is_json:
            counts = {"frames": seen, "decisions": self._decisions, "latency_ms": latency}
            print(json.dumps({"event": "summary", **counts}), flush=True)
        elif latency is not None:
            told = f"{seen} frames, each p50 {latency['p50']} ms, p99 {latency['p99']} ms"
            print(told, file=sys.stderr)


def _rounded(value: object) -> object:
    return round(value, 6) if isinstance(value, float) else value


def _complain(error: RollcallError) -> None:
    print(f"Error: {error}", file=sys.stderr)


def _parser(prog: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog or "python -m components.identify_people",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", metavar="MODEL", type=Path, help="model directory")
    parser.add_argument(
        "input", metavar="INPUT", help="image, clip, folder of both, or number of a camera"
    )
    parser.add_argument(
        "--output", type=Path, metavar="FILE.mp4", help="video of the sampled frames, annotated"
    )
    parser.add_argument("--json", action="store_true", help="write one JSON line a decision")
    parser.add_argument(
        "--window",
        type=_between(1, MAX_WINDOW, int),
        default=DEFAULT_WINDOW,
        metavar="FRAMES",
        help="latest frames that are pooled (default: %(default)s)",
    )
    parser.add_argument(
        "--seconds",
        type=_between(0, MAX_SECONDS, float),
        default=DEFAULT_SECONDS,
        metavar="S",
        help="of a clip or camera that are looked at (default: %(default)g)",
    )
    return parser


def _between(least: float, most: float, kind: type[_Number]) -> Callable[[str], _Number]:
    def parse(text: str) -> _Number:
        value = kind(text)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"it has to be in {least:g} to {most:g}")
        return value

    parse.__name__ = kind.__name__  # argparse says it of what is none
    return parse
