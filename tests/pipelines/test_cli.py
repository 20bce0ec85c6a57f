"""The command explains itself, and its errors say what to do."""

from __future__ import annotations

import io
import json
import sys

import pytest
from typer.testing import CliRunner

from components.audit_log import audited, last_digest, read_log
from components.champions import FAILED
from components.errors import RollcallError
from components.registry import GATE, REASON, RUN
from components.sources import open_source
from pipelines import cli
from pipelines.compilation import TARGETS
from pipelines.local import LocalRun
from pipelines.options import TrainingOptions
from tests.azurite import PROGRAM
from tests.registered import aliases, register, write_model

COMMANDS = (
    "demo",
    "synthesize",
    "run",
    "fine-tune",
    "forget",
    "promote",
    "rollback",
    "audit",
    "compile",
    "cost",
    "prices",
    "submit",
    "schedule",
    "upload",
    "runs",
)


def call(monkeypatch, capsys, *arguments):
    """Run the command as a user does; gives the exit code and what was printed."""
    monkeypatch.setattr(sys, "argv", ["rollcall", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    printed = capsys.readouterr()
    return ended.value.code, printed.out + printed.err


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_each_command_ends_with_an_example(command):
    result = CliRunner().invoke(cli.app, [command, "--help"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    assert f"Example: rollcall {command}" in result.output


def test_the_bare_command_lists_what_there_is():
    result = CliRunner().invoke(cli.app, [])
    assert all(command in result.output for command in (*COMMANDS, "identify"))


def test_identify_is_the_robots_command_with_its_help_and_its_exit_code(
    monkeypatch, capsys, tmp_path
):
    code, printed = call(monkeypatch, capsys, "identify", "--help")
    assert code == 0
    assert "rollcall identify champion/ visit.mp4 --output annotated.mp4" in printed
    code, printed = call(monkeypatch, capsys, "identify", tmp_path, 0, "--json")
    assert code == 1
    assert "is no model directory" in printed


def test_a_misspelt_backbone_is_refused_before_anything_runs(monkeypatch, capsys, tmp_path):
    arguments = ("--source", tmp_path, "--output", tmp_path / "out", "--backbones", "MobilNetV2")
    code, printed = call(monkeypatch, capsys, "run", *arguments)
    assert code == 1
    assert "MobileNetV2" in printed
    assert not (tmp_path / "out").exists()


def test_a_retrain_that_is_none_is_refused_before_anything_runs(monkeypatch, capsys, tmp_path):
    arguments = ("--source", tmp_path, "--output", tmp_path / "out", "--retrain", "sometimes")
    code, printed = call(monkeypatch, capsys, "run", *arguments)
    assert code == 1
    assert "always or when_changed" in printed


def test_a_run_in_which_nothing_changed_is_said_to_be_one(capsys, tmp_path):
    cli._show(LocalRun(tmp_path, {}, [], 1.0, "", {}, 0, 0, "Not training: the same."), tmp_path)
    printed = capsys.readouterr().out
    assert "Not training: the same.\n" in printed
    assert "Earlier results" in printed


def test_weights_that_lack_a_file_are_refused_before_anything_runs(monkeypatch, capsys, tmp_path):
    arguments = ("--source", tmp_path, "--output", tmp_path / "out", "--backbones", "MobileNetV2")
    code, printed = call(monkeypatch, capsys, "run", *arguments, "--weights", tmp_path)
    assert code == 1
    assert "MobileNetV2.weights.h5" in printed


def test_no_backbone_at_all_is_refused(monkeypatch, capsys, tmp_path):
    arguments = ("--source", tmp_path, "--output", tmp_path / "out", "--backbones", " , ")
    code, printed = call(monkeypatch, capsys, "run", *arguments)
    assert code == 1
    assert "no backbone" in printed


def test_a_backbone_that_is_named_twice_counts_once():
    options = TrainingOptions(("VGG16", "VGG16", "MobileNet")).checked()
    assert options.backbones == ("VGG16", "MobileNet")


@pytest.mark.parametrize("option", ["crop", "protocol"])
def test_an_unknown_choice_is_refused_with_those_there_are(option):
    with pytest.raises(RollcallError, match=f"--{option} is other; it has to be .* or "):
        TrainingOptions(("VGG16",), weights="none", **{option: "other"}).checked()


def test_a_folder_of_weights_is_made_absolute(monkeypatch, tmp_path):
    (tmp_path / "VGG16.weights.h5").touch()
    monkeypatch.chdir(tmp_path.parent)
    options = TrainingOptions(("VGG16",), weights=tmp_path.name).checked()
    assert options.weights == str(tmp_path)


def test_what_cannot_be_preferred_is_refused_with_what_can() -> None:
    with pytest.raises(RollcallError, match="--prefer is beauty; it has to be latency or accuracy"):
        TrainingOptions(weights="none", prefer="beauty").checked()


@pytest.mark.parametrize("source", ["az://cohort/2025", "https://a1b.blob.core.windows.net/c/x"])
def test_a_source_in_azure_blob_is_passed_on_as_it_is(source):
    assert cli._absolute(source) == source


def test_a_source_in_a_folder_is_made_absolute(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert cli._absolute("cohort") == cli._absolute(f"file://{tmp_path}/cohort")
    assert cli._absolute("cohort") == str(tmp_path / "cohort")


def test_a_roster_that_is_not_there_is_refused_before_anything_runs(monkeypatch, capsys, tmp_path):
    arguments = ("--source", tmp_path, "--output", tmp_path / "out", "--weights", "none")
    code, printed = call(monkeypatch, capsys, "run", *arguments, "--roster", tmp_path / "no.csv")
    assert code == 1
    assert "no roster" in printed
    assert not (tmp_path / "out").exists()


def test_a_roster_on_this_machine_is_made_absolute_and_others_stay(monkeypatch, tmp_path):
    (tmp_path / "people.csv").touch()
    monkeypatch.chdir(tmp_path)
    rosters = ("people.csv", "az://cohort/people.csv", "")
    options = [TrainingOptions(weights="none", roster=roster).checked() for roster in rosters]
    assert [each.roster for each in options] == [str(tmp_path / "people.csv"), *rosters[1:]]


def test_compile_check_says_that_the_committed_files_are_current(monkeypatch, capsys):
    code, printed = call(monkeypatch, capsys, "compile", "--check")
    assert (code, "current" in printed) == (0, True)


def test_every_target_of_compile_is_one_that_is_known():
    assert set(cli.Target) == set(TARGETS)


def test_compile_check_fails_on_a_stale_file(monkeypatch, capsys):
    monkeypatch.setenv("ROLLCALL_DATA_IMAGE", "elsewhere/data:2")
    code, printed = call(monkeypatch, capsys, "compile", "--check")
    assert code == 1
    assert "make compile-pipeline" in printed


def test_a_bad_option_of_the_cohort_says_what_is_allowed(monkeypatch, capsys, tmp_path):
    code, printed = call(monkeypatch, capsys, "synthesize", tmp_path / "c", "--fps", "0")
    assert code == 1
    assert "fps" in printed


def test_a_demo_from_elsewhere_is_refused_with_what_there_is(monkeypatch, capsys, tmp_path):
    out = tmp_path / "out"
    code, printed = call(monkeypatch, capsys, "demo", "--source", "ftp", "--output", out)
    assert code == 2
    assert "'folder'" in printed
    assert "azurite" in printed
    assert not out.exists()


def test_a_cohort_in_azurite_is_a_source_that_a_run_can_open(monkeypatch, cohort):
    cohort.person("p-1").clip("p-1/s1.mp4")
    monkeypatch.chdir(PROGRAM.parents[1])
    with cli._in_azurite(cohort.folder) as (address, connection_string):
        monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", connection_string)
        opened = open_source(address)
        assert [file.path for file in opened.files()] == ["p-1/s1.mp4"]
        assert opened.read_roster() == (cohort.folder / "roster.csv").read_bytes()


def test_the_audit_log_is_shown_and_checked(monkeypatch, capsys, tmp_path):
    with audited(tmp_path / "audit.jsonl", "run") as record:
        record.counts = {"clips": 7}
    code, printed = call(monkeypatch, capsys, "audit")
    assert code == 0
    assert "2 lines" in printed
    assert last_digest(tmp_path / "audit.jsonl") in printed


def test_an_audit_log_that_was_changed_is_an_error(monkeypatch, capsys, tmp_path):
    log = tmp_path / "audit.jsonl"
    with audited(log, "run"):
        pass
    log.write_text(log.read_text().replace("started", "begun"))
    code, printed = call(monkeypatch, capsys, "audit")
    assert code == 1
    assert "line 2:" in " ".join(printed.split())


@pytest.fixture
def versions(registry, tmp_path):
    """Version 1 was champion, version 2 is, and version 3 did not pass the gate."""
    model = write_model(tmp_path / "model")
    register(model, registry)
    register(model, registry)
    register(model, registry, champion=False, **{GATE: FAILED, f"{REASON}size": "too large"})
    return registry


def logged(tmp_path):
    """The last line of the audit log, as far as promote and rollback differ in it."""
    entry = list(read_log(tmp_path / "audit.jsonl"))[-1]
    return entry["what"]["command"], entry["outcome"], entry["counts"]


def test_a_version_that_passed_is_promoted_without_a_question(
    monkeypatch, capsys, versions, tmp_path
):
    code, printed = call(monkeypatch, capsys, "promote", "1", "--registry", versions)
    assert code == 0
    assert "Version 1 is the champion; it was version 2." in printed
    moved = {"from_version": 2, "to_version": 1}
    assert logged(tmp_path) == ("promote", "succeeded", moved)


def test_a_challenger_is_not_promoted_without_an_answer(monkeypatch, capsys, versions, tmp_path):
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    code, printed = call(monkeypatch, capsys, "promote", "3", "--registry", versions)
    assert code == 1
    assert "too large" in printed
    assert aliases(versions)["champion"] == "2"
    assert logged(tmp_path) == ("promote", "declined", {})


@pytest.mark.parametrize(("answer", "more"), [("y\n", ()), ("", ("--yes",))])
def test_a_challenger_is_promoted_after_a_yes(monkeypatch, capsys, versions, answer, more):
    monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
    code, printed = call(monkeypatch, capsys, "promote", "3", "--registry", versions, *more)
    assert code == 0
    assert "too large" in printed
    assert aliases(versions) == {"champion": "3", "previous": "2"}


def test_what_is_champion_already_is_said_to_be(monkeypatch, capsys, versions):
    code, printed = call(monkeypatch, capsys, "promote", "2", "--registry", versions)
    assert (code, "already" in printed) == (0, True)


def test_a_rollback_is_told_and_logged(monkeypatch, capsys, versions, tmp_path):
    code, printed = call(monkeypatch, capsys, "rollback", "--registry", versions)
    assert code == 0
    assert "Version 1 is the champion; it was version 2." in printed
    assert logged(tmp_path)[:2] == ("rollback", "succeeded")


def test_the_runs_of_a_cluster_are_listed_with_the_versions_they_registered(
    monkeypatch, capsys, registry, tmp_path, kubeflow
):
    first, last = kubeflow.add_run(), kubeflow.add_run()
    register(write_model(tmp_path / "model"), registry, **{RUN: first})
    _, printed = call(monkeypatch, capsys, "runs", "--registry", registry, "--json")
    told = {each["run_id"]: each["model"] for each in json.loads(printed)}
    assert told == {first: "version 1 champion", last: ""}


@pytest.mark.parametrize("command", [("promote", "1"), ("rollback",), ("runs",)])
def test_a_registry_that_is_not_there_is_not_made(monkeypatch, capsys, tmp_path, command):
    registry = f"sqlite:///{tmp_path}/none/mlflow.db"
    code, printed = call(monkeypatch, capsys, *command, "--registry", registry)
    assert code == 1
    assert "--registry" in printed
    assert not (tmp_path / "none").exists()


def test_a_run_that_fails_is_in_the_audit_log_too(monkeypatch, capsys, tmp_path):
    registry = f"sqlite:///{tmp_path}/mlflow.db"
    arguments = (
        "--source",
        tmp_path / "none",
        "--output",
        tmp_path / "out",
        "--registry",
        registry,
    )
    code, _ = call(monkeypatch, capsys, "run", *arguments, "--backbones", "EfficientNetLite0")
    entries = list(read_log(tmp_path / "audit.jsonl"))
    assert code == 1
    assert [entry["event"] for entry in entries] == ["started", "ended"]
    assert entries[-1]["outcome"] == "failed"
