"""The overlay that is applied has what is one installation's own in it, or is not written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from components.errors import RollcallError
from pipelines.images import Built
from pipelines.overlay import OVERLAY, Installation, render_overlay
from tests.fake_cloud_tools import OUTPUTS
from tests.manifests.rendered import render

MANIFESTS = Path(__file__).parents[2] / "manifests"
DIGEST = "sha256:" + "0" * 64

NOT_PUSHED = Built("0.1.0", "abc", False, {"data": "data@sha256:0", "train": "train@sha256:0"})


@pytest.fixture
def installation(tmp_path):
    outputs = {name: {"type": "String", "value": value} for name, value in OUTPUTS.items()}
    images = {
        name: f"{OUTPUTS['containerRegistry']}/rollcall-{name}@{DIGEST}"
        for name in ("data", "train", "edge")
    }
    given = Installation(
        *(tmp_path / name for name in ("outputs.json", "public.pem", "images.json"))
    )
    given.outputs.write_text(json.dumps(outputs))
    given.public_key.write_text("-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n")
    given.images.write_text(json.dumps(vars(Built("0.1.0", "abc", True, images))))
    return given


@pytest.fixture
def target(tmp_path):
    return tmp_path / "rendered"


@pytest.fixture
def overlay(installation, target):
    return render_overlay(installation, target, MANIFESTS)


def test_every_placeholder_of_the_repository_is_replaced(overlay):
    text = (overlay / "installation.env").read_text() + (overlay / "public.pem").read_text()
    assert "PLACEHOLDER" not in text


def test_every_name_gets_the_value_that_azure_gave(overlay):
    rows = dict(line.split("=") for line in (overlay / "installation.env").read_text().splitlines())
    assert rows == {
        "AZURE_CLIENT_ID": OUTPUTS["runnerClientId"],
        "SECRETS_CLIENT_ID": OUTPUTS["secretsClientId"],
        "AZURE_TENANT_ID": OUTPUTS["tenantId"],
        "STORAGE_ACCOUNT": OUTPUTS["storageAccount"],
        "CONTAINER_REGISTRY": OUTPUTS["containerRegistry"],
        "KEY_VAULT": OUTPUTS["keyVault"],
    }


def test_images_are_named_by_their_digest(overlay):
    images = yaml.safe_load((overlay / "kustomization.yaml").read_text())["images"]
    assert images
    for image in images:
        assert image == {
            "name": image["name"],
            "newName": f"{OUTPUTS['containerRegistry']}/{image['name']}",
            "digest": DIGEST,
        }


def test_the_repository_keeps_its_placeholders(overlay):
    assert "PLACEHOLDER" in (MANIFESTS / OVERLAY / "installation.env").read_text()


def test_what_azure_made_is_not_described_to_the_cluster(overlay, target):
    assert not (target / "infrastructure").exists()


@pytest.mark.parametrize(
    ("file", "content", "told"),
    [
        ("public_key", "-----BEGIN EC PRIVATE KEY-----\n", "no public key"),
        ("public_key", None, "PUBLIC_KEY="),
        ("images", json.dumps(vars(NOT_PUSHED)), "make images REGISTRY="),
        ("images", None, "make images"),
        ("outputs", '{"tenantId": {"value": "x"}}', "make cluster-up"),
    ],
    ids=["a private key", "no key", "images not pushed", "no images", "an older template"],
)
def test_nothing_is_written_from(installation, target, file, content, told):
    path = getattr(installation, file)
    path.unlink()
    if content:
        path.write_text(content)
    with pytest.raises(RollcallError, match=told):
        render_overlay(installation, target, MANIFESTS)
    assert not target.exists()


def test_an_overlay_that_asks_for_other_names_is_refused(installation, target, tmp_path):
    other = tmp_path / "manifests" / OVERLAY
    other.mkdir(parents=True)
    (other / "installation.env").write_text("AZURE_CLIENT_ID=x\nNEW_NAME=x\n")
    with pytest.raises(RollcallError, match="NEW_NAME"):
        render_overlay(installation, target, tmp_path / "manifests")


def test_kustomize_makes_pods_of_these_images(overlay):
    deployments = [each for each in render(overlay) if each["kind"] == "Deployment"]
    images = {
        container["image"]
        for each in deployments
        for container in each["spec"]["template"]["spec"]["containers"]
    }
    host = OUTPUTS["containerRegistry"]
    assert images == {f"{host}/rollcall-{name}@{DIGEST}" for name in ("data", "train")}
