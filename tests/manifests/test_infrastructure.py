"""What the Bicep promises, read from its files. None of it has been deployed from here."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from pipelines.deployment import NAMESPACE, UNSET, Environment
from pipelines.overlay import OUTPUTS
from pipelines.placement import PLACEMENTS
from tests.manifests.bicep import INFRASTRUCTURE, Expression, read_bicep
from tests.manifests.rendered import of_kind

FILES = sorted(path.name for path in INFRASTRUCTURE.glob("*.bicep"))
MODULES = [name for name in FILES if name != "main.bicep"]
DOCS = Path(__file__).parents[2] / "docs"
SPOT_TAINT = "kubernetes.azure.com/scalesetpriority=spot:NoSchedule"
FUNCTIONS = {"guid", "replace", "resourceGroup", "subscription", "subscriptionResourceId"}
FUNCTIONS |= {"uniqueString", "padLeft"}

read = cache(lambda name: read_bicep(INFRASTRUCTURE / name))


def value(file, resource, path):
    """What stands at a path of a resource: names and numbers with "/" between."""
    found = read(file).declared[resource].value
    for step in path.split("/"):
        found = found[int(step)] if isinstance(found, list) else found[step]
    return found


PROMISES = {
    "the system pool is for critical add-ons alone": (
        "aks.bicep",
        "cluster",
        "properties/agentPoolProfiles/0/nodeTaints",
        ["CriticalAddonsOnly=true:NoSchedule"],
    ),
    "regular nodes are found by their label": (
        "aks.bicep",
        "regular",
        "properties/nodeLabels",
        {"rollcall.io/pool": "regular"},
    ),
    "spot nodes are spot": ("aks.bicep", "spot", "properties/scaleSetPriority", "Spot"),
    "an evicted node is deleted": (
        "aks.bicep",
        "spot",
        "properties/scaleSetEvictionPolicy",
        "Delete",
    ),
    "no node is lost for its price": ("aks.bicep", "spot", "properties/spotMaxPrice", -1),
    "spot nodes are tainted": ("aks.bicep", "spot", "properties/nodeTaints", [SPOT_TAINT]),
    "spot nodes are found by their labels": (
        "aks.bicep",
        "spot",
        "properties/nodeLabels",
        {"kubernetes.azure.com/scalesetpriority": "spot", "rollcall.io/pool": "spot"},
    ),
    "GPU nodes scale from nothing": ("aks.bicep", "gpu", "properties/minCount", 0),
    "GPU nodes are spot": ("aks.bicep", "gpu", "properties/scaleSetPriority", "Spot"),
    "the pool that fits best grows": (
        "aks.bicep",
        "cluster",
        "properties/autoScalerProfile/expander",
        "least-waste",
    ),
    "volumes for /tmp keep no node": (
        "aks.bicep",
        "cluster",
        "properties/autoScalerProfile/skip-nodes-with-local-storage",
        "false",
    ),
    "a node without work goes soon": (
        "aks.bicep",
        "cluster",
        "properties/autoScalerProfile/scale-down-unneeded-time",
        "5m",
    ),
    "pods get identities": (
        "aks.bicep",
        "cluster",
        "properties/securityProfile/workloadIdentity",
        {"enabled": True},
    ),
    "the cluster issues tokens": (
        "aks.bicep",
        "cluster",
        "properties/oidcIssuerProfile",
        {"enabled": True},
    ),
    "pods have a network of their own": (
        "aks.bicep",
        "cluster",
        "properties/networkProfile/networkPluginMode",
        "overlay",
    ),
    "network policies are enforced": (
        "aks.bicep",
        "cluster",
        "properties/networkProfile/networkPolicy",
        "cilium",
    ),
    "secrets come from the vault": (
        "aks.bicep",
        "cluster",
        "properties/addonProfiles/azureKeyvaultSecretsProvider/enabled",
        True,
    ),
    "the cluster has no accounts of its own": (
        "aks.bicep",
        "cluster",
        "properties/disableLocalAccounts",
        True,
    ),
    "Azure says who may do what": (
        "aks.bicep",
        "cluster",
        "properties/aadProfile/enableAzureRBAC",
        True,
    ),
    "its API is reached from certain addresses": (
        "aks.bicep",
        "cluster",
        "properties/apiServerAccessProfile/authorizedIPRanges",
        Expression("operatorRanges"),
    ),
    "patches come by themselves": (
        "aks.bicep",
        "cluster",
        "properties/autoUpgradeProfile",
        {"upgradeChannel": "patch", "nodeOSUpgradeChannel": "NodeImage"},
    ),
    "Kubernetes is upgraded on a Saturday": (
        "aks.bicep",
        "upgrades",
        "properties/maintenanceWindow/schedule/weekly/dayOfWeek",
        "Saturday",
    ),
    "nodes are upgraded on a Sunday": (
        "aks.bicep",
        "nodeImages",
        "properties/maintenanceWindow/schedule/weekly/dayOfWeek",
        "Sunday",
    ),
    "no blob is public": (
        "storage.bicep",
        "account",
        "properties/allowBlobPublicAccess",
        False,
    ),
    "nobody has a key": ("storage.bicep", "account", "properties/allowSharedKeyAccess", False),
    "TLS is current": ("storage.bicep", "account", "properties/minimumTlsVersion", "TLS1_2"),
    "TLS is used": ("storage.bicep", "account", "properties/supportsHttpsTrafficOnly", True),
    "strangers' addresses are denied": (
        "storage.bicep",
        "account",
        "properties/networkAcls/defaultAction",
        "Deny",
    ),
    "versions are kept": ("storage.bicep", "blobs", "properties/isVersioningEnabled", True),
    "what was deleted comes back": (
        "storage.bicep",
        "blobs",
        "properties/deleteRetentionPolicy",
        {"enabled": True, "days": Expression("recoverableDays")},
    ),
    "old versions go": (
        "storage.bicep",
        "retention",
        "properties/policy/rules/0/definition/actions/version/delete/daysAfterCreationGreaterThan",
        Expression("versionDays"),
    ),
    "old recordings go": (
        "storage.bicep",
        "retention",
        "properties/policy/rules/1/definition/actions/baseBlob/delete/daysAfterModificationGreaterThan",
        Expression("enrolmentDays"),
    ),
    "and nothing but recordings": (
        "storage.bicep",
        "retention",
        "properties/policy/rules/1/definition/filters/prefixMatch",
        ["enrolment/"],
    ),
    "recordings have a container": ("storage.bicep", "enrolment", "name", "enrolment"),
    "which is private": ("storage.bicep", "enrolment", "properties/publicAccess", "None"),
    "checkpoints have a share": ("storage.bicep", "checkpoints", "name", "checkpoints"),
    "which is mounted without a key": (
        "storage.bicep",
        "account",
        "properties/azureFilesIdentityBasedAuthentication/smbOAuthSettings/isSmbOAuthEnabled",
        True,
    ),
    "the registry has no password": (
        "registry.bicep",
        "registry",
        "properties/adminUserEnabled",
        False,
    ),
    "images are pulled by name alone": (
        "registry.bicep",
        "registry",
        "properties/anonymousPullEnabled",
        False,
    ),
    "roles open the vault": (
        "vault.bicep",
        "vault",
        "properties/enableRbacAuthorization",
        True,
    ),
    "the vault cannot be purged": (
        "vault.bicep",
        "vault",
        "properties/enablePurgeProtection",
        True,
    ),
    "logs are kept for a while": (
        "logs.bicep",
        "workspace",
        "properties/retentionInDays",
        Expression("logDays"),
    ),
}


@pytest.mark.parametrize("promise", PROMISES)
def test_it_is_promised_that(promise):
    *where, expected = PROMISES[promise]
    found = value(*where)
    assert (type(found), found) == (type(expected), expected)


ROLES = {
    "acdd72a7-3385-48ef-bd42-f606fba81ae7": "Reader",
    "7f951dda-4ed3-4680-a7ca-43fe172d538d": "AcrPull",
    "8311e382-0749-4cb8-b61a-304f252e45ec": "AcrPush",
    "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1": "Storage Blob Data Reader",
    "b7e6dc6d-f1e8-4753-8033-0f276bb0955b": "Storage Blob Data Owner",
    "a235d3ee-5935-4cfb-8cc5-a3303ad5995e": "Storage File Data SMB MI Admin",
    "4633458b-17de-408a-b874-0445c86b69e6": "Key Vault Secrets User",
    "b86a8fe4-44ce-4948-aee5-eccb2c155cd7": "Key Vault Secrets Officer",
    "4d97b98b-1d4f-4787-a291-c67834d212e7": "Network Contributor",
    "f1a07417-d97a-45cb-824c-7a7467783830": "Managed Identity Operator",
    "b1ff04bb-8a4e-4dc4-8eb5-8693973ce19b": "Azure Kubernetes Service RBAC Cluster Admin",
    "4abbcc35-e782-43d8-92c5-2d3f1bd2253f": "Azure Kubernetes Service Cluster User Role",
}
"""Azure's own, by their ids."""

