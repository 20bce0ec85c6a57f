"""The registry: a version holds the model directory, its metrics and what it was made from.

Trust runs in a chain: the version's tag holds the digest of lineage.json, and that file holds the
digests of all others.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # read when mlflow is imported
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")  # there is one for the step

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from components.artifacts import atomic_directory, read_json, sha256_of, verify_digests
from components.errors import ContractError, DigestError, RegistryError
from components.metrics import flat_numbers
from components.model_directory import CLASSES_FILE, LINEAGE_FILE, METRICS_FILE
from components.telemetry import step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from mlflow.entities.model_registry import ModelVersion

MODEL_NAME: Final = "rollcall"
EXPERIMENT: Final = "rollcall"
CHAMPION: Final = "champion"
FOLDER: Final = "model"

STATUS: Final = "status"
REVOKED: Final = "revoked"
REVOKED_ON: Final = "revoked_on"
REVOKED_BECAUSE: Final = "revoked_because"
FORGOTTEN: Final = "somebody whose clips it was made from was forgotten"
MAX_VERSIONS: Final = 100_000
_VERSIONS_IN_A_PAGE: Final = 100

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
        RegistryError: the registry cannot be reached, or has no such version, or it was revoked.
    """
    with _registry_errors(registry), atomic_directory(output) as directory:
        client = MlflowClient(registry)
        found = _find(client, version)
        _refuse_revoked(found)
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


@dataclass(frozen=True)
class Examined:
    """A version that was held against a question.

    Attributes:
        version: its number.
        aliases: the names it goes by, such as CHAMPION.
        source_fingerprint: digest of the clips it was made from.
        lineage_sha256: digest of its lineage.json.
        revoked: whether it was revoked before; then nothing was asked.
        answer: what the question gave; empty for no.
        problem: why it could not be asked; empty if it could.
    """

    version: str
    aliases: tuple[str, ...]
    source_fingerprint: str
    lineage_sha256: str
    revoked: bool
    answer: str = ""
    problem: str = ""


def examine_versions(registry: str, question: Callable[[Path], str]) -> list[Examined]:
    """Ask something of every version, by its lineage.json and classes.json, newest first.

    Args:
        registry: an MLflow URI.
        question: given a folder with the version's LINEAGE_FILE and, if it has one, CLASSES_FILE;
            returns an empty text for no.

    Raises:
        RegistryError: the registry cannot be reached, or has more than MAX_VERSIONS.
    """
    with _registry_errors(registry):
        client = MlflowClient(registry)
        aliases = _aliases(client)
        return [
            _examine(client, found, aliases, question)
            for found in sorted(_versions(client), key=lambda each: -int(each.version))
        ]


def revoke_version(registry: str, version: str, when: datetime) -> None:
    """Mark a version as REVOKED, so that it is not fetched any more, and take all its aliases away.

    Raises:
        RegistryError: the registry cannot be reached, or refused.
    """
    tags = {STATUS: REVOKED, REVOKED_ON: when.isoformat(), REVOKED_BECAUSE: FORGOTTEN}
    with _registry_errors(registry):
        client = MlflowClient(registry)
        for name, value in tags.items():
            client.set_model_version_tag(MODEL_NAME, version, name, value)
        for alias, number in _aliases(client):
            if number == version:
                client.delete_registered_model_alias(MODEL_NAME, alias)


def _refuse_revoked(found: ModelVersion) -> None:
    if found.tags.get(STATUS) == REVOKED:
        raise RegistryError(
            f"version {found.version} was revoked on {found.tags[REVOKED_ON]}: "
            f"{found.tags[REVOKED_BECAUSE]}. Train anew without them, and remove every copy of it"
        )


def _examine(
    client: MlflowClient,
    found: ModelVersion,
    aliases: list[tuple[str, str]],
    question: Callable[[Path], str],
) -> Examined:
    revoked = found.tags.get(STATUS) == REVOKED
    answer = problem = ""
    if not revoked:
        try:
            with tempfile.TemporaryDirectory(prefix="rollcall-lineage-") as folder:
                answer = question(_papers(client, found, Path(folder)))
        except (MlflowException, DigestError, ContractError, OSError) as error:
            problem = f"its lineage cannot be read ({type(error).__name__})"
    return Examined(
        str(found.version),
        tuple(alias for alias, number in aliases if number == str(found.version)),
        found.tags.get("source_fingerprint", ""),
        found.tags.get("lineage_sha256", ""),
        revoked,
        answer,
        problem,
    )


def _papers(client: MlflowClient, found: ModelVersion, folder: Path) -> Path:
    """What a version says of its origin, held against its digests."""
    run = str(found.run_id)
    lineage = Path(client.download_artifacts(run, f"{FOLDER}/{LINEAGE_FILE}", str(folder)))
    if sha256_of(lineage) != found.tags.get("lineage_sha256"):
        raise DigestError(f"version {found.version}: {LINEAGE_FILE} was changed")
    digests = read_json(lineage)["sha256"]
    if CLASSES_FILE in digests:
        client.download_artifacts(run, f"{FOLDER}/{CLASSES_FILE}", str(folder))
        verify_digests(lineage.parent, {CLASSES_FILE: digests[CLASSES_FILE]})
    return lineage.parent


def _versions(client: MlflowClient) -> list[ModelVersion]:
    found: list[ModelVersion] = []
    token = None
    while len(found) <= MAX_VERSIONS:
        page = client.search_model_versions(
            f"name = '{MODEL_NAME}'", max_results=_VERSIONS_IN_A_PAGE, page_token=token
        )
        found.extend(page)
        token = page.token
        if not token and len(found) <= MAX_VERSIONS:
            return found
    raise RegistryError(f"the registry has more than {MAX_VERSIONS:,} versions; delete old ones")


def _aliases(client: MlflowClient) -> list[tuple[str, str]]:
    """The aliases of the model and the numbers of their versions; none if there is no model."""
    models = client.search_registered_models(f"name = '{MODEL_NAME}'", max_results=1)
    return [(alias, str(number)) for model in models for alias, number in model.aliases.items()]


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
