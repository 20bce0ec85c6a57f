"""The step as KFP sees it."""

from typing import List

from kfp import dsl


@dsl.component(base_image="rollcall-train:0.1.0", install_kfp_package=False)
def decide_retraining(
    retrain: str,
    clips: dsl.Input[dsl.Dataset],
    registry: str,
    run: str,
    backbones: List[str],
    epochs: int,
    weights: str,
    frames_per_second: float,
    min_sharpness: float,
    near_duplicate_bits: int,
    max_dark_share: float,
    max_bright_share: float,
    crop: str,
    precision: str,
    stranger_share: float,
    seed: int,
    protocol: str,
    target_fpir: float,
    prefer: str,
    augment_views: int,
    options: dsl.Output[dsl.Artifact],
    summary: dsl.Output[dsl.Markdown],
    depth: str = "",
    tuning_epochs: int = 0,
    learning_rate: float = 0.0,
) -> str:
    """Decide whether the run trains, by the champion's source and by what is an option here.

    Args:
        retrain: always, or when_changed: only if the source or an option is not the champion's.
        clips: What ingest_videos wrote; it has the fingerprint of the source.
        registry: MLflow URI.
        run: Id of this run, by which the exit handler finds that nothing changed.
        backbones: An option.
        epochs: An option.
        weights: An option.
        frames_per_second: An option.
        min_sharpness: An option.
        near_duplicate_bits: An option.
        max_dark_share: An option.
        max_bright_share: An option.
        crop: An option.
        precision: An option.
        stranger_share: An option.
        seed: An option.
        protocol: An option.
        target_fpir: An option.
        prefer: An option.
        augment_views: An option.
        options: The options and the version of the code, to be kept with the model.
        summary: The decision and the reason.
        depth: An option of fine-tuning; empty without it.
        tuning_epochs: An option of fine-tuning; 0 without it.
        learning_rate: An option of fine-tuning; 0 without it.

    Returns:
        train or unchanged.
    """
    given = dict(locals())  # before anything else has a name here: an option cannot be left out

    from pathlib import Path

    from components.decide_retraining.decide import TRAIN, UNCHANGED, decide_retraining

    own = {"retrain", "clips", "registry", "run", "options", "summary"}
    decision = decide_retraining(
        retrain,
        Path(clips.path),
        {name: value for name, value in given.items() if name not in own},
        registry=registry,
        run=run,
        written=Path(options.path),
    )
    verb = "Training" if decision.trains else "Not training"
    Path(summary.path).write_text(f"{verb}: {decision.reason}.\n", encoding="utf-8")
    return TRAIN if decision.trains else UNCHANGED
