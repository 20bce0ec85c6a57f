"""The real DAG on this machine, from videos to a registered model."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import jsonschema
import numpy as np
import psutil
import pytest
from mlflow import MlflowClient
from rich.console import Console

from components.artifacts import digests_of, read_json
from components.audit_log import audited, read_log
from components.errors import RollcallError
from components.model_directory import (
    CLASSES_FILE,
    EDGE_MODEL_FILE,
    FRAME_SIZE,
    GATE_FILE,
    MANIFEST_FILE,
    MODEL_CARD_FILE,
    SBOM_FILE,
    Classes,
)
from components.registry import CHALLENGER, CHAMPION, MODEL_NAME, fetch_model
from components.synthesize_cohort import CohortOptions, synthesize_cohort
from pipelines import cli
from pipelines.forget import Request, find_traces
from pipelines.local import RUN_LOG, local_registry, run_training
from pipelines.placement import PLACEMENTS
from tests.registered import aliases
from tests.stills import film_to_stills

COHORT = CohortOptions(students=3, staff=1, visitors=3, seconds=2.0, size=96, fps=10)
BACKBONES = ["EfficientNetLite0", "MobileNetV2"]  # the second has no weights here: it must fail


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("end_to_end")


@pytest.fixture(scope="module")
def source(folder):
    cohort = folder / "cohort"
    synthesize_cohort(cohort, COHORT)
    (cohort / "videos" / "nobody.mp4").write_bytes(b"not in the roster")
    first, second = sorted(path for path in (cohort / "videos").iterdir() if path.is_dir())[:2]
    (second / "s9.mp4").write_bytes(b"no video")
    for clip in [*sorted(first.glob("*.mp4")), min(second.glob("*.mp4"))]:
        film_to_stills(clip, cohort / "images" / clip.parent.name / clip.stem)
    (cohort / "images" / first.name / "bad.png").write_bytes(b"no picture")
    with (cohort / "roster.csv").open("a", encoding="utf-8") as roster:
        roster.write("never-came,student,2026-01-01,2099-12-31\n")
    return cohort


@pytest.fixture(scope="module")
def arguments(folder, source):
    (folder / "weights").mkdir()
    return {
        "source": str(source),
        "backbones": BACKBONES,
        "workers": 2,
        "epochs": 2,
        "weights": str(folder / "weights"),
        "registry": local_registry(folder / "registry"),
        "min_sharpness": 0.0,
        "gate_min_accuracy": 0.0,
    }


@pytest.fixture(scope="module")
def printed():
    return io.StringIO()


@pytest.fixture(scope="module")
def log(folder):
    return folder / "audit.jsonl"


@pytest.fixture(scope="module")
def done(folder, arguments, printed, log):
    with audited(log, "run") as record:
        return run_training(
            arguments,
            folder / "out",
            Console(file=printed, width=200),
            tell_source=record.count_source,
        )


def test_the_leaderboard_is_as_its_schema_says(done):
    components = Path(__file__).parents[2] / "components"
    schema = read_json(components / "compare_models" / "leaderboard.schema.json")
    jsonschema.validate(read_json(done.output / "leaderboard.json"), schema)


def test_the_backbone_with_weights_is_champion(done):
    assert done.leaderboard["champion"] == "EfficientNetLite0"


def test_a_backbone_without_weights_is_a_row_that_says_what_to_do(done):
    row = next(row for row in done.leaderboard["models"] if row["name"] == "MobileNetV2")
    assert row["status"] == "failed"
    assert "MobileNetV2.weights.h5" in row["reason"]


def test_people_are_recognised_far_above_chance(done):
    champion = done.leaderboard["models"][0]
    people = done.leaderboard["protocol"]["sides"]["train"]["people"]
    assert champion["random_split"]["identity_accuracy"] > 2 / people


def test_the_split_is_by_session_and_some_visitors_are_strangers(done):
    protocol = done.leaderboard["protocol"]
    assert protocol["name"] == "by_session"
    assert protocol["strangers"]["test"]["people"] == 1


def test_every_bad_clip_is_among_the_rejects(done):
    with (done.output / "rejects.csv").open(encoding="utf-8") as stream:
        reasons = {Path(row["uri"]).name: row["reason"] for row in csv.DictReader(stream)}
    assert reasons == {
        "nobody.mp4": "not_in_roster",
        "s9.mp4": "unreadable",
        "bad.png": "unreadable",
    }


def test_everybody_in_the_roster_gets_a_verdict_and_advice(done, source):
    with (done.output / "enrolment.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    with (source / "roster.csv").open(encoding="utf-8") as stream:
        people = [row["person_id"] for row in csv.DictReader(stream)]
    assert [row["person_id"] for row in rows] == people
    assert (done.enrolled, done.to_record) == (0, len(people))
    *filmed, absent = rows
    assert absent["verdict"] == "none_usable"
    assert all("clip_too_short" in row["verdict"].split() for row in filmed)  # of 2 s each
    assert all("ten seconds" in row["advice"] for row in filmed)
    assert {(row["sessions"], row["clips_accepted"]) for row in filmed} == {("2", "2")}
    assert sum(int(row["clips_rejected"]) for row in rows) == 2  # nobody.mp4 is nobody's


def test_the_report_lists_who_has_to_record_again(done):
    report = (done.output / "report.html").read_text(encoding="utf-8")
    enrolment = report[report.index('id="enrolment"') : report.index('id="rejects"')]
    assert "<code>never-came</code>" in enrolment
    assert "0 of 8 people in the roster are enrolled well enough" in enrolment


def test_the_command_ends_with_how_many_have_to_record_again(done, capsys):
    cli._show(done, done.output)
    printed = capsys.readouterr().out
    assert f"Enrolment: 0 good, 8 to record again, see {done.output / 'enrolment.csv'}" in printed


def test_the_model_is_registered_with_its_papers_and_comes_back_whole(done, arguments, tmp_path):
    fetched = fetch_model(arguments["registry"], tmp_path / "fetched", done.version)
    assert digests_of(fetched) == digests_of(done.output / "champion")
    assert {MODEL_CARD_FILE, SBOM_FILE, GATE_FILE, MANIFEST_FILE} <= set(digests_of(fetched))


def test_the_alias_is_what_the_gate_decided(done, arguments):
    alias = CHAMPION if done.verdict["passed"] else CHALLENGER
    assert aliases(arguments["registry"]) == {alias: done.version}


def test_the_command_says_what_the_gate_decided(done, capsys):
    cli._show(done, done.output)
    title = "Champion" if done.verdict["passed"] else "Challenger"
    assert f"{title}: EfficientNetLite0, version {done.version}" in capsys.readouterr().out


def test_the_champion_answers_a_picture(done):
    from components.edge.model import EdgeModel

    champion = done.output / "champion"
    answer = EdgeModel(champion / EDGE_MODEL_FILE)(np.zeros((FRAME_SIZE, FRAME_SIZE, 3), np.uint8))
    classes = Classes.read(champion / CLASSES_FILE)
    assert answer["person"].shape == (1, len(classes.people))
    assert answer["role"].sum() == pytest.approx(1.0, abs=1e-4)


def test_the_report_names_the_champion(done):
    assert "EfficientNetLite0" in (done.output / "report.html").read_text(encoding="utf-8")


def test_the_report_says_what_the_shards_took_and_shows_nobody(done):
    report = (done.output / "report.html").read_text(encoding="utf-8")
    taken = report[report.index('id="time"') :]
    for step in ("Ingest videos", "Export backbones", "Extract frames", "Embed frames"):
        tasks = 2 if step.endswith("frames") else 1
        assert f'<th scope="row">{step}</th><td class="number">{tasks}</td>' in taken
    assert "data:" not in report


def test_every_step_ran_and_says_what_it_took(done):
    steps = {step["step"]: step for step in read_json(done.output / "steps.json")["steps"]}
    assert set(steps) == set(PLACEMENTS) - {"fine_tune_model", "notify"}
    assert steps["extract_frames"]["tasks"] == steps["embed_frames"]["tasks"] == 2
    assert all(step["wall_seconds"] > 0 < step["peak_memory_bytes"] for step in steps.values())


def test_each_step_was_reported_while_it_ran(done, printed):
    titles = [PLACEMENTS[step.step].title for step in done.steps]
    told = printed.getvalue().splitlines()
    assert all(any(line.startswith(title) for line in told) for title in titles)


@pytest.fixture(scope="module")
def again(done, arguments, folder):
    """The same run once more, if something changed, into a copy of its folder."""
    shutil.copytree(done.output, folder / "again")
    changed = {**arguments, "retrain": "when_changed"}
    return run_training(changed, folder / "again", Console(file=io.StringIO()))


def test_a_run_in_which_nothing_changed_trains_nothing_and_leaves_the_results_alone(done, again):
    assert [step.step for step in again.steps] == ["ingest_videos", "decide_retraining"]
    before, after = (
        {**digests_of(each.output), RUN_LOG: "anew in each run"} for each in (done, again)
    )
    assert after == before


def test_a_run_in_which_nothing_changed_says_so_at_its_end(done, again):
    assert again.unchanged == (
        f"Not training: the champion, version {done.version}, was made from the same clips with "
        "the same options."
    )
    assert notice_in(again.output)["status"] == "unchanged"


def test_no_frame_is_left_behind(done):
    assert {path.name for path in done.output.iterdir()} == {
        ".lock",
        "champion",
        "enrolment.csv",
        "leaderboard.json",
        "rejects.csv",
        "report.html",
        "run.log",
        "steps.json",
    }


def notice_in(output):
    """What was told at the end of the last run into a folder."""
    log = (output / RUN_LOG).read_text(encoding="utf-8")
    (notice,) = re.findall(r'\{"event": "run_ended".*\}', log)
    return json.loads(notice)


def test_the_exit_handler_had_its_say(done):
    registered = notice_in(done.output)["registered"]
    assert notice_in(done.output)["status"] == "succeeded"
    assert registered["version"] == done.version
    assert registered["gate"] == ("passed" if done.verdict["passed"] else "failed")


def test_the_log_names_nobody(done, source):
    """Steps may be given the source's path; what they say of their own holds no pseudonym."""
    log = (done.output / "run.log").read_text(encoding="utf-8")
    assert not [
        person for person in people_of(source) if re.search(rf"\b{re.escape(person)}\b", log)
    ]


