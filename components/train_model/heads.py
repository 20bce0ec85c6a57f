"""The head: standardised features in, a probability for each person and each role out.

It starts from shrinkage LDA with a temperature chosen on the calibration frames, then trains for a
few epochs, and keeps the weights with the best calibration loss, the start included.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from components.memory import rows_that_fit
from components.train_model.curves import Curves
from components.train_model.layer import Layer
from components.train_model.lda import CHUNK_ROWS, fit_lda
from components.train_model.seeds import generator_for
from components.train_model.temperature import choose_temperature
from components.train_model.trainer import LABEL_SMOOTHING, Trainer

if TYPE_CHECKING:
    import numpy.typing as npt

    from components.model_directory import Classes
    from components.train_model.dataset import Picked
    from components.train_model.lda import Standardisation
    from components.train_model.trainer import Weights

    Predictions = dict[str, npt.NDArray[np.float32]]

BATCH_SIZE = 256
VECTORS_A_ROW = 6
PATIENCE = 2
"""Epochs without a better calibration loss before training stops."""
VIEWS_OF_A_CLIP = 5
"""A head that turns in a circle shows about five different views: ahead, left, right, up and down.
As many of a clip's frames count as independent where LDA chooses its shrinkage."""


@dataclass(frozen=True)
class Rows:
    """Some rows of a dataset: features [n, D], who they are of [n], from so many clips."""

    features: npt.NDArray[np.float16] | Picked
    person: npt.NDArray[np.int32]
    clips: int

    def __len__(self) -> int:
        """How many rows."""
        return len(self.person)


@dataclass(frozen=True)
class Head:
    """A trained head and how it came about.

    Attributes:
        standardisation: what becomes of features first.
        weights: [D, K] and bias [K] of its layer.
        classes: the meaning of its outputs.
        curves: of its training.
        shrinkage: of the covariance it started from.
        temperature: what its logits are divided by. Training went on behind the division, so that
            the logits times this are exactly those of the same head without a temperature.
        best_epoch: whose weights it has; 0 is the start.
        chunk: rows that it passes over at once.
    """

    standardisation: Standardisation
    weights: Weights
    classes: Classes
    curves: Curves
    shrinkage: float
    temperature: float
    best_epoch: int
    chunk: int = CHUNK_ROWS

    def predict(self, features: npt.NDArray[np.float16] | Picked) -> Predictions:
        """Probabilities `person` [n, people] and `role` [n, roles] of features [n, D]."""
        layer, (weights, bias) = Layer(self.classes), self.weights
        person = np.empty((len(features), len(self.classes.people)), np.float32)
        role = np.zeros((len(features), len(self.classes.roles)), np.float32)
        for start in range(0, len(features), self.chunk):
            rows = slice(start, start + self.chunk)
            standard = self.standardisation.apply(features[rows]).astype(np.float32)
            said = layer.outputs(standard @ weights + bias)
            person[rows], role[rows, layer.roles] = np.exp(said.person), np.exp(said.role)
        return {"person": person, "role": role}


def train_head(
    train: Rows,
    calibration: Rows,
    classes: Classes,
    *,
    epochs: int,
    seed: int,
    backbone: str = "",
    augmented: Rows | None = None,
) -> Head:
    """Train a head.

    Args:
        train: the frames to learn from.
        calibration: the frames that choose the temperature and the epoch to keep. Where there are
            none (a handful of frames a person), the training frames have to.
        classes: the meaning of the labels.
        epochs: passes over the features at the most; 0 keeps the LDA start.
        seed: of the order of the batches and of what is dropped.
        backbone: whose features they are; no two draw the same from one seed.
        augmented: the frames to learn from with augmented views of them, for training alone: within
            a class they are apart in ways in which real frames are not, and LDA would take that for
            what tells nobody apart.

    Raises:
        ValueError: there is no frame to train on.
    """
    judge = calibration if len(calibration) else train
    chunk, batch = _rows_at_once(train.features.shape[1], len(classes.people))
    independent = min(len(train), VIEWS_OF_A_CLIP * train.clips)
    start = fit_lda(train.features, train.person, len(classes.people), independent, chunk)
    logits = start.logits(judge.features, chunk)
    temperature = choose_temperature(logits, judge.person, LABEL_SMOOTHING)
    best, best_weights = 0, start.divided_by(temperature)
    trainer = Trainer(start.standardisation, classes, best_weights)
    curves = Curves()
    curves.add(trainer.evaluate(train, chunk), trainer.evaluate(judge, chunk))
    generator = generator_for(seed, backbone, "head")
    for epoch in range(1, epochs + 1):
        curves.add(
            trainer.epoch(augmented or train, batch, generator), trainer.evaluate(judge, chunk)
        )
        if curves.calibration_loss[-1] < curves.calibration_loss[best]:
            best, best_weights = epoch, trainer.weights
        elif epoch - best >= PATIENCE:
            break
    return Head(
        start.standardisation,
        best_weights,
        classes,
        curves,
        start.shrinkage,
        temperature,
        best,
        chunk,
    )


def _rows_at_once(dimension: int, people: int) -> tuple[int, int]:
    """How many rows to pass over at once, and to train on at once.

    What a run gives depends on the second, so it is less than BATCH_SIZE only where nothing else
    fits. A row is there as a few vectors of float64 at a time, of its features or of its people.
    """
    needed = 8 * VECTORS_A_ROW * (dimension + people)
    return (
        rows_that_fit("features passed over", needed, most=CHUNK_ROWS),
        rows_that_fit("features trained on", needed, most=BATCH_SIZE),
    )
