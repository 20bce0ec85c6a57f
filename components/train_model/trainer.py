"""Trains the layer of a head on rows of features, a batch in memory at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from components.train_model.layer import Layer

if TYPE_CHECKING:
    import numpy.typing as npt

    from components.model_directory import Classes
    from components.train_model.heads import Rows
    from components.train_model.layer import Outputs
    from components.train_model.lda import Standardisation

    Flags = npt.NDArray[np.bool_]
    Floats = npt.NDArray[np.floating]
    Ints = npt.NDArray[np.intp]
    Labels = npt.NDArray[np.integer]
    Weights = list[Floats]

LEARNING_RATE = 3e-5
"""Small: where the calibration frames are of the session that is learnt, they cannot tell what is
learnt of the person from what is learnt of the day."""
LABEL_SMOOTHING = 0.01
"""Part of each target that is spread over all classes. Without it, clips that are learnt by heart
drive every probability to 0 or 1, and neither the temperature nor a gradient says anything; with
much more, nothing is ever sure."""
DROPOUT = 0.7
"""Part of the features that a frame is learnt without (Srivastava, Hinton, Krizhevsky, Sutskever
and Salakhutdinov, Dropout: A Simple Way to Prevent Neural Networks from Overfitting, JMLR 15,
2014): no few of them, the light of the day's say, can carry a decision."""
MEAN_DECAY, SQUARE_DECAY, EPSILON = 0.9, 0.999, 1e-7
"""Of Adam, as Keras has them."""


class Trainer:
    """Adam on the weights [D, K] and bias [K] of a head, started where it is told to."""

    def __init__(
        self, standardisation: Standardisation, classes: Classes, weights: Weights
    ) -> None:
        """Start from `weights`."""
        self.weights = weights
        self._standardisation = standardisation
        self._layer = Layer(classes)
        self._adam = Adam(weights)

    def epoch(
        self, rows: Rows, batch_size: int, generator: np.random.Generator
    ) -> dict[str, float]:
        """Pass over the rows once, in an order drawn anew; means of `loss` and `accuracy`."""
        weight = balanced_weights(rows.person)
        loss, right = np.empty((2, len(rows)), np.float32)
        order = generator.permutation(len(rows))
        for start in range(0, len(rows), batch_size):
            batch = order[start : start + batch_size]
            x, person = self._inputs(rows, batch), rows.person[batch]
            x *= (generator.random(x.shape, np.float32) >= DROPOUT) / np.float32(1 - DROPOUT)
            said, loss[batch], right[batch] = self._measure(x, person)
            slope = self._layer.gradient(said, person, LABEL_SMOOTHING)
            slope *= weight[batch, None] / np.float32(len(batch))
            self.weights = self._adam.step(self.weights, [x.T @ slope, slope.sum(0)])
        return {"loss": float((loss * weight).mean()), "accuracy": float(right.mean())}

    def evaluate(self, rows: Rows, chunk: int) -> dict[str, float]:
        """Mean `loss` and `accuracy` of the rows as they are, no dropout and no weights."""
        loss, right = np.empty((2, len(rows)), np.float32)
        for start in range(0, len(rows), chunk):
            part = slice(start, start + chunk)
            _, loss[part], right[part] = self._measure(self._inputs(rows, part), rows.person[part])
        return {"loss": float(loss.mean()), "accuracy": float(right.mean())}

    def _inputs(self, rows: Rows, which: slice | Ints) -> Floats:
        return self._standardisation.apply(rows.features[which]).astype(np.float32)

    def _measure(self, x: Floats, person: Labels) -> tuple[Outputs, Floats, Flags]:
        """What the layer says of inputs [n, D], the loss of each [n], and whether it is right."""
        said = self._layer.outputs(x @ self.weights[0] + self.weights[1])
        loss = self._layer.loss(said, person, LABEL_SMOOTHING)
        return said, loss, said.person.argmax(1) == person


class Adam:
    """Kingma and Ba, Adam: A Method for Stochastic Optimization, ICLR 2015; as Keras has it."""

    def __init__(self, weights: Weights) -> None:
        """For weights of these shapes, none of which has moved yet."""
        self._steps = 0
        self._means = [np.zeros_like(each) for each in weights]
        self._squares = [np.zeros_like(each) for each in weights]

    def step(self, weights: Weights, gradients: Weights) -> Weights:
        """Where the weights go."""
        self._steps += 1
        unbias = np.sqrt(1 - SQUARE_DECAY**self._steps) / (1 - MEAN_DECAY**self._steps)
        rate = np.float32(LEARNING_RATE * unbias)
        moved: Weights = []
        for number, (weight, gradient) in enumerate(zip(weights, gradients, strict=True)):
            mean, square = self._means[number], self._squares[number]
            self._means[number] = mean + (1 - MEAN_DECAY) * (gradient - mean)
            self._squares[number] = square + (1 - SQUARE_DECAY) * (gradient**2 - square)
            width = np.sqrt(self._squares[number]) + EPSILON
            moved.append(weight - rate * self._means[number] / width)
        return moved


def balanced_weights(person: Labels) -> Floats:
    """What each frame counts in the loss, [n]: everybody alike in sum, and 1 on average.

    King and Zeng, Logistic Regression in Rare Events Data, Political Analysis 9(2), 2001.
    """
    counts = np.bincount(person)
    people = np.count_nonzero(counts)
    return (len(person) / (people * counts[person])).astype(np.float32)
