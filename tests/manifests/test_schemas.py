"""Every object is one that the Kubernetes versions which Rollcall supports accept."""

from functools import cache

import kubernetes_validate
import pytest
from kubernetes_validate import utils

from tests.manifests.rendered import OVERLAYS, objects, of_kind

# AKS supports three minor versions at a time, and a cluster is made with 1.35
# (manifests/infrastructure): the one before, for clusters that are not upgraded yet, to the newest
# whose schemas there are.
OLDEST, NEWEST = "1.34", "1.37"

CUSTOM = {"SecretProviderClass", "CiliumNetworkPolicy"}
"""Kinds that Kubernetes itself does not know; nothing here has their schemas. The tests of
references and placeholders are all that holds them."""

OF_THE_CLUSTER = {
    "Namespace",
    "PersistentVolume",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
}
"""Kinds that are in no namespace."""


@pytest.fixture(autouse=True, scope="module")
def _schemas_read_once():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(utils, "schema_contents", cache(utils.schema_contents))
        yield


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_object_is_valid_and_says_nothing_unknown(overlay, version):
    for each in objects(overlay):
        if each["kind"] not in CUSTOM:
            assert kubernetes_validate.validate(each, version, strict=True) == version


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_a_misspelt_field_is_not_valid(version):
    claim = of_kind("dev", "PersistentVolumeClaim")["mlflow"]
    wrong = {**claim, "spec": {**claim["spec"], "accessmodes": ["ReadWriteOnce"]}}
    with pytest.raises(kubernetes_validate.ValidationError, match="accessmodes"):
        kubernetes_validate.validate(wrong, version, strict=True)


def test_pods_are_held_to_the_standard_of_the_oldest_version():
    labels = of_kind("aks", "Namespace")["kubeflow"]["metadata"]["labels"]
    for mode in ("enforce", "audit", "warn"):
        assert labels[f"pod-security.kubernetes.io/{mode}"] == "restricted"
        assert labels[f"pod-security.kubernetes.io/{mode}-version"] == f"v{OLDEST}"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_everything_is_in_the_namespace_of_the_pipelines_and_labelled(overlay):
    for each in objects(overlay):
        metadata = each["metadata"]
        assert metadata["labels"]["app.kubernetes.io/part-of"] == "rollcall"
        if each["kind"] not in OF_THE_CLUSTER:
            assert metadata["namespace"] == "kubeflow"
