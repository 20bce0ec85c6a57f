"""A backbone is trained end to end; what becomes of it when it is killed is in test_killed.py."""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from dataclasses import replace

import cv2
import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework.config import disable_op_determinism

from components.artifacts import digests_of, read_json, verify_digests, write_json
from components.contracts import Split
from components.errors import ContractError
from components.fine_tune_model import training
from components.fine_tune_model.checkpoint import Checkpoint
from components.fine_tune_model.devices import FLOAT32, MIXED, Setup
from components.fine_tune_model.fine_tune import fine_tune_model, name_of
from components.fine_tune_model.layers import (
    bytes_a_frame,
    leaves,
    set_policy,
    set_trainable,
)
from components.fine_tune_model.pictures import read_jpegs, read_pictures, shuffled
from components.fine_tune_model.stream import Order, balanced, batches
from components.fine_tune_model.training import Plan, Training
from components.model_directory import (
    CLASSES_FILE,
    CONFUSION_FILE,
    CURVES_FILE,
    DECISION_FILE,
    EDGE_MODEL_FILE,
    EVALUATION_FILE,
    LINEAGE_FILE,
    METRICS_FILE,
    MODEL_FILE,
    TRANSACTIONS_FILE,
)
from components.telemetry import Progress
from components.trusted_model import parts_of
from tests.pictures import write_dataset, write_start

PLAN = Plan("all", epochs=2, learning_rate=3e-3, seed=0, checkpoint_every=3)
ON_PROCESSORS = Setup(FLOAT32, 1)


@pytest.fixture(scope="module", autouse=True)
def _determinism():
    keras.utils.set_random_seed(0)
    tf.config.experimental.enable_op_determinism()
    yield
    disable_op_determinism()  # other files' tests are not used to it


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch):
    monkeypatch.setattr(training, "LARGEST_BATCH", 8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("inputs")


@pytest.fixture(scope="module")
def dataset(folder):
    return write_dataset(folder, students=3, staff=1, visitors=3)


@pytest.fixture(scope="module")
def start(folder, dataset):
    return write_start(folder / "start", dataset)


@pytest.fixture(scope="module")
def pictures(dataset):
    return read_pictures(dataset)


@pytest.fixture
def model(start):
    keras.utils.set_random_seed(0)
    return keras.saving.load_model(start / MODEL_FILE)


def weights_of(model):
    return [np.asarray(weight) for weight in model.weights]


def same(one, other):
    return all((a == b).all() for a, b in zip(one, other, strict=True))


class TestLayers:
    def test_all_are_trained_but_batch_normalisation(self, model):
        names = [layer.name for layer in set_trainable(parts_of(model).backbone, "all")]
        assert names == ["early", "late"]
        trained = {variable.path.split("/")[-2] for variable in model.trainable_variables}
        assert trained == {"early", "late", "logits"}

    def test_the_last_ones_leave_those_before_them_frozen(self, model):
        set_trainable(parts_of(model).backbone, "1")
        trained = {variable.path.split("/")[-2] for variable in model.trainable_variables}
        assert trained == {"late", "logits"}

    @pytest.mark.parametrize("depth", ["0", "3", "-1", "most"])
    def test_a_depth_that_there_is_not_is_refused(self, model, depth):
        with pytest.raises(ContractError, match="1 to 2 layers"):
            set_trainable(parts_of(model).backbone, depth)

    def test_fewer_layers_need_less_memory(self, model):
        backbone = parts_of(model).backbone
        early, late = set_trainable(backbone, "all")
        assert bytes_a_frame(backbone, early) > bytes_a_frame(backbone, late) > 0

    def test_a_model_without_backbone_and_head_is_refused(self, model):
        with pytest.raises(ContractError, match="backbone with a head"):
            parts_of(parts_of(model).head)

    def test_half_precision_is_the_backbones_alone_and_its_weights_stay_whole(self, model):
        parts = parts_of(model)
        set_policy(parts.backbone, MIXED)
        assert {layer.compute_dtype for layer in leaves(parts.backbone)} == {"float16"}
        assert {layer.compute_dtype for layer in leaves(parts.head)} == {"float32"}
        assert {weight.dtype for weight in model.weights} == {"float32"}


class TestStream:
    def batches(self, pictures, first=0, augmented=(0, 1), batch=8):
        windows = shuffled(pictures, pictures.side(Split.TRAIN), (0, 1), 30_000)
        return list(batches(pictures, Order(windows, batch, first, augmented)).as_numpy_iterator())

    def test_a_batch_depends_on_nothing_that_came_before(self, pictures):
        whole, rest = self.batches(pictures), self.batches(pictures, first=4)
        assert len(rest) == len(whole) - 4
        for one, other in zip(whole[4:], rest, strict=True):
            keras.tree.map_structure(np.testing.assert_array_equal, one, other)

    def test_another_epoch_augments_otherwise(self, pictures):
        (one, *_), *_ = self.batches(pictures)
        (other, *_), *_ = self.batches(pictures, augmented=(0, 2))
        assert (one != other).any()

    def test_pixels_are_those_of_the_picture(self, pictures):
        rows = pictures.side(Split.TEST)
        (pixels, targets, _), *_ = batches(pictures, Order([rows], 8)).as_numpy_iterator()
        jpegs = list(read_jpegs(pictures, [rows]))[:8]
        for own, (jpeg, _) in zip(pixels, jpegs, strict=True):
            expected = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR_RGB)
            assert np.abs(own.astype(int) - expected).max() <= 2  # another decoder may round
        assert targets["person"].argmax(1).tolist() == pictures.person[rows[:8]].tolist()
        assert targets["role"].argmax(1).tolist() == pictures.role[rows[:8]].tolist()

    def test_without_augmentation_the_last_batch_may_be_small(self, pictures):
        rows = pictures.side(Split.TEST)
        sizes = [len(x) for x, *_ in batches(pictures, Order([rows], 16)).as_numpy_iterator()]
        assert sum(sizes) == len(rows)

    def test_all_people_weigh_the_same(self):
        person, rows = np.array([0, 0, 0, 1, -1]), np.array([0, 1, 2, 3])
        weights = balanced(person, rows)
        assert weights[:3].sum() == pytest.approx(weights[3])
        assert weights[rows].mean() == pytest.approx(1)


