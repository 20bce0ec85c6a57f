"""What is printed at the end of a run."""

from __future__ import annotations

import copy
import io

import pytest
from rich.console import Console

from pipelines.progress import StepCost
from pipelines.tables import LEGEND, decision, failures, leaderboard_table, steps_table

SCORES = {"identity_accuracy": 0.95, "role_accuracy": 1.0, "n": 20}
MODEL = {
    "name": "EfficientNetV2XXL",
    "status": "succeeded",
    "reason": None,
    "tied": True,
    "lacked": None,
    "frame": SCORES,
    "transaction": SCORES,
    "strangers": {"transaction": {"n": 12, "taken_for_student": 10}},
    "random_split": SCORES,
    "embed_images_per_second": 1234.5,
    "train_seconds": 123.4,
    "latency_ms": {"p50": 123.4, "p99": 200.0},
    "size_bytes": 123_400_000,
}
BOARD = {
    "champion": MODEL["name"],
    "decided_by": "only_model",
    "rule": "of the tied the fastest wins",
    "protocol": {
        "name": "by_session",
        "leaks": False,
        "within_session": False,
        "sides": {"test": {"people": 20, "transactions": 20, "frames": 600}},
    },
    "models": [
        MODEL,
        {"name": "VGG16", "status": "failed", "reason": "no weights", "tied": None, "lacked": None},
    ],
}


def printed(table) -> str:
    out = io.StringIO()
    Console(file=out, width=80).print(table)
    return out.getvalue()


@pytest.fixture
def board():
    return copy.deepcopy(BOARD)


def test_the_leaderboard_fits_80_columns_without_cutting_a_cell(board):
    text = printed(leaderboard_table(board))
    assert "…" not in text
    assert "EfficientNetV2XXL" in text


def test_the_title_says_how_it_was_split_and_on_how_much_it_was_tested(board):
    text = printed(leaderboard_table(board))
    assert "20 people split by session" in text
    assert "600 frames" in text


def test_a_result_within_sessions_is_marked_as_optimistic(board):
    board["protocol"]["within_session"] = True
    assert "optimistic" in printed(leaderboard_table(board))


def test_a_result_that_leaks_is_marked_as_such_and_not_as_optimistic(board):
    board["protocol"].update(within_session=True, leaks=True)
    text = printed(leaderboard_table(board))
    assert "leaks" in text
    assert "optimistic" not in text


def test_what_decided_is_told_with_what_the_others_lacked(board):
    board["decided_by"] = "latency"
    board["models"].append({**MODEL, "name": "VGG19", "lacked": "2.00 ms slower"})
    assert decision(board) == [
        "Of 2 models tied in accuracy, chosen by latency (p50) on one thread.",
        "  VGG19: 2.00 ms slower",
    ]


def test_the_only_model_is_said_to_be_that(board):
    assert decision(board) == ["The only model that could be tested."]


def test_where_nothing_was_ranked_it_says_why(board):
    board.update(decided_by=None, champion=None, rule="nothing is ranked: it leaks")
    assert decision(board) == ["Nothing is ranked: it leaks."]


def test_no_stranger_met_is_not_shown_as_none_taken(board):
    board["models"][0]["strangers"]["transaction"] = {"n": 0, "taken_for_student": 0}
    assert "none met" in printed(leaderboard_table(board))


def test_a_failed_model_is_a_row_and_its_reason_a_line(board):
    assert "VGG16" in printed(leaderboard_table(board))
    assert failures(board) == ["VGG16: no weights"]


def test_a_reason_that_begins_with_the_name_does_not_say_it_twice(board):
    board["models"][1]["reason"] = "VGG16: no weights"
    assert failures(board) == ["VGG16: no weights"]


def test_the_legend_fits_80_columns():
    assert max(map(len, LEGEND.splitlines())) <= 80


def test_the_steps_show_time_and_memory():
    cost = StepCost("embed_frames", 2, 10.84, 21.5, 480_000_000)
    text = printed(steps_table([cost], 75.0))
    for part in ("Embed frames", "10.8", "21.5", "480", "75.0 s in all"):
        assert part in text
