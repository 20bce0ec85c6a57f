"""The quota and the limits have room for what the placement table asks for."""

from __future__ import annotations

import pytest
from kubernetes.utils.quantity import parse_quantity

from pipelines.options import FineTuningOptions, TrainingOptions
from pipelines.placement import PLACEMENTS
from tests.manifests.rendered import of_kind, pod_templates

AMOUNTS = ("cpu", "memory")
KFP_ITSELF = {"cpu": parse_quantity("2"), "memory": parse_quantity("6Gi")}
"""What is kept free for the requests of KFP's own pods and of its drivers."""

WORKERS = (TrainingOptions().workers, 20)
"""The default, and as many as the larger spot pool has nodes."""


def asked(step, amount):
    return parse_quantity(getattr(PLACEMENTS[step], f"{amount}_request"))


def most_at_once(amount, workers):
    """What the steps of a run that can run at the same time ask for, with the default backbones.

    Shards, then backbones; each backbone of fine-tuning trains its head before.
    """
    training, tuning = TrainingOptions(), FineTuningOptions()
    return max(
        asked("ingest_videos", amount) + asked("export_backbones", amount),
        workers * max(asked("extract_frames", amount), asked("embed_frames", amount)),
        len(training.backbones) * asked("train_model", amount),
        len(tuning.backbones) * asked("fine_tune_model", amount),
    )


@pytest.fixture(scope="module")
def quota():
    return of_kind("aks", "ResourceQuota")["rollcall"]["spec"]["hard"]


@pytest.fixture(scope="module")
def limits():
    return of_kind("aks", "LimitRange")["rollcall"]["spec"]["limits"][0]


@pytest.mark.parametrize("amount", AMOUNTS)
@pytest.mark.parametrize("step", PLACEMENTS)
def test_no_step_may_use_more_than_a_container_may(limits, step, amount):
    allowed = getattr(PLACEMENTS[step], f"{amount}_limit")
    assert parse_quantity(allowed) <= parse_quantity(limits["max"][amount])


@pytest.mark.parametrize("step", PLACEMENTS)
def test_a_pod_has_disk_for_the_temporary_files_of_its_step_and_for_its_artifacts(limits, step):
    containers = 2  # the step's own, and Argo's beside it
    whole = containers * parse_quantity(limits["default"]["ephemeral-storage"])
    assert whole >= 2 * parse_quantity(PLACEMENTS[step].ephemeral_storage)


@pytest.mark.parametrize("workers", WORKERS)
@pytest.mark.parametrize("amount", AMOUNTS)
def test_a_run_fits_beside_what_stands_there(quota, limits, amount, workers):
    standing = sum(
        parse_quantity(container["resources"]["requests"][amount])
        for template in pod_templates("aks")
        for container in template["spec"]["containers"]
    )
    sidecars = workers * parse_quantity(limits["defaultRequest"][amount])
    needed = KFP_ITSELF[amount] + standing + most_at_once(amount, workers) + sidecars
    assert needed <= parse_quantity(quota[f"requests.{amount}"])


def test_the_claims_fit(quota):
    claims = of_kind("aks", "PersistentVolumeClaim").values()
    stored = sum(
        parse_quantity(claim["spec"]["resources"]["requests"]["storage"]) for claim in claims
    )
    kfp_itself = parse_quantity("40Gi")  # MySQL's and the artifact store's
    assert stored + kfp_itself <= parse_quantity(quota["requests.storage"])
