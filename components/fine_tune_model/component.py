"""The step as KFP sees it."""

from kfp import dsl


@dsl.component(base_image="rollcall-train:0.1.0", install_kfp_package=False)
def fine_tune_model(
    depth: str,
    dataset: dsl.Input[dsl.Dataset],
    start: dsl.Input[dsl.Model],
    epochs: int,
    learning_rate: float,
    seed: int,
    checkpoint_dir: str,
    checkpoint_every: int,
    model: dsl.Output[dsl.Model],
    metrics: dsl.Output[dsl.Metrics],
    confusion: dsl.Output[dsl.ClassificationMetrics],
    summary: dsl.Output[dsl.Markdown],
) -> None:
    """Train a model's backbone end to end, on from the last checkpoint if there is one.

    Args:
        depth: How many of the backbone's last layers with weights, or all.
        dataset: What split_dataset wrote, with the pictures of all sides.
        start: What train_model wrote.
        epochs: Passes over the pictures at the most; it stops early.
        learning_rate: The largest; it grows to it and falls again.
        seed: Of everything random.
        checkpoint_dir: Folder on storage that outlives the pod.
        checkpoint_every: Steps between two checkpoints, so what a kill costs at the most.
        model: What docs/outputs.md lists under champion/.
        metrics: Every number of metrics.json.
        confusion: Per transaction, true role against predicted role, and the ROC curve of students
            against all others.
        summary: The metrics in words.
    """
    from pathlib import Path

    from components.lean_keras import load_keras
    from components.shown_model import show_model

    load_keras()  # before the modules that import it by name
    from components.fine_tune_model.fine_tune import fine_tune_model
    from components.fine_tune_model.training import Plan

    plan = Plan(depth, epochs, learning_rate, seed, checkpoint_every)
    measured = fine_tune_model(
        Path(dataset.path), Path(start.path), plan, Path(checkpoint_dir), Path(model.path)
    )
    show_model(measured, model, metrics, confusion, summary)
