"""What a version of this code is called."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from pipelines import revision as module
from pipelines.revision import revision


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    folder = tmp_path / "pipelines"
    folder.mkdir()
    (tmp_path / "file").write_text("1")
    who = ("-c", "user.name=t", "-c", "user.email=t@localhost")
    for command in (("init", "-q"), ("add", "."), (*who, "commit", "-qm", "first")):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    monkeypatch.setattr(module, "FOLDER", folder)
    return tmp_path


def test_a_committed_checkout_is_its_commit(checkout):
    told = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=checkout, check=True, capture_output=True, text=True
    )
    assert revision() == told.stdout[:12]


def test_what_is_not_committed_shows(checkout):
    clean = revision()
    (checkout / "another").write_text("2")
    assert revision() == f"{clean}-dirty"


def test_outside_of_a_checkout_it_is_the_package_s_version(checkout):
    shutil.rmtree(checkout / ".git")
    assert revision() == "v0.1.0"
