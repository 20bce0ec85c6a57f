"""The commands that talk to a cluster, against a fake server over HTTP."""

from __future__ import annotations

import functools
import io
import json
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING

import pytest
import yaml
from kfp_server_api import GoogleRpcStatus
from rich.console import Console

from components.audit_log import read_log
from pipelines import cli, runs, submission
from pipelines.compilation import COMPILED, PIPELINES
from pipelines.kubeflow import connect
from pipelines.request import Pipeline, Request
from pipelines.run_tables import RunDisplay
from tests.fake_kubeflow import Fault, Snapshot
from tests.fake_workflow import Attempt, State, Task, loop, pod_of

if TYPE_CHECKING:
    from pathlib import Path

    from pipelines.settings import Settings
    from tests.fake_kubeflow import FakeKubeflow

SOURCE = ("--source", "az://enrolment/2025")
EXIT = ("exit-handler-1",)
INGEST = Task("ingest-videos", inside=EXIT)
NIGHTLY = ("schedule", *SOURCE, "--name", "nightly")


@pytest.fixture(autouse=True)
def _no_long_pauses(monkeypatch):
    monkeypatch.setattr(runs, "FIRST_PAUSE_S", 0.01)


@pytest.fixture
def rollcall(monkeypatch, capsys, kubeflow: FakeKubeflow):
    """Runs the command as a user does; gives the exit code and what was printed."""
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["rollcall", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        printed = capsys.readouterr()
        return ended.value.code, printed.out + printed.err

    return call


@functools.cache
def interface(name: str) -> str:
    """A compiled pipeline without its steps: all of it takes a while to read."""
    spec, platform = yaml.load_all((COMPILED / name).read_text(), yaml.CSafeLoader)
    root = {"inputDefinitions": spec["root"]["inputDefinitions"], "dag": {}}
    rest = {key: spec[key] for key in ("pipelineInfo", "schemaVersion", "sdkVersion")}
    return yaml.safe_dump_all(
        [{**rest, "root": root}, {"platforms": {key: {} for key in platform["platforms"]}}]
    )


@pytest.fixture
def compiled_once(monkeypatch) -> dict[str, str]:
    """What was committed, in the place of compiling it anew for each test."""
    texts = {name: interface(name) for name in PIPELINES}

    def compile_pipelines(settings: Settings, folder: Path) -> None:
        for name, text in texts.items():
            (folder / name).write_text(text)

    monkeypatch.setattr(submission, "compile_pipelines", compile_pipelines)
    return texts


def sent(kubeflow: FakeKubeflow) -> dict:
    return kubeflow.bodies[-1]


def test_a_run_is_sent_as_it_was_compiled_with_what_was_given(rollcall, kubeflow: FakeKubeflow):
    code, printed = rollcall("submit", *SOURCE, "--param", "gate_min_accuracy=0.9")
    (run,) = kubeflow.runs
    assert code == 0
    assert f"{kubeflow.url}/#/runs/details/{run}" in printed
    given = {"source": "az://enrolment/2025", "gate_min_accuracy": 0.9}
    assert sent(kubeflow)["runtime_config"]["parameters"] == given
    assert sent(kubeflow)["service_account"] == "rollcall-runner"
    spec, platform = yaml.load_all((COMPILED / "training.yaml").read_text(), yaml.CSafeLoader)
    told = sent(kubeflow)["pipeline_spec"]
    assert told["pipeline_spec"]["root"]["dag"].keys() == spec["root"]["dag"].keys()
    assert told["platform_spec"] == platform


def test_a_run_belongs_to_an_experiment_that_is_made_once(
    rollcall, kubeflow: FakeKubeflow, compiled_once
):
    for _ in range(2):
        rollcall("submit", *SOURCE, "--experiment", "school")
    (experiment,) = kubeflow.experiments.values()
    assert experiment.display_name == "school"
    assert len(kubeflow.runs) == 2


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--param", "wokers=2"), "is it workers?"),
        (("--source", "https://school.blob.core.windows.net/c?sig=x"), "a SAS belongs"),
    ],
)
def test_what_is_wrong_is_told_before_the_server_is_asked(
    rollcall, kubeflow: FakeKubeflow, compiled_once, arguments, told
):
    code, printed = rollcall("submit", *SOURCE, *arguments)
    assert (code, told in printed) == (1, True)
    assert kubeflow.seen == []


