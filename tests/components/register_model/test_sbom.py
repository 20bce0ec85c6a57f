"""The bill of materials: valid, complete, and the same each time."""

from __future__ import annotations

import json
from importlib.metadata import version

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from components.register_model.sbom import make_sbom

LINEAGE = {
    "code_version": "0.1.0",
    "sha256": {"model.keras": "ab" * 32, "model.tflite": "cd" * 32, "metrics.json": "ef" * 32},
}


@pytest.fixture(scope="module")
def sbom():
    return make_sbom("MobileNetV2", LINEAGE)


def test_it_is_valid(sbom):
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(sbom)) is None


def test_the_schema_would_find_a_mistake(sbom):
    wrong = {**sbom, "components": [{"name": "no type"}]}
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(wrong))


def test_what_is_installed_stands_in_it_with_version_address_and_licence(sbom):
    (keras,) = (each for each in sbom["components"] if each["name"] == "keras")
    assert keras["version"] == version("keras")
    assert keras["purl"] == f"pkg:pypi/keras@{version('keras')}"
    assert keras["licenses"]


def test_the_model_stands_in_it_with_the_digests_of_its_files(sbom):
    model = sbom["metadata"]["component"]
    assert (model["type"], model["name"]) == ("machine-learning-model", "rollcall-MobileNetV2")
    digests = {file["name"]: file["hashes"][0]["content"] for file in model["components"]}
    assert digests == {"model.keras": "ab" * 32, "model.tflite": "cd" * 32}


def test_the_same_model_has_the_same_bill_and_another_has_another_number(sbom):
    assert make_sbom("MobileNetV2", LINEAGE) == sbom
    assert make_sbom("VGG16", LINEAGE)["serialNumber"] != sbom["serialNumber"]
    assert "timestamp" not in sbom["metadata"]
