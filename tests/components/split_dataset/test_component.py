"""The component: what Kubeflow sees of it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from components.artifacts import read_json
from components.contracts import AUDIT_FILE
from components.split_dataset.component import split_dataset
from components.split_dataset.summary import markdown_of
from tests.shards import people, write_shards


class Artifact(SimpleNamespace):
    """As KFP hands it in."""

    def log_metric(self, name, value):
        self.metadata[name] = value


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("component")

    def artifact(path):
        return Artifact(path=str(path), metadata={})

    shards = write_shards(folder, people())
    out = {name: artifact(folder / "out" / name) for name in split_dataset.component_spec.outputs}
    split_dataset.python_func(
        features=list(map(artifact, shards.features)),
        frames=list(map(artifact, shards.frames)),
        clips=artifact(shards.clips),
        extractions=list(map(artifact, shards.extractions)),
        stranger_share=0.5,
        seed=0,
        protocol="auto",
        pictures="evaluation",
        **out,
    )
    return folder / "out", out["metrics"].metadata


def test_every_input_says_what_it_is():
    assert all(each.description for each in split_dataset.component_spec.inputs.values())


def test_the_metrics_count_what_stands_on_each_side(outputs):
    folder, metrics = outputs
    protocol = read_json(folder / "audit" / AUDIT_FILE)["protocol"]
    assert metrics["test_frames"] == protocol["sides"]["test"]["frames"]
    assert metrics["strangers_test_people"] == 1
    assert metrics["near_duplicates_removed"] == 0


def test_the_summary_is_the_audit_to_read(outputs):
    folder, _ = outputs
    text = (folder / "summary").read_text()
    assert text.startswith("# Split: by_session\n")
    assert "strangers\\_on\\_both\\_sides | 0 |" in text


def test_the_summary_names_nobody(outputs):
    text = (outputs[0] / "summary").read_text()
    assert not any(name in text for clip in people() for name in (clip.clip_id, clip.person_id))


@pytest.mark.parametrize(
    ("protocol", "mark"), [("random_frames", "leaks"), ("time_blocks", "optimistic")]
)
def test_the_summary_marks_a_split_that_flatters(outputs, protocol, mark):
    findings = read_json(outputs[0] / "audit" / AUDIT_FILE)
    changes = {"name": protocol, "leaks": mark == "leaks", "within_session": True}
    findings["protocol"] |= changes
    assert mark in markdown_of(findings).splitlines()[0]
