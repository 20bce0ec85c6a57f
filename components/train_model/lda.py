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

    Floats = npt.NDArray[np.float64]

CHUNK_ROWS = 2048
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
        return (unit_length(features) - self.mean) / self.scale


@dataclass(frozen=True)
class Discriminant:
    """Logits of standardised features: x @ weights + bias, [D, K] and [K]."""

    standardisation: Standardisation
    weights: Floats
    bias: Floats
    shrinkage: float

    def logits(self, features: npt.NDArray[np.floating]) -> Floats:
        """Logits [n, K] of features [n, D] as the backbone gives them."""
        return self.standardisation.apply(features) @ self.weights + self.bias


def unit_length(features: npt.NDArray[np.floating]) -> Floats:
    """Scale each row of [n, D] to length 1; a row of zeros stays one."""
    wide = features.astype(np.float64)
    squares = np.einsum("nd,nd->n", wide, wide)
    return wide / np.sqrt(np.maximum(squares, SMALLEST_SQUARE))[:, None]


def fit_lda(
    features: npt.NDArray[np.floating],
    labels: npt.NDArray[np.integer],
    classes: int,
    independent_rows: int,
) -> Discriminant:
    """Fit on features [N, D] and labels [N] in 0..classes-1.

    Args:
        features: one row a frame.
        labels: the class of each. A class without a row gets the mean of all.
        classes: how many there are.
        independent_rows: how many rows tell something new, which sets the amount of shrinkage:
            fewer than there are, as frames of one clip are near copies of each other.

    Raises:
        ValueError: there are no rows.
    """
    if not len(features):
        raise ValueError("there is no frame to train on")
    counts, sums, squares = _moments(features, labels, classes)
    rows = len(features)
    mean = sums.sum(0) / rows
    variance = squares / rows - mean**2
    scale = np.sqrt(np.maximum(variance, 0))
    standard = Standardisation(mean, np.where(scale > SMALLEST_SCALE, scale, 1.0))
    raw_means = np.where(counts[:, None] > 0, sums / np.maximum(counts, 1)[:, None], mean)
    means = (raw_means - mean) / standard.scale
    scatter = np.zeros((features.shape[1],) * 2)
    for chunk, own in _chunks(features, labels):
        centred = standard.apply(chunk) - means[own]
        scatter += centred.T @ centred
    covariance, shrinkage = shrink(scatter / rows, independent_rows)
    weights = scipy.linalg.solve(covariance, means.T, assume_a="pos")
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
    mean_square = np.mean(covariance**2)
    spread = mean_square - mean_variance**2 / size
    wanted = (mean_square + mean_variance**2) / ((rows + 1) * spread) if spread > 0 else 1.0
    amount = float(min(1.0, wanted))
    shrunk = (1 - amount) * covariance
    shrunk[np.diag_indices(size)] += amount * mean_variance
    return shrunk, amount


def _moments(
    features: npt.NDArray[np.floating], labels: npt.NDArray[np.integer], classes: int
) -> tuple[npt.NDArray[np.int64], Floats, Floats]:
    counts = np.bincount(labels, minlength=classes)
    sums, squares = np.zeros((classes, features.shape[1])), np.zeros(features.shape[1])
    for chunk, own in _chunks(features, labels):
        scaled = unit_length(chunk)
        np.add.at(sums, own, scaled)
        squares += (scaled**2).sum(0)
    return counts, sums, squares


def _chunks(
    features: npt.NDArray[np.floating], labels: npt.NDArray[np.integer]
) -> Iterator[tuple[npt.NDArray[np.floating], npt.NDArray[np.integer]]]:
    for start in range(0, len(features), CHUNK_ROWS):
        rows = slice(start, start + CHUNK_ROWS)
        yield features[rows], labels[rows]