def train(model, pictures, folder, plan=PLAN, setup=ON_PROCESSORS):
    own = Training(model, pictures, plan, setup, Checkpoint(folder, {}))
    own.run(Progress("fine_tune_model"))
    return own


@pytest.fixture(scope="module")
def trained(start, pictures, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "LARGEST_BATCH", 8)
        keras.utils.set_random_seed(0)
        model = keras.saving.load_model(start / MODEL_FILE)
        return train(model, pictures, tmp_path_factory.mktemp("kept"))


class TestTraining:
    def test_it_learns(self, trained):
        curves = trained.place.curves
        assert curves["epoch"] == [0, 1, 2]
        assert curves["calibration_loss"][trained.place.best] < curves["calibration_loss"][0]

    def test_batch_normalisation_stays_as_it_was(self, model, trained):
        def normalisation(own):
            return weights_of(parts_of(own).backbone.get_layer("normalise"))

        assert same(normalisation(model), normalisation(trained.network))

    def test_it_stops_when_calibration_does_not_get_better(self, model, pictures, tmp_path):
        plan = replace(PLAN, epochs=9, learning_rate=0.0)
        own = train(model, pictures, tmp_path, plan=plan)
        assert own.place.curves["epoch"] == [0, 1, 2]
        assert own.place.best == 0

    def test_half_precision_trains_and_leaves_whole_weights(self, model, pictures, tmp_path):
        plan = replace(PLAN, epochs=1)
        own = train(model, pictures, tmp_path, plan=plan, setup=Setup(MIXED, 1))
        assert np.isfinite(own.place.curves["loss"]).all()
        assert {layer.compute_dtype for layer in leaves(model)} == {"float32"}


def tune(dataset, start, folder, plan=PLAN):
    return fine_tune_model(dataset, start, plan, folder / "checkpoints", folder / "model")


@pytest.fixture(scope="module")
def tuned(dataset, start, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tuned")
    return tune(dataset, start, folder, replace(PLAN, epochs=1)), folder


class TestStep:
    def test_the_directory_is_complete_and_its_digests_are_right(self, tuned):
        model = tuned[1] / "model"
        names = {MODEL_FILE, EDGE_MODEL_FILE, CLASSES_FILE, METRICS_FILE, CURVES_FILE}
        judged = {CONFUSION_FILE, EVALUATION_FILE, TRANSACTIONS_FILE, DECISION_FILE}
        assert {path.name for path in model.iterdir()} == names | judged | {LINEAGE_FILE}
        verify_digests(model, read_json(model / LINEAGE_FILE)["sha256"])
        assert read_json(model / METRICS_FILE) == tuned[0]

    def test_it_is_called_otherwise_than_the_frozen_one(self, tuned):
        assert tuned[0]["name"] == "Tiny-tuned"
        assert name_of("Tiny", "20") == "Tiny-tuned20"

    def test_its_scores_are_those_of_the_model_that_was_written(self, tuned, pictures):
        model = keras.saving.load_model(tuned[1] / "model" / MODEL_FILE, safe_mode=True)
        rows = pictures.side(Split.TEST)
        predicted = model.predict(batches(pictures, Order([rows], 8)), verbose=0)["person"]
        right = (predicted.argmax(1) == pictures.person[rows]).mean()
        edge = tuned[0]["edge"]["precisions"]["float32"]
        assert edge["frame_identity_accuracy"] == pytest.approx(right)
        assert tuned[0]["transaction"]["n"] == len(set(pictures.transaction[rows]))

    def test_the_lineage_says_what_was_done_to_which_model(self, tuned, start):
        lineage = read_json(tuned[1] / "model" / LINEAGE_FILE)
        assert lineage["start"] == digests_of(start)[LINEAGE_FILE]
        assert lineage["parameters"]["fine_tuning"]["depth"] == "all"
        assert lineage["clips"] == read_json(start / LINEAGE_FILE)["clips"]

    def test_no_checkpoint_is_left(self, tuned):
        assert not list((tuned[1] / "checkpoints").iterdir())

    def test_a_loss_that_is_not_finite_is_a_failed_model_that_says_so(
        self, dataset, start, tmp_path
    ):
        metrics = tune(dataset, start, tmp_path, replace(PLAN, epochs=1, learning_rate=1e30))
        assert metrics["status"] == "failed"
        assert "learning rate" in metrics["reason"]

    def test_a_model_that_failed_stays_one(self, dataset, tmp_path):
        failed = {"name": "Tiny", "status": "failed", "reason": "no weights"}
        (tmp_path / "start").mkdir()
        write_json(tmp_path / "start" / METRICS_FILE, failed)
        write_json(tmp_path / "start" / LINEAGE_FILE, {"sha256": digests_of(tmp_path / "start")})
        metrics = tune(dataset, tmp_path / "start", tmp_path)
        assert metrics == {**failed, "name": "Tiny-tuned"}

    def test_a_model_of_other_people_is_refused(self, start, tmp_path):
        other = write_dataset(tmp_path, students=2, staff=1, visitors=3)
        with pytest.raises(ContractError, match="other people"):
            tune(other, start, tmp_path)
