"""Trains a model on pictures, step by step, so that a kill costs no more than the last few."""

from __future__ import annotations

import logging
import math
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

import keras
import numpy as np

from components.contracts import Split
from components.errors import BackboneError, ContractError
from components.fine_tune_model.devices import MIXED, Setup
from components.fine_tune_model.layers import bytes_a_frame, set_policy, set_trainable
from components.fine_tune_model.pictures import shuffled
from components.fine_tune_model.stream import Order, batches
from components.memory import rows_that_fit
from components.trusted_model import parts_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from components.fine_tune_model.checkpoint import Arrays, Checkpoint
    from components.fine_tune_model.pictures import Pictures, Rows
    from components.telemetry import Progress

log = logging.getLogger("rollcall")

LARGEST_BATCH: Final = 32
"""Frames a replica."""
PATIENCE: Final = 2
"""Epochs without a better calibration loss before training stops."""
LABEL_SMOOTHING: Final = 0.1
WARM_UP: Final = 0.1
"""Part of all steps in which the learning rate grows to its largest; then it falls as a cosine
(Loshchilov and Hutter, SGDR: Stochastic Gradient Descent with Warm Restarts, ICLR 2017)."""
ACCURACY: Final = "person_categorical_accuracy"


@dataclass(frozen=True)
class Plan:
    """How to train.

    Attributes:
        depth: how many of the backbone's last layers, or `layers.ALL`.
        epochs: passes over the pictures at the most.
        learning_rate: the largest.
        seed: of everything random.
        checkpoint_every: steps between two checkpoints.
    """

    depth: str
    epochs: int
    learning_rate: float
    seed: int
    checkpoint_every: int


@dataclass
class Place:
    """How far a training is, and what early stopping knows.

    Attributes:
        batch: frames in a batch; a training that is resumed keeps it, whatever memory is free then.
        epoch: that is under way. Epoch 0 trains nothing: it scores the start.
        step: batches of it that are done.
        best: the epoch with the smallest calibration loss so far.
        seconds: that training has taken, without what a kill has undone.
        curves: one value for each epoch that is over, as in curves.json.
    """

    batch: int
    epoch: int = 0
    step: int = 0
    best: int = 0
    seconds: float = 0.0
    curves: dict[str, list[float]] = field(
        default_factory=lambda: {
            name: []
            for name in ("epoch", "loss", "accuracy", "calibration_loss", "calibration_accuracy")
        }
    )

    @property
    def is_stuck(self) -> bool:
        """Whether the last PATIENCE epochs brought nothing."""
        return self.epoch - 1 - self.best >= PATIENCE


