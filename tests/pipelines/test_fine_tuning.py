"""The shape of the fine-tuning DAG: that of training, with a task more behind each head."""

from __future__ import annotations

import pytest
import yaml

from components.errors import RollcallError
from pipelines.compilation import COMPILED
from pipelines.fine_tuning import CHECKPOINTS, ON_A_CLUSTER
from pipelines.options import FineTuningOptions
from pipelines.settings import Settings

SPECS = {
    name: list(yaml.safe_load_all((COMPILED / f"{name}.yaml").read_text(encoding="ascii")))
    for name in ("training", "fine_tuning")
}


def dags(name: str) -> dict[frozenset[str], dict]:
    """The tasks of every DAG with its edges, by the names of its tasks."""
    components = SPECS[name][0]["components"].values()
    found = [each["dag"]["tasks"] for each in components if "dag" in each]
    return {
        frozenset(tasks): {key: set(task.get("dependentTasks", [])) for key, task in tasks.items()}
        for tasks in found
    }


def test_fine_tuning_follows_each_head_and_all_else_is_as_in_training():
    heads, tuned = frozenset({"train-model"}), frozenset({"train-model", "fine-tune-model"})
    own, training = dags("fine_tuning"), dags("training")
    assert own.pop(tuned) == {"train-model": set(), "fine-tune-model": {"train-model"}}
    assert training.pop(heads) == {"train-model": set()}
    assert own == training


def test_every_step_of_training_runs_as_it_does_there():
    own, training = SPECS["fine_tuning"], SPECS["training"]
    executors = own[0]["deploymentSpec"]["executors"]
    assert training[0]["deploymentSpec"]["executors"].items() <= executors.items()
    on_kubernetes = own[1]["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    there = training[1]["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    assert there.items() <= on_kubernetes.items()


def test_frozen_and_fine_tuned_models_stand_in_one_leaderboard():
    compared = [
        set(
            spec["components"]["comp-condition-2"]["dag"]["tasks"]["compare-models"]["inputs"][
                "artifacts"
            ]
        )
        for spec in (SPECS["training"][0], SPECS["fine_tuning"][0])
    ]
    assert compared[1] - compared[0] == {"tuned", "tuned_metrics"}


def test_its_parameters_are_those_of_training_and_its_own():
    own, training = (
        SPECS[name][0]["root"]["inputDefinitions"]["parameters"]
        for name in ("fine_tuning", "training")
    )
    assert {name: row["description"] for name, row in training.items()}.items() <= {
        name: row["description"] for name, row in own.items()
    }.items()
    nodes = {"regular_node_selector", "spot_node_selector", "spot_tolerations"}
    told = {"notify_format", "ui_url"}
    options = {*FineTuningOptions().arguments(), "source", "registry"}
    assert set(own) == {*options, *nodes, *told, *ON_A_CLUSTER}
    assert own["backbones"]["defaultValue"] == list(FineTuningOptions().backbones)


def test_checkpoints_lie_on_a_claim_that_outlives_the_pod():
    spec, platform = SPECS["fine_tuning"]
    executors = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    (mount,) = executors["exec-fine-tune-model"]["pvcMount"]
    assert mount["mountPath"] == CHECKPOINTS
    assert mount["constant"] == Settings.model_fields["checkpoint_claim"].default
    default = spec["root"]["inputDefinitions"]["parameters"]["checkpoint_dir"]["defaultValue"]
    assert default == CHECKPOINTS


@pytest.mark.parametrize("depth", ["0", "none", "-3", "1.5"])
def test_a_depth_that_is_no_number_of_layers_is_refused_before_anything_runs(depth):
    with pytest.raises(RollcallError, match="depth"):
        FineTuningOptions(depth=depth).checked()
