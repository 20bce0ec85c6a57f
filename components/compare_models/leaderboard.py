"""The leaderboard: the models of a run, best first, under what protocol, and what decided."""

from __future__ import annotations

from operator import itemgetter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from components.artifacts import read_json
from components.compare_models.preference import Prefer
from components.compare_models.ranking import rank, read_trials
from components.errors import ContractError
from components.model_directory import METRICS_FILE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

SCHEMA_VERSION: Final = 2

FIELDS: Final = (
    "name",
    "status",
    "reason",
    "difference",
    "tied",
    "lacked",
    "frame",
    "transaction",
    "strangers",
    "random_split",
    "negative_control",
    "calibration",
    "edge",
    "embed_images_per_second",
    "train_seconds",
    "latency_ms",
    "parameters",
    "size_bytes",
)
"""Of each model; a model that failed has null in all but the first three."""

RULES: Final = {
    Prefer.LATENCY: "the fastest at the edge (latency p50)",
    Prefer.ACCURACY: "the most accurate, of transactions and then of frames,",
    Prefer.SIZE: "the smallest at the edge",
}
RULE: Final = (
    "models that are not worse than the most accurate one by a paired bootstrap over people (95 %) "
    "are tied, and of the tied {wins} wins"
)
NOT_RANKED: Final = (
    "nothing is ranked: frames were dealt out at random, so that near copies of test frames were "
    "learnt"
)


def make_leaderboard(
    models: Iterable[Path],
    audit: dict[str, Any],
    prefer: str = Prefer.LATENCY,
    latencies: Mapping[str, dict[str, float]] = MappingProxyType({}),
) -> dict[str, Any]:
    """Read the models' metrics into one leaderboard.

    Args:
        models: directories that train_model wrote, in any order.
        audit: what split_dataset found.
        prefer: what is wanted of the models that are tied, a `Prefer`.
        latencies: of models by name, where they were measured against each other; of others that of
            their metrics stands.

    Returns:
        The leaderboard, as leaderboard.schema.json describes it. `champion` is null where every
        model failed, none could be tested, or the split leaks.

    Raises:
        ContractError: there is no model, or two of the same name, or they were tested on different
            transactions.
    """
    folders = list(models)
    rows = [read_json(model / METRICS_FILE) for model in folders]
    by_name = dict(zip(map(itemgetter("name"), rows), folders, strict=True))
    for row in rows:
        if row["name"] in latencies:
            row["latency_ms"] = latencies[row["name"]]
    if not rows:
        raise ContractError("there is no model to compare: name at least one backbone")
    if len(by_name) != len(rows):
        raise ContractError("two models have the same name: name each backbone once")
    leaks = audit["protocol"]["leaks"]
    tested = [row for row in rows if not leaks and _was_tested(row)]
    trials = {row["name"]: read_trials(by_name[row["name"]]) for row in tested}
    ranked, decided_by = rank(tested, trials, Prefer(prefer))
    rest = sorted(
        (row for row in rows if row["name"] not in trials),
        key=lambda row: (row["status"] != "succeeded", row["name"]),
    )
    return {
        "schema_version": SCHEMA_VERSION,
        "champion": ranked[0]["name"] if ranked else None,
        "prefer": str(prefer),
        "rule": NOT_RANKED if leaks else RULE.format(wins=RULES[Prefer(prefer)]),
        "decided_by": decided_by,
        "protocol": audit["protocol"],
        "models": [{field: row.get(field) for field in FIELDS} for row in ranked + rest],
    }


def _was_tested(row: dict[str, Any]) -> bool:
    return row["status"] == "succeeded" and row["transaction"]["n"] > 0
