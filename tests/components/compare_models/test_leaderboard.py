"""The order of the models, and the leaderboard against its schema."""

from __future__ import annotations

import copy
import json
from importlib.resources import files

import jsonschema
import pytest

from components.compare_models.leaderboard import FIELDS, NOT_RANKED, make_leaderboard
from components.errors import ContractError
from tests.components.compare_models.finished_run import (
    BY_SESSION,
    RANDOM_FRAMES,
    TIME_BLOCKS,
    failed,
    succeeded,
    write_model,
)

SCHEMA = json.loads(
    files("components.compare_models").joinpath("leaderboard.schema.json").read_text()
)
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def board_of(folder, *models, protocol=BY_SESSION, **more):
    written = [write_model(folder / metrics["name"], metrics) for metrics in models]
    return make_leaderboard(written, {"protocol": protocol}, **more)


def test_a_leaderboard_holds_the_rule_the_protocol_and_every_model(tmp_path):
    board = board_of(tmp_path, failed("c"), succeeded("b"), succeeded("a", p50=99.0))
    assert board["champion"] == "b"
    assert board["rule"].endswith("the fastest at the edge (latency p50) wins")
    assert (board["prefer"], board["decided_by"]) == ("latency", "latency")
    assert board["protocol"] == BY_SESSION
    assert [model["name"] for model in board["models"]] == ["b", "a", "c"]
    assert all(tuple(model) == FIELDS for model in board["models"])


@pytest.mark.parametrize(
    "models", [[failed("a"), failed("b")], [succeeded("a", transaction=(None, 0)), failed("b")]]
)
def test_there_is_no_champion_where_nothing_could_be_tested(tmp_path, models):
    assert board_of(tmp_path, *models)["champion"] is None


def test_what_is_preferred_among_the_tied_is_said_and_done(tmp_path):
    models = succeeded("a", p50=1.0, size_bytes=2), succeeded("b", p50=2.0, size_bytes=1)
    board = board_of(tmp_path, *models, prefer="size")
    assert (board["champion"], board["prefer"], board["decided_by"]) == ("b", "size", "size")
    assert "the smallest at the edge wins" in board["rule"]


def test_models_that_could_not_be_tested_come_after_those_that_were(tmp_path):
    untested = succeeded("a", transaction=(None, 0), frame=(None, 0))
    board = board_of(tmp_path, failed("0"), untested, succeeded("b"))
    assert [model["name"] for model in board["models"]] == ["b", "a", "0"]
    assert board["models"][1]["tied"] is None


def test_where_the_split_leaks_nothing_is_ranked(tmp_path):
    models = failed("a"), succeeded("c", p50=1.0), succeeded("b", transaction=(20, 20))
    board = board_of(tmp_path, *models, protocol=RANDOM_FRAMES)
    assert board["champion"] is None
    assert board["decided_by"] is None
    assert board["rule"] == NOT_RANKED
    assert [model["name"] for model in board["models"]] == ["b", "c", "a"]
    assert {model["tied"] for model in board["models"]} == {None}


def test_no_model_and_two_of_one_name_are_refused(tmp_path):
    with pytest.raises(ContractError, match="at least one"):
        make_leaderboard([], {"protocol": BY_SESSION})
    twice = [write_model(tmp_path / folder, succeeded("same")) for folder in "ab"]
    with pytest.raises(ContractError, match="same name"):
        make_leaderboard(twice, {"protocol": BY_SESSION})


@pytest.mark.parametrize("protocol", [BY_SESSION, TIME_BLOCKS, RANDOM_FRAMES])
@pytest.mark.parametrize(
    "models",
    [
        [succeeded("a")],
        [failed("a")],
        [succeeded("a"), failed("b")],
        [succeeded("a", transaction=(None, 0), frame=(None, 0), strangers=(0, 0))],
    ],
)
def test_leaderboards_are_as_the_schema_says(tmp_path, protocol, models):
    VALIDATOR.validate(board_of(tmp_path, *models, protocol=protocol))


def _set(path, value):
    def mutate(board):
        *parents, last = path
        for key in parents:
            board = board[key]
        if value is KeyError:
            del board[last]
        else:
            board[last] = value

    return mutate


@pytest.mark.parametrize(
    "mutate",
    [
        _set(["schema_version"], 1),
        _set(["champion"], KeyError),
        _set(["extra"], 1),
        _set(["protocol", "name"], "at_random"),
        _set(["protocol", "within_session"], KeyError),
        _set(["protocol", "leaks"], KeyError),
        _set(["prefer"], "beauty"),
        _set(["decided_by"], "a coin"),
        _set(["models", 0, "difference", "interval"], [0.1]),
        _set(["models", 0, "transaction", "open_set", "fpir"], 2.0),
        _set(["models", 0, "edge", "precision"], "int4"),
        _set(["models", 0, "negative_control", "passed"], KeyError),
        _set(["models"], []),
        _set(["models", 0, "transaction", "identity_accuracy"], 1.5),
        _set(["models", 0, "transaction", "n"], -1),
        _set(["models", 0, "transaction", "n"], KeyError),
        _set(["models", 0, "latency_ms", "p50"], 0),
        _set(["models", 0, "latency_ms"], None),
        _set(["models", 0, "strangers"], None),
        _set(["models", 0, "reason"], "succeeded, yet there is a reason"),
        _set(["models", 0, "status"], "failed"),
        _set(["models", 0, "unknown"], 1),
        _set(["models", 1, "reason"], ""),
        _set(["models", 1, "reason"], None),
        _set(["models", 1, "train_seconds"], 3.0),
    ],
)
def test_the_schema_refuses_what_is_no_leaderboard(tmp_path, mutate):
    board = board_of(tmp_path, succeeded("a"), failed("b"))
    VALIDATOR.validate(board)
    mutated = copy.deepcopy(board)
    mutate(mutated)
    assert not VALIDATOR.is_valid(mutated)


def test_the_schema_itself_is_valid():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_latencies_that_were_measured_together_take_the_place_of_each_model_s_own(tmp_path):
    rows = [succeeded("A", p50=1.0), succeeded("B", p50=2.0), succeeded("C", p50=3.0)]
    folders = [write_model(tmp_path / row["name"], row) for row in rows]
    measured = {"A": {"p50": 9.0, "p99": 9.5}, "B": {"p50": 4.0, "p99": 5.0}}
    board = make_leaderboard(folders, {"protocol": BY_SESSION}, latencies=measured)
    assert {row["name"]: row["latency_ms"]["p50"] for row in board["models"]} == {
        "A": 9.0,
        "B": 4.0,
        "C": 3.0,
    }
    assert board["champion"] == "C"