MAY = {
    ("runnerPrincipalId", "Storage Blob Data Reader", "enrolment"),
    ("secretsPrincipalId", "Key Vault Secrets User", "vault"),
    ("kubeletPrincipalId", "AcrPull", "registry"),
    ("kubeletPrincipalId", "Storage File Data SMB MI Admin", "account"),
    ("clusterPrincipalId", "Network Contributor", "nodes"),
    ("cluster.properties.principalId", "Managed Identity Operator", "kubelet"),
    ("privacyOfficers", "Storage Blob Data Owner", "enrolment"),
    ("privacyOfficers", "Reader", "account"),
    ("administrators", "AcrPush", "registry"),
    ("administrators", "Key Vault Secrets Officer", "vault"),
    ("administrators", "Azure Kubernetes Service RBAC Cluster Admin", "cluster"),
    ("administrators", "Azure Kubernetes Service Cluster User Role", "cluster"),
}
"""Who may do what, to what."""


def assignments():
    for name in FILES:
        file = read(name)
        for each in file.of_kind("resource").values():
            if each.of.startswith("Microsoft.Authorization/roleAssignments@"):
                properties = each.value["properties"]
                role = re.search(r", (\w+)\)", properties["roleDefinitionId"])[1]
                who = properties["principalId"]
                who = re.sub(r"^group$", each.loops_over, who) if each.loops_over else who
                yield who, ROLES[file.declared[role].value], each.value["scope"]


