"""The fine-tuning pipeline: training, and behind each head its backbone trained end to end."""

import inspect
from dataclasses import fields
from typing import Any, Final, get_type_hints

from kfp import dsl, kubernetes

from components.fine_tune_model.checkpoint import RUN_VARIABLE
from components.fine_tune_model.component import fine_tune_model
from pipelines.options import FIELDS, FineTuningOptions
from pipelines.placement import SPOT_NODES, SPOT_TOLERATIONS, Nodes, place
from pipelines.settings import Settings
from pipelines.training import training_steps

NAME: Final = "rollcall-fine-tuning"
CHECKPOINTS: Final = "/checkpoints"
"""Where the claim for checkpoints is mounted on a cluster."""
RUN_LABEL: Final = "metadata.labels['workflows.argoproj.io/workflow']"
"""Of every pod of a run, and of no other's; a retry has the same."""

ON_A_CLUSTER: Final[dict[str, tuple[object, type, str]]] = {
    "checkpoint_dir": (CHECKPOINTS, str, "Folder for checkpoints; it has to outlive the pod."),
    "tuning_node_selector": (SPOT_NODES, dict[str, str], "Labels of the nodes for fine-tuning."),
    "tuning_tolerations": (SPOT_TOLERATIONS, list[dict[str, str]], "Of the taints of those nodes."),
    "gpus": ("0", str, "Of NVIDIA for a task of fine-tuning; needs an image and nodes for them."),
}
"""Parameters that the command has not: default, type and description."""


def fine_tuning_pipeline(settings: Settings) -> Any:  # noqa: ANN401 - kfp has no name for it
    """Make the pipeline, placed as `settings` and the placement table say.

    Its parameters are those of training, whose steps it shares, and its own behind them.
    """
    own = _own_parameters()
    given: dict[str, Any] = {}

    def fine_tune(split: Any, trained: Any) -> Any:  # noqa: ANN401 - tasks
        task = fine_tune_model(
            depth=given["depth"],
            dataset=split.outputs["dataset"],
            start=trained.outputs["model"],
            epochs=given["tuning_epochs"],
            learning_rate=given["learning_rate"],
            seed=given["seed"],
            checkpoint_dir=given["checkpoint_dir"],
            checkpoint_every=given["checkpoint_every"],
        )
        if not settings.local:
            kubernetes.mount_pvc(task, settings.checkpoint_claim, CHECKPOINTS)
            # Not an argument: no run would find an earlier one's model in the cache.
            kubernetes.use_field_path_as_env(task, RUN_VARIABLE, RUN_LABEL)
            task.set_accelerator_type("nvidia.com/gpu").set_accelerator_limit(given["gpus"])
            # KFP 2.17 does not pass a number of accelerators into a loop by itself.
            task.register_pipeline_channels([given["gpus"]])
        nodes = Nodes(given["tuning_node_selector"], given["tuning_tolerations"])
        return place(task, "fine_tune_model", settings, {"spot": nodes})

    training = training_steps(
        settings,
        fine_tune,
        lambda: {name: given[name] for name in ("depth", "tuning_epochs", "learning_rate")},
    )
    shared = inspect.signature(training).parameters
    backbones = shared["backbones"].replace(default=list(FineTuningOptions().backbones))
    parameters = {**shared, "backbones": backbones, **own}

    def fine_tuning(*values: object) -> None:
        given.update(zip(parameters, values, strict=True))
        training(**{name: given[name] for name in shared})

    # KFP reads a signature and a docstring: they are made of those of training and of the options.
    fine_tuning.__signature__ = inspect.Signature(list(parameters.values()))  # type: ignore[attr-defined]
    fine_tuning.__doc__ = (inspect.getdoc(training) or "") + "".join(
        f"\n    {name}: {text}" for name, text in _descriptions().items()
    )
    description = "Videos in; classifiers with frozen and with fine-tuned backbones, compared."
    return dsl.pipeline(name=NAME, description=description)(fine_tuning)


def _own_parameters() -> dict[str, inspect.Parameter]:
    kinds = get_type_hints(FineTuningOptions)
    defaults = {each.name: (each.default, kinds[each.name]) for each in _own_fields()}
    defaults |= {name: (default, kind) for name, (default, kind, _) in ON_A_CLUSTER.items()}
    keyword = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return {
        name: inspect.Parameter(name, keyword, default=default, annotation=kind)
        for name, (default, kind) in defaults.items()
    }


def _descriptions() -> dict[str, str]:
    return {each.name: each.metadata["help"] for each in _own_fields()} | {
        name: text for name, (_, _, text) in ON_A_CLUSTER.items()
    }


def _own_fields() -> list[Any]:
    return [each for each in fields(FineTuningOptions) if each.name not in FIELDS]
