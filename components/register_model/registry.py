"""The registry: a version holds the model directory, its metrics and what it was made from.

Trust runs in a chain: the version's tag holds the digest of lineage.json, and that file holds the
digests of all others.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # read when mlflow is imported

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from components.artifacts import atomic_directory, read_json, sha256_of, verify_digests
from components.contracts import LINEAGE_FILE, METRICS_FILE
from components.errors import DigestError, RegistryError
from components.metrics import flat_numbers
from components.telemetry import step

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlflow.entities.model_registry import ModelVersion

MODEL_NAME: Final = "rollcall"
EXPERIMENT: Final = "rollcall"
CHAMPION: Final = "champion"
FOLDER: Final = "model"

CREDENTIALS: Final = re.compile(r"//[^/@\s]+@")
"""Name and password in a URI, wherever it stands in a text."""


def register_champion(model: Path, registry: str, source_fingerprint: str) -> str:
    """Register a model directory as a new version of MODEL_NAME, and make it the champion.

    Args:
        model: a directory that train_model wrote; its digests are checked first.
        registry: an MLflow URI. With SQLite, the files lie in a folder beside the database.
        source_fingerprint: digest of the clips that the run was made from.

    Returns:
        The new version's number.

    Raises:
        DigestError: a file is not what train_model wrote.
        RegistryError: the registry cannot be reached, or refused.
    """
    with step("register_model") as progress:
        progress.expect(3, "phases")
        lineage, metrics = read_json(model / LINEAGE_FILE), read_json(model / METRICS_FILE)
        verify_digests(model, lineage["sha256"])
        progress.advance()
        with _registry_errors(registry):
            client = MlflowClient(registry)
            run = client.create_run(_experiment(client, registry), run_name=metrics["name"])
            for name, value in flat_numbers(metrics):
                client.log_metric(run.info.run_id, name, value)
            client.log_artifacts(run.info.run_id, str(model), FOLDER)
            client.set_terminated(run.info.run_id)
            progress.advance()
            version = client.create_model_version(
                _registered(client),
                source=f"{run.info.artifact_uri}/{FOLDER}",
                run_id=run.info.run_id,
                tags={
                    "backbone": metrics["name"],
                    "code_version": lineage["code_version"],
                    "source_fingerprint": source_fingerprint,
                    "lineage_sha256": sha256_of(model / LINEAGE_FILE),
                },
            )
            client.set_registered_model_alias(MODEL_NAME, CHAMPION, version.version)
        progress.advance()
    return str(version.version)


def fetch_model(registry: str, output: Path, version: str = CHAMPION) -> Path:
    """Download a version into `output`, which appears only if every digest is right.

    Args:
        registry: an MLflow URI.
        output: the directory to make; one that is there is replaced.
        version: a number or an alias.

    Raises:
        DigestError: a file is not what was registered.
        RegistryError: the registry cannot be reached, or has no such version.
    """
    with _registry_errors(registry), atomic_directory(output) as directory:
        client = MlflowClient(registry)
        found = _find(client, version)
        client.download_artifacts(str(found.run_id), FOLDER, str(directory))
        for path in (directory / FOLDER).iterdir():
            shutil.move(path, directory)
        (directory / FOLDER).rmdir()
        if sha256_of(directory / LINEAGE_FILE) != found.tags["lineage_sha256"]:
            raise DigestError(
                f"version {found.version}: {LINEAGE_FILE} was changed. Do not use it."
            )
        verify_digests(directory, read_json(directory / LINEAGE_FILE)["sha256"])
    return output


def _find(client: MlflowClient, version: str) -> ModelVersion:
    if version.isdigit():
        return client.get_model_version(MODEL_NAME, version)
    return client.get_model_version_by_alias(MODEL_NAME, version)


def _registered(client: MlflowClient) -> str:
    if not client.search_registered_models(f"name = '{MODEL_NAME}'", max_results=1):
        client.create_registered_model(MODEL_NAME)
    return MODEL_NAME


def _experiment(client: MlflowClient, registry: str) -> str:
    found = client.get_experiment_by_name(EXPERIMENT)
    if found:
        return str(found.experiment_id)
    return client.create_experiment(EXPERIMENT, _artifact_location(registry))


def _artifact_location(registry: str) -> str | None:
    """Beside the database, for SQLite; a server knows its own place."""
    if not registry.startswith("sqlite:///"):
        return None
    folder = Path(unquote(registry.removeprefix("sqlite:///"))).resolve().parent
    return (folder / "artifacts").as_uri()


@contextlib.contextmanager
def _registry_errors(registry: str) -> Iterator[None]:
    if registry.startswith("sqlite:///"):
        Path(unquote(registry.removeprefix("sqlite:///"))).parent.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except MlflowException as error:
        told = f"the model registry {registry} refused: {error.message}"
        raise RegistryError(
            f"{CREDENTIALS.sub('//', told)}. Is the URI right (--registry), and does MLflow answer "
            "there?"
        ) from None  # the cause would show the credentials again
