"""A hostile clip costs itself alone, and no clip is ever lost, whatever lies in the source.

The kinds are in `tests.hostile.kinds`; all of them lie in one source, each beside a good clip.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.contracts import Reason
from components.split_dataset.ledger import close_books
from tests.hostile.kinds import GAVE_FRAMES, KINDS, Kind
from tests.hostile.makers import GOOD_NAME, good
from tests.hostile.mutants import MUTANTS, make_bases, mutant
from tests.hostile.run import (
    GUARD,
    clips_in,
    clips_with_frames,
    extractions,
    file_at,
    lost_or_doubled,
    make_mutants,
    make_source,
    outcomes,
    rejects,
    run,
    run_apart,
    write_roster,
)
from tests.hostile.table import PAGE, page

if TYPE_CHECKING:
    from collections.abc import Iterator

IDS = [kind.name for kind in KINDS]


@dataclass
class Aftermath:
    """What a run over a source left."""

    outcome_of: dict[tuple[str, str], str]
    """By person and file."""
    lost_or_doubled: list[str]
    peak_bytes: dict[str, int]
    details: list[str]


def aftermath(folder: Path) -> Aftermath:
    source, output = folder / "source", folder / "output"
    clips = clips_in(source)  # some do not outlive the run
    memory = run_apart(source, output)
    found = {}
    for path, each in outcomes(output).items():
        person, *file = path.relative_to(source / "videos").parts
        found[person, "/".join(file)] = " and ".join(each)
    details = [reject["detail"] for reject in rejects(output)]
    return Aftermath(found, lost_or_doubled(clips, output), memory, details)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder that is gone afterwards: 100 GB are in it, if with nothing in them."""
    with tempfile.TemporaryDirectory(prefix="hostile-") as name:
        yield Path(name)


@pytest.fixture(scope="module")
def kinds(folder: Path) -> Aftermath:
    make_source(folder / "kinds" / "source", KINDS)
    return aftermath(folder / "kinds")


@pytest.fixture(scope="module")
def mutants(folder: Path) -> Aftermath:
    make_mutants(folder / "mutants" / "source")
    return aftermath(folder / "mutants")


@pytest.fixture(scope="module")
def bases(folder: Path) -> dict[str, bytes]:
    return make_bases(folder / "bases")


@pytest.mark.parametrize("kind", KINDS, ids=IDS)
def test_a_hostile_clip_ends_as_frames_or_with_the_right_reason(
    kinds: Aftermath, kind: Kind
) -> None:
    assert kinds.outcome_of[kind.name, kind.file] in kind.right


@pytest.mark.parametrize("kind", IDS)
def test_the_good_clip_beside_it_has_its_frames(kinds: Aftermath, kind: str) -> None:
    assert kinds.outcome_of[kind, GOOD_NAME] == GAVE_FRAMES


def test_of_all_kinds_every_clip_has_exactly_one_outcome(kinds: Aftermath) -> None:
    assert kinds.lost_or_doubled == []


def test_a_hostile_clip_gets_no_more_memory_than_the_limit(kinds: Aftermath) -> None:
    libraries = 256 << 20
    assert kinds.peak_bytes["children"] < GUARD.memory_bytes + libraries
    assert kinds.peak_bytes["self"] < 512 << 20  # nothing of a clip is read whole


def test_no_detail_of_a_reject_names_a_person_or_a_path(kinds: Aftermath) -> None:
    words = [name for name in IDS if "_" in name] + ["hostile-", "elsewhere", "clip.m"]
    assert [each for each in kinds.details if any(word in each for word in words)] == []


def test_the_page_says_what_becomes_of_each_kind(kinds: Aftermath) -> None:
    rows = {kind.name: kinds.outcome_of[kind.name, kind.file] for kind in KINDS}
    assert PAGE.read_text() == page(rows), "run `make hostile-table`"


def test_every_mutant_of_a_good_clip_has_exactly_one_outcome(mutants: Aftermath) -> None:
    assert mutants.lost_or_doubled == []
    assert len(mutants.outcome_of) == MUTANTS + 1


def test_mutants_are_the_same_on_every_run(bases: dict[str, bytes], tmp_path: Path) -> None:
    again = make_bases(tmp_path / "bases")
    assert [name for name in bases if bases[name] != again[name]] == []
    assert mutant(7, bases) == mutant(7, again)


def test_mutants_leave_the_good_clip_beside_them_alone(mutants: Aftermath) -> None:
    assert mutants.outcome_of["mutants", GOOD_NAME] == GAVE_FRAMES


def test_some_mutants_live_and_some_do_not(mutants: Aftermath) -> None:
    counts = Counter(mutants.outcome_of.values())
    assert counts[GAVE_FRAMES] >= 50
    assert counts[Reason.UNREADABLE] >= 50


# Any mix ---------------------------------------------------------------------------------------

QUICK = [kind for kind in KINDS if not kind.is_slow]

ITEMS = st.one_of(
    st.sampled_from(QUICK),
    st.integers(0, MUTANTS - 1),
    st.sampled_from(["good", "stranger", "no consent", "over", "copy", "copy of another"]),
)


def add(source: Path, place: int, item: Kind | int | str, bases: dict[str, bytes]) -> None:
    """Add one clip to a source; it is a person's of its own, but for the copies."""
    if isinstance(item, Kind):
        with suppress(FileExistsError):  # drawn twice
            item.make(file_at(source, item.name, item.file))
    elif isinstance(item, int):
        name, content = mutant(item, bases)
        file_at(source, f"p{place}", f"s{Path(name).suffix}").write_bytes(content)
    elif item.startswith("copy"):
        whose = "first" if item == "copy" else f"p{place}"
        good(file_at(source, "first", "copied.mp4"))
        shutil.copy(
            source / "videos" / "first" / "copied.mp4", file_at(source, whose, f"c{place}.mp4")
        )
    else:
        good(file_at(source, f"{item.replace(' ', '-')}{place}", "s.mp4"))


def write_mixed_roster(source: Path) -> None:
    people = sorted(path.name for path in (source / "videos").iterdir())
    known = [person for person in people if not person.startswith(("stranger", "no-", "over"))]
    missing = [f"{person},visitor,," for person in people if person.startswith("no-")]
    over = [f"{person},staff,2024-01-01,2024-02-01" for person in people if person.startswith("ov")]
    write_roster(source, known, *missing, *over)


@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(items=st.lists(ITEMS, min_size=3, max_size=12), workers=st.integers(1, 3))
def test_clips_in_are_clips_with_frames_and_rejects_under_any_mix(
    bases: dict[str, bytes], items: list[Kind | int | str], workers: int
) -> None:
    with tempfile.TemporaryDirectory(prefix="hostile-") as folder:
        source, output = Path(folder) / "source", Path(folder) / "output"
        good(file_at(source, "always", "there.mp4"))
        for place, item in enumerate(items):
            add(source, place, item, bases)
        write_mixed_roster(source)
        clips = clips_in(source)
        run(source, output, workers=workers)
        assert lost_or_doubled(clips, output) == []
        used = set(clips_with_frames(output))
        books = close_books(output / "clips", extractions(output), used, output)
        assert len(clips) == books["clips_used"] + sum(books["rejects_by_reason"].values())