def test_a_server_that_refuses_is_told_without_a_traceback(
    rollcall, kubeflow: FakeKubeflow, compiled_once
):
    kubeflow.faults.append(Fault("POST /apis/v2beta1/runs", 400, message="no such service account"))
    code, printed = rollcall("submit", *SOURCE)
    assert code == 1
    assert "no such service account" in printed
    assert "Traceback" not in printed


def test_waiting_shows_the_steps_and_ends_well(rollcall, kubeflow: FakeKubeflow, compiled_once):
    going_on = INGEST._replace(attempts=[Attempt(State.RUNNING)])
    kubeflow.script = [
        Snapshot(State.PENDING),
        Snapshot(State.RUNNING, [going_on]),
        Snapshot(State.SUCCEEDED, [INGEST]),
    ]
    code, printed = rollcall("submit", *SOURCE, "--wait")
    assert code == 0
    lines = ["List clips: 0 of 1 done", "List clips: 1 of 1 done", "The run succeeded."]
    assert printed.splitlines()[2:] == lines


def test_on_a_terminal_each_step_has_a_bar(kubeflow: FakeKubeflow):
    head = Task("train-model", inside=EXIT + loop("for-loop-2", 0))
    other = Task("train-model", [Attempt(State.RUNNING)], EXIT + loop("for-loop-2", 1))
    run = kubeflow.add_run(Snapshot(State.RUNNING, [INGEST, head, other]))
    out = io.StringIO()
    with RunDisplay(Console(file=out, force_terminal=True, width=100)) as display:
        display.take(connect(kubeflow.url).get_run(run))
    (*_, last) = [line for line in out.getvalue().splitlines() if "Train head" in line]
    assert "1/2" in last


def test_waiting_for_a_run_that_fails_shows_why_and_fails(
    rollcall, kubeflow: FakeKubeflow, compiled_once
):
    failed = Task("train-model", [Attempt(State.FAILED)], EXIT + loop("for-loop-2", 0))
    kubeflow.script = [Snapshot(State.FAILED, [INGEST, failed])]
    kubeflow.logs = {pod_of(failed): "working\nLeakError: a session stands on both sides\n"}
    code, printed = rollcall("submit", *SOURCE, "--wait")
    assert code == 1
    assert "Train head failed\n     working\n     LeakError: a session stands" in printed
    assert "the run failed in Train head" in printed


def test_where_a_log_cannot_be_had_another_way_is_told(rollcall, kubeflow: FakeKubeflow):
    run = kubeflow.add_run(
        Snapshot(State.FAILED, [Task("ingest-videos", [Attempt(State.FAILED)], EXIT)])
    )
    code, printed = rollcall("runs", run, "--wait")
    assert code == 1
    assert "Its log could not be read" in printed
    assert f"logs -l pipeline/runid={run}" in printed


def test_a_run_that_never_began_says_that_the_server_does_not_say_why(
    rollcall, kubeflow: FakeKubeflow
):
    code, printed = rollcall("runs", kubeflow.add_run(Snapshot(State.FAILED)), "--wait")
    assert (code, "the server does not say why" in printed) == (1, True)


def test_what_the_server_says_of_a_run_that_never_began_is_passed_on(
    rollcall, kubeflow: FakeKubeflow
):
    error = GoogleRpcStatus(message="no quota")
    run = kubeflow.add_run(Snapshot(State.FAILED), error=error)
    assert "the run failed: no quota" in rollcall("runs", run, "--wait")[1]


def test_a_run_that_was_ended_is_no_success(rollcall, kubeflow: FakeKubeflow):
    run = kubeflow.add_run(Snapshot(State.RUNNING, [INGEST]))
    assert rollcall("runs", run, "--terminate")[0] == 0
    code, printed = rollcall("runs", run, "--wait")
    assert (code, "was ended before" in printed) == (1, True)


def test_whoever_stops_waiting_leaves_the_run_going(rollcall, kubeflow: FakeKubeflow):
    run = kubeflow.add_run(Snapshot(State.RUNNING, [INGEST]))
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    code, printed = rollcall("runs", run, "--wait")
    assert code == 130
    assert f"`rollcall runs {run} --wait` waits again" in printed
    assert not any("terminate" in each for each in kubeflow.seen)


