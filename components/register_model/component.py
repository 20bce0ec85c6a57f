"""The step as KFP sees it."""

from kfp import dsl


@dsl.component(base_image="rollcall-train:0.1.0", install_kfp_package=False)
def register_model(
    champion: dsl.Input[dsl.Model],
    dataset: dsl.Input[dsl.Dataset],
    exported: dsl.Input[dsl.Artifact],
    audit: dsl.Input[dsl.Artifact],
    options: dsl.Input[dsl.Artifact],
    registry: str,
    run: str,
    min_accuracy: float,
    max_fpir: float,
    max_latency_ms: float,
    max_size_mb: float,
    registered: dsl.Output[dsl.Model],
    card: dsl.Output[dsl.Markdown],
) -> str:
    """Register the best model in MLflow: as champion if the gate lets it pass, else as challenger.

    Args:
        champion: The model directory that compare_models chose.
        dataset: What split_dataset wrote; the reigning champion is asked about its test features.
        exported: What export_backbones wrote, the reigning champion among it.
        audit: What split_dataset found; it holds the fingerprint of the source.
        options: What decide_retraining wrote; a later run compares its own with them.
        registry: MLflow URI.
        run: Id of this run, by which the exit handler finds the version.
        min_accuracy: Of the gate: identity accuracy of transactions, at least.
        max_fpir: Of the gate: upper bound of the rate of strangers taken for somebody, at most.
        max_latency_ms: Of the gate: p50 of one image with the edge model, at most.
        max_size_mb: Of the gate: size of the edge model, at most.
        registered: The model with its card, bill of materials, verdict, digests and signature.
        card: The model card.

    Returns:
        The number of the new version; empty if no model was chosen.
    """
    import shutil
    from pathlib import Path

    from components.model_directory import MODEL_CARD_FILE
    from components.register_model.gate import Limits
    from components.register_model.register import register_model

    output = Path(registered.path)
    version = register_model(
        Path(champion.path),
        Path(dataset.path),
        Path(exported.path),
        Path(audit.path),
        Limits(min_accuracy, max_fpir, max_latency_ms, max_size_mb),
        options=Path(options.path),
        registry=registry,
        run=run,
        registered=output,
    )
    if version:
        shutil.copyfile(output / MODEL_CARD_FILE, card.path)
    else:
        Path(card.path).write_text("No model was chosen.\n")
    registered.metadata.update(version=version)
    return version
