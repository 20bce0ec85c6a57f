"""Holds what the Bicep says of each resource against the models of Azure's own SDK.

`make scan` runs this in its environment, where the SDK is: names and types of properties, values
that are enumerated, what is required, and that the API version is the SDK's. It also makes sure
that checkov can read each file: what it cannot read it passes over, and says nothing.
"""

from __future__ import annotations

import enum
import importlib
import re
import sys
import types
import typing
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pycep import BicepParser

from tests.manifests.bicep import INFRASTRUCTURE, Expression, read_bicep

if TYPE_CHECKING:
    from collections.abc import Iterator

IN_BICEP = {"name", "parent", "scope", "dependsOn"}
"""What every resource may have besides what its model has."""


class Model(NamedTuple):
    """Where the SDK has a type of resource."""

    package: str
    name: str


AKS, STORAGE, IDENTITY = "containerservice", "storage", "msi.v2024_11_30"
MODELS = {
    "ContainerService/managedClusters": Model(AKS, "ManagedCluster"),
    "ContainerService/managedClusters/agentPools": Model(AKS, "AgentPool"),
    "ContainerService/managedClusters/maintenanceConfigurations": Model(
        AKS, "MaintenanceConfiguration"
    ),
    "Storage/storageAccounts": Model(STORAGE, "StorageAccountCreateParameters"),
    "Storage/storageAccounts/blobServices": Model(STORAGE, "BlobServiceProperties"),
    "Storage/storageAccounts/blobServices/containers": Model(STORAGE, "BlobContainer"),
    "Storage/storageAccounts/fileServices": Model(STORAGE, "FileServiceProperties"),
    "Storage/storageAccounts/fileServices/shares": Model(STORAGE, "FileShare"),
    "Storage/storageAccounts/managementPolicies": Model(STORAGE, "ManagementPolicy"),
    "ContainerRegistry/registries": Model("containerregistry", "Registry"),
    "KeyVault/vaults": Model("keyvault", "VaultCreateOrUpdateParameters"),
    "OperationalInsights/workspaces": Model("loganalytics", "Workspace"),
    "ManagedIdentity/userAssignedIdentities": Model(IDENTITY, "Identity"),
    "ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials": Model(
        IDENTITY, "FederatedIdentityCredential"
    ),
}
"""Type without Microsoft. -> its model."""
UNCHECKED = {
    "Network/virtualNetworks",
    "Network/virtualNetworks/subnets",
    "Authorization/roleAssignments",
    "Insights/diagnosticSettings",
}
"""Few properties each, and in packages that are large, or have them no more."""


def problems(resource: str, body: dict[str, Any]) -> Iterator[str]:
    """What is wrong with a resource of the type TYPE@VERSION."""
    kind, _, version = resource.removeprefix("Microsoft.").partition("@")
    if kind in UNCHECKED:
        return
    model = MODELS[kind]
    if version != (newest := _api_version(model.package)):
        yield f": API version {version}; the SDK has {newest}"
    found = getattr(importlib.import_module(f"azure.mgmt.{model.package}.models"), model.name)
    given = {key: value for key, value in body.items() if key not in IN_BICEP}
    yield from _differences(given, found, "")


def _api_version(package: str) -> str:
    if found := re.search(r"v(\d{4})_(\d\d)_(\d\d)$", package):
        return "-".join(found.groups())
    configuration = importlib.import_module(f"azure.mgmt.{package}._configuration")
    text = Path(configuration.__file__).read_text(encoding="utf-8")
    return re.findall(r'"(\d{4}-\d\d-\d\d)"', text)[0]


def _differences(value: Any, hint: Any, where: str) -> Iterator[str]:
    """Where a value is not of a type."""
    if isinstance(value, Expression):  # only Azure computes it
        return
    each = _named(hint)
    kind, items = typing.get_origin(each), typing.get_args(each)
    if kind in {list, dict} and isinstance(value, kind):
        pairs = value.items() if kind is dict else enumerate(value)
        for key, item in pairs:
            yield from _differences(item, items[-1], f"{where}.{key}")
    elif names := _enumerated(each):
        if value not in names:
            yield f"{where}: {value!r} is none of {names}"
    elif isinstance(each, type) and each.__module__.startswith("azure."):
        yield from _against(value, each, where)
    elif not (type(value) is each or (each is float and type(value) is int)):
        yield f"{where}: {value!r} is no {each}"


def _named(hint: Any) -> Any:
    """The one type that matters of a union: the SDK says Union[str, Enum], and then takes any."""
    options = typing.get_args(hint) if _is_union(hint) else (hint,)
    options = tuple(each for each in options if each is not type(None))
    return next((each for each in options if _enumerated(each)), options[0])


def _enumerated(each: Any) -> list[Any]:
    if typing.get_origin(each) is typing.Literal:
        return list(typing.get_args(each))
    is_enum = isinstance(each, type) and issubclass(each, enum.Enum)
    return [str(member.value) for member in each] if is_enum else []


def _against(value: Any, model: Any, where: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{where}: {value!r} is no object"
        return
    fields, needed = _fields(model)
    for key, item in value.items():
        if key not in fields:
            yield f"{where}.{key}: there is no such property"
        elif fields[key] is not None:
            yield from _differences(item, fields[key], f"{where}.{key}")
    yield from (f"{where}.{key} is missing" for key in sorted(needed - value.keys()))


def _fields(model: Any) -> tuple[dict[str, Any], set[str]]:
    """Writable properties with their types, and those that are required."""
    if hasattr(model, "_attribute_map"):
        return _older_fields(model), set()
    model()  # which fills in the names
    module = importlib.import_module(model.__module__.rpartition(".")[0])
    hints = typing.get_type_hints(model, localns={"_models": module})
    fields, needed = {}, set()
    for attribute, field in model._attr_to_rest_field.items():
        if field._visibility == ["read"]:
            continue
        name, hint = field._rest_name_input or attribute, hints[attribute]
        fields[name] = hint
        if type(None) not in typing.get_args(hint):
            needed.add(name)
    return fields, needed


def _older_fields(model: Any) -> dict[str, Any]:
    """Names alone: the older SDKs have them as paths, with types in a language of their own."""
    fields: dict[str, Any] = {}
    for entry in model._attribute_map.values():
        first, _, deeper = entry["key"].partition(".")
        if deeper:
            made = type(first, (), {"_attribute_map": {}, "__module__": model.__module__})
            fields.setdefault(first, made)._attribute_map[deeper] = {"key": deeper}
        else:
            fields[first] = None
    return fields


def _is_union(hint: Any) -> bool:
    return typing.get_origin(hint) in {typing.Union, types.UnionType}


def main() -> int:
    """Print what is wrong; 1 if something is."""
    reader = BicepParser(add_line_numbers=True)  # as checkov makes it
    checked, wrong = 0, []
    for path in sorted(INFRASTRUCTURE.glob("*.bicep")):
        try:
            reader.parse(text=path.read_text(encoding="utf-8"))
        except Exception as error:  # noqa: BLE001 - of whatever kind, checkov would pass over it
            wrong.append(f"{path.name}: checkov cannot read it: {error}")
        for name, each in read_bicep(path).of_kind("resource").items():
            checked += 1
            wrong += [f"{path.name} {name}{told}" for told in problems(each.of, each.value)]
    print("\n".join(wrong))
    print(f"{checked} resources held against Azure's schemas, {len(wrong)} mistakes")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