def test_the_submission_is_on_record_however_the_run_ends(
    rollcall, kubeflow: FakeKubeflow, compiled_once, tmp_path
):
    kubeflow.script = [Snapshot(State.FAILED)]
    assert rollcall("submit", *SOURCE, "--wait")[0] == 1
    assert rollcall("submit", *SOURCE, "--param", "x=1")[0] == 1
    rollcall("upload")
    rollcall(*NIGHTLY, "--cron", "@daily")
    entries = [each for each in read_log(tmp_path / "audit.jsonl") if each["event"] == "ended"]
    assert [(each["what"]["command"], each["outcome"]) for each in entries] == [
        ("submit", "succeeded"),
        ("submit", "failed"),
        ("upload", "succeeded"),
        ("schedule", "succeeded"),
    ]


def test_a_version_is_called_by_its_revision_and_uploaded_once(
    rollcall, kubeflow: FakeKubeflow, compiled_once, monkeypatch
):
    monkeypatch.setattr(submission, "revision", lambda: "0123456789ab")
    first, again = rollcall("upload"), rollcall("upload")
    (version,) = kubeflow.versions.values()
    assert version.display_name.startswith("0123456789ab-")
    assert version.pipeline_spec["platform_spec"]
    assert version.pipeline_version_id in first[1]
    assert "not committed" not in first[1]
    assert again[0] == 0
    assert f"{version.pipeline_version_id} (it was there already)" in again[1]


def test_the_same_revision_with_other_images_is_another_version(
    rollcall, kubeflow: FakeKubeflow, compiled_once, monkeypatch
):
    monkeypatch.setattr(submission, "revision", lambda: "0123456789ab")
    rollcall("upload")
    compiled_once["training.yaml"] += "# other images\n"
    rollcall("upload")
    assert len({each.display_name for each in kubeflow.versions.values()}) == 2


def test_what_was_not_committed_is_said_of_a_version(
    rollcall, kubeflow: FakeKubeflow, compiled_once, monkeypatch
):
    monkeypatch.setattr(submission, "revision", lambda: "0123456789ab-dirty")
    assert "not committed" in rollcall("upload", "--pipeline", "fine-tuning")[1]
    (version,) = kubeflow.versions.values()
    assert "not committed" in version.description
    (pipeline,) = kubeflow.pipelines.values()
    assert pipeline.display_name == "rollcall-fine-tuning"


def test_a_pipeline_that_was_left_without_a_version_gets_one(
    rollcall, kubeflow: FakeKubeflow, compiled_once
):
    kubeflow.faults.append(Fault("upload_version", 503))
    assert rollcall("upload")[0] == 1
    assert rollcall("upload")[0] == 0
    assert (len(kubeflow.pipelines), len(kubeflow.versions)) == (1, 1)


def test_a_schedule_runs_an_uploaded_version_one_run_at_a_time(
    rollcall, kubeflow: FakeKubeflow, compiled_once
):
    code, printed = rollcall(*NIGHTLY, "--cron", "0 3 * * mon")
    (version,) = kubeflow.versions
    assert code == 0
    assert "0 0 3 * * mon (second first)" in printed
    body = sent(kubeflow)
    assert body["trigger"]["cron_schedule"]["cron"] == "0 0 3 * * mon"
    assert body["pipeline_version_reference"]["pipeline_version_id"] == version
    told = {name: body[name] for name in ("max_concurrency", "no_catchup", "mode")}
    assert told == {"max_concurrency": 1, "no_catchup": True, "mode": "ENABLE"}


def test_a_schedule_can_catch_up_and_begin_disabled(
    rollcall, kubeflow: FakeKubeflow, compiled_once
):
    rollcall(*NIGHTLY, "--cron", "@daily", "--catch-up", "--disable")
    assert (sent(kubeflow)["no_catchup"], sent(kubeflow)["mode"]) == (False, "DISABLE")


@pytest.mark.parametrize("cron", ["0 3 * *", "0 25 * * *"])
def test_a_time_that_is_none_is_told_before_the_server_is_asked(
    rollcall, kubeflow: FakeKubeflow, cron: str
):
    code, printed = rollcall(*NIGHTLY, "--cron", cron)
    assert (code, "--cron" in printed, kubeflow.seen) == (1, True, [])


