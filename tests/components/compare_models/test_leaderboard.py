"""The order of the models, and the leaderboard against its schema."""

from __future__ import annotations

import copy
import json
from importlib.resources import files

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.compare_models.findings import decision
from components.compare_models.leaderboard import FIELDS, RULE, make_leaderboard, rank
from components.errors import ContractError
from tests.components.compare_models.finished_run import (
    BY_SESSION,
    TIME_BLOCKS,
    failed,
    succeeded,
    write_model,
)

SCHEMA = json.loads(
    files("components.compare_models").joinpath("leaderboard.schema.json").read_text()
)
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

# Few values each, so that ties are common.
MODELS = st.lists(
    st.one_of(
        st.builds(
            succeeded,
            st.text("abc", min_size=1, max_size=3),
            transaction=st.sampled_from([(19, 20), (20, 20), (None, 0)]),
            frame=st.sampled_from([(300, 400), (400, 400)]),
            p50=st.sampled_from([1.0, 9.5]),
        ),
        st.builds(failed, st.text("abc", min_size=1, max_size=3)),
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda metrics: metrics["name"],
)


@given(MODELS, st.randoms(use_true_random=False))
def test_the_order_does_not_depend_on_the_order_of_the_input(models, random):
    shuffled = random.sample(models, len(models))
    assert rank(shuffled) == rank(models)


@given(MODELS)
def test_failed_models_come_last(models):
    statuses = [model["status"] for model in rank(models)]
    assert statuses == sorted(statuses, reverse=True)


@given(MODELS)
def test_the_decision_agrees_with_the_order(models):
    ranked = [model for model in rank(models) if model["status"] == "succeeded"]
    if not ranked:
        return
    best, made = ranked[0], decision(ranked)
    assert made.criterion is None or best["name"] not in made.rivals
    assert (made.criterion is None) == (len(ranked) == 1)
    if made.criterion == "latency (p50)":
        tied = [model for model in ranked if model["name"] in made.rivals]
        assert all(model["latency_ms"]["p50"] > best["latency_ms"]["p50"] for model in tied)
        assert all(model["frame"] == best["frame"] for model in tied)


@pytest.mark.parametrize(
    ("better", "worse", "criterion"),
    [
        ({"transaction": (20, 20), "frame": (1, 400), "p50": 99.0}, {}, "accuracy of transactions"),
        ({"frame": (351, 400), "p50": 99.0}, {}, "accuracy of frames"),
        ({"p50": 7.9}, {}, "latency (p50)"),
        ({}, {}, "name, in the order of the alphabet"),
        ({}, {"transaction": (None, 0)}, "accuracy of transactions"),
    ],
)
def test_each_part_of_the_rule_breaks_the_ties_of_those_before_it(better, worse, criterion):
    ranked = rank([succeeded("b", **worse), succeeded("a", **better)])
    assert [model["name"] for model in ranked] == ["a", "b"]
    assert decision(ranked).criterion == criterion


def board_of(folder, *models, protocol=BY_SESSION):
    written = [write_model(folder / metrics["name"], metrics) for metrics in models]
    return make_leaderboard(written, {"protocol": protocol})


def test_a_leaderboard_holds_the_rule_the_protocol_and_every_model(tmp_path):
    board = board_of(tmp_path, failed("c"), succeeded("b"), succeeded("a", p50=99.0))
    assert board["champion"] == "b"
    assert board["rule"] == RULE
    assert board["protocol"] == BY_SESSION
    assert [model["name"] for model in board["models"]] == ["b", "a", "c"]
    assert all(tuple(model) == FIELDS for model in board["models"])


@pytest.mark.parametrize(
    "models", [[failed("a"), failed("b")], [succeeded("a", transaction=(None, 0)), failed("b")]]
)
def test_there_is_no_champion_where_nothing_could_be_tested(tmp_path, models):
    assert board_of(tmp_path, *models)["champion"] is None


def test_no_model_and_two_of_one_name_are_refused(tmp_path):
    with pytest.raises(ContractError, match="at least one"):
        make_leaderboard([], {"protocol": BY_SESSION})
    twice = [write_model(tmp_path / folder, succeeded("same")) for folder in "ab"]
    with pytest.raises(ContractError, match="same name"):
        make_leaderboard(twice, {"protocol": BY_SESSION})


@pytest.mark.parametrize("protocol", [BY_SESSION, TIME_BLOCKS])
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
        _set(["schema_version"], 2),
        _set(["champion"], KeyError),
        _set(["extra"], 1),
        _set(["protocol", "name"], "at_random"),
        _set(["protocol", "within_session"], KeyError),
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
