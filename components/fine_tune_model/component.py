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
        model: model.keras, model.tflite, classes, metrics, curves and lineage.
        metrics: Accuracy, speed and size.
        confusion: True role against predicted role, per transaction.
    """
    from pathlib import Path

    from components.artifacts import read_json
    from components.fine_tune_model.fine_tune import fine_tune_model
    from components.fine_tune_model.training import Plan
    from components.metrics import flat_numbers
    from components.model_directory import CONFUSION_FILE

    output = Path(model.path)
    plan = Plan(depth, epochs, learning_rate, seed, checkpoint_every)
    measured = fine_tune_model(
        Path(dataset.path), Path(start.path), plan, Path(checkpoint_dir), output
    )
    model.metadata.update(backbone=measured["name"], status=measured["status"])
    for name, value in flat_numbers(measured):
        metrics.log_metric(name, value)
    if measured["status"] == "succeeded":
        roles = read_json(output / CONFUSION_FILE)["roles"]
        confusion.log_confusion_matrix(roles["labels"], roles["matrix"])
