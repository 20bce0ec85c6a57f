"""The registry: a version holds the model directory, its metrics and what it was made from.

The version's tags hold the digests of its manifest.json and lineage.json; what hangs on those
stands in components/trusted_model.py.
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
from components.errors import ContractError, DigestError, RegistryError, TrustError
from components.metrics import flat_numbers
from components.model_directory import (
    CLASSES_FILE,
    LINEAGE_FILE,
    MANIFEST_FILE,
    METRICS_FILE,
    MODEL_CARD_FILE,
)
from components.signing import check_signature
from components.trusted_model import verify_model

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from mlflow.entities.model_registry import ModelVersion

MODEL_NAME: Final = "rollcall"
EXPERIMENT: Final = "rollcall"
CHAMPION: Final = "champion"
PREVIOUS: Final = "previous"
CHALLENGER: Final = "challenger"
FOLDER: Final = "model"

MANIFEST_TAG: Final = "manifest_sha256"
SOURCE: Final = "source_fingerprint"
RUN: Final = "pipeline_run"
GATE: Final = "gate"
REASON: Final = "gate_failed."
"""Before the name of each rule that a version failed, which holds why."""
LONGEST_DESCRIPTION: Final = 5000
"""What a column of MLflow's database holds."""
STATUS: Final = "status"
REVOKED: Final = "revoked"
REVOKED_ON: Final = "revoked_on"
REVOKED_BECAUSE: Final = "revoked_because"
OPTIONS: Final = "options"
"""JSON of the options that a version was made with, and of the version of the code."""
ACCURACY: Final = "accuracy"
"""JSON of its identity accuracy of transactions: value, interval, trials, within_session."""
UNCHANGED_IN: Final = "unchanged_in_run"
"""The last run that found nothing changed since the version was made."""
UNCHANGED_ON: Final = "unchanged_on"
FORGOTTEN: Final = "somebody whose clips it was made from was forgotten"
MAX_VERSIONS: Final = 100_000
_VERSIONS_IN_A_PAGE: Final = 100

CREDENTIALS: Final = re.compile(r"//[^/@\s]+@")
"""Name and password in a URI, wherever it stands in a text."""


def register_version(
    model: Path, registry: str, tags: dict[str, str], description: str = ""
) -> str:
    """Register a directory, as it stands, as a new version of MODEL_NAME; it gets no alias.

    Args:
        model: a model directory with its manifest.json.
        registry: an MLflow URI. With SQLite, the files lie in a folder beside the database.
        tags: of the version, on top of those that its own files give.
        description: in Markdown; what is beyond LONGEST_DESCRIPTION characters is cut off.

    Returns:
        The new version's number.

    Raises:
        DigestError: a file is not what was written.
        RegistryError: the registry cannot be reached, or refused.
    """
    verify_model(model)
    lineage, metrics = read_json(model / LINEAGE_FILE), read_json(model / METRICS_FILE)
    with connected(registry) as client:
        run = client.create_run(_experiment(client, registry), run_name=metrics["name"])
        for name, value in flat_numbers(metrics):
            client.log_metric(run.info.run_id, name, value)
        client.log_artifacts(run.info.run_id, str(model), FOLDER)
        client.set_terminated(run.info.run_id)
        version = client.create_model_version(
            _registered(client),
            source=f"{run.info.artifact_uri}/{FOLDER}",
            run_id=run.info.run_id,
            tags={
                "backbone": metrics["name"],
                "code_version": lineage["code_version"],
                "lineage_sha256": sha256_of(model / LINEAGE_FILE),
                MANIFEST_TAG: sha256_of(model / MANIFEST_FILE),
                **tags,
            },
            description=_cut(description),
        )
    return str(version.version)


