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
    FRAMES,
    REJECTS_FILE,
    SAMPLES_FILE,
    SOURCE_FILE,
    TRANSACTIONS,
    Reject,
    rejects_table,
)
from components.intervals import upper_bound, wilson
from components.model_directory import (
    CONFUSION_FILE,
    CURVES_FILE,
    EDGE_MODEL_FILE,
    EVALUATION_FILE,
    LINEAGE_FILE,
    METRICS_FILE,
    MODEL_FILE,
    STRANGER,
    TRANSACTIONS_FILE,
)
from components.parquet import write_table
from tests.tiny_model import tiny_tflite

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
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
RANDOM_FRAMES = {
    **TIME_BLOCKS,
    "name": "random_frames",
    "requested": "random_frames",
    "leaks": True,
}


def accuracies(right: int | None, n: int) -> dict[str, Any]:
    """The accuracies of `n` trials, `right` of them right."""
    share = None if right is None else right / n
    return {"identity_accuracy": share, "role_accuracy": share, "n": n}


def scores(right: int | None, n: int, strangers: tuple[int, int]) -> dict[str, Any]:
    """Frame or transaction metrics: `n` trials of known people, and (accepted, n) of strangers."""
    share = None if right is None else right / n
    interval = None if share is None else list(wilson(share, n))
    accepted, met = strangers
    fpir = accepted / met if met else None
    upper = upper_bound(accepted, met) if met else None
    missed = None if share is None else 1 - share
    return {
        **accuracies(right, n),
        "identity_interval": interval,
        "role_interval": interval,
        "student": {
            "fmr": fpir,
            "fmr_n": met,
            "fmr_upper": upper,
            "fnmr": missed,
            "fnmr_n": n,
            "fnmr_interval": interval,
        },
        "open_set": {
            "threshold": 0.5 if met else None,
            "basis": "strangers" if met else "none",
            "target_fpir": 0.01,
            "fpir": fpir,
            "fpir_n": met,
            "fpir_upper": upper,
            "fnir": missed,
            "fnir_n": n,
            "fnir_interval": interval,
        },
    }


def succeeded(
    name: str,
    *,
    transaction: tuple[int | None, int] = (19, 20),
    frame: tuple[int | None, int] = (350, 400),
    p50: float = 8.0,
    strangers: tuple[int, int] = (1, 4),
    size_bytes: int = 9_012_345,
) -> dict[str, Any]:
    """Metrics of a model, as train_model writes them."""
    met = {"n": strangers[1], "taken_for_student": strangers[0]}
    latency = {"p50": p50, "p99": 2 * p50}
    precision = {
        "size_bytes": size_bytes,
        "latency_ms": latency,
        "identity_accuracy": accuracies(*transaction)["identity_accuracy"],
        "frame_identity_accuracy": accuracies(*frame)["identity_accuracy"],
        "max_difference": 1.5e-7,
    }
    return {
        "name": name,
        "status": "succeeded",
        "reason": None,
        "frame": scores(*frame, strangers),
        "transaction": scores(*transaction, strangers),
        "strangers": {"frame": met, "transaction": met},
        "random_split": accuracies(399, 400),
        "negative_control": {
            "identity_accuracy": 0.1,
            "n": 20,
            "chance": 0.1,
            "interval": [0.0, 0.25],
            "passed": True,
            "shows_leak": True,
        },
        "calibration": {"temperature": 4.2, "ece_before": 0.2, "ece_after": 0.034, "n": 200},
        "edge": {
            "precision": "float16",
            "rule": "int8 lost more than a point",
            "frames": 16,
            "precisions": {
                "float32": {**precision, "size_bytes": 4 * size_bytes},
                "float16": precision,
                "int8": {**precision, "identity_accuracy": 0.25},
            },
        },
        "embed_images_per_second": 123.4,
        "train_seconds": 2.5,
        "latency_ms": latency,
        "parameters": 2_257_984,
        "size_bytes": size_bytes,
        "head": {"epochs": 3, "best_epoch": 2, "temperature": 4.2, "shrinkage": 0.3},
    }


def failed(name: str, reason: str = "its weights cannot be had") -> dict[str, Any]:
    """Metrics of a model that failed."""
    return {"name": name, "status": "failed", "reason": reason}