def test_a_schedule_takes_the_place_of_one_of_its_name(
    rollcall, kubeflow: FakeKubeflow, compiled_once
):
    for name in ("nightly", "weekly"):
        rollcall("schedule", *SOURCE, "--name", name, "--cron", "@daily")
    code, printed = rollcall(*NIGHTLY, "--cron", "@hourly")
    assert (code, "in the place of the one before" in printed) == (0, True)
    times = {s.display_name: s.trigger.cron_schedule.cron for s in kubeflow.schedules.values()}
    assert times == {"weekly": "0 0 0 * * *", "nightly": "0 0 * * * *"}


def test_whoever_is_cut_off_while_replacing_has_two_schedules_and_never_none(
    rollcall, kubeflow: FakeKubeflow, compiled_once
):
    rollcall(*NIGHTLY, "--cron", "@daily")
    kubeflow.faults.append(Fault("DELETE", 0))
    code, printed = rollcall(*NIGHTLY, "--cron", "@hourly")
    assert (code, "schedule it again" in printed) == (1, True)
    assert len(kubeflow.schedules) == 2
    rollcall(*NIGHTLY, "--cron", "@hourly")
    assert len(kubeflow.schedules) == 1


def test_a_schedule_is_switched_off_and_on_and_listed(
    rollcall, kubeflow: FakeKubeflow, compiled_once
):
    rollcall(*NIGHTLY, "--cron", "@daily")
    for flag, state in (("--disable", "disabled"), ("--enable", "enabled")):
        assert rollcall("schedule", "--name", "nightly", flag)[0] == 0
        assert f"nightly    {state}" in rollcall("runs", "--schedules")[1]
    (listed,) = json.loads(rollcall("runs", "--schedules", "--json")[1])
    assert (listed["name"], listed["cron"], listed["catch_up"]) == ("nightly", "0 0 0 * * *", False)


def test_a_schedule_that_is_not_there_is_told_with_those_that_are(
    rollcall, kubeflow: FakeKubeflow, compiled_once
):
    assert "none at all" in rollcall("schedule", "--name", "nightly", "--disable")[1]
    rollcall("schedule", *SOURCE, "--name", "weekly", "--cron", "@weekly")
    code, printed = rollcall("schedule", "--name", "nightly", "--disable")
    assert (code, "there are weekly" in printed) == (1, True)
    assert "--cron" in rollcall("schedule", "--name", "nightly")[1]


def test_by_the_clock_a_pipeline_that_can_tell_trains_only_what_changed(tmp_path):
    package = tmp_path / "pipeline.yaml"
    kinds = {name: {"parameterType": "STRING"} for name in ("source", "retrain")}
    package.write_text(json.dumps({"root": {"inputDefinitions": {"parameters": kinds}}}))
    asked = Request(Pipeline.TRAINING, "/cohort")
    assert asked.when_changed(package).params == ("retrain=when_changed",)
    always = Request(Pipeline.TRAINING, "/cohort", ["retrain=always"])
    assert always.when_changed(package) == always


def test_runs_are_listed_for_people_and_for_programs(rollcall, kubeflow: FakeKubeflow):
    run = kubeflow.add_run(Snapshot(State.SUCCEEDED, [INGEST]), state=State.SUCCEEDED)
    assert f"{run}  succeeded" in rollcall("runs")[1]
    (listed,) = json.loads(rollcall("runs", "--json")[1])
    assert (listed["run_id"], listed["state"]) == (run, State.SUCCEEDED)
    assert "List clips   1 of 1" in rollcall("runs", run)[1]
    (step,) = json.loads(rollcall("runs", run, "--json")[1])["steps"]
    assert (step["step"], step["done"]) == ("ingest_videos", 1)


def test_a_run_that_is_not_there_is_told(rollcall):
    code, printed = rollcall("runs", "none-of-ours")
    assert (code, "none-of-ours not found" in printed) == (1, True)


@pytest.mark.parametrize("flag", ["--wait", "--terminate"])
def test_what_concerns_one_run_needs_its_name(rollcall, kubeflow: FakeKubeflow, flag: str):
    code, printed = rollcall("runs", flag)
    assert (code, "which run?" in printed, kubeflow.seen) == (1, True, [])
