"""The DAG as Vertex AI gets it: that of training, with its spot steps as custom jobs."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import pytest
import yaml
from google.auth.credentials import AnonymousCredentials
from google.cloud import aiplatform
from google.cloud.aiplatform_v1.types import Scheduling, WorkerPoolSpec

from components.errors import RollcallError
from pipelines.compilation import COMPILED, compile_pipelines
from pipelines.placement import PLACEMENTS
from pipelines.settings import Settings
from pipelines.vertex import (
    LOCATION,
    MACHINES,
    OF_NODES,
    SERVING_IMAGE,
    machine_for,
    vertex_pipeline,
)

(SPEC,) = yaml.safe_load_all((COMPILED / "vertex/training.yaml").read_text(encoding="ascii"))
ON_KUBEFLOW = next(yaml.safe_load_all((COMPILED / "training.yaml").read_text(encoding="ascii")))
COMPONENTS = SPEC["components"]
EXECUTORS = SPEC["deploymentSpec"]["executors"]
(TRAINING, DUE), (_, UPLOAD) = (
    next(
        (name, row["dag"]["tasks"])
        for name, row in COMPONENTS.items()
        if task in row.get("dag", {}).get("tasks", {})
    )
    for task in ("register-model", "model-upload")
)
(UPLOADING,) = (
    name
    for name in DUE
    if f"comp-{name}" in COMPONENTS
    and COMPONENTS[f"comp-{name}"].get("dag", {}).get("tasks") == UPLOAD
)
STEPS = set(PLACEMENTS) - {"fine_tune_model"}
SPOT = sorted(step for step in STEPS if PLACEMENTS[step].pool == "spot")


def dashed(step: str) -> str:
    return step.replace("_", "-")


def default_of(step: str, parameter: str) -> object:
    """What a custom job is started with."""
    return COMPONENTS[f"comp-{dashed(step)}"]["inputDefinitions"]["parameters"][parameter][
        "defaultValue"
    ]


def dags(spec: dict) -> dict[str, dict[str, set[str]]]:
    """The edges of every DAG, by its component."""
    found = {"root": spec["root"], **spec["components"]}
    return {
        name: {
            task: set(row.get("dependentTasks", [])) for task, row in each["dag"]["tasks"].items()
        }
        for name, each in found.items()
        if "dag" in each
    }


def test_vertex_own_client_takes_it_and_would_not_take_kubeflow_s():
    """The client reads one document; what Kubernetes has to know is a second one."""
    files = ("vertex/training.yaml", "training.yaml")
    own, kubeflow_s = (str(COMPILED / name) for name in files)
    told = {
        "display_name": "training",
        "pipeline_root": "gs://bucket/root",
        "parameter_values": {"source": "/gcs/bucket/cohort", "workers": 3},
        "project": "project",
        "location": "europe-west4",
        "credentials": AnonymousCredentials(),
    }
    job = aiplatform.PipelineJob(template_path=own, **told)
    assert set(job._gca_resource.pipeline_spec["components"]) == set(COMPONENTS)
    with pytest.raises(yaml.composer.ComposerError, match="found another document"):
        aiplatform.PipelineJob(template_path=kubeflow_s, **told)


def test_it_is_the_dag_of_training_with_the_upload_behind_registration():
    own, training = dags(SPEC), dags(ON_KUBEFLOW)
    assert own.pop(f"comp-{UPLOADING}") == {"importer": set(), "model-upload": {"importer"}}
    due = own[TRAINING]
    assert due.pop(UPLOADING) == {"export-saved-model", "register-model"}
    assert due.pop("export-saved-model") == {"register-model"}
    assert own == training


def test_every_step_is_there():
    components = {name.removeprefix("comp-") for name in COMPONENTS}
    assert {dashed(step) for step in STEPS} <= components


def test_nothing_is_uploaded_where_there_is_no_new_champion():
    condition = DUE[UPLOADING]["triggerPolicy"]["condition"]
    exported = "pipelinechannel--export-saved-model-Output"
    assert condition == f"inputs.parameter_values['{exported}'] != ''"


def test_training_is_among_the_steps_on_spot_machines():
    assert "train_model" in SPOT


@pytest.mark.parametrize("step", SPOT)
class TestSpotStep:
    def test_is_a_custom_job_on_spot_machines(self, step):
        container = EXECUTORS[f"exec-{dashed(step)}"]["container"]
        assert container["args"][:2] == ["--type", "CustomJob"]
        assert '"strategy": "{{$.inputs.parameters[\'strategy\']}}"' in container["args"][3]
        assert default_of(step, "strategy") == Scheduling.Strategy.SPOT.name

    def test_is_a_job_as_the_api_has_it(self, step):
        (pool,) = default_of(step, "worker_pool_specs")
        read = WorkerPoolSpec.from_json(json.dumps(pool))  # refuses a field that there is not
        assert read.replica_count == 1

    def test_runs_its_own_code_in_the_image_of_its_row(self, step):
        (pool,) = default_of(step, "worker_pool_specs")
        assert pool["container_spec"]["image_uri"] == f"rollcall-{PLACEMENTS[step].image}:0.1.0"
        assert pool["container_spec"]["args"][-1] == step

    def test_has_the_machine_and_the_time_of_its_row(self, step):
        (pool,) = default_of(step, "worker_pool_specs")
        assert pool["machine_spec"]["machine_type"] == machine_for(PLACEMENTS[step])
        assert default_of(step, "timeout") == f"{PLACEMENTS[step].timeout_s}s"


@pytest.mark.parametrize("step", sorted(STEPS - set(SPOT)))
def test_every_other_step_has_the_image_and_the_limits_of_its_row(step):
    container, row = EXECUTORS[f"exec-{dashed(step)}"]["container"], PLACEMENTS[step]
    assert container["image"] == f"rollcall-{row.image}:0.1.0"
    limits = container["resources"]
    assert limits["resourceCpuLimit"] == row.cpu_limit
    assert limits["resourceMemoryLimit"] == row.memory_limit


def test_the_model_is_uploaded_with_its_server_into_the_region_of_the_run():
    inputs = UPLOAD["model-upload"]["inputs"]
    assert inputs["artifacts"]["unmanaged_container_model"]["taskOutputArtifact"] == {
        "outputArtifactKey": "artifact",
        "producerTask": "importer",
    }
    assert inputs["parameters"]["location"]["runtimeValue"]["constant"] == LOCATION
    importer = EXECUTORS["exec-importer"]["importer"]
    assert importer["typeSchema"]["schemaTitle"] == "google.UnmanagedContainerModel"
    assert importer["metadata"] == {
        "containerSpec": {"imageUri": "{{$.inputs.parameters['metadata']}}"}
    }
    parameters = SPEC["root"]["inputDefinitions"]["parameters"]
    assert parameters["serving_image"]["defaultValue"] == SERVING_IMAGE


def test_its_parameters_are_those_of_training_and_the_server():
    own = SPEC["root"]["inputDefinitions"]["parameters"]
    training = ON_KUBEFLOW["root"]["inputDefinitions"]["parameters"]
    assert {name for name in own if own[name] != training.get(name)} == {"source", "serving_image"}
    assert set(training) - set(own) == set(OF_NODES)


def test_a_lost_machine_is_waited_for_ten_minutes_at_the_most():
    """Argo takes the same number for all attempts together, so the rows have another there."""
    (train,) = (
        row["dag"]["tasks"]["train-model"]["retryPolicy"]
        for row in COMPONENTS.values()
        if "train-model" in row.get("dag", {}).get("tasks", {})
    )
    assert train["maxRetryCount"] == PLACEMENTS["train_model"].retries
    assert train["backoffMaxDuration"] == "600s"


def test_its_help_says_that_google_storage_is_read_as_a_mounted_folder_alone():
    told = SPEC["root"]["inputDefinitions"]["parameters"]["source"]["description"]
    assert "/gcs/BUCKET/PREFIX" in told
    assert "gs:// is not read" in told


def test_the_images_of_the_installation_are_those_of_the_custom_jobs_too(tmp_path):
    settings = Settings(data_image="here/data@sha256:1", train_image="here/train@sha256:2")
    (path,) = compile_pipelines(settings, tmp_path, target="vertex")
    text = path.read_text(encoding="ascii")
    assert "rollcall-train:0.1.0" not in text
    assert "rollcall-data:0.1.0" not in text
    assert text.count("here/train@sha256:2") == sum(
        PLACEMENTS[step].image == "train" for step in STEPS
    ) + len({"export_saved_model"})


def test_without_the_extra_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "google_cloud_pipeline_components", None)
    with pytest.raises(RollcallError, match=r"pip install '\.\[vertex\]'"):
        vertex_pipeline(Settings())


@pytest.mark.parametrize(
    ("cores", "memory", "machine"),
    [
        ("2", "6Gi", "e2-highmem-2"),
        ("3", "6Gi", "e2-standard-4"),
        ("4", "16Gi", "e2-highmem-4"),  # the machine itself needs some of 16
        ("500m", "4Gi", "e2-highmem-2"),
        ("1", "1500Mi", "e2-highmem-2"),
    ],
)
def test_a_row_gets_the_smallest_machine_that_holds_it(cores, memory, machine):
    row = replace(PLACEMENTS["train_model"], cpu_limit=cores, memory_limit=memory)
    assert machine_for(row) == machine


def test_a_row_that_no_machine_holds_says_so():
    row = replace(PLACEMENTS["train_model"], cpu_limit=str(MACHINES[-1].cores + 1))
    with pytest.raises(RollcallError, match="add one to MACHINES"):
        machine_for(row)
