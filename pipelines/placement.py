"""Where each step runs and what it may use: one table, and one function that applies it.

What Kubeflow's SDK cannot say of a task, manifests/argo says of all pods: docs/operations.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from kfp import kubernetes

from components.notify.webhook import WEBHOOK_VARIABLE
from components.signing import SIGNING_VARIABLE, VERIFY_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kfp.dsl import PipelineTask

    from pipelines.settings import Settings

USER: Final = 10001
"""User and group that the steps run as; the images are made for it."""

TEMPORARY: Final = "/tmp"  # noqa: S108 - an empty volume of the pod's own
"""All that a step may write to, beside its outputs."""

FIRST_PAUSE_S: Final = 10
PAUSE_FACTOR: Final = 2
"""Each pause before a retry is that many times as long as the one before."""

REGULAR_NODES: Final = {"rollcall.io/pool": "regular"}
SPOT_NODES: Final = {"rollcall.io/pool": "spot"}
SPOT_TOLERATIONS: Final = [
    {
        "key": "kubernetes.azure.com/scalesetpriority",
        "operator": "Equal",
        "value": "spot",
        "effect": "NoSchedule",
    }
]
"""Of the taint that AKS gives to spot nodes. Without it a pod waits for a node for ever."""


@dataclass(frozen=True)
class Placement:
    """A row of the table. Amounts are in Kubernetes' notation.

    Attributes:
        title: what the Kubeflow UI shows.
        image: "data" or "train", without or with TensorFlow.
        cpu_request: cores that a node has to have free. Less than the limit: two pods then fit on
            a node of four cores, beside what the node runs itself.
        cpu_limit: cores that may be used; the step starts as many threads.
        memory_limit: above it the step is killed.
        ephemeral_storage: that /tmp may take of the node's disk; above it the pod is evicted.
        pool: "regular", or "spot", whose nodes may be taken away at any time.
        retries: of a task whose pod was lost; manifests/argo says what else is none.
        timeout_s: seconds after which a task is stopped.
        cached: whether the same inputs may give an earlier run's outputs.
        blob: whether it reads Azure Blob, as the identity of its service account.
    """

    title: str
    image: str
    cpu_request: str
    cpu_limit: str
    memory_limit: str
    ephemeral_storage: str
    pool: str
    retries: int
    timeout_s: int
    cached: bool = True
    blob: bool = False

    @property
    def memory_request(self) -> str:
        """What a node has to have free: the limit.

        A core can be taken back from a pod, memory cannot: promised twice, it ends in a kill.
        """
        return self.memory_limit

    @property
    def backoff(self) -> dict[str, Any]:
        """Of `set_retry`: the pauses, and when there are no more retries.

        Argo counts that from a task's first start, running times included, so it has to hold every
        attempt at its longest. A window that holds the pauses alone would end the retries of just
        the tasks that run long enough to be evicted.
        """
        pauses = sum(FIRST_PAUSE_S * PAUSE_FACTOR**number for number in range(self.retries))
        return {
            "backoff_duration": f"{FIRST_PAUSE_S}s",
            "backoff_factor": float(PAUSE_FACTOR),
            "backoff_max_duration": f"{(self.retries + 1) * self.timeout_s + pauses}s",
        }


@dataclass(frozen=True)
class Nodes:
    """The nodes of a pool: values, or parameters of the pipeline that have them.

    Attributes:
        selector: labels that a node has to have.
        tolerations: of its taints, each as Kubernetes writes it.
    """

    selector: Any
    tolerations: Any = None


HOUR: Final = 3600

PLACEMENTS: Final[dict[str, Placement]] = {
    # A source can change without its name changing, so what lists it is never cached.
    "ingest_videos": Placement(
        "List clips", "data", "500m", "1", "3Gi", "8Gi", "regular", 3, HOUR, cached=False, blob=True
    ),
    # Nor can the champion of a registry be told from its name.
    "decide_retraining": Placement(
        "Decide on training", "train", "250m", "1", "1Gi", "1Gi", "regular", 2, HOUR, cached=False
    ),
    "export_backbones": Placement(
        "Export backbones", "train", "1", "2", "6Gi", "8Gi", "regular", 2, 2 * HOUR, cached=False
    ),
    "extract_frames": Placement(
        "Extract frames", "data", "1500m", "2", "3Gi", "16Gi", "spot", 5, 6 * HOUR, blob=True
    ),
    "embed_frames": Placement(
        "Embed frames", "data", "1500m", "2", "4Gi", "16Gi", "spot", 5, 6 * HOUR
    ),
    "split_dataset": Placement(
        "Split and audit", "data", "500m", "1", "2Gi", "2Gi", "regular", 2, HOUR
    ),
    "train_model": Placement(
        "Train head", "train", "1500m", "2", "6Gi", "4Gi", "spot", 5, 2 * HOUR
    ),
    # Resumes from its checkpoints, so that a retry after an eviction loses steps, not hours.
    "fine_tune_model": Placement(
        "Fine-tune", "train", "3", "4", "16Gi", "4Gi", "spot", 8, 24 * HOUR
    ),
    "compare_models": Placement("Compare", "train", "500m", "1", "2Gi", "2Gi", "regular", 2, HOUR),
    # Registers anew each time: a cached version number may have been deleted from the registry.
    "register_model": Placement(
        "Register", "train", "500m", "1", "3Gi", "4Gi", "regular", 2, HOUR, cached=False
    ),
    "notify": Placement(
        "Notify", "train", "250m", "1", "1Gi", "1Gi", "regular", 2, 600, cached=False
    ),
}


KEYS: Final = "/etc/rollcall"
"""Where keys are mounted."""


def place(
    task: PipelineTask, step: str, settings: Settings, pools: Mapping[str, Nodes]
) -> PipelineTask:
    """Give `task` what the row of `step` says.

    On this machine nothing evicts a task, and the same inputs fail the same way: no retries there,
    and nothing that only a cluster has.

    Raises:
        KeyError: the table has no such row.
    """
    row = PLACEMENTS[step]
    image = {"data": settings.data_image, "train": settings.train_image}[row.image]
    task.set_display_name(row.title).set_container_image(image)
    task.set_cpu_request(row.cpu_request).set_cpu_limit(row.cpu_limit)
    task.set_memory_request(row.memory_request).set_memory_limit(row.memory_limit)
    task.set_caching_options(row.cached)
    if settings.local:
        return task.set_retry(0)
    task.set_retry(row.retries, **row.backoff)
    kubernetes.set_timeout(task, row.timeout_s)
    _choose_nodes(task, pools[row.pool])
    _confine(task, row)
    _mount_keys(task, step, settings)
    _give_webhook(task, step, settings)
    return task


def _choose_nodes(task: PipelineTask, nodes: Nodes) -> None:
    kubernetes.add_node_selector_json(task, nodes.selector)
    if nodes.tolerations is not None:
        kubernetes.add_toleration_json(task, nodes.tolerations)


def _confine(task: PipelineTask, row: Placement) -> None:
    """Let a pod be nobody in particular, and write only where it has to."""
    kubernetes.set_security_context(task, USER, USER, run_as_non_root=True)
    kubernetes.empty_dir_mount(task, "tmp", TEMPORARY, size_limit=row.ephemeral_storage)
    if row.blob:
        kubernetes.add_pod_label(task, "azure.workload.identity/use", "true")


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
