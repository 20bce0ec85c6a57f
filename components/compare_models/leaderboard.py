"""Ranks the models, and says under what protocol they were scored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from components.artifacts import read_json
from components.errors import ContractError
from components.model_directory import METRICS_FILE

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

SCHEMA_VERSION: Final = 1

FIELDS: Final = (
    "name",
    "status",
    "reason",
    "frame",
    "transaction",
    "strangers",
    "random_split",
    "embed_images_per_second",
    "train_seconds",
    "latency_ms",
    "parameters",
    "size_bytes",
)
"""Of each model; a model that failed has null in all but the first three."""

RULE: Final = "accuracy of transactions, then of frames, then latency (p50) on one thread"


def rank(models: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Sort best first; those that failed come last, by name. The name breaks the last ties."""
    return sorted(models, key=_key)


def _key(model: dict[str, Any]) -> tuple[bool, float, float, float, str]:
    if model["status"] != "succeeded":
        return (True, 0.0, 0.0, 0.0, model["name"])
    accuracy = [model[unit]["identity_accuracy"] for unit in ("transaction", "frame")]
    transaction, frame = (-1.0 if value is None else value for value in accuracy)
    return (False, -transaction, -frame, model["latency_ms"]["p50"], model["name"])


def make_leaderboard(models: Iterable[Path], audit: dict[str, Any]) -> dict[str, Any]:
    """Read the models' metrics into one leaderboard.

    Args:
        models: directories that train_model wrote, in any order.
        audit: what split_dataset found.

    Returns:
        The leaderboard, as leaderboard.schema.json describes it. `champion` is null where every
        model failed or none could be tested.

    Raises:
        ContractError: there is no model, or two of the same name.
    """
    rows = [
        {field: metrics.get(field) for field in FIELDS}
        for metrics in (read_json(model / METRICS_FILE) for model in models)
    ]
    if not rows:
        raise ContractError("there is no model to compare: name at least one backbone")
    if len({row["name"] for row in rows}) != len(rows):
        raise ContractError("two models have the same name: name each backbone once")
    ranked = rank(rows)
    best = ranked[0]
    tested = best["status"] == "succeeded" and best["transaction"]["n"] > 0
    return {
        "schema_version": SCHEMA_VERSION,
        "champion": best["name"] if tested else None,
        "rule": RULE,
        "protocol": audit["protocol"],
        "models": ranked,
    }
