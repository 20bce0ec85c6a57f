"""The model card says what was measured, what was not, and names nobody."""

from __future__ import annotations

import pytest

from components.errors import ContractError
from components.model_directory import Classes
from components.register_model.card import Facts, render_card, tell_rate
from components.register_model.gate import Check, Verdict

RATE = {
    "n": 20,
    "identity_accuracy": 0.75,
    "identity_interval": [0.55, 0.9],
    "role_accuracy": 1.0,
    "role_interval": [0.86, 1.0],
    "student": {"fmr": 0.0, "fmr_n": 12, "fmr_upper": 0.25, "fnmr": None},
    "open_set": {"fpir": None, "fpir_n": 0, "fpir_upper": None},
}
SIDE = {"people": 3, "sessions": 6, "transactions": 7, "frames": 200}
VERDICT = Verdict((Check("size", 1, 2, False, "size: 2 | at most 1"),), ("no limit is set",))


def facts(**changes):
    known = {
        "metrics": {"name": "MobileNetV2", "transaction": RATE, "frame": {}},
        "lineage": {
            "code_version": "0.1.0",
            "python": "3.11.2",
            "libraries": {"keras": "3.15.1"},
            "parameters": {
                "seed": 7,
                "crop": "face",
                "weights": {"weights": "imagenet", "license": "Apache-2.0"},
            },
            "clips": {"train": ["00c0ffee00c0ffee"]},
            "sha256": {"model.keras": "ab" * 32},
        },
        "lineage_sha256": "cd" * 32,
        "classes": Classes(("p-1", "p-2", "p-3"), (0, 0, 1)),
        "audit": {
            "protocol": {
                "name": "time_blocks",
                "within_session": True,
                "sides": {"train": SIDE, "test": SIDE},
                "strangers": {"test": {**SIDE, "people": 4}},
            }
        },
        "source": {"clips_used": 42, "fingerprint": "ef" * 32},
        "evaluation": {"roles": [{"role": "staff", "people": 1, "rejected": 2, **RATE}]},
        "verdict": VERDICT,
    }
    return Facts(**{**known, **changes})


@pytest.fixture
def card():
    return render_card(facts())


@pytest.mark.parametrize(
    "told",
    [
        "# Rollcall on MobileNetV2",
        "did not pass the gate",
        "must not be used for",
        "student 2, staff 1, visitor 0",
        "Clips used: 42",
        "| test, strangers | 4 | 6 | 7 | 200 |",
        "Split time blocks, within one session for some people (optimistic).",
        "| the right person | 0.750 (0.550 to 0.900), n=20 | not measured |",
        "| others taken for students (FMR) | 0.000 (at most 0.250), n=12 |",
        "| strangers accepted (FPIR) | not measured |",
        "| staff | 1 | 0.750 (0.550 to 0.900), n=20 | 2 |",
        "| size | **no** | size: 2 \\| at most 1 |",
        "**Mind:** no limit is set.",
        "imagenet, licence: Apache-2.0",
        f"SHA-256 of `lineage.json`: `{'cd' * 32}`",
        f"SHA-256 of `model.keras`: `{'ab' * 32}`",
        f"`{'ef' * 32}`",
    ],
)
def test_the_card_tells(card, told):
    assert told in card


@pytest.mark.parametrize("id_", ["p-1", "00c0ffee00c0ffee"])
def test_the_card_names_nobody_and_no_clip(card, id_):
    assert id_ not in card


def test_weights_of_unknown_licence_are_said_to_be():
    lineage = facts().lineage
    weights = {"weights": "folder", "license": None}
    parameters = {**lineage["parameters"], "weights": weights}
    card = render_card(facts(lineage={**lineage, "parameters": parameters}))
    assert "folder, licence: not known to Rollcall" in card


def test_a_model_without_results_by_role_has_a_card_without_them():
    assert "| role |" not in render_card(facts(evaluation={}))


def test_a_card_without_its_protocol_is_none():
    with pytest.raises(ContractError, match="protocol"):
        render_card(facts(audit={}))


def test_a_rate_that_was_not_measured_is_told_as_such_and_never_as_zero():
    assert tell_rate({"fpir": None, "n": 0}, "fpir", "upper", "n") == "not measured"
    assert tell_rate({"fpir": 0.0, "n": 3}, "fpir", "upper", "n") == "0.000, n=3"
