"""What an object names is there: in the overlay, or by KFP's own installation."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
import yaml

from pipelines.compilation import COMPILED, PIPELINES, compile_pipelines
from pipelines.settings import Settings
from tests.manifests.rendered import OVERLAYS, RUNS, objects, of_kind, pod_templates

KFP_HAS = {("ConfigMap", "kfp-launcher"), ("Secret", "mlpipeline-minio-artifact")}
KFP_PODS = (
    RUNS,
    {"application-crd-id": "kubeflow-pipelines"},
    {"app": "ml-pipeline"},
    {"component": "metadata-grpc-server"},
    {"app": "seaweedfs"},
    {"app": "cache-server"},
)
"""Labels of pods that KFP 2.17 starts."""

SIGNED = {"signing_secret": "rollcall-signing-key", "verify_config_map": "rollcall-verify-key"}
"""Settings with which pipelines are compiled for the overlay that has these keys."""


def there(overlay):
    """Kind and name of all that can be named, the Secrets that come out of the vault included."""
    named = {(each["kind"], each["metadata"]["name"]) for each in objects(overlay)}
    for each in of_kind(overlay, "SecretProviderClass").values():
        named |= {("Secret", row["secretName"]) for row in each["spec"]["secretObjects"]}
    return named | KFP_HAS


NAMING = {
    "serviceAccountName": "ServiceAccount",
    "claimName": "PersistentVolumeClaim",
    "secretProviderClass": "SecretProviderClass",
    "secretName": "Secret",
    "secretKeyRef": "Secret",
    "secretRef": "Secret",
    "configMapKeyRef": "ConfigMap",
    "configMapRef": "ConfigMap",
    "configMap": "ConfigMap",
}
"""Field of a pod -> kind of what it names, by itself or by a name in it."""


def named_by_pod(spec):
    """Kind and name of what a pod cannot start without."""
    pairs = spec.items() if isinstance(spec, dict) else ((None, each) for each in spec)
    for field, value in pairs:
        if field in NAMING:
            yield NAMING[field], value["name"] if isinstance(value, dict) else value
        elif isinstance(value, dict | list):
            yield from named_by_pod(value)


def named_by_pipeline(path):
    """Kind and name of what the steps of a compiled pipeline mount."""
    _, platform = yaml.safe_load_all(path.read_text(encoding="ascii"))
    for executor in platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"].values():
        for mount in executor.get("pvcMount", ()):
            yield "PersistentVolumeClaim", mount["pvcNameParameter"]["runtimeValue"]["constant"]
        for key, kind, field in (
            ("secretAsVolume", "Secret", "secretNameParameter"),
            ("secretAsEnv", "Secret", "secretNameParameter"),
            ("configMapAsVolume", "ConfigMap", "configMapNameParameter"),
            ("configMapAsEnv", "ConfigMap", "configMapNameParameter"),
        ):
            for mount in executor.get(key, ()):
                yield kind, mount[field]["runtimeValue"]["constant"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_pods_mount_and_run_as_is_there(overlay):
    for template in pod_templates(overlay):
        assert set(named_by_pod(template["spec"])) <= there(overlay)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_roles_and_accounts_of_bindings_are_there(overlay):
    for each in of_kind(overlay, "RoleBinding").values():
        named = {(each["roleRef"]["kind"], each["roleRef"]["name"])}
        named |= {(subject["kind"], subject["name"]) for subject in each["subjects"]}
        assert named <= there(overlay)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_the_runner_may_read_is_there(overlay):
    for rule in of_kind(overlay, "Role")["rollcall-runner"]["rules"]:
        kind = {"configmaps": "ConfigMap", "secrets": "Secret"}.get(rule["resources"][0])
        for name in rule.get("resourceNames", ()):
            assert (kind, name) in there(overlay)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_services_and_policies_select_pods_that_there_are(overlay):
    labels = [template["metadata"]["labels"] for template in pod_templates(overlay)]

    def selects(wanted):
        return any(wanted.items() <= each.items() for each in [*labels, *KFP_PODS])

    for service in of_kind(overlay, "Service").values():
        assert selects(service["spec"]["selector"])
    for policy in of_kind(overlay, "NetworkPolicy").values():
        spec = policy["spec"]
        peers = [peer for rule in spec.get("egress", []) for peer in rule.get("to", [])]
        peers += [peer for rule in spec.get("ingress", []) for peer in rule.get("from", [])]
        here = [peer["podSelector"] for peer in peers if set(peer) == {"podSelector"}]
        for selector in [spec["podSelector"], *here]:
            assert selects(selector.get("matchLabels", {})), policy["metadata"]["name"]


@pytest.mark.parametrize("pipeline", PIPELINES)
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_the_steps_of_a_compiled_pipeline_mount_is_there(overlay, pipeline):
    assert set(named_by_pipeline(COMPILED / pipeline)) <= there(overlay)


def test_the_keys_of_pipelines_that_sign_are_there_on_aks(tmp_path):
    paths = compile_pipelines(Settings(**SIGNED), tmp_path)
    named = {each for path in paths for each in named_by_pipeline(path)}
    assert {("Secret", "rollcall-signing-key"), ("ConfigMap", "rollcall-verify-key")} <= named
    assert named <= there("aks")


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_registry_of_the_settings_is_a_service(overlay):
    url = urlsplit(Settings().registry)
    service = of_kind(overlay, "Service")[url.hostname]
    assert url.port in [port["port"] for port in service["spec"]["ports"]]
