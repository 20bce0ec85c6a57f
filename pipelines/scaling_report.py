"""What the scaling study found: one HTML page that needs nothing else, a chart, and tables."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import jinja2
from rich.box import SIMPLE_HEAD
from rich.table import Table

import components.compare_models
from components.compare_models import charts, formats
from components.compare_models.charts import Axis
from components.errors import RollcallError
from pipelines.progress import title_of
from pipelines.scaling_model import (
    NEEDS,
    ORIGINAL_IMAGES,
    ORIGINAL_MINUTES,
    ORIGINAL_WORKERS,
    fit_amdahl,
    serial_share_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from pipelines.scaling_model import Amdahl, Prediction
    from pipelines.scaling_study import Run, Study

BEGIN: Final = "<!-- written by make scaling-study WRITE=1 -->\n"
END: Final = "<!-- end of what is written -->\n"

SHOWN: Final = (1, 2, 4, 8, ORIGINAL_WORKERS, 64)
"""Numbers of workers that a table of predictions shows."""
CHAINS: Final = (1, ORIGINAL_WORKERS, 64)
"""Numbers of workers of which a table says where the time goes."""

_TEMPLATES: Final = (
    Path(__file__).parent / "templates",
    Path(components.compare_models.__file__).parent / "templates",
)
"""Its own, and those of the report of a run, whose looks and charts it shares."""


def render_report(study: Study) -> str:
    """Render the HTML page. It has no script and refers to nothing outside itself."""
    return _render("scaling.html.jinja", study)


def render_svg(study: Study) -> str:
    """Render the chart of the measured and the predicted curve, for light and dark pages."""
    return _render("scaling.svg.jinja", study)


def render_page(study: Study, page: str) -> str:
    """The page of the documentation with the figures between its two marks written anew.

    Raises:
        RollcallError: it has not these two marks.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise RollcallError(f"the page lacks its marks: {BEGIN.strip()} and {END.strip()}")
    return before + BEGIN + _render("scaling.md.jinja", study) + END + after


def print_tables(study: Study, console: Console) -> None:
    """Print the measured runs step by step, and what is predicted."""
    facts = facts_of(study)
    title = "Measured here, seconds (speed-up): a processor a worker"
    table = _table(title, ["step", *(_header(run, study) for run in study.measured)])
    for row in facts["steps"]:
        texts = [f"{cell['seconds']:.1f} ({cell['speed_up']:.2f})" for cell in row["cells"]]
        table.add_row(row["title"], *texts)
    whole = [f"{run['seconds']:.1f} ({run['speed_up']:.2f})" for run in facts["measured"]]
    table.add_row("the whole run", *whole)
    console.print(table)
    console.print(
        f"Amdahl's law: {study.law.serial_seconds:.1f} s are serial, "
        f"{study.law.serial_share:.0%} of the time of one worker"
    )
    title = "Predicted for a cluster: minutes (speed-up)"
    table = _table(title, ["workers", *(curve["name"] for curve in facts["curves"])])
    for at, count in enumerate(SHOWN):
        cells = [curve["rows"][at] for curve in facts["curves"]]
        table.add_row(
            str(count), *(f"{cell['minutes']:.1f} ({cell['speed_up']:.2f})" for cell in cells)
        )
    console.print(table)


def _header(run: Run, study: Study) -> str:
    many = run.workers > study.processors
    return f"{run.workers}{' on ' + str(study.processors) if many else ''}"


def _table(title: str, columns: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, show_edge=False)
    table.add_column(columns[0])
    for name in columns[1:]:
        table.add_column(name, justify="right")
    return table


def facts_of(study: Study) -> dict[str, Any]:
    """What the page, the chart and the tables show, from what was found."""
    first = study.measured[0]
    original = study.predictions["original"]
    theirs = ORIGINAL_MINUTES[0] / ORIGINAL_MINUTES[1]
    return {
        "study": study,
        "measured": [
            {
                "workers": run.workers,
                "header": _header(run, study),
                "seconds": run.seconds,
                **_gain(first.seconds, run.seconds, run.workers, first.workers),
            }
            for run in study.measured
        ],
        "steps": [_step_row(step, study) for step in NEEDS],
        "costs": [{"title": _task_title(name), "cost": cost} for name, cost in study.costs.items()],
        "curves": [_curve(name, key, study.predictions[key]) for key, name in CURVES.items()],
        "chains": _chains(original),
        "chain_workers": CHAINS,
        "images": ORIGINAL_IMAGES,
        "workers": ORIGINAL_WORKERS,
        "their_minutes": ORIGINAL_MINUTES,
        "their_speed_up": theirs,
        "their_serial_share": serial_share_of(theirs, ORIGINAL_WORKERS),
        "clip_seconds": sum(study.alone[0].clips_s),
        "charts": _charts(study),
    }


