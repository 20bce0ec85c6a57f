"""The step as KFP sees it."""

from kfp import dsl


@dsl.component(base_image="rollcall-train:0.1.0", install_kfp_package=False)
def train_model(
    backbone: str,
    dataset: dsl.Input[dsl.Dataset],
    exported: dsl.Input[dsl.Artifact],
    epochs: int,
    seed: int,
    crop: str,
    model: dsl.Output[dsl.Model],
    metrics: dsl.Output[dsl.Metrics],
    confusion: dsl.Output[dsl.ClassificationMetrics],
    frames_per_second: float,
    target_fpir: float,
    summary: dsl.Output[dsl.Markdown],
) -> None:
    """Train one backbone's head on cached features, and build the model that ships.

    Args:
        backbone: Name of the backbone, as in keras.applications.
        dataset: What split_dataset wrote.
        exported: What export_backbones wrote.
        epochs: Passes over the features at the most; it stops early.
        seed: Of everything random.
        crop: How extract_frames cut its frames; stands in the lineage, for whoever asks the model.
        model: What docs/outputs.md lists under champion/.
        metrics: Every number of metrics.json.
        confusion: Per transaction, true role against predicted role, and the ROC curve of students
            against all others.
        frames_per_second: At which clips were sampled; stands beside the threshold, for the robot.
        target_fpir: Share of strangers that may be taken for somebody; it chooses the threshold.
        summary: The metrics in words.
    """
    from pathlib import Path

    from components.shown_model import show_model
    from components.train_model.train import Recipe, train_model

    recipe = Recipe(backbone, epochs, seed, crop, frames_per_second, target_fpir)
    measured = train_model(Path(dataset.path), Path(exported.path), recipe, Path(model.path))
    show_model(measured, model, metrics, confusion, summary)