def write_model(
    folder: Path, metrics: dict[str, Any], people: int = 4, wrong: Iterable[int] | None = None
) -> Path:
    """Write a model directory.

    Args:
        folder: to write.
        metrics: of the model.
        people: how many it knows.
        wrong: which test transactions it got wrong; the last ones, if not said.
    """
    folder.mkdir(parents=True)
    write_json(folder / METRICS_FILE, metrics)
    if metrics["status"] != "succeeded":
        write_json(folder / LINEAGE_FILE, {"sha256": {}})
        return folder
    (folder / MODEL_FILE).write_bytes(metrics["name"].encode())
    (folder / EDGE_MODEL_FILE).write_bytes(tiny_tflite())
    score = metrics["transaction"]
    right = round(score["n"] * (score["identity_accuracy"] or 0))
    wrong = range(right, score["n"]) if wrong is None else wrong
    write_transactions(folder, score["n"], set(wrong))
    write_json(folder / EVALUATION_FILE, evaluation())
    write_json(folder / CURVES_FILE, curves())
    write_json(folder / CONFUSION_FILE, confusion(people))
    write_json(folder / LINEAGE_FILE, lineage())
    return folder


def write_transactions(folder: Path, n: int, wrong: set[int]) -> None:
    """Write the test transactions of `n` people, of a stranger, and one of calibration."""
    labels = [("test", person, person in wrong) for person in range(n)]
    labels += [("test", STRANGER, True), ("calibration", 0, True)]
    rows = [
        {
            "transaction": f"clip{number:03}/{split}",
            "split": split,
            "subject": number,
            "person": person,
            "role_label": 0,
            "predicted": person + 1 if is_wrong else person,
            "score": 0.8,
            "predicted_role": 0,
            "student_score": 0.9,
            "frames": 20,
        }
        for number, (split, person, is_wrong) in enumerate(labels)
    ]
    table = pa.Table.from_pylist(rows, schema=TRANSACTIONS)
    write_table(folder / TRANSACTIONS_FILE, table)


def evaluation() -> dict[str, Any]:
    """What stands behind the metrics of a model: curves and counts."""
    curve = [[0.1, 1.0, 0.0], [0.3, 0.5, 0.05], [0.5, 0.25, 0.1], [0.9, 0.0, 0.6]]
    parts = [
        {"low": low / 10, "high": low / 10 + 0.1, "confidence": low / 10 + 0.05, "accuracy": 0.5}
        for low in range(10)
    ]
    bins = [{**part, "n": int(part["low"] >= 0.5)} for part in parts]
    person = {"person": "p007", "role": "student", "n": 2, "right": 0, "rejected": 1}
    return {
        "det": {"frame": curve, "transaction": curve},
        "reliability": {"before": bins, "after": bins},
        "scores": {
            "edges": [0.0, 0.25, 0.5, 0.75, 1.0],
            "student": [0, 1, 2, 9],
            "staff": [0, 0, 0, 4],
            "visitor": [0, 1, 1, 2],
            "stranger": [1, 2, 1, 0],
        },
        "roc": {"fmr": [0.0, 1.0], "tmr": [0.0, 1.0], "threshold": [1.0, 0.0]},
        "roles": [
            {
                "role": "student",
                "people": 12,
                "n": 12,
                "identity_accuracy": 0.75,
                "identity_interval": [0.5, 1.0],
                "rejected": 1,
            },
            {
                "role": "staff",
                "people": 0,
                "n": 0,
                "identity_accuracy": None,
                "identity_interval": None,
                "rejected": 0,
            },
        ],
        "people": [
            {**person, "mistaken_for": "p008"},
            {**person, "person": "p009", "right": 2, "rejected": 0, "mistaken_for": None},
        ],
    }


def write_costs(folder: Path) -> dict[str, list[Path]]:
    """Write what the tasks of two steps noted of themselves."""
    seconds = {"ingest_videos": [1.5], "embed_frames": [20.0, 30.0]}
    folder.mkdir(parents=True)
    notes: dict[str, list[Path]] = {}
    for step, tasks in seconds.items():
        for number, taken in enumerate(tasks):
            path = folder / f"{step}-{number}"
            memory = (number + 1) * 100_000_000
            write_json(path, {"step.seconds": taken, "step.peak_memory_bytes": memory})
            notes.setdefault(step, []).append(path)
    return notes


def write_samples(dataset: Path, people: Sequence[str], jpeg: bytes = b"a picture") -> Path:
    """Write a dataset of which only the samples are there, two of each person."""
    dataset.mkdir(parents=True)
    rows = [
        {
            "clip_id": "0" * 16,
            "person_id": person,
            "role": "student",
            "session": "s1",
            "index": index,
            "time_s": 0.2 * index,
            "jpeg": jpeg,
            "sharpness": 9.0,
            "brightness": 99.0,
            "dhash": 0,
            "face_box": None,
        }
        for person in people
        for index in range(2)
    ]
    write_table(dataset / SAMPLES_FILE, pa.Table.from_pylist(rows, schema=FRAMES))
    return dataset


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
    found = {
        "protocol": copy.deepcopy(protocol),
        "checks": checks,
        "enforced": not protocol["leaks"],
        "near_duplicates_removed": 17,
        "thresholds": {"bits": 3, "share": 0.5},
    }
    write_json(folder / AUDIT_FILE, found)
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