CURVES: Final = {
    "original_without_starts": f"{ORIGINAL_IMAGES:,} images, work alone",
    "original_nodes_up": f"{ORIGINAL_IMAGES:,} images, nodes up with images",
    "original": f"{ORIGINAL_IMAGES:,} images, nodes from none",
    "tenfold": f"{10 * ORIGINAL_IMAGES:,} images, nodes from none",
}
"""What is predicted -> how it is called."""


def _gain(one: float, many: float, workers: int, least: int = 1) -> dict[str, float]:
    speed_up = one / many if many else 1.0
    return {"speed_up": speed_up, "efficiency": speed_up * least / workers}


def _step_row(step: str, study: Study) -> dict[str, Any]:
    first = study.measured[0]
    fair = [run for run in study.measured if run.workers <= study.processors]
    law = fit_amdahl([run.workers for run in fair], [run.step_seconds[step] for run in fair])
    return {
        "title": title_of(step),
        "serial_seconds": law.serial_seconds,
        "cells": [
            {
                "seconds": run.step_seconds[step],
                **_gain(
                    first.step_seconds[step], run.step_seconds[step], run.workers, first.workers
                ),
            }
            for run in study.measured
        ],
    }


def _task_title(name: str) -> str:
    step, _, item = name.partition(" ")
    return f"{title_of(step)} {item}".strip()


def _at(predictions: Sequence[Prediction], workers: int) -> Prediction:
    return next(each for each in predictions if each.workers == workers)


def _law(predictions: Sequence[Prediction]) -> Amdahl:
    counts = [each.workers for each in predictions]
    return fit_amdahl(counts, [each.seconds for each in predictions])


def _curve(name: str, key: str, predictions: Sequence[Prediction]) -> dict[str, Any]:
    one = predictions[0].seconds
    rows = [
        {
            "workers": count,
            "minutes": _at(predictions, count).seconds / 60,
            **_gain(one, _at(predictions, count).seconds, count),
        }
        for count in SHOWN
    ]
    return {"name": name, "key": key, "rows": rows, "law": _law(predictions)}


def _chains(predictions: Sequence[Prediction]) -> list[dict[str, Any]]:
    """By step what the longest chain of tasks works, and what it waits for pods, images, nodes."""
    found = [_at(predictions, count) for count in CHAINS]
    rows = [
        {"title": title_of(step), "seconds": [each.work_seconds[step] for each in found]}
        for step in NEEDS
    ]
    return [
        *rows,
        {"title": "Pods, images, nodes", "seconds": [each.start_seconds for each in found]},
    ]


def _charts(study: Study) -> dict[str, charts.Lines]:
    runs = [(float(run.workers), run.seconds) for run in study.measured]
    most = max(runs)[0]
    law = [(count, study.law.seconds(count)) for count in _between(1.0, most)]
    workers = Axis(1.0, max(most, 2.0), tuple(sorted({x for x, _ in runs})), "logarithmic")
    many = Axis(1.0, 64.0, (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0), "logarithmic")
    minutes = {
        name: [(float(each.workers), each.seconds / 60) for each in study.predictions[key]]
        for key, name in CURVES.items()
    }
    gains = {
        name: [(x, points[0][1] / minute) for x, minute in points]
        for name, points in minutes.items()
    }
    times = charts.from_zero([y for _, y in [*runs, *law]])
    work, cold, large = (CURVES[k] for k in ("original_without_starts", "original", "tenfold"))
    both = {name: minutes[name] for name in (cold, work)}
    gained = {name: gains[name] for name in (cold, large)}
    rule = float(ORIGINAL_WORKERS)
    return {
        "measured": charts.lines({"measured": runs, "Amdahl's law": law}, workers, times),
        "predicted": charts.lines(
            both,
            many,
            charts.from_zero([y for points in both.values() for _, y in points]),
            rule=rule,
        ),
        "gains": charts.lines(gained, many, many, rule=rule, diagonal=True),
    }


def _between(low: float, high: float, points: int = 40) -> list[float]:
    """From one to the other, in equal ratios."""
    return [low * (high / low) ** (step / points) for step in range(points + 1)]


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=jinja2.select_autoescape(("html.jinja", "svg.jinja")),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        {name: getattr(formats, name) for name in ("percent", "seconds", "significant", "tick")}
    )
    return environment


def _render(template: str, study: Study) -> str:
    return _environment().get_template(template).render(facts_of(study))