def test_the_audit_log_counts_the_source_and_names_nobody(done, arguments, log, source):
    ended = list(read_log(log))[-1]
    version = MlflowClient(arguments["registry"]).get_model_version(MODEL_NAME, done.version)
    assert ended["source_fingerprints"] == [version.tags["source_fingerprint"]]
    assert ended["counts"]["clips"] == 14
    assert ended["counts"]["rejects"] == {"not_in_roster": 1, "unreadable": 2}
    assert ended["counts"]["frames"] > ended["counts"]["people"] == 7
    assert not [person for person in people_of(source) if person in log.read_text()]


def test_everybody_of_the_run_can_be_found_again_strangers_too(done, arguments, source, tmp_path):
    (tmp_path / "videos").mkdir()  # the source has been emptied meanwhile
    made_from = set()
    for person in people_of(source):
        where = (str(tmp_path), done.output, arguments["registry"])
        found = {item.what for item in find_traces(Request(person, *where)).items}
        assert "table" in found
        made_from |= {person} if found >= {"model", "model version"} else set()
    assert made_from == set(people_of(source)) - {"never-came"}


def people_of(source):
    return [line.split(",")[0] for line in (source / "roster.csv").read_text().splitlines()[1:]]


def test_data_steps_need_far_less_memory_than_tensorflow(done):
    steps = {step.step: step.peak_memory_bytes for step in done.steps}
    assert max(steps[step] for step in ("ingest_videos", "extract_frames")) < 400e6


