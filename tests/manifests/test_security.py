"""Pods have no more rights, and no more of the network, than they need."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from pipelines.settings import Settings
from tests.manifests.rendered import OVERLAYS, RUNS, of_kind, pod_templates

METADATA_SERVICE, HOST_AGENT = "169.254.0.0/16", "168.63.129.16/32"


@pytest.fixture(params=OVERLAYS)
def overlay(request):
    return request.param


@pytest.fixture
def policies(overlay):
    return {name: each["spec"] for name, each in of_kind(overlay, "NetworkPolicy").items()}


def test_pods_are_what_the_restricted_standard_admits(overlay):
    for template in pod_templates(overlay):
        pod = template["spec"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] > 0
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
        kinds = {next(key for key in volume if key != "name") for volume in pod["volumes"]}
        assert kinds <= {"persistentVolumeClaim", "emptyDir", "csi", "configMap", "secret"}
        for container in pod["containers"]:
            rights = container["securityContext"]
            assert rights["allowPrivilegeEscalation"] is False
            assert rights["capabilities"] == {"drop": ["ALL"]}
            assert rights["readOnlyRootFilesystem"] is True


def test_pods_have_no_token_limits_on_everything_and_probes(overlay):
    for template in pod_templates(overlay):
        assert template["spec"]["automountServiceAccountToken"] is False
        for container in template["spec"]["containers"]:
            amounts = container["resources"]
            assert set(amounts["limits"]) == set(amounts["requests"]) >= {"cpu", "memory"}
            assert {"readinessProbe", "livenessProbe"} <= set(container)
            assert not container["image"].endswith(":latest")


def test_temporary_files_have_a_limit(overlay):
    for template in pod_templates(overlay):
        for volume in template["spec"]["volumes"]:
            if "emptyDir" in volume:
                assert volume["emptyDir"]["sizeLimit"]


def test_steps_read_two_objects_and_write_how_they_ended_and_may_do_nothing_else(overlay):
    [role] = of_kind(overlay, "Role").values()
    allowed = {
        (group, resource, verb, name)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
        for name in rule.get("resourceNames", ["any"])
    }
    assert allowed == {
        ("", "configmaps", "get", "kfp-launcher"),
        ("", "secrets", "get", "mlpipeline-minio-artifact"),
        ("argoproj.io", "workflowtaskresults", "create", "any"),
        ("argoproj.io", "workflowtaskresults", "patch", "any"),
    }


def test_pods_of_workflows_have_the_account_of_the_steps_or_are_refused(overlay):
    spec = of_kind(overlay, "ValidatingAdmissionPolicy")["rollcall-runs"]["spec"]
    [validation] = spec["validations"]
    assert validation["expression"] == "object.spec.serviceAccountName == 'rollcall-runner'"
    assert "rollcall-runner" in of_kind(overlay, "ServiceAccount")
    assert spec["failurePolicy"] == "Fail"
    [binding] = of_kind(overlay, "ValidatingAdmissionPolicyBinding").values()
    assert binding["spec"] == {"policyName": "rollcall-runs", "validationActions": ["Deny"]}


def test_what_no_policy_allows_is_denied_in_and_out(policies):
    assert policies["deny-by-default"] == {
        "podSelector": {},
        "policyTypes": ["Ingress", "Egress"],
    }


def test_nothing_is_let_in_from_outside_but_the_calls_of_kubernetes_to_the_webhook(policies):
    open_to_all = {
        name
        for name, spec in policies.items()
        for rule in spec.get("ingress", ())
        if "from" not in rule or any("podSelector" not in peer for peer in rule["from"])
    }
    assert open_to_all == {"webhook-from-kubernetes"}


def test_addresses_outside_are_reached_on_two_ports_and_never_the_metadata_service(policies):
    outside = [
        (peer["ipBlock"], rule["ports"])
        for spec in policies.values()
        for rule in spec.get("egress", ())
        for peer in rule.get("to", ())
        if "ipBlock" in peer
    ]
    assert outside
    for block, ports in outside:
        assert block["except"] == [METADATA_SERVICE, HOST_AGENT]
        assert [port["port"] for port in ports] == [443, 6443]


def test_steps_reach_the_services_they_need(policies):
    reached = {
        (next(iter(peer["podSelector"]["matchLabels"].values())), port["port"])
        for spec in policies.values()
        if spec["podSelector"].get("matchLabels") == RUNS
        for rule in spec.get("egress", ())
        for peer in rule["to"]
        if "podSelector" in peer
        for port in rule["ports"]
    }
    assert reached == {
        ("ml-pipeline", 8887),
        ("ml-pipeline", 8888),
        ("metadata-grpc-server", 8080),
        ("seaweedfs", 8333),
        ("mlflow", 5000),
    }


def test_the_registry_hears_steps_alone_and_calls_nobody(policies):
    [rule] = policies["mlflow"]["ingress"]
    assert rule["from"] == [{"podSelector": {"matchLabels": RUNS}}]
    assert "egress" not in policies["mlflow"]
    assert "Egress" in policies["mlflow"]["policyTypes"]


def test_the_registry_answers_under_its_own_names_alone(overlay):
    from mlflow.server.security_utils import is_allowed_host_header

    [container] = of_kind(overlay, "Deployment")["mlflow"]["spec"]["template"]["spec"]["containers"]
    variables = {variable["name"]: variable["value"] for variable in container["env"]}
    allowed = variables["MLFLOW_SERVER_ALLOWED_HOSTS"].split(",")
    assert is_allowed_host_header(allowed, urlsplit(Settings().registry).netloc)
    assert is_allowed_host_header(allowed, "localhost:5001")  # a port-forward
    assert not is_allowed_host_header(allowed, "attacker.example:5000")


def test_the_identity_that_opens_the_vault_is_not_that_of_the_steps():
    accounts = of_kind("aks", "ServiceAccount")
    runner = accounts["rollcall-runner"]["metadata"]["annotations"]
    vault = of_kind("aks", "SecretProviderClass")["rollcall-secrets"]["spec"]["parameters"]
    assert vault["clientID"] != runner["azure.workload.identity/client-id"]
    assert "annotations" not in accounts["mlflow"]["metadata"]
