"""Makes what the steps before compare_models leave behind, without running them."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from components.artifacts import write_json
from components.contracts import (
    AUDIT_FILE,
    ENROLMENT,
    ENROLMENT_FILE,
    REJECTS_FILE,
    SOURCE_FILE,
    Reject,
    rejects_table,
)
from components.model_directory import (
    CONFUSION_FILE,
    CURVES_FILE,
    LINEAGE_FILE,
    METRICS_FILE,
    MODEL_FILE,
)
from components.parquet import write_table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SIDE = {"people": 10, "sessions": 10, "transactions": 10, "frames": 200}
NOBODY = dict.fromkeys(SIDE, 0)
BY_SESSION = {
    "name": "by_session",
    "requested": "auto",
    "leaks": False,
    "within_session": False,
    "people_split_by_session": 10,
    "people_split_by_time": 0,
    "people_not_tested": 0,
    "sides": {"train": SIDE, "calibration": SIDE, "test": SIDE},
    "strangers": {"calibration": SIDE, "test": SIDE},
    "gap_frames": 12,
    "options": {"seed": 0, "gap_s": 1.0},
}
EXTRACTION = {
    "frames_sampled": 6000,
    "frames": 4321,
    "frames_cropped": 0,
    "frames_without_face": 0,
    "frames_dropped_dark": 12,
    "frames_dropped_bright": 0,
    "frames_dropped_blurred": 345,
    "frames_dropped_near_duplicate": 1322,
}
TIME_BLOCKS = {
    **BY_SESSION,
    "name": "time_blocks",
    "within_session": True,
    "people_split_by_session": 0,
    "people_split_by_time": 10,
}


def accuracies(right: int | None, n: int) -> dict[str, Any]:
    """The accuracies of `n` trials, `right` of them right."""
    share = None if right is None else right / n
    return {"identity_accuracy": share, "role_accuracy": share, "n": n}


def succeeded(
    name: str,
    *,
    transaction: tuple[int | None, int] = (19, 20),
    frame: tuple[int | None, int] = (350, 400),
    p50: float = 8.0,
    strangers: tuple[int, int] = (1, 4),
) -> dict[str, Any]:
    """Metrics of a model, as train_model writes them."""
    met = {"n": strangers[1], "taken_for_student": strangers[0]}
    return {
        "name": name,
        "status": "succeeded",
        "reason": None,
        "frame": accuracies(*frame),
        "transaction": accuracies(*transaction),
        "strangers": {"frame": met, "transaction": met},
        "random_split": accuracies(399, 400),
        "embed_images_per_second": 123.4,
        "train_seconds": 2.5,
        "latency_ms": {"p50": p50, "p99": 2 * p50},
        "parameters": 2_257_984,
        "size_bytes": 9_012_345,
        "edge": {"frames": 16, "max_difference": 1.5e-7},
        "head": {"epochs": 3, "best_epoch": 2, "temperature": 4.2, "shrinkage": 0.3},
    }


def failed(name: str, reason: str = "its weights cannot be had") -> dict[str, Any]:
    """Metrics of a model that failed."""
    return {"name": name, "status": "failed", "reason": reason}


def write_model(folder: Path, metrics: dict[str, Any], people: int = 4) -> Path:
    """Write a model directory."""
    folder.mkdir(parents=True)
    write_json(folder / METRICS_FILE, metrics)
    if metrics["status"] != "succeeded":
        write_json(folder / LINEAGE_FILE, {"sha256": {}})
        return folder
    (folder / MODEL_FILE).write_bytes(metrics["name"].encode())
    write_json(folder / CURVES_FILE, curves())
    write_json(folder / CONFUSION_FILE, confusion(people))
    write_json(folder / LINEAGE_FILE, lineage())
    return folder


def curves() -> dict[str, list[float]]:
    """Four epochs, the start included."""
    return {
        "epoch": [0, 1, 2, 3],
        "loss": [1.0, 0.8, 0.6, 0.5],
        "accuracy": [0.7, 0.8, 0.9, 0.95],
        "calibration_loss": [1.2, 1.0, 0.9, 1.1],
        "calibration_accuracy": [0.6, 0.7, 0.8, 0.75],
    }


def confusion(people: int) -> dict[str, Any]:
    """All people right but the first, who is taken for the second."""
    matrix = [[int(row == column) for column in range(people)] for row in range(people)]
    matrix[0][:2] = [0, 1]
    return {
        "roles": {
            "labels": ["student", "staff", "visitor"],
            "matrix": [[12, 0, 0], [1, 3, 0], [3, 0, 1]],
        },
        "people": {"labels": [f"p{number:03}" for number in range(people)], "matrix": matrix},
    }


def lineage() -> dict[str, Any]:
    """What a model was made from."""
    return {
        "code_version": "0.1.0",
        "parameters": {
            "seed": 0,
            "epochs": 3,
            "embedding": {"engine": "openvino", "precision": "f32"},
            "weights": {"weights": "imagenet", "dimension": 1280},
        },
        "clips": {"train": ["00c0ffee00c0ffee"], "calibration": [], "test": []},
        "python": "3.11.2",
        "libraries": {"numpy": "2.0.0", "keras": "3.15.1"},
    }


def write_audit(
    folder: Path,
    protocol: dict[str, Any] = BY_SESSION,
    rejects: Sequence[Reject] = (),
    enrolment: Sequence[dict[str, Any]] = (),
) -> Path:
    """Write an audit directory."""
    folder.mkdir(parents=True)
    checks = {"sessions_on_both_sides": 0, "strangers_trained_on": 0}
    write_json(folder / AUDIT_FILE, {"protocol": copy.deepcopy(protocol), "checks": checks})
    source = {"fingerprint": "ab" * 32, "clips_used": 1234, "extraction": dict(EXTRACTION)}
    write_json(folder / SOURCE_FILE, source)
    write_table(folder / REJECTS_FILE, rejects_table(rejects))
    rows = pa.Table.from_pylist([enrolled("p0"), *enrolment], schema=ENROLMENT)
    write_table(folder / ENROLMENT_FILE, rows)
    return folder


def enrolled(person_id: str, verdict: str = "good", **more: Any) -> dict[str, Any]:
    """A person of the roster with two sessions, as split_dataset judges them."""
    row = {
        "person_id": person_id,
        "role": "student",
        "consent": "valid",
        "clips_accepted": 2,
        "clips_rejected": 0,
        "sessions": 2,
        "sessions_good": 2 if verdict == "good" else 1,
        "verdict": verdict,
        "advice": "" if verdict == "good" else f"Advice on {verdict}.",
    }
    return {**row, **more}
