"""Writes the leaderboard, the report, and the champion's directory."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from components.artifacts import atomic_directory, atomic_file, read_json, write_json
from components.compare_models.leaderboard import make_leaderboard
from components.compare_models.preference import Prefer
from components.compare_models.report import render_report
from components.compare_models.summary import summarize
from components.contracts import AUDIT_FILE, LEADERBOARD_FILE
from components.edge.model import measure_together
from components.errors import ContractError
from components.model_directory import EDGE_MODEL_FILE, METRICS_FILE
from components.telemetry import step

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True)
class Outputs:
    """Where to write what.

    Attributes:
        leaderboard: a JSON file, as leaderboard.schema.json describes it.
        report: an HTML file.
        summary: the leaderboard as a Markdown file.
        champion: a directory, a copy of the best model's. Where nothing is ranked it holds the
            leaderboard alone, which says why.
    """

    leaderboard: Path
    report: Path
    summary: Path
    champion: Path


def compare_models(
    models: Sequence[Path],
    audit: Path,
    outputs: Outputs,
    *,
    costs: Mapping[str, Sequence[Path]],
    prefer: str = Prefer.LATENCY,
    pictures: Path | None = None,
) -> str:
    """Rank the models and say so.

    Args:
        models: directories that train_model wrote, in any order.
        audit: the audit directory that split_dataset wrote.
        outputs: where to write what.
        costs: by step the files in which its tasks noted what they took.
        prefer: what is wanted of the models that are tied, a `Prefer`.
        pictures: a dataset, to show a frame of each person in the report; None to show nobody.

    Returns:
        The champion's name; empty where nothing is ranked, as the split leaks.

    Raises:
        ContractError: every model failed or none could be tested; the message says why each.
    """
    with step("compare_models") as progress:
        progress.expect(4, "phases")
        metrics = {model: read_json(model / METRICS_FILE) for model in models}
        by_name = {found["name"]: model for model, found in metrics.items()}
        latencies = measure_together(
            {
                found["name"]: model / EDGE_MODEL_FILE
                for model, found in metrics.items()
                if found["status"] == "succeeded"
            }
        )
        progress.advance()
        board = make_leaderboard(models, read_json(audit / AUDIT_FILE), prefer, latencies)
        with atomic_file(outputs.leaderboard) as path:
            write_json(path, board)
        with atomic_file(outputs.summary) as path:
            path.write_text(summarize(board), encoding="utf-8")
        progress.advance()
        page = render_report(board, by_name, audit, costs=costs, pictures=pictures)
        with atomic_file(outputs.report) as path:
            path.write_text(page, encoding="utf-8")
        progress.advance()
        champion = board["champion"]
        if champion is None and not board["protocol"]["leaks"]:
            reasons = [f"{row['name']}: {row['reason'] or 'not tested'}" for row in board["models"]]
            raise ContractError("no model can be champion. " + "; ".join(reasons))
        with atomic_directory(outputs.champion) as directory:
            if champion is None:
                write_json(directory / LEADERBOARD_FILE, board)
            else:
                shutil.copytree(by_name[champion], directory, dirs_exist_ok=True)
        progress.advance()
    return champion or ""
