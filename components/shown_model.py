"""What the Kubeflow UI shows of a task that made a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.artifacts import read_json
from components.evaluation.summary import summarise
from components.metrics import publish
from components.model_directory import CONFUSION_FILE, EVALUATION_FILE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kfp import dsl


def show_model(
    measured: Mapping[str, Any],
    model: dsl.Model,
    metrics: dsl.Metrics,
    confusion: dsl.ClassificationMetrics,
    summary: dsl.Markdown,
) -> None:
    """Fill the outputs of the task.

    Args:
        measured: what stands in the model's metrics.json.
        model: gets backbone and status as metadata; its directory is written already.
        metrics: gets every number, and what the task took.
        confusion: gets true roles against predicted ones of transactions, and the ROC curve of
            students against all others.
        summary: gets the metrics in words.
    """
    model.metadata.update(backbone=measured["name"], status=measured["status"])
    Path(summary.path).write_text(summarise(measured), encoding="utf-8")
    publish(metrics, measured)
    if measured["status"] == "succeeded":
        roles = read_json(Path(model.path) / CONFUSION_FILE)["roles"]
        confusion.log_confusion_matrix(roles["labels"], roles["matrix"])
        roc = read_json(Path(model.path) / EVALUATION_FILE)["roc"]
        confusion.log_roc_curve(roc["fmr"], roc["tmr"], roc["threshold"])
