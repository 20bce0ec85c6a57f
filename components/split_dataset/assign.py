"""Decides on which side of the evaluation each frame stands.

Frames of one clip are near copies of each other, so whole sessions change sides, never frames:

- a person with two or more sessions is trained on some and tested on others;
- a person with one session gives blocks of time with a gap between them (optimistic: marked so);
- some visitors are never trained on: the strangers.

That is the protocol `auto`. With `by_session` a person of one session is learnt from and calibrated
on, and not tested on, as the only session is of no use to test what was learnt from it: still a
class that others can be mistaken for. With `time_blocks` every clip of everybody who is no stranger
is cut into blocks. `random_frames` shuffles what `auto` gave (`sides.shuffled`), to show the leak.

Choices are ranks of hashes of (seed, name), so that one more person changes nobody else's side.
"""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from components.contracts import Protocol, Split
from components.errors import ContractError, SourceError
from components.model_directory import Role

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from components.split_dataset.gather import Clip

GAP_PARTS: Final = 10
"""A gap takes at most this fraction (one in) of a short clip, lest nothing be left to test on."""


@dataclass(frozen=True)
class SplitOptions:
    """How to split.

    Attributes:
        seed: changes every choice.
        gap_s: seconds between two blocks of one clip.
        stranger_share: part of the visitors that is never trained on.
        test_share: part of a person's sessions, or of the one clip's time, to test on.
        calibration_share: part to calibrate and to stop training on.
        protocol: a `Protocol`.

    Raises:
        ContractError: there is no such protocol.
    """

    seed: int = 0
    gap_s: float = 1.0
    stranger_share: float = 0.5
    test_share: float = 0.25
    calibration_share: float = 0.15
    protocol: str = Protocol.AUTO

    def __post_init__(self) -> None:
        if self.protocol not in set(Protocol):
            raise ContractError(
                f"protocol is {self.protocol!r}; it has to be {' or '.join(Protocol)}"
            )


@dataclass(frozen=True)
class Block:
    """The frames of a clip from the end of the block before it until `end_s` (exclusive)."""

    split: Split
    end_s: float


Plan = tuple[Block, ...]
"""The blocks of one clip in the order of time; the last one ends at infinity."""


def whole(split: Split) -> Plan:
    """The plan of a clip that stands on one side."""
    return (Block(split, math.inf),)


def side_at(plan: Plan, time_s: float) -> Split:
    """The side of the frame at `time_s`."""
    return next(block.split for block in plan if time_s < block.end_s)


def gap_of(clip: Clip, gap_s: float) -> float:
    """Seconds to leave out between two blocks of `clip`."""
    return min(gap_s, (clip.last_s - clip.first_s) / GAP_PARTS)


def time_blocks(clip: Clip, shares: Sequence[tuple[Split, float]], gap_s: float) -> Plan:
    """Cut a clip into blocks of the given shares of its time, with a gap between neighbours."""
    gap = gap_of(clip, gap_s)
    usable = (clip.last_s - clip.first_s) - gap * (len(shares) - 1)
    total = sum(share for _, share in shares)
    blocks, at = [], clip.first_s
    for split, share in shares:
        at += usable * share / total
        blocks.append(Block(split, at))
        at += gap
        blocks.append(Block(Split.GAP, at))
    return (*blocks[:-2], Block(blocks[-2].split, math.inf))


def choose_strangers(role_of: Mapping[str, str], options: SplitOptions) -> dict[str, Split]:
    """Pick the visitors who are never trained on, and the side on which each is met.

    Every second one calibrates, the others (the first among them) test; nobody does both.
    """
    visitors = _ranked((p for p, role in role_of.items() if role == Role.VISITOR), options.seed)
    chosen = visitors[: math.ceil(options.stranger_share * len(visitors))]
    sides = (Split.TEST, Split.CALIBRATION)
    return {person: sides[number % 2] for number, person in enumerate(chosen)}


def plan_clips(clips: Sequence[Clip], options: SplitOptions) -> tuple[dict[str, Plan], set[str]]:
    """Plan every clip.

    Returns:
        The plan of each clip by its id, and the strangers' person ids.

    Raises:
        SourceError: fewer than two people are left to tell apart, or none can be tested.
    """
    by_person: dict[str, list[Clip]] = defaultdict(list)
    for clip in clips:
        by_person[clip.person_id].append(clip)
    role_of = {person: own[0].role for person, own in by_person.items()}
    strangers = choose_strangers(role_of, options)
    _refuse_too_few(by_person, strangers, options.protocol)
    plans: dict[str, Plan] = {}
    for person, own in by_person.items():
        if person in strangers:
            plans |= {clip.clip_id: whole(strangers[person]) for clip in own}
        else:
            plans |= _plan_person(own, options)
    return plans, set(strangers)


def _refuse_too_few(
    by_person: Mapping[str, Sequence[Clip]], strangers: Mapping[str, Split], protocol: str
) -> None:
    known = [own for person, own in by_person.items() if person not in strangers]
    if len(known) < 2:
        raise SourceError(
            f"{len(by_person)} people have frames and {len(strangers)} of them are kept apart as "
            "strangers: at least two must be left to tell apart. Give more people."
        )
    if protocol == Protocol.BY_SESSION and all(len(_sessions(own)) == 1 for own in known):
        raise SourceError(
            f"nobody can be tested by session: each of {len(known)} people has one session only. "
            "Record people on two days or more, or choose the protocol auto or time_blocks."
        )


def _sessions(clips: Iterable[Clip]) -> set[str]:
    return {clip.session for clip in clips}


def _plan_person(clips: Sequence[Clip], options: SplitOptions) -> dict[str, Plan]:
    sessions = _ranked(_sessions(clips), options.seed, clips[0].person_id)
    train = (Split.TRAIN, 1 - options.test_share - options.calibration_share)
    calibration = (Split.CALIBRATION, options.calibration_share)
    test = (Split.TEST, options.test_share)
    single = len(sessions) == 1
    if options.protocol == Protocol.TIME_BLOCKS or (
        single and options.protocol != Protocol.BY_SESSION
    ):
        blocks = (train, calibration, test)
        return {clip.clip_id: time_blocks(clip, blocks, options.gap_s) for clip in clips}
    tested = 0 if single else max(1, round(options.test_share * len(sessions)))
    calibrated = max(1, round(options.calibration_share * len(sessions)))
    if len(sessions) - tested < 2:  # one session to learn from: its own time calibrates
        calibrated = 0
    sides = {
        session: Split.TEST
        if rank < tested
        else Split.CALIBRATION
        if rank < tested + calibrated
        else Split.TRAIN
        for rank, session in enumerate(sessions)
    }
    return {
        clip.clip_id: time_blocks(clip, (train, calibration), options.gap_s)
        if not calibrated and sides[clip.session] is Split.TRAIN
        else whole(sides[clip.session])
        for clip in clips
    }


def _ranked(names: Iterable[str], seed: int, salt: str = "") -> list[str]:
    return sorted(names, key=lambda name: hashlib.sha256(f"{seed}/{salt}/{name}".encode()).digest())
