"""Every task of the compiled pipelines, whatever loop it stands in, is placed as the table says."""

from __future__ import annotations

import pytest
import yaml

from components.fine_tune_model.checkpoint import RUN_VARIABLE
from components.notify.webhook import WEBHOOK_VARIABLE
from components.signing import SIGNING_VARIABLE, VERIFY_VARIABLE
from pipelines.compilation import compile_pipelines
from pipelines.placement import (
    PLACEMENTS,
    REGULAR_NODES,
    SPOT_NODES,
    SPOT_TOLERATIONS,
    TEMPORARY,
    USER,
)
from pipelines.settings import Settings
from tests.fake_argo import tasks_of

TASKS = {name: tasks_of(name) for name in ("training", "fine_tuning")}

on_every_task = pytest.mark.parametrize(
    "task",
    [pytest.param(task, id=f"{name}-{task.step}") for name, all_ in TASKS.items() for task in all_],
)


def test_every_row_of_the_table_is_a_task_of_fine_tuning_and_every_task_a_row():
    assert sorted(task.step for task in TASKS["fine_tuning"]) == sorted(PLACEMENTS)


def test_training_has_the_same_tasks_but_for_fine_tuning():
    steps = sorted(task.step for task in TASKS["training"])
    assert steps == sorted(set(PLACEMENTS) - {"fine_tune_model"})


def test_what_may_be_interrupted_runs_on_spot_nodes_and_all_else_on_regular_ones():
    interruptible = {"extract_frames", "embed_frames", "train_model", "fine_tune_model"}
    assert {step for step, row in PLACEMENTS.items() if row.pool == "spot"} == interruptible
    assert {row.pool for row in PLACEMENTS.values()} == {"spot", "regular"}


@on_every_task
class TestTask:
    @pytest.mark.parametrize(
        "amount", ["cpu_request", "cpu_limit", "memory_request", "memory_limit"]
    )
    def test_has_the_cpu_and_the_memory_of_its_row(self, task, amount):
        name = "resource" + amount.title().replace("_", "")
        assert task.container["resources"][name] == getattr(PLACEMENTS[task.step], amount)

    def test_is_retried_as_often_as_its_row_says_with_a_growing_pause(self, task):
        policy = task.task["retryPolicy"]
        assert policy["maxRetryCount"] == PLACEMENTS[task.step].retries
        assert policy["backoffFactor"] > 1

    def test_may_be_evicted_at_the_end_of_every_attempt_and_still_be_retried(self, task):
        """Argo counts from the first start, running times included."""
        policy, row = task.task["retryPolicy"], PLACEMENTS[task.step]
        seconds = {
            name: int(policy[name].removesuffix("s")) for name in policy if "Duration" in name
        }
        pauses = [
            seconds["backoffDuration"] * policy["backoffFactor"] ** number
            for number in range(row.retries)
        ]
        longest = row.timeout_s * (row.retries + 1) + sum(pauses)
        assert seconds["backoffMaxDuration"] >= longest

    def test_is_stopped_after_the_time_of_its_row(self, task):
        assert int(task.config["activeDeadlineSeconds"]) == PLACEMENTS[task.step].timeout_s

    def test_is_cached_or_not_as_its_row_says(self, task):
        enabled = task.task["cachingOptions"].get("enableCache", False)
        assert enabled is PLACEMENTS[task.step].cached

    def test_runs_in_the_image_of_its_row(self, task):
        assert task.container["image"] == f"rollcall-{PLACEMENTS[task.step].image}:0.1.0"

    def test_has_a_title_for_the_ui(self, task):
        assert task.task["taskInfo"]["name"] == PLACEMENTS[task.step].title

    def test_runs_on_nodes_that_a_parameter_of_the_pipeline_names(self, task):
        selector = task.config["nodeSelector"]["nodeSelectorJson"]
        pool = PLACEMENTS[task.step].pool
        named = "tuning" if task.step == "fine_tune_model" else pool
        assert task.given(selector) == f"{named}_node_selector"
        assert task.default(selector) == {"spot": SPOT_NODES, "regular": REGULAR_NODES}[pool]

    def test_tolerates_the_taint_of_spot_nodes_if_it_runs_there_and_no_other(self, task):
        tolerations = [each["tolerationJson"] for each in task.config.get("tolerations", ())]
        spot = PLACEMENTS[task.step].pool == "spot"
        assert [task.default(each) for each in tolerations] == [SPOT_TOLERATIONS] * spot
        named = "tuning" if task.step == "fine_tune_model" else "spot"
        assert {task.given(each) for each in tolerations} <= {f"{named}_tolerations"}

    def test_has_an_empty_tmp_of_its_row_s_size_and_no_other_empty_volume(self, task):
        size = PLACEMENTS[task.step].ephemeral_storage
        mount = {"volumeName": "tmp", "mountPath": TEMPORARY, "sizeLimit": size}
        assert task.config["emptyDirMounts"] == [mount]

    def test_is_the_images_user(self, task):
        asked = {"runAsUser": str(USER), "runAsGroup": str(USER), "runAsNonRoot": True}
        assert task.config["securityContext"] == asked

    def test_gets_an_identity_in_azure_if_it_reads_blob_and_else_none(self, task):
        labels = task.config.get("podMetadata", {}).get("labels", {})
        asked = {"azure.workload.identity/use": "true"}
        assert labels == (asked if PLACEMENTS[task.step].blob else {})


