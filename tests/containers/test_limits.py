"""Each step, alone in its container, does its work within the memory of its row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipelines.compilation import compile_pipelines
from pipelines.placement import PLACEMENTS
from tests.containers.calls import KILLED
from tests.containers.conftest import COHORT
from tests.containers.replays import Replay, fine_tuning, replay, with_all_pictures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pipelines.settings import Settings
    from tests.containers.replays import Run

MIB = 1 << 20
HOG = ("python3", "-c", "held = []\nwhile True:\n    held.append(bytearray(b'x') * (16 << 20))")
"""Takes memory and never gives any back."""


@pytest.fixture(scope="module")
def replays(
    run: Run, settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Replay]]:
    """Replays a step, once; at the end prints what each took."""
    done: dict[str, Replay] = {}

    def once(step: str) -> Replay:
        if step not in done:
            scratch = tmp_path_factory.mktemp(step)
            if step == "split_dataset":
                done[step] = replay(run, with_all_pictures(run), scratch)
            elif step == "fine_tune_model":
                split = once("split_dataset")
                _, compiled = compile_pipelines(settings, scratch)
                shown = {split.call.folder: split.outputs}
                done[step] = replay(run, fine_tuning(run, compiled), scratch, shown=shown)
            else:
                done[step] = replay(run, run.call(step), scratch)
        return done[step]

    yield once
    print(table(done))


def table(done: dict[str, Replay]) -> str:
    people = len(COHORT.people())
    clips = people * COHORT.sessions
    lines = [
        f"\n{people} people, {clips} clips of {COHORT.seconds:.0f} s, one shard of two. Peak: the",
        "cgroup's own high-water mark, files that the kernel holds for the step included.",
        f"{'step':<18}{'exit':>5}{'peak MiB':>10}{'limit MiB':>11}{'share':>7}{'seconds':>9}",
    ]
    for step, replayed in done.items():
        each = replayed.measured
        peak, limit = each.peak_bytes / MIB, each.limit_bytes / MIB
        lines.append(
            f"{step:<18}{each.exit_code:>5}{peak:>10.0f}{limit:>11.0f}{peak / limit:>7.0%}"
            f"{each.seconds:>9.1f}"
        )
    return "\n".join(lines)


@pytest.mark.parametrize("step", PLACEMENTS)
def test_a_step_does_its_work_within_the_memory_of_its_row(
    replays: Callable[[str], Replay], step: str
) -> None:
    done = replays(step)
    done.measured.check()
    assert done.call.missing(done.outputs) == []


def test_a_hog_in_the_place_of_a_step_is_killed_and_fails_the_test(
    run: Run, tmp_path: Path
) -> None:
    hog = replay(run, run.call("split_dataset"), tmp_path / "hog", instead=HOG).measured
    assert (hog.exit_code, hog.kills) == (KILLED, 1)  # it is one process, without a child
    with pytest.raises(AssertionError, match="needs more than its 2048 MiB"):
        hog.check()


def test_a_step_whose_row_is_too_small_is_killed_and_fails_the_test(
    run: Run, tmp_path: Path
) -> None:
    tight = replay(run, run.call("train_model"), tmp_path / "tight", memory=200 * MIB).measured
    assert tight.exit_code == KILLED
    assert tight.kills >= 1  # a child that it was starting may be killed right after it
    with pytest.raises(AssertionError, match="needs more than its 200 MiB"):
        tight.check()


def test_a_child_that_is_killed_is_found_out_even_if_its_parent_succeeds(
    run: Run, tmp_path: Path
) -> None:
    forgiving = ("sh", "-c", '"$@"; exit 0', "parent", *HOG)
    done = replay(run, run.call("split_dataset"), tmp_path / "child", instead=forgiving).measured
    assert done.exit_code == 0
    with pytest.raises(AssertionError, match="a child of it was killed"):
        done.check()
