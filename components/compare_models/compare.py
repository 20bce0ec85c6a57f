"""Writes the leaderboard, the report, and the champion's directory."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from components.artifacts import atomic_directory, atomic_file, read_json, write_json
from components.compare_models.leaderboard import make_leaderboard
from components.compare_models.report import render_report
from components.contracts import AUDIT_FILE
from components.errors import ContractError
from components.model_directory import METRICS_FILE
from components.telemetry import step

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def compare_models(
    models: Sequence[Path], audit: Path, *, leaderboard: Path, report: Path, champion: Path
) -> str:
    """Rank the models and say so.

    Args:
        models: directories that train_model wrote, in any order.
        audit: the audit directory that split_dataset wrote.
        leaderboard: the JSON file to write, as leaderboard.schema.json describes it.
        report: the HTML file to write.
        champion: the directory to make, a copy of the best model's.

    Returns:
        The champion's name.

    Raises:
        ContractError: every model failed; the message says why each did.
    """
    with step("compare_models") as progress:
        progress.expect(3, "outputs")
        board = make_leaderboard(models, read_json(audit / AUDIT_FILE))
        by_name = {read_json(model / METRICS_FILE)["name"]: model for model in models}
        with atomic_file(leaderboard) as path:
            write_json(path, board)
        progress.advance()
        with atomic_file(report) as path:
            path.write_text(render_report(board, by_name, audit), encoding="utf-8")
        progress.advance()
        if board["champion"] is None:
            reasons = [f"{row['name']}: {row['reason'] or 'not tested'}" for row in board["models"]]
            raise ContractError("no model can be champion. " + "; ".join(reasons))
        with atomic_directory(champion) as directory:
            shutil.copytree(by_name[board["champion"]], directory, dirs_exist_ok=True)
        progress.advance()
    return str(board["champion"])
