"""The reigning champion beside a new model, on the same transactions."""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import shutil

import pyarrow as pa
import pytest

from components.artifacts import read_json, write_json
from components.contracts import (
    EMBEDDING_FILE,
    INDEX,
    INDEX_FILE,
    TRANSACTIONS,
    features_file,
)
from components.errors import ContractError
from components.exported_backbones import REIGNING, Status
from components.model_directory import TRANSACTIONS_FILE
from components.parquet import write_table
from components.register_model.gate import Comparison
from components.register_model.rescore import FEWEST_PEOPLE, compare_with_champion
from tests.components.register_model.small_run import SmallRun, write_small_run
from tests.shards import BACKBONE


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return write_small_run(tmp_path_factory.mktemp("small") / "run")


@pytest.fixture
def small(made, tmp_path):
    """A run of eight people who are tested once each, and of strangers."""
    shutil.copytree(made.folder, tmp_path / "run")
    return SmallRun(tmp_path / "run", made.index)


def compare(small, *, version="1", wrong=0):
    return compare_with_champion(
        small.write_model("model", wrong=wrong), small.dataset, small.exported, version
    )


def test_both_are_asked_about_every_test_transaction_of_a_known_person(small):
    small.write_reigning()
    found = compare(small, wrong=2)
    assert (found.transactions, found.people, found.excluded) == (8, 8, 0)
    assert (found.champion, found.challenger) == (1.0, 0.75)
    assert found.difference == 0.25
    assert found.interval[0] <= 0.25 <= found.interval[1]


def test_people_the_champion_does_not_know_count_as_wrong(small):
    small.write_reigning(small.classes.people[2:])
    assert compare(small).champion == 0.75


def test_people_are_known_by_their_pseudonym_in_whatever_order(small):
    small.write_reigning([*reversed(small.classes.people), "left-the-school"])
    assert compare(small).champion == 1.0


def test_what_the_champion_learnt_from_is_left_out(small):
    clip = min(small.tested()).partition("/")[0]
    small.write_reigning(learnt=[clip])
    found = compare(small, wrong=1)
    assert (found.transactions, found.excluded) == (7, 1)
    assert found.challenger == 1.0  # the one it got wrong is the one that was left out


def test_without_a_champion_there_is_nothing_to_compare(small):
    assert compare(small, version=None) == Comparison()


def test_too_few_people_tell_nothing(small):
    clips = [name.partition("/")[0] for name in sorted(small.tested())]
    small.write_reigning(learnt=clips[: 8 - FEWEST_PEOPLE + 1])
    found = compare(small)
    assert found.interval is None
    assert "it learnt from 3 of the test transactions" in found.reason


def test_frames_that_were_cut_otherwise_cannot_be_compared(small):
    small.write_reigning(crop="face")
    assert "crop=face" in compare(small).reason


def test_a_champion_that_could_not_be_exported_cannot_be_compared(small):
    small.write_reigning(status=Status.FAILED, reason="version 1: it was changed")
    assert compare(small).reason == "version 1: it was changed"


def test_a_champion_that_came_up_meanwhile_is_left_to_another_run(small):
    small.write_reigning()
    found = compare(small, version="2")
    assert "while this run went on" in found.reason
    assert found.curable


def test_a_champion_that_could_not_be_embedded_cannot_be_compared(small):
    small.write_reigning()
    embedding = read_json(small.dataset / EMBEDDING_FILE)
    row = {**embedding[BACKBONE], "status": "failed", "reason": "not finite"}
    write_json(small.dataset / EMBEDDING_FILE, {BACKBONE: row})
    found = compare(small)
    assert (found.reason, found.curable) == ("its features cannot be had: not finite", False)


def test_a_backbone_of_its_own_has_features_of_its_own(small):
    small.write_reigning(same_as=None)
    own = small.dataset / features_file(REIGNING)
    shutil.copy(small.dataset / features_file(BACKBONE), own)
    embedding = read_json(small.dataset / EMBEDDING_FILE)
    write_json(small.dataset / EMBEDDING_FILE, {REIGNING: embedding[BACKBONE]})
    assert compare(small).champion == 1.0


def test_features_of_other_rows_are_noticed(small):
    small.write_reigning()
    write_table(small.dataset / INDEX_FILE, pa.Table.from_pylist(small.index[::-1], INDEX))
    with pytest.raises(ContractError, match="rows are not those"):
        compare(small)


def test_a_model_that_does_not_account_for_a_transaction_is_noticed(small):
    small.write_reigning()
    model = small.write_model("model")
    write_table(model / TRANSACTIONS_FILE, TRANSACTIONS.empty_table())
    with pytest.raises(ContractError, match="lacks 8 test transactions"):
        compare_with_champion(model, small.dataset, small.exported, "1")
