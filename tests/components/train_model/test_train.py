"""The model that ships: pixels in, people and roles out, in two formats that agree."""

from __future__ import annotations

import dataclasses
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pytest
from kfp import dsl

from components.artifacts import read_json, verify_digests, write_json
from components.contracts import (
    BACKBONES_FILE,
    EMBEDDING_FILE,
    FRAMES,
    INDEX,
    INDEX_FILE,
    SAMPLES_FILE,
    TRANSACTIONS,
)
from components.edge import export as export_module
from components.edge.convert import converting
from components.edge.export import export_precisions
from components.edge.frames import sample_frames
from components.edge.model import EdgeModel, Precision, load_interpreter
from components.metrics import flat_numbers
from components.model_directory import (
    CLASSES_FILE,
    CONFUSION_FILE,
    CURVES_FILE,
    DECISION_FILE,
    DETECTOR_FILE,
    EDGE_MODEL_FILE,
    EVALUATION_FILE,
    FRAME_SIZE,
    LINEAGE_FILE,
    METRICS_FILE,
    MODEL_FILE,
    STRANGER,
    TRANSACTIONS_FILE,
    Classes,
    Role,
)
from components.parquet import read_table, write_table
from components.pseudonyms import holds
from components.split_dataset.assign import SplitOptions
from components.split_dataset.split import split_dataset
from components.train_model import component
from components.train_model.dataset import read_dataset
from components.train_model.train import Recipe, _rows, train_model
from tests.shards import (
    BACKBONE,
    DIMENSION,
    MIDDLE,
    STEP,
    averaging_weights,
    people,
    write_shards,
)

