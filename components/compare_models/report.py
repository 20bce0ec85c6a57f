"""The report of a run: one HTML page that needs nothing else, for a browser or a sandboxed frame.

It has no script and refers to nothing outside itself. Every value that it prints is escaped.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import jinja2
from markupsafe import Markup

from components.artifacts import read_json
from components.compare_models import charts, formats
from components.compare_models.contact_sheet import contact_sheet
from components.compare_models.costs import costs_of
from components.compare_models.curves import det, reliability
from components.compare_models.findings import confusion_of, enrolment_of, rejects_of
from components.compare_models.histograms import histograms
from components.compare_models.people import people_of
from components.compare_models.preference import WORDS
from components.compare_models.training import trained_models
from components.contracts import AUDIT_FILE, SOURCE_FILE
from components.errors import ContractError
from components.intervals import upper_bound
from components.metrics import flat_numbers
from components.model_directory import CONFUSION_FILE, EVALUATION_FILE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

OPTIMISTIC: Final = "within-session (optimistic)"
"""How a score is marked where people are tested on the session that they were learnt from."""

LEAKS: Final = "leaking split (not ranked)"
"""How a score is marked where near copies of what is tested were learnt."""

BASES: Final = {
    "strangers": "from strangers",
    "genuine": "from known people: too few strangers",
    "none": "nothing to choose it from",
}
"""Where a threshold comes from, in words."""

MOST_PEOPLE: Final = 40
"""People up to whom a matrix of them can be read."""

_TEMPLATES: Final = Path(__file__).parent / "templates"
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


def render_report(
    leaderboard: dict[str, Any],
    models: Mapping[str, Path],
    audit: Path,
    *,
    costs: Mapping[str, Sequence[Path]],
    pictures: Path | None = None,
) -> str:
    """Render the report.

    Args:
        leaderboard: as leaderboard.schema.json describes it.
        models: the model directory of every model of the leaderboard, by its name.
        audit: the audit directory that split_dataset wrote.
        costs: by step the files in which its tasks noted what they took.
        pictures: a dataset, to show a frame of each person; None to show nobody.

    Returns:
        The page. The same inputs give the same page.

    Raises:
        ContractError: a file is missing, or lacks something that the report needs.
    """
    try:
        context = {
            **_context(leaderboard, models, audit),
            "costs": costs_of(costs),
            "sheet": contact_sheet(pictures) if pictures else None,
        }
        page = _environment().get_template("report.html.jinja").render(context)
    except (KeyError, IndexError, TypeError, ValueError, jinja2.UndefinedError) as error:
        raise ContractError(f"the report lacks something in its inputs: {error!r}") from error
    return page + "\n"


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    environment.filters.update(_FILTERS)
    environment.globals.update(upper_bound=upper_bound, bases=BASES, criteria=WORDS)
    return environment


def _finalize(value: object) -> object:
    return (
        formats.plain(value) if isinstance(value, str) and not isinstance(value, Markup) else value
    )


def _context(
    leaderboard: dict[str, Any], models: Mapping[str, Path], audit: Path
) -> dict[str, Any]:
    rows, protocol = leaderboard["models"], leaderboard["protocol"]
    succeeded = [row for row in rows if row["status"] == "succeeded"]
    tested = [row for row in succeeded if row["transaction"]["n"]]
    champion = rows[0] if leaderboard["champion"] else None
    trained = trained_models({row["name"]: models[row["name"]] for row in succeeded})
    found = read_json(audit / AUDIT_FILE)
    shown = tested[0] if tested else None
    return {
        "board": leaderboard,
        "rows": rows,
        "succeeded": succeeded,
        "champion": champion,
        "runner_up": tested[1] if len(tested) > 1 else None,
        "tied": [row for row in tested if row["tied"]],
        "leaks": protocol["leaks"],
        "caution": LEAKS
        if protocol["leaks"]
        else OPTIMISTIC
        if protocol["within_session"]
        else None,
        "chart": _accuracy_against_latency(tested, leaderboard["champion"]),
        "trained": trained,
        "weights_of": {
            each.name: each.lineage["parameters"]["weights"]["weights"] for each in trained
        },
        **(_details(shown, models[shown["name"]]) if shown else {"shown": None}),
        "audit": found,
        "thresholds": list(flat_numbers(found["thresholds"])),
        "source": read_json(audit / SOURCE_FILE),
        "rejects": rejects_of(audit),
        "enrolment": enrolment_of(audit),
    }


def _details(row: dict[str, Any], model: Path) -> dict[str, Any]:
    """What is shown of one model alone: the champion or, without one, the first by name."""
    evaluation, confusion = read_json(model / EVALUATION_FILE), read_json(model / CONFUSION_FILE)
    return {
        "shown": row,
        "evaluation": evaluation,
        "det": det(evaluation, row),
        "scores": histograms(evaluation["scores"], row["transaction"]["open_set"]["threshold"]),
        "reliability": reliability(evaluation),
        "people": people_of(evaluation),
        "confusion": {of: confusion_of(**confusion[of]) for of in ("roles", "people")},
        "most_people": MOST_PEOPLE,
    }


def _accuracy_against_latency(
    tested: Sequence[dict[str, Any]], champion: str | None
) -> charts.Scatter | None:
    """Every tested model; its label is its rank."""
    values = [
        charts.Value(
            label=str(rank),
            x=row["latency_ms"]["p50"],
            y=row["transaction"]["identity_accuracy"],
            interval=row["transaction"]["identity_interval"],
            emphasis=row["name"] == champion,
        )
        for rank, row in enumerate(tested, start=1)
    ]
    return charts.scatter(values) if values else None