class Training(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """A model that is being trained, all of which a checkpoint holds."""

    def __init__(
        self, model: keras.Model, pictures: Pictures, plan: Plan, setup: Setup, kept: Checkpoint
    ) -> None:
        """Prepare `model`, within the scope of its strategy."""
        super().__init__()
        self._since = time.monotonic()
        self.network, self.plan, self._pictures, self._kept = model, plan, pictures, kept
        self._replicas = setup.replicas
        self._train = pictures.side(Split.TRAIN)
        # Where there are no frames to calibrate on, those of training have to do, as for heads.
        calibration = pictures.side(Split.CALIBRATION)
        self._judge = calibration if len(calibration) else self._train
        if not len(self._train):
            raise ContractError("there is no picture to train on")
        backbone = parts_of(model).backbone
        first = set_trainable(backbone, plan.depth)[0]
        set_policy(backbone, setup.policy)
        loaded = kept.load()
        if loaded:
            self.place = Place(**loaded[1])
        else:  # replicas get as many frames each
            most = max(1, min(LARGEST_BATCH, len(self._train) // setup.replicas))
            frame = bytes_a_frame(backbone, first)
            fitting = rows_that_fit("frames of a batch", frame, most=most)
            self.place = Place(setup.replicas * fitting)
        self._compile(setup)
        self._best = [weight.numpy() for weight in model.weights]
        self._metrics: Arrays = {}
        if loaded:
            self._restore(loaded[0])
            log.info("resumed in epoch %d after step %d", self.place.epoch, self.place.step)

    @property
    def steps(self) -> int:
        """Batches of an epoch; frames that do not fill one wait for the next epoch's order."""
        return len(self._train) // self.place.batch

    @property
    def steps_done(self) -> int:
        """Since the beginning."""
        return max(0, self.place.epoch - 1) * self.steps + self.place.step

    def run(self, progress: Progress) -> Place:
        """Train, or go on with it, until the end; the model has the best epoch's weights then.

        Raises:
            BackboneError: the loss is not finite any more.
        """
        progress.expect(self.plan.epochs * self.steps, "steps")
        progress.advance(self.steps_done)
        self._progress = progress
        while self.place.epoch <= self.plan.epochs and not self.place.is_stuck:
            self._end_epoch(self._fit() if self.place.epoch else self._score(self._train))
        progress.expect(self.steps_done, "steps")
        _assign(self.network.weights, self._best)
        set_policy(parts_of(self.network).backbone, keras.config.dtype_policy().name)
        return self.place

    def _compile(self, setup: Setup) -> None:
        steps = max(1, self.plan.epochs * self.steps)
        warm_up = math.ceil(WARM_UP * steps)
        rate = keras.optimizers.schedules.CosineDecay(
            0.0,
            max(1, steps - warm_up),
            warmup_target=self.plan.learning_rate,
            warmup_steps=warm_up,
        )
        optimizer = keras.optimizers.Adam(rate)
        if setup.policy == MIXED:
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        loss = keras.losses.CategoricalCrossentropy(label_smoothing=LABEL_SMOOTHING)
        self.network.compile(
            optimizer,
            loss=dict.fromkeys(("person", "role"), loss),
            metrics={"person": "categorical_accuracy"},
        )
        optimizer.build(self.network.trainable_variables)

    def _fit(self) -> dict[str, float]:
        epoch = self.place.epoch
        windows = shuffled(self._pictures, self._train, (self.plan.seed, epoch))
        order = Order(windows, self.place.batch, self.place.step, (self.plan.seed, epoch))
        history = self.network.fit(
            batches(self._pictures, order), shuffle=False, verbose=0, callbacks=[self]
        )
        return {name: values[-1] for name, values in history.history.items()}

    def _score(self, rows: Rows) -> dict[str, float]:
        batch = self.place.batch  # a replica that gets no frame of the last batch fails
        while batch > self._replicas and 0 < len(rows) % batch < self._replicas:
            batch -= self._replicas
        order = Order([rows], batch)
        result: dict[str, float] = self.network.evaluate(
            batches(self._pictures, order), verbose=0, return_dict=True
        )
        return result

    def _end_epoch(self, train: dict[str, float]) -> None:
        if not math.isfinite(train["loss"]):
            raise BackboneError(
                f"the loss is not finite any more in epoch {self.place.epoch}: take a smaller "
                "learning rate"
            )
        judged = self._score(self._judge)
        place, curves = self.place, self.place.curves
        values = (place.epoch, train["loss"], train[ACCURACY], judged["loss"], judged[ACCURACY])
        for name, value in zip(curves, values, strict=True):
            curves[name].append(value if name == "epoch" else float(value))
        if curves["calibration_loss"][-1] < curves["calibration_loss"][place.best]:
            place.best = place.epoch
            self._best = [weight.numpy() for weight in self.network.weights]
        place.epoch, place.step, self._metrics = place.epoch + 1, 0, {}
        self._save()

    # What Keras calls while it fits one epoch.

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002
        """Go on with the means of the metrics, which Keras has just set to zero."""
        if self._metrics:
            _assign(self.network.metrics_variables, self._metrics.values())

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002
        """Count the step, and save where it is due; after the last, the epoch's end does so."""
        self.place.step += 1
        self._progress.advance()
        if self.place.step < self.steps and self.steps_done % self.plan.checkpoint_every == 0:
            self._metrics = _values("metrics", self.network.metrics_variables)
            self._save()

    def _save(self) -> None:
        now = time.monotonic()
        self.place.seconds, self._since = self.place.seconds + now - self._since, now
        self._kept.save(
            {
                **_values("model", self.network.variables),
                **_values("optimizer", self.network.optimizer.variables),
                **{f"best/{number}": value for number, value in enumerate(self._best)},
                **self._metrics,
            },
            asdict(self.place),
        )

    def _restore(self, arrays: Arrays) -> None:
        groups: dict[str, list[Any]] = {}
        for name, value in arrays.items():
            groups.setdefault(name.split("/")[0], []).append(value)
        for group, variables in (
            ("model", self.network.variables),
            ("optimizer", self.network.optimizer.variables),
        ):
            _assign(variables, groups[group])
        self._best = groups["best"]
        self._metrics = {f"metrics/{n}": v for n, v in enumerate(groups.get("metrics", []))}
        if self._metrics:
            # Or Keras would make the metrics' variables too late.
            self._score(self._train[: self.place.batch])


def _values(group: str, variables: list[keras.Variable]) -> Arrays:
    """Seeds of dropout are among a model's variables; weights alone would leave them out."""
    return {f"{group}/{n}": np.asarray(variable) for n, variable in enumerate(variables)}


def _assign(variables: Iterable[keras.Variable], values: Iterable[Any]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