def test_nothing_but_the_source_is_read_from_blob():
    steps = {step for step, row in PLACEMENTS.items() if row.blob}
    assert steps == {"ingest_videos", "extract_frames"}


class TestFineTuning:
    """What it alone has."""

    (TASK,) = (task for task in TASKS["fine_tuning"] if task.step == "fine_tune_model")

    def test_takes_as_many_gpus_as_a_parameter_says_and_none_by_default(self):
        accelerator = self.TASK.container["resources"]["accelerator"]
        assert accelerator["resourceType"] == "nvidia.com/gpu"
        (name,) = (name for name in self.TASK.arguments if name in accelerator["resourceCount"])
        assert self.TASK.arguments[name] == "gpus"
        assert self.TASK.parameters["gpus"]["defaultValue"] == "0"

    def test_knows_its_run_without_taking_it_as_an_argument_which_would_spoil_the_cache(self):
        (field,) = self.TASK.config["fieldPathAsEnv"]
        assert field["name"] == RUN_VARIABLE
        assert field["fieldPath"] == "metadata.labels['workflows.argoproj.io/workflow']"
        assert "{{$.pipeline_job_uuid}}" not in str(self.TASK.task["inputs"])


@pytest.fixture(scope="module")
def with_keys(tmp_path_factory):
    """Tasks of training where both keys and the webhook are named."""
    keys = {"signing_secret": "signing", "verify_config_map": "verify", "webhook_secret": "hook"}
    folder = tmp_path_factory.mktemp("compiled")
    compile_pipelines(Settings(**keys), folder)
    return {task.step: task for task in tasks_of("training", folder)}


def environment(task) -> dict[str, str]:
    return {row["name"]: row["value"] for row in task.container.get("env", ())}


class TestKeys:
    """Where models are signed, and where signatures are checked."""

    def test_the_private_key_is_given_to_the_step_that_registers_alone(self, with_keys):
        having = {step for step, task in with_keys.items() if SIGNING_VARIABLE in environment(task)}
        mounted = {step for step, task in with_keys.items() if "secretAsVolume" in task.config}
        assert having == mounted == {"register_model"}
        (volume,) = with_keys["register_model"].config["secretAsVolume"]
        path = environment(with_keys["register_model"])[SIGNING_VARIABLE]
        assert path == f"{volume['mountPath']}/private.pem"

    def test_the_public_key_is_given_to_the_step_that_fetches_alone(self, with_keys):
        having = {step for step, task in with_keys.items() if VERIFY_VARIABLE in environment(task)}
        mounted = {step for step, task in with_keys.items() if "configMapAsVolume" in task.config}
        assert having == mounted == {"export_backbones"}

    def test_without_keys_nothing_is_mounted(self):
        assert not [task for task in TASKS["training"] if "secretAsVolume" in task.config]


class TestWebhook:
    """Whoever knows its address can post to it."""

    def test_it_is_given_to_the_exit_handler_alone_and_by_way_of_a_secret(self, with_keys):
        assert {step for step, task in with_keys.items() if "secretAsEnv" in task.config} == {
            "notify"
        }
        (secret,) = with_keys["notify"].config["secretAsEnv"]
        assert secret["secretName"] == "hook"
        assert secret["keyToEnv"] == [{"secretKey": "url", "envVar": WEBHOOK_VARIABLE}]
        assert secret["optional"]  # where there is no such Secret, the handler runs all the same

    def test_without_one_nothing_is_given(self):
        assert not [task for task in TASKS["training"] if "secretAsEnv" in task.config]


def test_nothing_of_a_cluster_is_said_of_a_run_on_this_machine(tmp_path):
    compile_pipelines(Settings(local=True), tmp_path)
    documents = list(yaml.safe_load_all((tmp_path / "fine_tuning.yaml").read_text()))
    assert [each for each in documents if "platforms" in each] == []
