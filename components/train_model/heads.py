"""The head: standardised features in, a probability for each person and each role out.

It starts from shrinkage LDA with a temperature chosen on the calibration frames, then trains for a
few epochs, and keeps the weights with the best calibration loss, the start included. The role is
computed from the people by a Dense layer that is not trained: the mean probability of the role's
people, normalised. All roles start with equal odds then, however many people have them, so that a
face which is like nobody's is no student's merely because most people are students.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import scipy.optimize
import scipy.special

from components.train_model.lda import Discriminant, fit_lda

if TYPE_CHECKING:
    import numpy.typing as npt

    from components.model_directory import Classes

    Predictions = dict[str, npt.NDArray[np.float32]]

BATCH_SIZE = 256
ACCURACY = "person_sparse_categorical_accuracy"
PATIENCE = 2
"""Epochs without a better calibration loss before training stops."""
LARGEST_LOG_TEMPERATURE = 8.0
LEARNING_RATE = 3e-5
"""Small: where the calibration frames are of the session that is learnt, they cannot tell what is
learnt of the person from what is learnt of the day."""
LABEL_SMOOTHING = 0.1
"""Part of each target that is spread over all classes. Without it, clips that are learnt by heart
drive every probability to 0 or 1, and neither the temperature nor a gradient says anything."""
VIEWS_OF_A_CLIP = 5
"""A head that turns in a circle shows about five different views: ahead, left, right, up and down.
As many of a clip's frames count as independent where LDA chooses its shrinkage."""


@dataclass(frozen=True)
class Rows:
    """Some rows of a dataset: features [n, D], person and role labels [n], from so many clips."""

    features: npt.NDArray[np.float16]
    person: npt.NDArray[np.int32]
    role: npt.NDArray[np.int32]
    clips: int

    def __len__(self) -> int:
        """How many rows."""
        return len(self.person)


@dataclass
class Curves:
    """One value an epoch; epoch 0 is the LDA start."""

    epoch: list[int] = field(default_factory=list)
    loss: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    calibration_loss: list[float] = field(default_factory=list)
    calibration_accuracy: list[float] = field(default_factory=list)

    def add(self, epoch: int, train: dict[str, float], calibration: dict[str, float]) -> None:
        """Note an epoch."""
        self.epoch.append(epoch)
        self.loss.append(float(train["loss"]))
        self.accuracy.append(float(train[ACCURACY]))
        self.calibration_loss.append(float(calibration["loss"]))
        self.calibration_accuracy.append(float(calibration[ACCURACY]))


@dataclass(frozen=True)
class Head:
    """A trained head and how it came about."""

    model: keras.Model
    curves: Curves
    shrinkage: float
    temperature: float
    best_epoch: int

    def predict(self, features: npt.NDArray[np.float16]) -> Predictions:
        """Probabilities `person` [n, people] and `role` [n, roles]."""
        result = self.model.predict(features, batch_size=4 * BATCH_SIZE, verbose=0)
        return {name: np.asarray(values) for name, values in result.items()}


def train_head(train: Rows, calibration: Rows, classes: Classes, *, epochs: int, seed: int) -> Head:
    """Train a head.

    Args:
        train: the frames to learn from.
        calibration: the frames that choose the temperature and the epoch to keep. Where there are
            none (a handful of frames a person), the training frames have to.
        classes: the meaning of the labels.
        epochs: passes over the features at the most; 0 keeps the LDA start.
        seed: of the order of the batches.

    Raises:
        ValueError: there is no frame to train on.
    """
    keras.utils.set_random_seed(seed)
    judge = calibration if len(calibration) else train
    independent = min(len(train), VIEWS_OF_A_CLIP * train.clips)
    start = fit_lda(train.features, train.person, len(classes.people), independent)
    temperature = choose_temperature(start, judge)
    model = build_head(start, temperature, classes)
    curves = Curves()
    curves.add(0, _evaluate(model, train), _evaluate(model, judge))
    best, best_weights = 0, model.get_weights()
    for epoch in range(1, epochs + 1):
        history = model.fit(train.features, _targets(train), batch_size=BATCH_SIZE, verbose=0)
        measured = {name: values[-1] for name, values in history.history.items()}
        curves.add(epoch, measured, _evaluate(model, judge))
        if curves.calibration_loss[-1] < curves.calibration_loss[best]:
            best, best_weights = epoch, model.get_weights()
        elif epoch - best >= PATIENCE:
            break
    model.set_weights(best_weights)
    bare = keras.Model(model.input, model.output, name="head")  # a loss would have to be loadable
    return Head(bare, curves, start.shrinkage, temperature, best)


