"""The images, and a run of the whole DAG in them; what each test looks at."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from components.synthesize_cohort import CohortOptions, synthesize_cohort
from pipelines.images import Built, Engine, build_images, installed_settings
from pipelines.local import local_registry
from pipelines.options import TrainingOptions
from tests.containers.calls import run_in_containers
from tests.containers.podman import build_options, docker_api, make_base, unusable
from tests.containers.replays import Run, owned

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipelines.settings import Settings

COHORT = CohortOptions(students=4, staff=1, visitors=3, seconds=3.0, size=160, fps=10, processes=2)
OPTIONS = TrainingOptions(
    backbones=("EfficientNetLite0", "EfficientNetLite1"),
    min_sharpness=0.0,
    prefer="size",  # latencies differ from run to run, and with them the champion might
    gate_min_accuracy=0.0,
)


@pytest.fixture(scope="session", autouse=True)
def _podman() -> Iterator[None]:
    if reason := unusable():
        pytest.exit(reason, returncode=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONTAINERS_CONF", str(Path(__file__).with_name("containers.conf")))
        yield


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("containers")


@pytest.fixture(scope="session")
def built(folder: Path) -> Built:
    base, more = make_base(folder), build_options()
    return build_images(Engine("podman"), tag="tested", base=base, more=more)


@pytest.fixture(scope="session")
def settings(built: Built, folder: Path) -> Settings:
    """Those of an installation with these images."""
    path = folder / "images.json"
    path.write_text(json.dumps(asdict(built)))
    return installed_settings(path)


@pytest.fixture(scope="session")
def run(settings: Settings, folder: Path) -> Run:
    source, registry, root = (folder / name for name in ("source", "registry", "pipeline"))
    synthesize_cohort(source, COHORT)
    for writable in (registry, root):
        writable.mkdir()
        owned(writable)
    arguments = {
        **OPTIONS.arguments(),
        "source": str(source),
        "registry": local_registry(registry),
    }
    local = settings.model_copy(update={"local": True})
    with docker_api(folder) as address, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_HOST", address)
        folders = {source: False, registry: True}
        calls = run_in_containers("training.yaml", local, arguments, root, folders)
    return Run(arguments, root, source, registry, calls)
