"""Thresholds are chosen on calibration, all else is measured on the test side or not at all."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.artifacts import read_json
from components.contracts import TRANSACTIONS
from components.evaluation.evaluate import transactions_table
from components.model_directory import (
    CONFUSION_FILE,
    DECISION_FILE,
    EVALUATION_FILE,
    STRANGER,
    TRANSACTIONS_FILE,
)
from components.parquet import read_table
from tests.components.evaluation.cases import (
    DOUBTFUL,
    NOBODY,
    PREDICTED,
    SURE,
    WITHOUT_STRANGERS,
    evaluated,
    predicted,
)

ROWS = st.lists(st.sampled_from([SURE, DOUBTFUL, SURE[::-1]]), min_size=6, max_size=6)


def test_frames_and_transactions_have_a_threshold_each():
    metrics = evaluated().metrics
    pooled = np.sqrt(0.4 * 0.5) / (np.sqrt(0.4 * 0.5) + 2 * np.sqrt(0.3 * 0.25))
    assert metrics["frame"]["open_set"]["threshold"] == pytest.approx(0.5, abs=1e-6)
    assert metrics["transaction"]["open_set"]["threshold"] == pytest.approx(pooled, abs=1e-6)


@settings(max_examples=20, deadline=None)
@given(ROWS)
def test_nothing_of_the_test_side_moves_a_threshold(rows):
    changed = predicted([*PREDICTED.person[:6], *rows])
    assert evaluated(scores=changed).threshold == evaluated().threshold


@settings(max_examples=20, deadline=None)
@given(ROWS)
def test_without_the_threshold_nothing_of_the_calibration_side_is_in_the_metrics(rows):
    one, other = evaluated(), evaluated(scores=predicted([*rows, *PREDICTED.person[6:]]))
    for unit in ("frame", "transaction"):
        for name in ("n", "identity_accuracy", "role_accuracy", "identity_interval"):
            assert one.metrics[unit][name] == other.metrics[unit][name]
    assert one.details["scores"] == other.details["scores"]
    assert one.metrics["calibration"] == other.metrics["calibration"]


def test_without_strangers_fpir_is_not_measurable_and_the_notes_say_so():
    metrics = evaluated(*WITHOUT_STRANGERS).metrics
    assert metrics["transaction"]["open_set"]["fpir"] is None
    assert metrics["transaction"]["open_set"]["fpir_upper"] is None
    assert metrics["transaction"]["open_set"]["basis"] == "genuine"
    assert metrics["strangers"]["transaction"] == {"n": 0, "taken_for_student": 0}
    assert any("FPIR is not measurable" in note for note in metrics["notes"])


def test_without_strangers_there_is_no_det_curve():
    assert evaluated(*WITHOUT_STRANGERS).details["det"] == {"frame": None, "transaction": None}


def test_strangers_too_few_to_show_the_target_are_told_of():
    notes = evaluated().metrics["notes"]
    assert any("1 trials of strangers on the test side leave an FPIR of up to" in n for n in notes)


def test_strangers_enough_to_show_the_target_need_no_note():
    assert evaluated(target_fpir=1.0).metrics["notes"] == []


def test_the_calibration_error_is_that_of_known_people_s_test_frames():
    calibration = evaluated().metrics["calibration"]
    assert calibration["n"] == 4
    # 0.8 three times and 0.4 once, all right: off by 0.2 and by 0.6.
    assert calibration["ece_after"] == pytest.approx(0.75 * 0.2 + 0.25 * 0.6)
    # Squared and normalised: 64/66 three times, 16/34 once.
    assert calibration["ece_before"] == pytest.approx(0.75 * 2 / 66 + 0.25 * 18 / 34)


def test_nobody_on_either_side_is_nothing_measured():
    nobody = evaluated(*NOBODY)
    assert nobody.metrics["transaction"]["identity_accuracy"] is None
    assert nobody.metrics["calibration"]["ece_after"] is None
    assert nobody.threshold.value is None
    assert nobody.details["people"] == []


def test_transactions_are_those_of_both_sides_as_agreed():
    table = transactions_table(evaluated().transactions)
    assert table.schema.equals(TRANSACTIONS)
    rows = table.to_pylist()
    assert [row["frames"] for row in rows] == [2] * 6
    assert {row["split"] for row in rows} == {"calibration", "test"}
    assert [row["subject"] for row in rows if row["person"] == STRANGER] == [0, 0]


def test_what_is_written_is_what_was_evaluated(tmp_path):
    result = evaluated()
    result.write(tmp_path, crop="face", precision="int8", frames_per_second=5.0)
    assert read_json(tmp_path / EVALUATION_FILE) == result.details
    assert read_json(tmp_path / CONFUSION_FILE) == result.confusion
    assert read_table(tmp_path / TRANSACTIONS_FILE, TRANSACTIONS).num_rows == 6
    assert read_json(tmp_path / DECISION_FILE) == {
        "threshold": result.threshold.value,
        "basis": "strangers",
        "target_fpir": 0.01,
        "unit": "transaction",
        "crop": "face",
        "precision": "int8",
        "frames_per_second": 5.0,
    }


def test_metrics_are_numbers_that_json_has():
    for each in (evaluated(), evaluated(*WITHOUT_STRANGERS), evaluated(*NOBODY)):
        json.dumps([each.metrics, each.details], allow_nan=False)
