"""What a model's inputs and outputs mean."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from components.artifacts import write_json
from components.errors import ContractError
from components.model_directory import STRANGER, Classes, Crop, DecisionRule, Role

if TYPE_CHECKING:
    from pathlib import Path

CLASSES = Classes(people=("p1", "p2"), role_of_person=(0, 1))


def test_roles_keep_the_order_of_the_model_s_output() -> None:
    assert list(Role) == ["student", "staff", "visitor"]


def test_classes_come_back_as_they_were_written(tmp_path: Path) -> None:
    CLASSES.write(tmp_path / "classes.json")
    assert Classes.read(tmp_path / "classes.json") == CLASSES


@pytest.mark.parametrize(
    ("people", "roles"),
    [(("p1",), (0, 1)), (("p1", "p1"), (0, 0)), (("p1",), (3,)), (("p1",), (-1,))],
    ids=["fewer people than roles", "a person twice", "no such role", "a negative role"],
)
def test_classes_that_contradict_themselves_are_refused(
    people: tuple[str, ...], roles: tuple[int, ...]
) -> None:
    with pytest.raises(ContractError):
        Classes(people=people, role_of_person=roles)


@pytest.mark.parametrize("content", ["", "[]", "{}", json.dumps({"people": 3})])
def test_what_is_no_classes_file_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "classes.json").write_text(content)
    with pytest.raises(ContractError, match=r"classes\.json"):
        Classes.read(tmp_path / "classes.json")


def test_labels_of_people_and_strangers_pass() -> None:
    CLASSES.check_labels([0, 1, STRANGER], where="test")


def test_a_label_out_of_range_is_refused_by_its_place() -> None:
    with pytest.raises(ContractError, match=r"train: person labels \[2\]"):
        CLASSES.check_labels([0, 2], where="train")


RULE = {"threshold": 0.4, "crop": "face", "frames_per_second": 5.0}


def test_a_decision_rule_is_read_whatever_else_is_said(tmp_path: Path) -> None:
    write_json(tmp_path / "decision.json", {**RULE, "basis": "strangers", "precision": "int8"})
    assert DecisionRule.read(tmp_path / "decision.json") == DecisionRule(0.4, Crop.FACE, 5.0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"threshold": "high"},
        {"threshold": -0.1},
        {"threshold": float("nan")},
        {"crop": "ear"},
        {"frames_per_second": 0},
        {"frames_per_second": float("inf")},
        {"frames_per_second": None},
    ],
    ids=str,
)
def test_a_decision_rule_that_is_none_is_refused(tmp_path: Path, wrong: dict[str, object]) -> None:
    write_json(tmp_path / "decision.json", {**RULE, **wrong})
    with pytest.raises(ContractError, match=r"decision\.json"):
        DecisionRule.read(tmp_path / "decision.json")


def test_a_robot_that_has_neither_arrow_nor_tensorflow_can_import_it() -> None:
    code = (
        "import sys, components.model_directory; "
        "sys.exit(bool({'pyarrow', 'tensorflow', 'keras'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
