"""Shrinkage LDA, held against scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.covariance import oas
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from components.train_model.lda import fit_lda, shrink


def cloud(seed: int, rows: int = 120, dimension: int = 8, classes: int = 3):
    generator = np.random.default_rng(seed)
    labels = generator.permutation(np.arange(rows) % classes)
    centres = generator.normal(size=(classes, dimension))
    scales = generator.uniform(0.2, 2, dimension)
    features = centres[labels] + scales * generator.normal(size=(rows, dimension))
    return features, labels


@given(st.integers(0, 10_000), st.integers(5, 300), st.integers(2, 40))
@settings(deadline=None)
def test_the_shrunk_covariance_is_that_of_scikit_learn(seed, rows, dimension):
    features, _ = cloud(seed, rows, dimension)
    centred = features - features.mean(0)
    covariance, amount = shrink(centred.T @ centred / rows, rows)
    wanted, wanted_amount = oas(features)
    assert amount == pytest.approx(wanted_amount)
    np.testing.assert_allclose(covariance, wanted, atol=1e-9)


@given(st.integers(0, 10_000))
@settings(deadline=None, max_examples=30)
def test_its_discriminants_are_those_of_scikit_learn(seed):
    features, labels = cloud(seed)
    found = fit_lda(features, labels, 3, 120)
    standard = found.standardisation.apply(features)
    peer = LinearDiscriminantAnalysis(
        solver="lsqr", priors=[1 / 3] * 3, covariance_estimator=_Given(found, features, labels)
    ).fit(standard, labels)
    expected = peer.decision_function(standard)
    ours = found.logits(features)
    np.testing.assert_allclose(
        ours - ours.mean(1, keepdims=True), expected - expected.mean(1, keepdims=True), atol=1e-6
    )


class _Given:
    """Hands scikit-learn our shrunk covariance, so that only the discriminants are compared."""

    def __init__(self, found, features, labels):
        x = found.standardisation.apply(features)
        means = np.stack([x[labels == k].mean(0) for k in range(3)])
        centred = x - means[labels]
        self.covariance_ = shrink(centred.T @ centred / len(x), len(x))[0]

    def fit(self, _features):
        return self


def test_the_order_of_the_rows_does_not_matter():
    features, labels = cloud(1)
    order = np.random.default_rng(2).permutation(len(labels))
    one, other = fit_lda(features, labels, 3, 120), fit_lda(features[order], labels[order], 3, 120)
    np.testing.assert_allclose(one.weights, other.weights, atol=1e-9)


def test_a_picture_of_more_contrast_gets_the_same_decision():
    features, labels = cloud(3)
    found = fit_lda(features, labels, 3, 120)
    np.testing.assert_allclose(found.logits(features), found.logits(3 * features), atol=1e-9)


def test_a_feature_that_never_varies_changes_nothing():
    features, labels = cloud(4)
    more = np.hstack([features, np.zeros((len(features), 1))])
    decisions = fit_lda(more, labels, 3, 120).logits(more).argmax(1)
    assert (decisions == fit_lda(features, labels, 3, 120).logits(features).argmax(1)).all()


def test_chunks_give_what_the_whole_gives():
    features, labels = cloud(5)
    whole, chunked = (fit_lda(features, labels, 3, 120, chunk) for chunk in (120, 7))
    np.testing.assert_allclose(
        chunked.logits(features, 7), whole.logits(features, 120), rtol=0, atol=1e-9
    )


def test_half_precision_features_do_not_overflow():
    features, labels = cloud(6)
    found = fit_lda((features * 1000).astype(np.float16), labels, 3, 120)
    assert np.isfinite(found.weights).all()


def test_rows_that_are_all_alike_give_finite_weights():
    found = fit_lda(np.ones((6, 4)), np.array([0, 1] * 3), 2, 6)
    assert np.isfinite(found.weights).all()


def test_copies_of_rows_that_count_once_change_nothing():
    features, labels = cloud(8)
    copied = fit_lda(np.repeat(features, 5, axis=0), np.repeat(labels, 5), 3, 120)
    np.testing.assert_allclose(copied.weights, fit_lda(features, labels, 3, 120).weights, atol=1e-9)


def test_nothing_to_train_on_is_an_error():
    with pytest.raises(ValueError, match="no frame"):
        fit_lda(np.empty((0, 4)), np.empty(0, int), 2, 0)
