"""Every task of the compiled pipelines is placed as the table says.

Fine-tuning has all of them; test_fine_tuning.py says that training's are the same.
"""

from __future__ import annotations

import re

import pytest
import yaml

from components.notify.webhook import WEBHOOK_VARIABLE
from components.signing import SIGNING_VARIABLE, VERIFY_VARIABLE
from pipelines.compilation import COMPILED, compile_pipelines
from pipelines.placement import PLACEMENTS
from pipelines.settings import Settings

SPEC, PLATFORM = yaml.safe_load_all((COMPILED / "fine_tuning.yaml").read_text(encoding="ascii"))
EXECUTORS = SPEC["deploymentSpec"]["executors"]
ON_KUBERNETES = PLATFORM["platforms"]["kubernetes"]["deploymentSpec"]["executors"]


def tasks() -> dict[str, dict]:
    """Every task with a container, whatever loop or handler it stands in, by its step."""
    found = {}
    for dag in [SPEC["root"], *SPEC["components"].values()]:
        for task in dag.get("dag", {}).get("tasks", {}).values():
            component = SPEC["components"][task["componentRef"]["name"]]
            if "executorLabel" in component:
                step = task["componentRef"]["name"].removeprefix("comp-").replace("-", "_")
                found[step] = {**task, "executor": component["executorLabel"]}
    return found


TASKS = tasks()


def cores(text: str) -> float:
    return float(text)


def gibibytes(text: str) -> float:
    number, unit = re.fullmatch(r"(\d+)(Gi|Mi)", text).groups()
    return int(number) / {"Gi": 1, "Mi": 1024}[unit]


def test_every_row_of_the_table_is_a_task_and_every_task_a_row():
    assert set(TASKS) == set(PLACEMENTS)


@pytest.mark.parametrize("step", PLACEMENTS)
class TestStep:
    def test_has_the_cpu_and_the_memory_of_its_row_as_request_and_limit(self, step):
        resources = EXECUTORS[TASKS[step]["executor"]]["container"]["resources"]
        row = PLACEMENTS[step]
        for kind in ("Request", "Limit"):
            assert cores(resources[f"resourceCpu{kind}"]) == cores(row.cpu)
            assert gibibytes(resources[f"resourceMemory{kind}"]) == gibibytes(row.memory)

    def test_is_retried_as_often_as_its_row_says_with_a_growing_pause(self, step):
        policy = TASKS[step]["retryPolicy"]
        assert policy["maxRetryCount"] == PLACEMENTS[step].retries
        assert policy["backoffFactor"] > 1

    def test_is_stopped_after_the_time_of_its_row(self, step):
        timeout = ON_KUBERNETES[TASKS[step]["executor"]]["activeDeadlineSeconds"]
        assert int(timeout) == PLACEMENTS[step].timeout_s

    def test_is_cached_or_not_as_its_row_says(self, step):
        options = TASKS[step].get("cachingOptions", {})
        assert options.get("enableCache", False) is PLACEMENTS[step].cached

    def test_runs_in_the_image_of_its_row(self, step):
        image = EXECUTORS[TASKS[step]["executor"]]["container"]["image"]
        assert image == f"rollcall-{PLACEMENTS[step].image}:0.1.0"

    def test_has_a_title_for_the_ui(self, step):
        assert TASKS[step]["taskInfo"]["name"] == PLACEMENTS[step].title


@pytest.fixture(scope="module")
def executors(tmp_path_factory):
    """Environments and platform settings where both keys and the webhook are named."""
    keys = {"signing_secret": "signing", "verify_config_map": "verify", "webhook_secret": "hook"}
    path, *_ = compile_pipelines(Settings(**keys), tmp_path_factory.mktemp("compiled"))
    spec, platform = yaml.safe_load_all(path.read_text())
    environments = {
        name: {row["name"]: row["value"] for row in executor["container"].get("env", ())}
        for name, executor in spec["deploymentSpec"]["executors"].items()
    }
    return environments, platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]


class TestKeys:
    """Where models are signed, and where signatures are checked."""

    def test_the_private_key_is_given_to_the_step_that_registers_alone(self, executors):
        environments, platform = executors
        having = {name for name, env in environments.items() if SIGNING_VARIABLE in env}
        mounted = {name for name, row in platform.items() if "secretAsVolume" in row}
        assert having == mounted == {"exec-register-model"}
        (volume,) = platform["exec-register-model"]["secretAsVolume"]
        path = environments["exec-register-model"][SIGNING_VARIABLE]
        assert path == f"{volume['mountPath']}/private.pem"

    def test_the_public_key_is_given_to_the_step_that_fetches_alone(self, executors):
        environments, platform = executors
        having = {name for name, env in environments.items() if VERIFY_VARIABLE in env}
        mounted = {name for name, row in platform.items() if "configMapAsVolume" in row}
        assert having == mounted == {"exec-export-backbones"}

    def test_without_keys_nothing_is_mounted(self):
        assert not [row for row in ON_KUBERNETES.values() if "secretAsVolume" in row]


class TestWebhook:
    """Whoever knows its address can post to it."""

    def test_it_is_given_to_the_exit_handler_alone_and_by_way_of_a_secret(self, executors):
        _, platform = executors
        given = {name: row["secretAsEnv"] for name, row in platform.items() if "secretAsEnv" in row}
        assert set(given) == {"exec-notify"}
        (secret,) = given["exec-notify"]
        assert secret["secretName"] == "hook"
        assert secret["keyToEnv"] == [{"secretKey": "url", "envVar": WEBHOOK_VARIABLE}]
        assert secret["optional"]  # where there is no such Secret, the handler runs all the same

    def test_without_one_nothing_is_given(self):
        assert not [row for row in ON_KUBERNETES.values() if "secretAsEnv" in row]
