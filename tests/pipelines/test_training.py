"""The shape of the training DAG."""

from __future__ import annotations

import inspect

import pytest
import yaml

from components.decide_retraining.component import decide_retraining
from pipelines.compilation import COMPILED, TARGETS, compile_pipelines, stale_pipelines
from pipelines.options import FIELDS
from pipelines.settings import Settings

SPEC = next(yaml.safe_load_all((COMPILED / "training.yaml").read_text(encoding="ascii")))
COMPONENTS = SPEC["components"]
HANDLED = COMPONENTS["comp-exit-handler-1"]["dag"]["tasks"]
(CONDITION,) = (name for name in HANDLED if name.startswith("condition-"))
DUE = COMPONENTS[f"comp-{CONDITION}"]["dag"]["tasks"]
"""What runs where training is due."""


@pytest.fixture
def defaults(monkeypatch) -> Settings:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"ROLLCALL_{name.upper()}", raising=False)
    return Settings()


def edges(tasks: dict) -> dict[str, set[str]]:
    return {name: set(task.get("dependentTasks", [])) for name, task in tasks.items()}


def loop(name: str) -> dict:
    return COMPONENTS[f"comp-{name}"]["dag"]["tasks"]


@pytest.mark.parametrize("target", TARGETS)
def test_the_compiled_pipelines_are_current(defaults, target):
    assert stale_pipelines(defaults, target=target) == []


def test_a_change_makes_a_compiled_pipeline_stale(defaults):
    assert stale_pipelines(defaults.model_copy(update={"data_image": "other:1"}))


def test_compiling_twice_gives_the_same_bytes(defaults, tmp_path):
    first, second = (compile_pipelines(defaults, tmp_path / name)[0] for name in "ab")
    assert first.read_bytes() == second.read_bytes()


def test_every_edge_is_one_of_the_design(defaults):
    shards = next(name for name in DUE if "extract-frames" in loop_tasks(name))
    heads = next(name for name in DUE if "train-model" in loop_tasks(name))
    assert edges(HANDLED) == {
        "ingest-videos": set(),
        "decide-retraining": {"ingest-videos"},
        CONDITION: {"ingest-videos", "decide-retraining"},
    }
    assert edges(DUE) == {
        "export-backbones": set(),
        shards: {"export-backbones"},
        "split-dataset": {shards},
        heads: {"export-backbones", "split-dataset"},
        # It reads of every step what that took.
        "compare-models": {heads, "split-dataset", shards, "export-backbones"},
        "register-model": {"compare-models", "export-backbones", "split-dataset"},
    }
    assert edges(loop(shards)) == {"extract-frames": set(), "embed-frames": {"extract-frames"}}


def test_the_dataset_takes_the_frames_of_every_shard_and_copies_those_of_the_evaluation():
    inputs = DUE["split-dataset"]["inputs"]
    shards = next(name for name in DUE if "extract-frames" in loop_tasks(name))
    assert inputs["artifacts"]["frames"]["taskOutputArtifact"]["producerTask"] == shards
    assert inputs["parameters"]["pictures"]["runtimeValue"]["constant"] == "evaluation"


SHOWN = {
    "ingest-videos": {"summary": "Markdown", "metrics": "Metrics"},
    "decide-retraining": {"summary": "Markdown"},
    "export-backbones": {"summary": "Markdown", "metrics": "Metrics"},
    "extract-frames": {"metrics": "Metrics"},
    "embed-frames": {"metrics": "Metrics"},
    "split-dataset": {"summary": "Markdown", "metrics": "Metrics"},
    "train-model": {
        "confusion": "ClassificationMetrics",
        "metrics": "Metrics",
        "summary": "Markdown",
    },
    "compare-models": {"report": "HTML", "summary": "Markdown", "metrics": "Metrics"},
    "register-model": {"card": "Markdown"},
    "notify": {},
}
"""What the Kubeflow UI draws of a step."""


@pytest.mark.parametrize("step", SHOWN)
def test_every_step_shows_what_belongs_to_it(step):
    outputs = COMPONENTS[f"comp-{step}"].get("outputDefinitions", {}).get("artifacts", {})
    kinds = {
        name: row["artifactType"]["schemaTitle"].removeprefix("system.")
        for name, row in outputs.items()
    }
    drawn = {"Markdown", "Metrics", "HTML", "ClassificationMetrics"}
    assert {name: kind for name, kind in kinds.items() if kind in drawn} == SHOWN[step]


def loop_tasks(name: str) -> set[str]:
    component = COMPONENTS.get(DUE[name]["componentRef"]["name"], {})
    return set(component.get("dag", {}).get("tasks", {}))


def test_notify_runs_however_the_rest_ends():
    tasks = SPEC["root"]["dag"]["tasks"]
    assert tasks["notify"]["triggerPolicy"]["strategy"] == "ALL_UPSTREAM_TASKS_COMPLETED"
    assert tasks["notify"]["dependentTasks"] == ["exit-handler-1"]


def test_the_exit_handler_finds_what_the_run_registered():
    """Both are given the same run and registry, as neither can be given the other's output."""
    handler = SPEC["root"]["dag"]["tasks"]["notify"]["inputs"]["parameters"]
    step = DUE["register-model"]["inputs"]["parameters"]
    decision = HANDLED["decide-retraining"]["inputs"]["parameters"]
    runs = [each["run"]["runtimeValue"]["constant"] for each in (handler, step, decision)]
    assert runs == ["{{$.pipeline_job_uuid}}"] * 3
    assert handler["registry"] == {"componentInputParameter": "registry"}
    assert step["registry"]["componentInputParameter"].endswith("registry")


def test_all_that_costs_much_waits_for_the_decision():
    condition = HANDLED[CONDITION]["triggerPolicy"]["condition"]
    assert condition == (
        "inputs.parameter_values['pipelinechannel--decide-retraining-Output'] == 'train'"
    )


def test_every_option_that_makes_another_model_is_compared_with_the_champions():
    """The others change where and how fast it is made, who may be in it, or how it is judged."""
    others = {"workers", "roster", "thumbnails", "retrain"}
    gate = {name for name in FIELDS if name.startswith("gate_")}
    tuning = {"depth", "tuning_epochs", "learning_rate"}
    compared = set(inspect.signature(decide_retraining.python_func).parameters)
    own = {"clips", "registry", "run", "retrain", "options", "summary"}
    assert compared - own == set(FIELDS) - others - gate | tuning


def test_every_parameter_but_the_source_has_a_default():
    parameters = SPEC["root"]["inputDefinitions"]["parameters"]
    assert [name for name, row in parameters.items() if "defaultValue" not in row] == ["source"]


def test_every_parameter_is_described():
    parameters = SPEC["root"]["inputDefinitions"]["parameters"]
    assert all(row.get("description") for row in parameters.values())


def test_every_step_says_what_it_does():
    steps = [row for row in COMPONENTS.values() if "executorLabel" in row]
    assert steps
    for row in steps:
        inputs = row.get("inputDefinitions", {}).get("parameters", {})
        assert all(parameter.get("description") for parameter in inputs.values()), inputs
