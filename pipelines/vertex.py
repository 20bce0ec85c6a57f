"""The training pipeline for Vertex AI Pipelines, Google's (docs/vertex.md has what that cannot do).

It is the DAG of pipelines/training.py. Steps whose row is on spot nodes run as custom training jobs
on spot machines, and the model that was registered is uploaded to Vertex' own registry, too.
"""

from __future__ import annotations

import copy
import importlib.util
import inspect
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from kfp import dsl

from components.errors import RollcallError
from components.export_saved_model.component import export_saved_model
from pipelines.placement import FIRST_PAUSE_S, PAUSE_FACTOR, PLACEMENTS
from pipelines.training import NAME, Platform, training_steps

if TYPE_CHECKING:
    from pipelines.placement import Placement
    from pipelines.settings import Settings

LOCATION: Final = "{{$.pipeline_google_cloud_location}}"
"""Vertex puts the region of the run in its place."""

SERVING_IMAGE: Final = "us-docker.pkg.dev/vertex-ai/prediction/tf2-cpu.2-15:latest"
"""The newest that Google has for TensorFlow; without `latest` Vertex refuses its own images."""

BACKOFF: Final = {
    "backoff_duration": f"{FIRST_PAUSE_S}s",
    "backoff_factor": float(PAUSE_FACTOR),
    "backoff_max_duration": "600s",
}
"""Of `set_retry`. What Argo takes for the time of all attempts is the longest pause to Vertex."""

OF_NODES: Final = ("regular_node_selector", "spot_node_selector", "spot_tolerations")
"""Parameters of training that only Kubernetes can make use of."""

SOURCE_HELP: Final = (
    "Folder with roster.csv and videos/ or images/ or both, in a bucket as Vertex mounts it: "
    "/gcs/BUCKET/PREFIX. gs:// is not read."
)
SERVING_HELP: Final = "Container that would serve the model; it has to take a SavedModel."


@dataclass(frozen=True)
class Machine:
    """A machine type of Google's, with its cores and GiB of memory."""

    name: str
    cores: int
    memory_gib: int


MACHINES: Final = (
    Machine("e2-highmem-2", 2, 16),
    Machine("e2-standard-4", 4, 16),
    Machine("e2-highmem-4", 4, 32),
    Machine("e2-standard-8", 8, 32),
    Machine("e2-highmem-8", 8, 64),
    Machine("e2-highmem-16", 16, 128),
)
"""From small to large, of those that Vertex trains on: general purpose, without accelerators."""


def machine_for(row: Placement) -> str:
    """The smallest machine type that has a row's cores, and more than its memory.

    More, as the machine needs some itself.

    Raises:
        RollcallError: none is large enough.
    """
    from kubernetes.utils.quantity import parse_quantity  # noqa: PLC0415 - slow

    cores, memory = parse_quantity(row.cpu_limit), parse_quantity(row.memory_limit)
    for machine in MACHINES:
        if machine.cores >= cores and machine.memory_gib * 2**30 > memory:
            return machine.name
    raise RollcallError(
        f"{row.title}: no machine type has {row.cpu_limit} cores and more than "
        f"{row.memory_limit}; add one to MACHINES in pipelines/vertex.py"
    )


