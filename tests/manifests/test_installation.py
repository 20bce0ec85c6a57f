"""What differs from one school to the next comes from two files, and gets everywhere."""

from __future__ import annotations

import re
import shutil

import pytest
import yaml

from tests.manifests.rendered import MANIFESTS, RUNS, render

SCHOOL = {
    "AZURE_CLIENT_ID": "11111111-aaaa-4bbb-8ccc-000000000001",
    "SECRETS_CLIENT_ID": "22222222-aaaa-4bbb-8ccc-000000000002",
    "AZURE_TENANT_ID": "33333333-aaaa-4bbb-8ccc-000000000003",
    "STORAGE_ACCOUNT": "schoolrecordings",
    "CONTAINER_REGISTRY": "schoolimages.azurecr.io",
    "KEY_VAULT": "school-vault",
}
AKS = MANIFESTS / "overlays" / "aks"


@pytest.fixture(scope="module")
def school(tmp_path_factory):
    """The objects of an installation, with names in the place of addresses, by kind and name."""
    copy = tmp_path_factory.mktemp("rendered") / "manifests"
    shutil.copytree(MANIFESTS, copy)
    env = "".join(f"{name}={value}\n" for name, value in SCHOOL.items())
    (copy / "overlays/aks/installation.env").write_text(env, encoding="utf-8")
    (copy / "overlays/aks/public.pem").write_text("-----BEGIN PUBLIC KEY-----\n", encoding="utf-8")
    (copy / "kustomization.yaml").write_text(
        "resources: [overlays/aks]\ncomponents: [components/fqdn-egress]\n", encoding="utf-8"
    )
    return {(each["kind"], each["metadata"]["name"]): each for each in render(copy)}


def test_the_committed_file_has_the_same_names_and_obvious_placeholders():
    rows = dict(
        line.split("=", 1) for line in (AKS / "installation.env").read_text("utf-8").splitlines()
    )
    assert set(rows) == set(SCHOOL)
    assert all("PLACEHOLDER" in value for value in rows.values())


def test_no_placeholder_is_left(school):
    text = yaml.safe_dump(list(school.values()))
    assert not re.findall(r"PLACEHOLDER.*|REGISTRY/.*|STORAGE\..*|set (?:below|by).*", text)


def test_the_runner_has_the_identity_that_reads_recordings(school):
    annotations = school["ServiceAccount", "rollcall-runner"]["metadata"]["annotations"]
    assert annotations == {
        "azure.workload.identity/client-id": SCHOOL["AZURE_CLIENT_ID"],
        "azure.workload.identity/tenant-id": SCHOOL["AZURE_TENANT_ID"],
    }


def test_checkpoints_are_on_the_share_of_the_storage_account_without_a_key_of_it(school):
    volume = school["PersistentVolume", "rollcall-checkpoints"]["spec"]
    assert volume["csi"]["volumeAttributes"]["storageAccount"] == SCHOOL["STORAGE_ACCOUNT"]
    assert volume["csi"]["volumeAttributes"]["mountWithManagedIdentity"] == "true"
    claim = school["PersistentVolumeClaim", "rollcall-checkpoints"]
    assert claim["spec"]["volumeName"] == "rollcall-checkpoints"
    assert volume["claimRef"] == {name: claim["metadata"][name] for name in ("namespace", "name")}
    assert claim["spec"]["accessModes"] == volume["accessModes"] == ["ReadWriteMany"]


def test_secrets_come_from_the_vault_under_the_identity_that_reads_them(school):
    parameters = school["SecretProviderClass", "rollcall-secrets"]["spec"]["parameters"]
    assert parameters["clientID"] == SCHOOL["SECRETS_CLIENT_ID"]
    assert parameters["tenantId"] == SCHOOL["AZURE_TENANT_ID"]
    assert parameters["keyvaultName"] == SCHOOL["KEY_VAULT"]


def test_every_secret_that_is_made_is_one_that_is_read(school):
    spec = school["SecretProviderClass", "rollcall-secrets"]["spec"]
    read = {
        yaml.safe_load(entry)["objectName"]
        for entry in yaml.safe_load(spec["parameters"]["objects"])["array"]
    }
    assert {row["objectName"] for made in spec["secretObjects"] for row in made["data"]} == read


def test_images_come_from_the_registry(school):
    images = {
        container["image"]
        for (kind, _), each in school.items()
        if kind == "Deployment"
        for container in each["spec"]["template"]["spec"]["containers"]
    }
    registry = SCHOOL["CONTAINER_REGISTRY"]
    assert images == {f"{registry}/rollcall-train:0.1.0", f"{registry}/rollcall-data:0.1.0"}


def test_the_public_key_is_what_steps_check_signatures_by(school):
    key = school["ConfigMap", "rollcall-verify-key"]["data"]["public.pem"]
    assert key.startswith("-----BEGIN PUBLIC KEY-----")


def test_names_in_the_place_of_addresses_take_the_place_of_the_wide_policy(school):
    assert ("NetworkPolicy", "runs-to-https") not in school
    spec = school["CiliumNetworkPolicy", "runs-to-names"]["spec"]
    assert spec["endpointSelector"]["matchLabels"] == RUNS
    names = [name for rule in spec["egress"] for name in rule.get("toFQDNs", ())]
    assert {"matchName": f"{SCHOOL['STORAGE_ACCOUNT']}.blob.core.windows.net"} in names
    assert {"matchName": "login.microsoftonline.com"} in names
