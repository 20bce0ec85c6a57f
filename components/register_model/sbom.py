"""What a model was made with: a software bill of materials (CycloneDX 1.6, JSON).

It lists the distributions that are installed where the model is registered, which is the image it
was trained in, and the model's own files with their digests. The same input gives the same bytes.
"""

from __future__ import annotations

import functools
import json
import uuid
from importlib.metadata import Distribution, distributions
from typing import TYPE_CHECKING, Any, Final

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from components.model_directory import EDGE_MODEL_FILE, MODEL_FILE

if TYPE_CHECKING:
    from collections.abc import Mapping

_LONGEST_LICENSE: Final = 100
"""Some distributions have the whole text in the field of its name."""


def make_sbom(name: str, lineage: Mapping[str, Any]) -> dict[str, Any]:
    """The bill of materials of a model, as JSON.

    Args:
        name: of the model.
        lineage: lineage.json.
    """
    model = Component(
        name=f"rollcall-{name}",
        version=lineage["code_version"],
        type=ComponentType.MACHINE_LEARNING_MODEL,
        bom_ref="model",
        components=[
            Component(
                name=file,
                type=ComponentType.FILE,
                bom_ref=file,
                hashes=[HashType(alg=HashAlgorithm.SHA_256, content=lineage["sha256"][file])],
            )
            for file in (MODEL_FILE, EDGE_MODEL_FILE)
            if file in lineage["sha256"]
        ],
    )
    bom = Bom()
    bom.metadata.component = model
    bom.components.update(_installed())
    bom.register_dependency(model, _installed())
    return _reproducible(json.loads(JsonV1Dot6(bom).output_as_string()))


@functools.cache
def _installed() -> tuple[Component, ...]:
    found: dict[str, Component] = {}
    for distribution in distributions():  # the first of a name is the one that is imported
        component = _component(distribution)
        found.setdefault(component.name, component)
    return tuple(found.values())


def _component(distribution: Distribution) -> Component:
    name, metadata = distribution.name.lower().replace("_", "-"), distribution.metadata
    purl = PackageURL("pypi", name=name, version=distribution.version)
    (license_, *_) = metadata.get_all("License-Expression") or metadata.get_all("License") or [""]
    named = 0 < len(license_) <= _LONGEST_LICENSE and "\n" not in license_
    return Component(
        name=name,
        version=distribution.version,
        purl=purl,
        bom_ref=str(purl),
        licenses=[LicenseFactory().make_from_string(license_)] if named else [],
    )


def _reproducible(document: dict[str, Any]) -> dict[str, Any]:
    """Without a time, and with a serial number that is the content's (UUID 5, RFC 9562)."""
    del document["metadata"]["timestamp"], document["serialNumber"]
    serial = uuid.uuid5(uuid.NAMESPACE_OID, json.dumps(document, sort_keys=True))
    return {**document, "serialNumber": serial.urn}
