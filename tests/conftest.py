"""What tests of several folders share."""

from __future__ import annotations

import os
import shutil
import signal
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

from tests.azurite import azurite, container, gate  # noqa: F401 - fixtures
from tests.stills import still
from tests.videos import noise, write_video

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fake_kubeflow import FakeKubeflow

settings.register_profile("rollcall", deadline=None)  # a busy machine is no failure
settings.load_profile("rollcall")

# In the background of a script it is ignored, here and in what tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)

TODAY = date(2025, 6, 15)
KILLS = int(os.environ.get("ROLLCALL_TEST_KILLS", "3"))
"""Few here; `make test-kills` makes twenty of them."""


@dataclass
class Cohort:
    """A source in the making: people in the roster, clips below videos/, stills below images/."""

    folder: Path
    rows: list[str] = field(default_factory=list)
    clips: int = 0

    def person(
        self,
        person_id: str,
        role: str = "student",
        given: str = "2025-01-01",
        expires: str = "2025-12-31",
    ) -> Cohort:
        self.rows.append(f"{person_id},{role},{given},{expires}")
        header = "person_id,role,consent_given_on,consent_expires_on"
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "roster.csv").write_text("\n".join([header, *self.rows, ""]))
        return self

    def path(self, name: str, folder: str = "videos") -> Path:
        path = self.folder / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def clip(
        self,
        name: str,
        *,
        seconds: float = 1.2,
        fps: int = 10,
        size: tuple[int, int] = (64, 64),
        **more: Any,
    ) -> Path:
        """Write a clip whose content is like no other's."""
        self.clips += 1
        frames = noise(round(seconds * fps), size=size, seed=self.clips)
        return write_video(self.path(name), frames, fps=fps, **more)

    def still(self, name: str, **more: Any) -> Path:
        """Write a still whose content is like no other's."""
        self.clips += 1
        return self.raw(name, still(self.clips, suffix=Path(name).suffix, **more), "images")

    def raw(self, name: str, content: bytes, folder: str = "videos") -> Path:
        path = self.path(name, folder)
        path.write_bytes(content)
        return path


@pytest.fixture
def cohort(tmp_path: Path) -> Cohort:
    return Cohort(tmp_path / "source")


@pytest.fixture(autouse=True)
def _audit_log(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test writes into the audit log of whoever runs it."""
    monkeypatch.setenv("ROLLCALL_AUDIT_LOG", str(tmp_path / "audit.jsonl"))


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database of MLflow: making its tables takes seconds, copying it does not."""
    from mlflow import MlflowClient

    database = tmp_path_factory.mktemp("registry") / "mlflow.db"
    MlflowClient(f"sqlite:///{database}").search_registered_models()
    return database


@pytest.fixture
def registry(empty_database: Path, tmp_path: Path) -> str:
    """The URI of an empty registry, whose files lie in tmp_path / "registry"."""
    (tmp_path / "registry").mkdir()
    shutil.copy(empty_database, tmp_path / "registry" / "mlflow.db")
    return f"sqlite:///{tmp_path / 'registry' / 'mlflow.db'}"


@pytest.fixture
def kubeflow(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeKubeflow]:
    """A fake server of a test's own, which is where the settings say that Kubeflow is."""
    from tests.fake_kubeflow import running_fake  # imports kfp's API, which few tests need

    with running_fake() as fake:
        monkeypatch.setenv("ROLLCALL_HOST", fake.url)
        yield fake