def vertex_pipeline(settings: Settings) -> Any:  # noqa: ANN401 - kfp has no name for it
    """Make the pipeline.

    Its parameters are those of training but for OF_NODES, and `serving_image`.

    Raises:
        RollcallError: google-cloud-pipeline-components is not installed.
    """
    if importlib.util.find_spec("google_cloud_pipeline_components") is None:
        raise RollcallError(
            "google-cloud-pipeline-components is not installed: pip install '.[vertex]'"
        )
    given: dict[str, Any] = {}

    def wrap(component: Any, step: str) -> Any:  # noqa: ANN401
        return _on_spot(component, PLACEMENTS[step], settings)

    def place(task: Any, step: str, settings: Settings, _: object) -> Any:  # noqa: ANN401
        return _place(task, PLACEMENTS[step], settings)

    def upload(registered: Any) -> None:  # noqa: ANN401
        _upload(registered, given["serving_image"], settings)

    training = training_steps(settings, platform=Platform(place, wrap, upload))
    signature = inspect.signature(training).parameters
    shared = {name: each for name, each in signature.items() if name not in OF_NODES}
    serving = inspect.Parameter(
        "serving_image",
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        default=SERVING_IMAGE,
        annotation=str,
    )
    parameters = {**shared, serving.name: serving}

    def on_vertex(*values: object) -> None:
        given.update(zip(parameters, values, strict=True))
        training(**{name: given[name] for name in shared})

    # KFP reads a signature and a docstring: they are those of training, with what differs here.
    on_vertex.__signature__ = inspect.Signature(list(parameters.values()))  # type: ignore[attr-defined]
    on_vertex.__doc__ = _describe(inspect.getdoc(training) or "")
    description = "Videos in; honestly compared classifiers, a registered and an uploaded champion."
    return dsl.pipeline(name=NAME, description=description)(on_vertex)


def _describe(training: str) -> str:
    """The docstring of training, with the source that can be had here."""
    source = re.compile(r"(?<=\n    source: ).*?(?=\n    \w+: )", re.DOTALL)
    described, count = source.subn(SOURCE_HELP, training)
    if count != 1:
        raise RollcallError("the training pipeline describes no `source`, or in another form")
    return f"{described}\n    serving_image: {SERVING_HELP}"


def _on_spot(component: Any, row: Placement, settings: Settings) -> Any:  # noqa: ANN401
    """The component as a custom training job on spot machines, if its row says spot."""
    if row.pool != "spot":
        return component
    from google_cloud_pipeline_components.v1 import custom_job  # noqa: PLC0415 - an extra

    component = copy.deepcopy(component)  # the job's image is read from it
    component.component_spec.implementation.container.image = _image(row, settings)
    return custom_job.create_custom_training_job_from_component(
        component,
        display_name=row.title,
        machine_type=machine_for(row),
        strategy="SPOT",
        timeout=f"{row.timeout_s}s",
    )


def _place(task: Any, row: Placement, settings: Settings) -> Any:  # noqa: ANN401
    """Give a task what its row says; what starts a custom job has its own image and machine."""
    task.set_display_name(row.title)
    task.set_retry(row.retries, **BACKOFF)
    task.set_caching_options(row.cached)
    if row.pool != "spot":
        task.set_container_image(_image(row, settings))
        task.set_cpu_limit(row.cpu_limit).set_memory_limit(row.memory_limit)
    return task


def _image(row: Placement, settings: Settings) -> str:
    return {"data": settings.data_image, "train": settings.train_image}[row.image]


def _upload(registered: Any, serving_image: Any, settings: Settings) -> None:  # noqa: ANN401
    """Upload the model to Vertex' registry, if it is the champion."""
    from google_cloud_pipeline_components.types import artifact_types  # noqa: PLC0415 - an extra
    from google_cloud_pipeline_components.v1 import model  # noqa: PLC0415

    # The same libraries over the same model as in registering it.
    saved = _place(
        export_saved_model(registered=registered.outputs["registered"]),
        PLACEMENTS["register_model"],
        settings,
    ).set_display_name("Export for serving")
    with dsl.If(saved.outputs["Output"] != "", name="if-champion"):
        served = dsl.importer(
            artifact_uri=saved.outputs["Output"],
            artifact_class=artifact_types.UnmanagedContainerModel,
            metadata={"containerSpec": {"imageUri": serving_image}},
        ).set_display_name("Model with its server")
        model.ModelUploadOp(
            display_name="rollcall",
            description=f"Version {registered.outputs['Output']} of the model registry",
            unmanaged_container_model=served.outputs["artifact"],
            location=LOCATION,
        ).set_display_name("Upload model").set_caching_options(False)
