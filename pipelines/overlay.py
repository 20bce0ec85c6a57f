"""The manifests with what is one installation's own in them, as `make deploy` applies them.

The repository holds placeholders. What Azure gave is written into a copy of manifests/ below
build/: names and ids, no secret.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from components.artifacts import atomic_directory, read_json
from components.errors import RollcallError
from pipelines.images import Built

MANIFESTS: Final = Path("manifests")
OVERLAY: Final = Path("overlays/aks")

OUTPUTS: Final = {
    "AZURE_CLIENT_ID": "runnerClientId",
    "SECRETS_CLIENT_ID": "secretsClientId",
    "AZURE_TENANT_ID": "tenantId",
    "STORAGE_ACCOUNT": "storageAccount",
    "CONTAINER_REGISTRY": "containerRegistry",
    "KEY_VAULT": "keyVault",
}
"""Key in installation.env -> output of manifests/infrastructure/main.bicep."""


@dataclass(frozen=True)
class Installation:
    """What tells one installation from another.

    Attributes:
        outputs: JSON of the deployment's outputs, as az prints them.
        public_key: PEM file of the key that models are checked with.
        images: what `make images` wrote.
    """

    outputs: Path
    public_key: Path
    images: Path


def render_overlay(installation: Installation, target: Path, manifests: Path = MANIFESTS) -> Path:
    """Write a copy of `manifests` to `target` with the installation in it; returns its overlay.

    Raises:
        RollcallError: something is missing, or not what it should be; the message says what to do.
    """
    outputs = _outputs(installation.outputs)
    public_key = _public_key(installation.public_key)
    images = _pushed_images(installation.images)
    with atomic_directory(target) as copy:
        shutil.copytree(
            manifests, copy, dirs_exist_ok=True, ignore=shutil.ignore_patterns("infrastructure")
        )
        overlay = copy / OVERLAY
        _write_installation(overlay / "installation.env", outputs)
        (overlay / "public.pem").write_text(public_key, encoding="ascii")
        _set_images(overlay / "kustomization.yaml", images)
    return target / OVERLAY


def _outputs(path: Path) -> dict[str, str]:
    try:
        given = {name: output["value"] for name, output in read_json(path).items()}
        return {key: given[output] for key, output in OUTPUTS.items()}
    except (KeyError, TypeError, AttributeError) as error:
        raise RollcallError(
            f"{path} lacks outputs of manifests/infrastructure ({error}): an older version made "
            "the cluster. Run make cluster-up, then make deploy"
        ) from error


def _public_key(path: Path) -> str:
    if not path.is_file():
        raise RollcallError(
            f"there is no public key {path}: name it with PUBLIC_KEY=, or make a pair "
            "(docs/deployment.md)"
        )
    text = path.read_text(encoding="ascii", errors="replace")
    if "BEGIN PUBLIC KEY" not in text:
        raise RollcallError(f"{path} is no public key in PEM; the private one stays in the vault")
    return text


def _pushed_images(path: Path) -> dict[str, str]:
    """Reference, with its digest, of each image of the steps."""
    built = Built.read(path)
    if not built.pushed:
        raise RollcallError(
            f"the images in {path} were pushed nowhere: run make images REGISTRY=HOST"
        )
    return {f"rollcall-{name}": reference for name, reference in built.images.items()}


def _write_installation(path: Path, values: dict[str, str]) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    asked = {line.partition("=")[0] for line in lines if "=" in line and not line.startswith("#")}
    if asked != values.keys():
        differing = ", ".join(sorted(asked ^ values.keys()))
        raise RollcallError(f"{OVERLAY / path.name} and the template's outputs differ: {differing}")
    text = "".join(f"{key}={value}\n" for key, value in values.items())
    path.write_text(text, encoding="utf-8")


def _set_images(path: Path, references: dict[str, str]) -> None:
    kustomization: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    for image in kustomization.get("images", ()):
        name, _, digest = references[image["name"]].partition("@")
        image.pop("newTag", None)
        image.update(newName=name, digest=digest)
    path.write_text(yaml.safe_dump(kustomization, sort_keys=False), encoding="utf-8")