def test_each_identity_may_do_what_it_needs_and_no_more():
    assert sorted(assignments()) == sorted(MAY)


def test_tokens_of_service_accounts_of_the_overlay_are_trusted():
    identities = {
        each.value["parent"]: each.value["properties"]["subject"].strip("'")
        for each in read("federation.bicep").of_kind("resource").values()
        if not each.existing
    }
    accounts = {"runner": "rollcall-runner", "secrets": "rollcall-secrets"}
    assert identities == {
        identity: f"system:serviceaccount:${{namespace}}:{account}"
        for identity, account in accounts.items()
    }
    assert set(accounts.values()) <= of_kind("aks", "ServiceAccount").keys()


def test_runs_are_where_kubeflow_is_installed():
    assert read("main.bicep").declared["namespace"].value == NAMESPACE


@pytest.mark.parametrize(
    ("file", "scope", "categories"),
    [
        ("aks.bicep", "cluster", {"kube-audit-admin", "guard", "cluster-autoscaler"}),
        ("storage.bicep", "blobs", {"StorageRead", "StorageWrite", "StorageDelete"}),
        ("vault.bicep", "vault", {"AuditEvent"}),
        (
            "registry.bicep",
            "registry",
            {"ContainerRegistryLoginEvents", "ContainerRegistryRepositoryEvents"},
        ),
    ],
)
def test_who_did_what_is_logged(file, scope, categories):
    assert value(file, "audit", "scope") == scope
    logs = value(file, "audit", "properties/logs")
    assert {log["category"] for log in logs if log["enabled"]} == categories


@pytest.mark.parametrize("name", FILES)
def test_every_parameter_and_output_is_described(name):
    file = read(name)
    silent = [
        each.name
        for each in (*file.of_kind("parameter").values(), *file.outputs.values())
        if not each.described
    ]
    assert silent == []


