"""Compiles a pipeline for a cluster, and starts it there or keeps a version of it there."""

from __future__ import annotations

import contextlib
import hashlib
import json
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from kfp_server_api import V2beta1Pipeline, V2beta1Run

from pipelines import fine_tuning, training
from pipelines.compilation import compile_pipelines
from pipelines.images import installed_settings
from pipelines.kubeflow import silent
from pipelines.request import Pipeline
from pipelines.revision import revision
from pipelines.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipelines.kubeflow import KubeflowClient
    from pipelines.request import Request

TITLES: Final = {Pipeline.TRAINING: training.NAME, Pipeline.FINE_TUNING: fine_tuning.NAME}
"""What the server calls them."""


@dataclass(frozen=True)
class Version:
    """A version of a pipeline on a server.

    Attributes:
        pipeline_id: of the pipeline.
        version_id: of the version.
        name: of the version.
        new: whether it was not there before.
    """

    pipeline_id: str
    version_id: str
    name: str
    new: bool


@contextlib.contextmanager
def compiled(pipeline: Pipeline) -> Iterator[Path]:
    """The pipeline as YAML, in a file that is there meanwhile."""
    with tempfile.TemporaryDirectory() as folder:
        compile_pipelines(installed_settings(), Path(folder))
        yield Path(folder) / f"{pipeline.replace('-', '_')}.yaml"


def submit(
    client: KubeflowClient, request: Request, package: Path, arguments: dict[str, Any]
) -> V2beta1Run:
    """Start a run of a compiled pipeline.

    Raises:
        KubeflowError: the server refuses, or cannot be reached.
    """
    now = datetime.now(UTC)
    with silent():
        return client.run_pipeline(
            experiment_of(client, request.experiment),
            f"{TITLES[request.pipeline]} {now:%Y-%m-%d %H:%M:%S} {revision()}",
            pipeline_package_path=str(package),
            params=arguments,
            service_account=Settings().service_account or None,
        )


def upload(client: KubeflowClient, pipeline: Pipeline, package: Path) -> Version:
    """Keep a compiled pipeline on the server, as a version that is called by what it was made of.

    The name is that of Git's revision, and the beginning of the YAML's digest: the same revision
    with other images is another version. What is there already is left as it is.

    Raises:
        KubeflowError: the server refuses, or cannot be reached.
    """
    name = f"{revision()}-{hashlib.sha256(package.read_bytes()).hexdigest()[:8]}"
    pipeline_id = _pipeline_id(client, pipeline)
    found = client.list_pipeline_versions(pipeline_id, page_size=1, filter=named(name))
    if found.pipeline_versions:
        return Version(pipeline_id, found.pipeline_versions[0].pipeline_version_id, name, new=False)
    note = "Made of changes that were not committed. " if "-dirty-" in name else ""
    with silent():
        made = client.upload_pipeline_version(
            str(package),
            name,
            pipeline_id=pipeline_id,
            description=f"{note}Git revision and digest of the YAML: {name}",
        )
    return Version(pipeline_id, made.pipeline_version_id, name, new=True)


def experiment_of(client: KubeflowClient, name: str) -> str:
    """The ID of an experiment, which is made where there is none of the name."""
    with silent():
        return str(client.create_experiment(name).experiment_id)


def named(name: str) -> str:
    """The API's filter for what has this name."""
    predicate = {"operation": "EQUALS", "key": "display_name", "stringValue": name}
    return json.dumps({"predicates": [predicate]})


def _pipeline_id(client: KubeflowClient, pipeline: Pipeline) -> str:
    namespace = client.namespace or None
    found = client.list_pipelines(page_size=1, filter=named(TITLES[pipeline]), namespace=namespace)
    if found.pipelines:
        return str(found.pipelines[0].pipeline_id)
    # Made empty, as kfp.Client gives a pipeline's first version the pipeline's own name.
    new = V2beta1Pipeline(name=TITLES[pipeline], display_name=TITLES[pipeline], namespace=namespace)
    return str(client.pipelines.pipeline_service_create_pipeline(new).pipeline_id)
