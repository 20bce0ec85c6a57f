"""Where each step runs and what it may use: one table, and one function that applies it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kfp import kubernetes

from components.notify.webhook import WEBHOOK_VARIABLE
from components.signing import SIGNING_VARIABLE, VERIFY_VARIABLE

if TYPE_CHECKING:
    from kfp.dsl import PipelineTask

    from pipelines.settings import Settings

BACKOFF: Final = {
    "backoff_duration": "30s",
    "backoff_factor": 2.0,
    "backoff_max_duration": "600s",
}


@dataclass(frozen=True)
class Placement:
    """A row of the table.

    Attributes:
        title: what the Kubeflow UI shows.
        image: "data" or "train", without or with TensorFlow.
        cpu: cores, requested and allowed.
        memory: requested and allowed, in Kubernetes' notation.
        retries: of a task that failed.
        timeout_s: seconds after which a task is stopped.
        cached: whether the same inputs may give an earlier run's outputs.
    """

    title: str
    image: str
    cpu: str
    memory: str
    retries: int
    timeout_s: int
    cached: bool = True


HOUR: Final = 3600

PLACEMENTS: Final[dict[str, Placement]] = {
    # A source can change without its name changing, so what lists it is never cached.
    "ingest_videos": Placement("List clips", "data", "1", "3Gi", 3, HOUR, cached=False),
    # Nor can the champion of a registry be told from its name.
    "export_backbones": Placement(
        "Export backbones", "train", "2", "6Gi", 2, 2 * HOUR, cached=False
    ),
    "decide_retraining": Placement(
        "Decide on training", "train", "1", "1Gi", 2, HOUR, cached=False
    ),
    "extract_frames": Placement("Extract frames", "data", "2", "3Gi", 5, 6 * HOUR),
    "embed_frames": Placement("Embed frames", "data", "2", "4Gi", 5, 6 * HOUR),
    "split_dataset": Placement("Split and audit", "data", "1", "2Gi", 2, HOUR),
    "train_model": Placement("Train head", "train", "2", "6Gi", 5, 2 * HOUR),
    # Resumes from its checkpoints, so that a retry after an eviction loses steps, not hours.
    "fine_tune_model": Placement("Fine-tune", "train", "4", "16Gi", 10, 24 * HOUR),
    "compare_models": Placement("Compare", "train", "1", "2Gi", 2, HOUR),
    # Registers anew each time: a cached version number may have been deleted from the registry.
    "register_model": Placement("Register", "train", "1", "3Gi", 2, HOUR, cached=False),
    "notify": Placement("Notify", "train", "1", "1Gi", 2, 600, cached=False),
}


KEYS: Final = "/etc/rollcall"
"""Where keys are mounted."""


def place(task: PipelineTask, step: str, settings: Settings) -> PipelineTask:
    """Give `task` what the row of `step` says.

    On this machine nothing evicts a task, and the same inputs fail the same way: no retries there.

    Raises:
        KeyError: the table has no such row.
    """
    row = PLACEMENTS[step]
    image = {"data": settings.data_image, "train": settings.train_image}[row.image]
    task.set_display_name(row.title).set_container_image(image)
    task.set_cpu_request(row.cpu).set_cpu_limit(row.cpu)
    task.set_memory_request(row.memory).set_memory_limit(row.memory)
    task.set_retry(0 if settings.local else row.retries, **BACKOFF)
    task.set_caching_options(row.cached)
    kubernetes.set_timeout(task, row.timeout_s)
    if not settings.local:
        _mount_keys(task, step, settings)
        _give_webhook(task, step, settings)
    return task


def _mount_keys(task: PipelineTask, step: str, settings: Settings) -> None:
    """Give the keys that models are signed and checked with to the steps that need them."""
    if settings.signing_secret and step == "register_model":
        kubernetes.use_secret_as_volume(task, settings.signing_secret, f"{KEYS}/signing")
        task.set_env_variable(SIGNING_VARIABLE, f"{KEYS}/signing/private.pem")
    if settings.verify_config_map and step == "export_backbones":
        kubernetes.use_config_map_as_volume(task, settings.verify_config_map, f"{KEYS}/verify")
        task.set_env_variable(VERIFY_VARIABLE, f"{KEYS}/verify/public.pem")


def _give_webhook(task: PipelineTask, step: str, settings: Settings) -> None:
    """Give the address of the webhook to the step that posts to it; without a Secret it posts none.

    Whoever has the address can post, and Kubeflow shows parameters: so it is none.
    """
    if settings.webhook_secret and step == "notify":
        address = {"url": WEBHOOK_VARIABLE}
        kubernetes.use_secret_as_env(task, settings.webhook_secret, address, optional=True)