def fetch_model(registry: str, output: Path, version: str = CHAMPION) -> Path:
    """Download a version into `output`, which appears only if all of it can be trusted.

    Args:
        registry: an MLflow URI.
        output: the directory to make; one that is there is replaced.
        version: a number or an alias.

    Raises:
        DigestError: a file is not what was registered.
        TrustError: it was revoked, or holds what can run code, or it has not the signature that
            components.signing asks for.
        RegistryError: the registry cannot be reached, or has no such version.
    """
    with connected(registry) as client, atomic_directory(output) as directory:
        found = find_version(client, version)
        refuse_revoked(found)
        client.download_artifacts(str(found.run_id), FOLDER, str(directory))
        for path in (directory / FOLDER).iterdir():
            shutil.move(path, directory)
        (directory / FOLDER).rmdir()
        manifest = directory / MANIFEST_FILE
        if not manifest.is_file() or sha256_of(manifest) != found.tags.get(MANIFEST_TAG):
            raise DigestError(
                f"version {found.version}: {MANIFEST_FILE} was changed, or an older Rollcall "
                "registered it without one. Do not use it; train anew"
            )
        verify_model(directory)
        check_signature(directory)
    return output


def champion_version(registry: str) -> str | None:
    """The number of the version with the alias CHAMPION; None if there is none.

    A database that does not exist yet is not made.

    Raises:
        RegistryError: the registry cannot be reached.
    """
    database = database_of(registry)
    if database and not database.exists():
        return None
    with connected(registry) as client:
        return aliases_of(client).get(CHAMPION)


def version_of_run(registry: str, run: str) -> ModelVersion | None:
    """The newest version that the pipeline's run `run` registered; None if it registered none.

    Raises:
        RegistryError: the registry cannot be reached.
    """
    database = database_of(registry)
    if database and not database.exists():
        return None
    with connected(registry) as client:
        page = client.search_model_versions(
            f"name = '{MODEL_NAME}' and tags.`{RUN}` = '{run}'", order_by=["version_number DESC"]
        )
        return page[0] if page else None


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
    with connected(registry) as client:
        aliases = aliases_of(client)
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
    with connected(registry) as client:
        for name, value in tags.items():
            client.set_model_version_tag(MODEL_NAME, version, name, value)
        for alias, number in aliases_of(client).items():
            if number == version:
                client.delete_registered_model_alias(MODEL_NAME, alias)


def refuse_revoked(found: ModelVersion) -> None:
    """Refuse a version that was revoked.

    Raises:
        TrustError: it was.
    """
    if found.tags.get(STATUS) == REVOKED:
        raise TrustError(
            f"version {found.version} was revoked on {found.tags[REVOKED_ON]}: "
            f"{found.tags[REVOKED_BECAUSE]}. Train anew without them, and remove every copy of it"
        )


def _examine(
    client: MlflowClient,
    found: ModelVersion,
    aliases: dict[str, str],
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
        tuple(alias for alias, number in aliases.items() if number == str(found.version)),
        found.tags.get(SOURCE, ""),
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


def aliases_of(client: MlflowClient) -> dict[str, str]:
    """The aliases of the model and the numbers of their versions; none if there is no model."""
    models = client.search_registered_models(f"name = '{MODEL_NAME}'", max_results=1)
    return {alias: str(number) for model in models for alias, number in model.aliases.items()}


def find_version(client: MlflowClient, version: str) -> ModelVersion:
    """A version by its number or alias.

    Raises:
        MlflowException: there is none; `connected` makes a RegistryError of it.
    """
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


def database_of(registry: str) -> Path | None:
    """The file of a registry in SQLite; None for others."""
    path = registry.removeprefix("sqlite:///")
    return None if path == registry else Path(unquote(path))


def _artifact_location(registry: str) -> str | None:
    """Beside the database, for SQLite; a server knows its own place."""
    database = database_of(registry)
    return (database.resolve().parent / "artifacts").as_uri() if database else None


def _cut(text: str) -> str:
    note = f"\n\n(The rest is in {MODEL_CARD_FILE}.)"
    return (
        text if len(text) <= LONGEST_DESCRIPTION else text[: LONGEST_DESCRIPTION - len(note)] + note
    )


@contextlib.contextmanager
def connected(registry: str) -> Iterator[MlflowClient]:
    """A client; what MLflow raises meanwhile becomes a RegistryError without credentials in it."""
    if database := database_of(registry):
        database.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield MlflowClient(registry)
    except MlflowException as error:
        told = f"the model registry {registry} refused: {error.message}"
        raise RegistryError(
            f"{CREDENTIALS.sub('//', told)}. Is the URI right (--registry), and does MLflow answer "
            "there?"
        ) from None  # the cause would show the credentials again