@pytest.mark.parametrize("name", FILES)
def test_every_name_that_is_used_is_declared(name):
    file = read(name)
    unknown = file.names_used() - file.declared.keys() - FUNCTIONS
    assert unknown == set()


@pytest.mark.parametrize("name", FILES)
def test_every_name_that_is_declared_is_used(name):
    file = read(name)
    declared = file.of_kind("parameter").keys() | file.of_kind("variable").keys()
    assert declared - file.names_used() == set()


@pytest.mark.parametrize("name", MODULES)
def test_a_module_is_given_the_parameters_that_it_has(name):
    (module,) = (each for each in read("main.bicep").of_kind("module").values() if each.of == name)
    assert module.value["params"].keys() == read(name).of_kind("parameter").keys()


def test_outputs_that_are_read_exist():
    main = read("main.bicep")
    asked = re.findall(r"(\w+)\.outputs\.(\w+)", (INFRASTRUCTURE / "main.bicep").read_text())
    missing = [
        (module, output)
        for module, output in asked
        if output not in read(main.declared[module].of).outputs
    ]
    assert asked
    assert missing == []


def test_what_the_overlay_needs_is_put_out():
    assert set(OUTPUTS.values()) <= read("main.bicep").outputs.keys()


@pytest.mark.parametrize("name", ["pool", "pools"])
def test_the_types_of_pools_are_the_same_twice(name):
    assert read("main.bicep").declared[name].value == read("aks.bicep").declared[name].value


@pytest.mark.parametrize("environment", Environment)
class TestParameterFile:
    def test_it_sets_what_has_no_default(self, environment):
        given = read(environment.parameters.name).declared.keys()
        parameters = read("main.bicep").of_kind("parameter")
        needed = {each.name for each in parameters.values() if each.value is None}
        assert needed <= given <= parameters.keys()

    def test_it_names_the_cluster_as_the_commands_do(self, environment):
        given = read(environment.parameters.name).declared
        assert given["name"].value == environment.group

    def test_it_leaves_to_the_school_what_only_a_school_knows(self, environment):
        text = (INFRASTRUCTURE / environment.parameters.name).read_text()
        assert all(mark in text for mark in UNSET)

    def test_spot_nodes_scale_from_nothing(self, environment):
        assert pools(environment)["spot"]["minimum"] == 0

    def test_a_regular_node_is_always_there(self, environment):
        assert pools(environment)["regular"]["minimum"] >= 1

    def test_there_is_no_gpu_unless_asked_for(self, environment):
        assert "gpuMaximum" not in read(environment.parameters.name).declared
        assert read("main.bicep").declared["gpuMaximum"].value == 0

    @pytest.mark.parametrize("step", PLACEMENTS)
    def test_each_step_fits_on_a_node_of_its_pool(self, environment, step):
        row = PLACEMENTS[step]
        pool = pools(environment)[row.pool]
        cores, memory_gib, temporary_gib = SIZES[pool["size"]]
        # AKS keeps some for itself, and so do the pods that are on every node.
        cpu = float(row.cpu_request.removesuffix("m")) / (1000 if "m" in row.cpu_request else 1)
        assert cpu <= cores - 0.6
        assert float(row.memory_request.removesuffix("Gi")) <= memory_gib * 0.9 - 1
        assert pool["diskGiB"] <= temporary_gib

    def test_days_are_those_of_the_documentation(self, environment):
        given = read(environment.parameters.name).declared
        column = list(Environment).index(environment) + 2
        table = (DOCS / "deployment.md").read_text()
        rows = {
            cells[1].strip(" `"): int(cells[column])
            for line in table.splitlines()
            if (cells := line.split("|"))[1:] and re.fullmatch(r" `\w+Days` ", cells[1])
        }
        days = {name: each.value for name, each in given.items() if name.endswith("Days")}
        assert rows == days


SIZES = {
    "Standard_D2ads_v5": (2, 8, 75),
    "Standard_D4ads_v5": (4, 16, 150),
    "Standard_E4ads_v5": (4, 32, 150),
}
"""Cores, memory and temporary disk in GiB (Microsoft's pages on the sizes)."""


def pools(environment):
    return read(environment.parameters.name).declared["nodePools"].value
