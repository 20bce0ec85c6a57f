"""Trains the one layer of a head on rows of features, a batch in memory at a time.

The network that is trained takes features that are standardised already, so that nothing in it
depends on the data but the layer itself: TensorFlow traces it once a process and every head uses
it. Batches are handed to it directly. A head of 578 frames takes 0.2 s, LDA included, where it took
1.2 s with `fit` and `evaluate`: they trace anew and set up a pipeline of input for every call.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from components.model_directory import Classes
    from components.train_model.heads import Rows
    from components.train_model.lda import Standardisation

    Ints = npt.NDArray[np.intp]
    Weights = list[npt.NDArray[np.float32]]

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


class Trainer:
    """Adam on the weights [D, K] and bias [K] of a head, started where it is told to.

    One at a time: all of them share the network of their classes.
    """

    def __init__(
        self, standardisation: Standardisation, classes: Classes, weights: Weights
    ) -> None:
        """Start from `weights`, with nothing left of any training before."""
        self._standardisation = standardisation
        self._network, unused = compiled(len(standardisation.mean), classes)
        self._network.optimizer.load_own_variables(unused)
        self.weights = weights

    @property
    def weights(self) -> Weights:
        """Weights and bias as they are."""
        return self._network.get_layer("logits").get_weights()

    @weights.setter
    def weights(self, values: Weights) -> None:
        self._network.get_layer("logits").set_weights(values)

    def epoch(
        self, rows: Rows, batch_size: int, generator: np.random.Generator
    ) -> dict[str, float]:
        """Pass over the rows once, in an order drawn anew; means of `loss` and `accuracy`."""
        weight = balanced_weights(rows.person)
        total = {"loss": 0.0, "accuracy": 0.0}
        order = generator.permutation(len(rows))
        for start in range(0, len(rows), batch_size):
            batch = order[start : start + batch_size]
            x = self._inputs(rows, batch)
            x *= (generator.random(x.shape, np.float32) >= DROPOUT) / np.float32(1 - DROPOUT)
            measured = self._network.train_on_batch(
                x, _targets(rows, batch), weight[batch], return_dict=True
            )
            _add(total, measured, len(batch) / len(rows))
        return total

    def evaluate(self, rows: Rows, chunk: int) -> dict[str, float]:
        """Mean `loss` and `accuracy` of the rows as they are, no dropout and no weights."""
        total = {"loss": 0.0, "accuracy": 0.0}
        for start in range(0, len(rows), chunk):
            part = slice(start, start + chunk)
            measured = self._network.test_on_batch(
                self._inputs(rows, part), _targets(rows, part), return_dict=True
            )
            _add(total, measured, len(rows.person[part]) / len(rows))
        return total

    def _inputs(self, rows: Rows, which: slice | Ints) -> npt.NDArray[np.float32]:
        return self._standardisation.apply(rows.features[which]).astype(np.float32)


def balanced_weights(person: npt.NDArray[np.integer]) -> npt.NDArray[np.float32]:
    """What each frame counts in the loss, [n]: everybody alike in sum, and 1 on average.

    King and Zeng, Logistic Regression in Rare Events Data, Political Analysis 9(2), 2001.
    """
    counts = np.bincount(person)
    people = np.count_nonzero(counts)
    return (len(person) / (people * counts[person])).astype(np.float32)


def head_layers(classes: Classes, standard: keras.KerasTensor) -> dict[str, keras.KerasTensor]:
    """From standardised features [n, D] to `person` [n, people] and `role` [n, roles]."""
    member = np.zeros((len(classes.people), len(classes.roles)), np.float32)
    member[np.arange(len(classes.people)), classes.role_of_person] = 1
    logits = keras.layers.Dense(len(classes.people), name="logits")
    mean_of = keras.layers.Dense(len(classes.roles), use_bias=False, trainable=False, name="mean")
    person = keras.layers.Softmax(name="person")(logits(standard))
    mean = mean_of(person)
    mean_of.set_weights([member / np.maximum(member.sum(0), 1)])
    return {"person": person, "role": mean / keras.ops.sum(mean, axis=-1, keepdims=True)}


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


@lru_cache(maxsize=1)
def compiled(dimension: int, classes: Classes) -> tuple[keras.Model, dict[str, Any]]:
    """The network that is trained, and the state of an optimiser that was never used."""
    standard = keras.Input((dimension,), name="standardised")
    network = keras.Model(standard, head_layers(classes, standard))
    optimizer = keras.optimizers.Adam(LEARNING_RATE)
    network.compile(
        optimizer=optimizer,
        loss=dict.fromkeys(("person", "role"), smoothed_cross_entropy),
        metrics={"person": "sparse_categorical_accuracy"},
        jit_compile=False,
    )
    optimizer.build(network.trainable_variables)
    state: dict[str, Any] = {}
    optimizer.save_own_variables(state)
    return network, {name: np.array(value) for name, value in state.items()}


def _targets(rows: Rows, which: slice | Ints) -> dict[str, npt.NDArray[np.int32]]:
    return {"person": rows.person[which], "role": rows.role[which]}


def _add(total: dict[str, float], measured: dict[str, Any], share: float) -> None:
    for name, key in (("loss", "loss"), ("accuracy", "person_sparse_categorical_accuracy")):
        total[name] += share * float(measured[key])