PIXELS = (FRAME_SIZE, FRAME_SIZE, 3)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """A dataset, and a small backbone of real layers exported as export_backbones does."""
    folder = tmp_path_factory.mktemp("inputs")
    shards = write_shards(folder, people(students=4, staff=2, visitors=4), views=2)
    split_dataset(
        shards.features,
        shards.frames,
        shards.clips,
        shards.extractions,
        SplitOptions(),
        dataset=folder / "dataset",
        audit=folder / "audit",
    )
    (folder / "exported" / BACKBONE).mkdir(parents=True)
    average = keras.layers.Conv2D(3, 16, 16, use_bias=False)  # 1 / 16^2 is exact in float16
    layers = [
        keras.Input(PIXELS, dtype="uint8"),
        keras.layers.Rescaling(1 / STEP, -MIDDLE / STEP),
        keras.layers.AveragePooling2D(FRAME_SIZE // 2 // 16),
        average,
        keras.layers.Flatten(),
    ]
    backbone = keras.Sequential(layers)
    average.set_weights([averaging_weights(16)])
    backbone.save(folder / "exported" / BACKBONE / "backbone.keras")
    row = {"status": "succeeded", "reason": None, "dimension": DIMENSION, "parameters": 9}
    write_json(folder / "exported" / BACKBONES_FILE, {BACKBONE: {**row, "weights": "none"}})
    return folder


RECIPE = Recipe(BACKBONE, epochs=2, seed=0, crop="face", frames_per_second=5.0, target_fpir=0.01)


def train(inputs, output, **options):
    recipe = dataclasses.replace(RECIPE, **options)
    return train_model(inputs / "dataset", inputs / "exported", recipe, output)


@pytest.fixture(scope="module")
def task(inputs, tmp_path_factory):
    """What Kubeflow sees of the step: its outputs by name."""
    folder = tmp_path_factory.mktemp("trained")
    kinds = {
        "model": dsl.Model,
        "metrics": dsl.Metrics,
        "confusion": dsl.ClassificationMetrics,
        "summary": dsl.Markdown,
    }
    outputs = {name: kind(name, str(folder / name)) for name, kind in kinds.items()}
    given = {name: dsl.Artifact(name, str(inputs / name)) for name in ("dataset", "exported")}
    component.train_model.python_func(**vars(RECIPE), **given, **outputs)
    return outputs


@pytest.fixture(scope="module")
def trained(task):
    output = Path(task["model"].path)
    return read_json(output / METRICS_FILE), output


@pytest.fixture(scope="module")
def frames(inputs):
    return sample_frames(inputs / "dataset", 16)


@pytest.fixture(scope="module")
def loaded(trained):
    return keras.saving.load_model(trained[1] / MODEL_FILE, safe_mode=True)


def test_the_directory_is_complete(trained):
    assert {path.name for path in trained[1].iterdir()} == {
        MODEL_FILE,
        EDGE_MODEL_FILE,
        CLASSES_FILE,
        METRICS_FILE,
        CURVES_FILE,
        CONFUSION_FILE,
        EVALUATION_FILE,
        TRANSACTIONS_FILE,
        DECISION_FILE,
        DETECTOR_FILE,
        LINEAGE_FILE,
    }


def test_the_keras_model_takes_pixels_and_names_its_outputs(loaded, trained, frames):
    classes = Classes.read(trained[1] / CLASSES_FILE)
    predicted = loaded.predict(frames, verbose=0)
    assert loaded.inputs[0].dtype == "uint8"
    assert loaded.input_shape == (None, *PIXELS)
    assert {name: values.shape for name, values in predicted.items()} == {
        "person": (len(frames), len(classes.people)),
        "role": (len(frames), len(classes.roles)),
    }


def differences(edge, loaded, frames):
    expected = loaded.predict(frames, verbose=0)
    for number, frame in enumerate(frames):
        for name, values in edge(frame).items():
            yield np.abs(values[0] - expected[name][number]).max()


def test_the_edge_model_differs_from_the_keras_model_by_what_the_metrics_say(
    loaded, trained, frames
):
    metrics, output = trained
    noted = metrics["edge"]["precisions"][metrics["edge"]["precision"]]["max_difference"]
    found = max(differences(EdgeModel(output / EDGE_MODEL_FILE), loaded, frames))
    assert found == pytest.approx(noted, abs=1e-5)


@pytest.fixture(scope="module")
def converted(loaded, frames, tmp_path_factory):
    with converting(loaded, tmp_path_factory.mktemp("edge") / "model.keras", frames) as running:
        yield running.result()


@pytest.fixture(scope="module")
def precisions(converted, frames):
    return export_precisions(converted, frames)


def test_the_float32_model_agrees_with_the_keras_model_on_every_frame(loaded, frames, precisions):
    edge = EdgeModel(precisions[Precision.FLOAT32].path)
    assert max(differences(edge, loaded, frames)) < 1e-4


def test_each_precision_says_on_how_many_frames_it_was_checked(frames, precisions):
    assert {file.frames for file in precisions.values()} == {len(frames)}


def test_each_precision_is_smaller_than_the_one_before(precisions):
    assert list(precisions) == list(Precision)
    sizes = [file.path.stat().st_size for file in precisions.values()]
    assert sizes == [file.size_bytes for file in precisions.values()]
    assert sizes == sorted(sizes, reverse=True)


def test_the_int8_model_takes_the_same_pixels_and_names_the_same_people(loaded, frames, precisions):
    edge, expected = EdgeModel(precisions[Precision.INT8].path), loaded.predict(frames, verbose=0)
    people = [int(edge(frame)["person"].argmax()) for frame in frames]
    assert people == expected["person"].argmax(1).tolist()


def test_the_int8_model_has_the_backbone_in_int8_and_the_head_in_float(precisions):
    details = load_interpreter(precisions[Precision.INT8].path).get_tensor_details()
    kinds = {tensor["name"]: tensor["dtype"] for tensor in details}
    assert np.int8 not in {kind for name, kind in kinds.items() if "/head" in name}
    assert np.int8 in {kind for name, kind in kinds.items() if "conv2d" in name}


def test_an_int8_model_that_does_not_work_is_left_out_with_a_warning(
    converted, frames, monkeypatch, tmp_path, caplog
):
    def write_junk(full, path, scope, representative):
        path.write_bytes(b"junk")

    monkeypatch.setattr(export_module, "_write_int8", write_junk)
    shutil.copy(converted.path, tmp_path)
    elsewhere = dataclasses.replace(converted, path=tmp_path / converted.path.name)
    files = export_precisions(elsewhere, frames)
    assert list(files) == [Precision.FLOAT32, Precision.FLOAT16]
    assert "there is no int8 model" in caplog.text


def test_people_who_are_apart_are_told_apart(trained):
    assert trained[0]["transaction"]["identity_accuracy"] > 0.9


def test_the_decision_is_that_of_the_metrics_with_what_the_robot_has_to_know(trained):
    metrics, output = trained
    open_set = metrics["transaction"]["open_set"]
    assert read_json(output / DECISION_FILE) == {
        "threshold": open_set["threshold"],
        "basis": "strangers",
        "target_fpir": 0.01,
        "unit": "transaction",
        "crop": "face",
        "precision": metrics["edge"]["precision"],
        "frames_per_second": 5.0,
    }


def test_the_transactions_are_those_of_calibration_and_test_and_give_the_metrics(inputs, trained):
    metrics, output = trained
    rows = read_table(output / TRANSACTIONS_FILE, TRANSACTIONS).to_pylist()
    index = read_table(inputs / "dataset" / INDEX_FILE, INDEX).to_pylist()
    judged = {row["transaction"] for row in index if row["split"] in {"calibration", "test"}}
    assert {row["transaction"] for row in rows} == judged
    known = [row for row in rows if row["split"] == "test" and row["person"] != STRANGER]
    right = sum(row["predicted"] == row["person"] for row in known)
    assert metrics["transaction"]["n"] == len(known)
    assert metrics["transaction"]["identity_accuracy"] == pytest.approx(right / len(known))


def test_subjects_number_everybody_in_the_dataset_in_one_order(inputs, trained):
    index = read_table(inputs / "dataset" / INDEX_FILE, INDEX).to_pylist()
    order = sorted({row["person_id"] for row in index})
    whose = {row["transaction"]: order.index(row["person_id"]) for row in index}
    rows = read_table(trained[1] / TRANSACTIONS_FILE, TRANSACTIONS).to_pylist()
    assert all(row["subject"] == whose[row["transaction"]] for row in rows)


def test_no_file_of_the_directory_names_a_stranger(inputs, trained):
    index = read_table(inputs / "dataset" / INDEX_FILE, INDEX).to_pylist()
    strangers = {row["person_id"] for row in index if row["person"] == STRANGER}
    assert strangers
    written = b"".join(path.read_bytes() for path in trained[1].glob("*.json"))
    written += str(read_table(trained[1] / TRANSACTIONS_FILE, TRANSACTIONS).to_pylist()).encode()
    assert not [name for name in strangers if f'"{name}"'.encode() in written.replace(b"'", b'"')]


def test_the_evaluation_has_a_row_a_person_and_curves_of_both_units(trained):
    evaluation = read_json(trained[1] / EVALUATION_FILE)
    classes = Classes.read(trained[1] / CLASSES_FILE)
    assert {row["person"] for row in evaluation["people"]} == set(classes.people)
    assert evaluation["det"]["frame"]
    assert evaluation["det"]["transaction"]
    assert evaluation["roc"]["tmr"][-1] == 1


def test_the_metrics_hold_the_cost_of_the_model(trained):
    metrics, output = trained
    assert 0 < metrics["latency_ms"]["p50"] <= metrics["latency_ms"]["p99"]
    assert metrics["size_bytes"] == (output / EDGE_MODEL_FILE).stat().st_size
    assert metrics["parameters"] > 0
    assert metrics["train_seconds"] > 0


def test_the_task_shows_every_number_of_the_metrics(task, trained):
    assert dict(flat_numbers(trained[0])).items() <= task["metrics"].metadata.items()
    assert "transaction.open_set.fpir_upper" in task["metrics"].metadata


def test_the_task_shows_the_confusion_of_roles_and_a_roc_curve_of_finite_numbers(task):
    shown = task["confusion"].metadata
    assert [each["displayName"] for each in shown["confusionMatrix"]["annotationSpecs"]] == [*Role]
    assert len(shown["confidenceMetrics"]) > 1
    for point in shown["confidenceMetrics"]:
        assert set(point) == {"confidenceThreshold", "falsePositiveRate", "recall"}
        assert all(math.isfinite(value) for value in point.values())


def test_the_task_shows_a_summary(task):
    assert Path(task["summary"].path).read_text(encoding="utf-8").startswith(f"# {BACKBONE}\n")


def test_the_negative_control_scores_chance_and_would_have_shown_a_leak(trained):
    control = trained[0]["negative_control"]
    assert control["n"] == trained[0]["transaction"]["n"]
    assert (control["passed"], control["shows_leak"]) == (True, True)


def test_views_are_learnt_from_with_their_frames_and_nothing_else(inputs):
    dataset = read_dataset(inputs / "dataset", BACKBONE, DIMENSION, views=2)
    train, calibration = (
        _rows(dataset, dataset.split == side, with_views=side == "train")
        for side in ("train", "calibration")
    )
    frames = int((dataset.split == "train").sum())
    assert len(train.features) == len(train.person) == 3 * frames
    np.testing.assert_array_equal(train.person[frames:], np.repeat(train.person[:frames], 2))
    # The views of these shards have the features of their frames.
    np.testing.assert_array_equal(
        train.features[:][frames:], np.repeat(train.features[:frames], 2, axis=0)
    )
    known = (dataset.split == "calibration") & (dataset.person != STRANGER)
    assert len(calibration.features) == known.sum()


def test_the_lineage_names_clips_parameters_and_libraries(trained):
    lineage = read_json(trained[1] / LINEAGE_FILE)
    assert all(lineage["clips"][side] for side in ("train", "calibration", "test"))
    assert lineage["parameters"]["seed"] == 0
    assert "keras" in lineage["libraries"]


def test_the_lineage_knows_everybody_strangers_too_and_names_nobody(trained):
    lineage = read_json(trained[1] / LINEAGE_FILE)
    everybody = {clip.person_id for clip in people(students=4, staff=2, visitors=4)}
    classes = Classes.read(trained[1] / CLASSES_FILE)
    assert set(classes.people) < everybody
    assert {person for person in [*everybody, "p99"] if holds(lineage["people"], person)} == (
        everybody
    )
    assert '"p0"' not in (trained[1] / LINEAGE_FILE).read_text()


def test_the_lineage_holds_a_digest_of_every_other_file(trained):
    lineage = read_json(trained[1] / LINEAGE_FILE)
    assert set(lineage["sha256"]) == {p.name for p in trained[1].iterdir()} - {LINEAGE_FILE}
    verify_digests(trained[1], lineage["sha256"])


def test_the_same_seed_gives_the_same_scores_and_writes_what_it_returns(inputs, trained, tmp_path):
    again = train(inputs, tmp_path / "again")
    assert read_json(tmp_path / "again" / METRICS_FILE) == again
    scores = ("frame", "transaction", "strangers", "calibration", "random_split", "head")
    assert [again[name] for name in scores] == [trained[0][name] for name in scores]


def spoilt(inputs, tmp_path, file, change):
    """A copy of the inputs by links, with one JSON file changed."""
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(inputs, copy)
    write_json(copy / file, change(read_json(copy / file)))
    return copy


def test_a_backbone_without_weights_is_a_failed_model_with_the_reason(inputs, tmp_path):
    failed = {BACKBONE: {"status": "failed", "reason": "put the file there"}}
    copy = spoilt(inputs, tmp_path, f"exported/{BACKBONES_FILE}", lambda _: failed)
    metrics = train(copy, tmp_path / "model")
    assert (metrics["status"], metrics["reason"]) == ("failed", "put the file there")
    assert read_json(tmp_path / "model" / METRICS_FILE) == metrics


def test_a_backbone_that_could_not_be_embedded_is_a_failed_model(inputs, tmp_path):
    failed = {BACKBONE: {"status": "failed", "reason": "not finite"}}
    copy = spoilt(inputs, tmp_path, f"dataset/{EMBEDDING_FILE}", lambda _: failed)
    assert train(copy, tmp_path / "model")["reason"] == "not finite"


def test_labels_out_of_range_never_reach_training(inputs, tmp_path):
    def forget_last(classes):
        return {
            name: values[:-1] if name != "roles" else values for name, values in classes.items()
        }

    copy = spoilt(inputs, tmp_path, f"dataset/{CLASSES_FILE}", forget_last)
    metrics = train(copy, tmp_path / "model")
    assert metrics["status"] == "failed"
    assert "outside" in metrics["reason"]


ALONE = """
import sys
from pathlib import Path
from components.train_model.train import Recipe, train_model
recipe = Recipe(sys.argv[1], epochs=2, seed=0, crop="face", frames_per_second=5.0, target_fpir=0.01)
assert train_model(*map(Path, sys.argv[2:4]), recipe, Path(sys.argv[4]))["status"] == "succeeded"
assert "tensorflow" not in sys.modules
"""


def test_in_a_process_of_its_own_it_trains_the_same_model_without_tensorflow(
    inputs, trained, tmp_path
):
    folders = [inputs / "dataset", inputs / "exported", tmp_path / "model"]
    subprocess.run([sys.executable, "-c", ALONE, BACKBONE, *folders], check=True, timeout=120)
    for one, other in zip(
        *(
            keras.saving.load_model(folder / MODEL_FILE, safe_mode=True).get_weights()
            for folder in (trained[1], tmp_path / "model")
        ),
        strict=True,
    ):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_no_sample_frame_is_a_failed_model(inputs, tmp_path):
    copy = spoilt(inputs, tmp_path, f"exported/{BACKBONES_FILE}", lambda same: same)
    write_table(copy / "dataset" / SAMPLES_FILE, FRAMES.empty_table())
    assert "no sample frame" in train(copy, tmp_path / "model")["reason"]