def build_head(start: Discriminant, temperature: float, classes: Classes) -> keras.Model:
    """Make the head that computes softmax(LDA / temperature), compiled for training."""
    member = np.zeros((len(classes.people), len(classes.roles)), np.float32)
    member[np.arange(len(classes.people)), classes.role_of_person] = 1
    features = keras.Input((len(start.weights),), name="features")
    unit = keras.layers.UnitNormalization(name="unit_length")(features)
    standard = keras.layers.Normalization(
        mean=start.standardisation.mean,
        variance=start.standardisation.scale**2,
        name="standardise",
    )(unit)
    logits = keras.layers.Dense(len(classes.people), name="logits")
    mean_of = keras.layers.Dense(len(classes.roles), use_bias=False, trainable=False, name="mean")
    person = keras.layers.Softmax(name="person")(logits(standard))
    mean = mean_of(person)
    role = mean / keras.ops.sum(mean, axis=-1, keepdims=True)
    model = keras.Model(features, {"person": person, "role": role}, name="head")
    logits.set_weights([start.weights / temperature, start.bias / temperature])
    mean_of.set_weights([member / np.maximum(member.sum(0), 1)])
    model.compile(
        optimizer=keras.optimizers.Adam(LEARNING_RATE),
        loss=dict.fromkeys(("person", "role"), smoothed_cross_entropy),
        metrics={"person": "sparse_categorical_accuracy"},
    )
    return model


def smoothed_cross_entropy(labels: Any, probabilities: Any) -> Any:  # noqa: ANN401 - Keras tensors
    """Cross-entropy in nats [n] of probabilities [n, K] with smoothed targets of labels [n].

    Szegedy, Vanhoucke, Ioffe, Shlens and Wojna, Rethinking the Inception Architecture for Computer
    Vision, CVPR 2016, section 7.
    """
    classes = probabilities.shape[-1]
    targets = keras.ops.one_hot(keras.ops.reshape(labels, (-1,)), classes)
    return keras.losses.categorical_crossentropy(
        targets, probabilities, label_smoothing=LABEL_SMOOTHING
    )


def choose_temperature(start: Discriminant, rows: Rows) -> float:
    """The divisor of the logits, at least 1, with the smallest smoothed cross-entropy on `rows`.

    LDA knows the spread within the training clips only, and so is far too sure of itself on others
    (Guo, Pleiss, Sun and Weinberger, On Calibration of Modern Neural Networks, ICML 2017).
    """
    logits = start.logits(rows.features)

    def loss(log_temperature: float) -> float:
        log_probabilities = scipy.special.log_softmax(logits / np.exp(log_temperature), axis=1)
        own = log_probabilities[np.arange(len(rows)), rows.person].mean()
        return float(-(1 - LABEL_SMOOTHING) * own - LABEL_SMOOTHING * log_probabilities.mean())

    bounds = (0.0, LARGEST_LOG_TEMPERATURE)
    found = scipy.optimize.minimize_scalar(loss, bounds=bounds, method="bounded")
    return float(np.exp(found.x))


def _targets(rows: Rows) -> dict[str, npt.NDArray[np.int32]]:
    return {"person": rows.person, "role": rows.role}


def _evaluate(model: keras.Model, rows: Rows) -> dict[str, Any]:
    return model.evaluate(
        rows.features,
        _targets(rows),
        batch_size=4 * BATCH_SIZE,
        verbose=0,
        return_dict=True,
    )
