"""The report of a run: one HTML page that needs nothing else, for a browser or a sandboxed frame.

It has no script and refers to nothing outside itself. Every value that it prints is escaped.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import jinja2
from markupsafe import Markup

from components.artifacts import read_json
from components.compare_models import charts, formats
from components.compare_models.findings import (
    confusion_of,
    decision,
    enrolment_of,
    not_settled_against,
    rejects_of,
)
from components.contracts import AUDIT_FILE, SOURCE_FILE
from components.errors import ContractError
from components.intervals import upper_bound, wilson
from components.model_directory import CONFUSION_FILE, CURVES_FILE, LINEAGE_FILE, METRICS_FILE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

OPTIMISTIC: Final = "within-session (optimistic)"
"""How a score is marked where people are tested on the session that they were learnt from."""

MOST_PEOPLE: Final = 40
"""People up to whom a matrix of them can be read."""

_TEMPLATE: Final = "report.html.jinja"
_FILTERS: Final = {
    name: getattr(formats, name)
    for name in (
        "byte_size",
        "hits",
        "integer",
        "millions",
        "milliseconds",
        "percent",
        "points",
        "round_percent",
        "seconds",
        "significant",
        "tick",
        "words",
    )
}


def render_report(leaderboard: dict[str, Any], models: Mapping[str, Path], audit: Path) -> str:
    """Render the report.

    Args:
        leaderboard: as leaderboard.schema.json describes it.
        models: the model directory of every model of the leaderboard, by its name.
        audit: the audit directory that split_dataset wrote.

    Returns:
        The page. The same inputs give the same page.

    Raises:
        ContractError: a file is missing, or lacks something that the report needs.
    """
    try:
        page = _environment().get_template(_TEMPLATE).render(_context(leaderboard, models, audit))
    except (KeyError, IndexError, TypeError, ValueError, jinja2.UndefinedError) as error:
        raise ContractError(f"the report lacks something in its inputs: {error!r}") from error
    return page + "\n"


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    environment.filters.update(_FILTERS)
    environment.globals.update(upper_bound=upper_bound, wilson=wilson)
    return environment


def _finalize(value: object) -> object:
    return (
        formats.plain(value) if isinstance(value, str) and not isinstance(value, Markup) else value
    )


def _context(
    leaderboard: dict[str, Any], models: Mapping[str, Path], audit: Path
) -> dict[str, Any]:
    rows = leaderboard["models"]
    succeeded = [row for row in rows if row["status"] == "succeeded"]
    champion = next((row for row in rows if row["name"] == leaderboard["champion"]), None)
    return {
        "board": leaderboard,
        "rows": rows,
        "succeeded": succeeded,
        "champion": champion,
        "decision": decision(succeeded) if champion else None,
        "not_settled": not_settled_against(champion, succeeded) if champion else [],
        "optimistic": OPTIMISTIC if leaderboard["protocol"]["within_session"] else None,
        "chart": _accuracy_against_latency(succeeded, leaderboard["champion"]),
        "trained": _trained(succeeded, models),
        "confusion": _confusions(models[champion["name"]]) if champion else None,
        "most_people": MOST_PEOPLE,
        "audit": read_json(audit / AUDIT_FILE),
        "source": read_json(audit / SOURCE_FILE),
        "rejects": rejects_of(audit),
        "enrolment": enrolment_of(audit),
    }


def _accuracy_against_latency(
    succeeded: Sequence[dict[str, Any]], champion: str | None
) -> charts.Scatter | None:
    """Every tested model; its label is its rank."""
    values = [
        charts.Value(
            label=str(rank),
            x=row["latency_ms"]["p50"],
            y=row["transaction"]["identity_accuracy"],
            interval=wilson(row["transaction"]["identity_accuracy"], row["transaction"]["n"]),
            emphasis=row["name"] == champion,
        )
        for rank, row in enumerate(succeeded, start=1)
        if row["transaction"]["n"]
    ]
    return charts.scatter(values) if values else None


@dataclass(frozen=True)
class Trained:
    """How a model came about.

    Attributes:
        name: its backbone.
        curves: values an epoch.
        head: what was chosen while the head was trained.
        edge: how the edge model compares with the Keras model.
        lineage: what the model was made from.
        accuracy: the chart of its accuracy over epochs.
        loss: the chart of its loss over epochs.
    """

    name: str
    curves: dict[str, list[float]]
    head: dict[str, Any]
    edge: dict[str, Any]
    lineage: dict[str, Any]
    accuracy: charts.Lines
    loss: charts.Lines

    @property
    def kept(self) -> int:
        """Position of the epoch whose weights were kept."""
        return self.curves["epoch"].index(self.head["best_epoch"])


def _trained(succeeded: Iterable[dict[str, Any]], models: Mapping[str, Path]) -> list[Trained]:
    folders = {row["name"]: models[row["name"]] for row in succeeded}
    curves = {name: read_json(folder / CURVES_FILE) for name, folder in folders.items()}
    # One scale of accuracy for all models, lest a bad one look as good as the best.
    every = [
        value for own in curves.values() for value in own["accuracy"] + own["calibration_accuracy"]
    ]
    axis = charts.shares(min(every, default=0.0))
    return [_one_trained(name, folders[name], own, axis) for name, own in curves.items()]


def _one_trained(name: str, folder: Path, curves: dict[str, Any], accuracy: charts.Axis) -> Trained:
    metrics = read_json(folder / METRICS_FILE)
    epoch, kept = curves["epoch"], metrics["head"]["best_epoch"]
    loss = charts.from_zero(curves["loss"] + curves["calibration_loss"])
    drawn = {
        measure: charts.lines(
            {"calibration": curves[f"calibration_{measure}"], "training": curves[measure]},
            epoch,
            kept,
            axis,
        )
        for measure, axis in (("accuracy", accuracy), ("loss", loss))
    }
    lineage = read_json(folder / LINEAGE_FILE)
    return Trained(
        name, curves, metrics["head"], metrics["edge"], lineage, drawn["accuracy"], drawn["loss"]
    )


def _confusions(model: Path) -> dict[str, Any]:
    confusion = read_json(model / CONFUSION_FILE)
    return {of: confusion_of(**confusion[of]) for of in ("roles", "people")}
