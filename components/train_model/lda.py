"""Shrinkage linear discriminant analysis in closed form, in chunks: exactly a Dense layer.

Features are scaled to unit length (how strongly a picture excites a network is a matter of its
contrast) and then standardised. With class means m_k and the pooled within-class covariance S, the
discriminant of class k is x . S^-1 m_k - m_k . S^-1 m_k / 2 (equal priors; Hastie, Tibshirani and
Friedman, The Elements of Statistical Learning, 2nd ed., section 4.3). S is shrunk towards a
multiple of the identity by the oracle-approximating rule of Chen, Wiesel, Eldar and Hero (Shrinkage
Algorithms for MMSE Covariance Estimation, IEEE Trans. Signal Processing 58(10), 2010, eq. 23),
which needs only the traces of S and S^2, so that no more than a chunk is in memory at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy.linalg

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from components.train_model.dataset import Picked

    Floats = npt.NDArray[np.float64]
    Features = npt.NDArray[np.floating] | Picked

CHUNK_ROWS = 1024
SMALLEST_SCALE = 1e-9
SMALLEST_SQUARE = 1e-12
"""What the square of a length is raised to before dividing by it, as Keras does."""


@dataclass(frozen=True)
class Standardisation:
    """(x / |x| - mean) / scale, each [D]; a feature that never varies keeps scale 1."""

    mean: Floats
    scale: Floats

    def apply(self, features: npt.NDArray[np.floating]) -> Floats:
        """Standardise features [n, D]."""
        standard = unit_length(features)
        standard -= self.mean
        standard /= self.scale
        return standard


@dataclass(frozen=True)
class Discriminant:
    """Logits of standardised features: x @ weights + bias, [D, K] and [K]."""

    standardisation: Standardisation
    weights: Floats
    bias: Floats
    shrinkage: float

    def logits(self, features: Features, chunk: int = CHUNK_ROWS) -> Floats:
        """Logits [n, K] of features [n, D] as the backbone gives them, `chunk` rows at a time."""
        logits = np.empty((len(features), len(self.bias)))
        for rows in _slices(len(features), chunk):
            logits[rows] = self.standardisation.apply(features[rows]) @ self.weights + self.bias
        return logits

    def divided_by(self, temperature: float) -> list[npt.NDArray[np.float32]]:
        """Weights and bias of a Dense layer that gives the logits divided by `temperature`."""
        return [(each / temperature).astype(np.float32) for each in (self.weights, self.bias)]


def unit_length(features: npt.NDArray[np.floating]) -> Floats:
    """Scale each row of [n, D] to length 1; a row of zeros stays one."""
    wide = features.astype(np.float64)
    squares = np.einsum("nd,nd->n", wide, wide)
    wide /= np.sqrt(np.maximum(squares, SMALLEST_SQUARE))[:, None]
    return wide


def fit_lda(
    features: Features,
    labels: npt.NDArray[np.integer],
    classes: int,
    independent_rows: int,
    chunk: int = CHUNK_ROWS,
) -> Discriminant:
    """Fit on features [N, D] and labels [N] in 0..classes-1.

    Args:
        features: one row a frame.
        labels: the class of each. A class without a row gets the mean of all.
        classes: how many there are.
        independent_rows: how many rows tell something new, which sets the amount of shrinkage:
            fewer than there are, as frames of one clip are near copies of each other.
        chunk: how many rows are computed on at a time.

    Raises:
        ValueError: there are no rows.
    """
    if not len(features):
        raise ValueError("there is no frame to train on")
    counts, sums, squares = _moments(features, labels, classes, chunk)
    rows = len(features)
    mean = sums.sum(0) / rows
    variance = squares / rows - mean**2
    scale = np.sqrt(np.maximum(variance, 0))
    standard = Standardisation(mean, np.where(scale > SMALLEST_SCALE, scale, 1.0))
    raw_means = np.where(counts[:, None] > 0, sums / np.maximum(counts, 1)[:, None], mean)
    means = (raw_means - mean) / standard.scale
    scatter = np.zeros((features.shape[1],) * 2)
    for part in _slices(rows, chunk):
        centred = standard.apply(features[part])
        centred -= means[labels[part]]
        scatter += centred.T @ centred
    scatter /= rows
    covariance, shrinkage = shrink(scatter, independent_rows)
    factor = scipy.linalg.cho_factor(covariance, overwrite_a=True)
    weights = scipy.linalg.cho_solve(factor, means.T)
    return Discriminant(standard, weights, -0.5 * np.einsum("kd,dk->k", means, weights), shrinkage)


def shrink(covariance: Floats, rows: int) -> tuple[Floats, float]:
    """Shrink an empirical covariance [D, D] of `rows` samples (Chen et al. 2010, eq. 23).

    Returns:
        The shrunk covariance and how much of the identity is in it, 0 to 1.
    """
    size = len(covariance)
    mean_variance = np.trace(covariance) / size
    if mean_variance <= 0:  # all rows of each class are the same
        return np.eye(size), 1.0
    mean_square = np.vdot(covariance, covariance) / size**2
    spread = mean_square - mean_variance**2 / size
    wanted = (mean_square + mean_variance**2) / ((rows + 1) * spread) if spread > 0 else 1.0
    amount = float(min(1.0, wanted))
    shrunk = (1 - amount) * covariance
    shrunk[np.diag_indices(size)] += amount * mean_variance
    return shrunk, amount


def _moments(
    features: Features, labels: npt.NDArray[np.integer], classes: int, chunk: int
) -> tuple[npt.NDArray[np.int64], Floats, Floats]:
    counts = np.bincount(labels, minlength=classes)
    sums, squares = np.zeros((classes, features.shape[1])), np.zeros(features.shape[1])
    for part in _slices(len(features), chunk):
        scaled = unit_length(features[part])
        np.add.at(sums, labels[part], scaled)
        squares += np.einsum("nd,nd->d", scaled, scaled)
    return counts, sums, squares


def _slices(rows: int, chunk: int) -> Iterator[slice]:
    return (slice(start, start + chunk) for start in range(0, rows, chunk))