@pytest.fixture(scope="module")
def failed(folder, arguments):
    """A run of an empty source: its folder, and the error."""
    (folder / "empty").mkdir()
    arguments = {**arguments, "source": str(folder / "empty")}
    with pytest.raises(RollcallError) as caught:
        run_training(arguments, folder / "failed", Console(file=io.StringIO()))
    return folder / "failed", str(caught.value)


def test_a_source_without_videos_fails_with_what_was_looked_for(failed):
    output, error = failed
    assert re.search(r"ingest_videos: \w+Error: .*roster\.csv", error)
    assert "run.log" in error
    assert not (output / ".work").exists()


def test_the_exit_handler_names_the_step_that_failed(failed):
    notice = notice_in(failed[0])
    assert (notice["status"], notice["failed_step"]) == ("failed", "ingest_videos")
    assert "roster.csv" in notice["error"]


def test_two_runs_do_not_write_into_one_folder(arguments, tmp_path):
    import fcntl

    (tmp_path / "out").mkdir()
    with (tmp_path / "out" / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(RollcallError, match="another run"):
            run_training(arguments, tmp_path / "out", Console(file=io.StringIO()))


def test_what_a_run_that_was_cut_off_left_behind_is_cleared_away(arguments, tmp_path):
    (tmp_path / "out" / ".work").mkdir(parents=True)
    (tmp_path / "out" / ".work" / "frames.parquet").touch()
    with pytest.raises(RollcallError):
        run_training(
            {**arguments, "source": str(tmp_path)}, tmp_path / "out", Console(file=io.StringIO())
        )
    assert not (tmp_path / "out" / ".work").exists()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_run_that_is_asked_to_end_leaves_no_process_and_no_frame(source, tmp_path, number, code):
    out, registry = tmp_path / "out", local_registry(tmp_path / "registry")
    command = [Path(sys.executable).with_name("rollcall"), "run", "--source", source]
    running = subprocess.Popen([*command, "--output", out, "--registry", registry])
    _wait_for((out / ".work" / "events.jsonl").exists)
    running.send_signal(number)
    assert running.wait(timeout=60) == code
    assert not (out / ".work").exists()
    assert not [each for each in psutil.process_iter(["cmdline"]) if _works_in(each, out)]


def _wait_for(ready, seconds=60.0):
    deadline = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _works_in(process, folder):
    return any(str(folder) in argument for argument in process.info["cmdline"] or [])
