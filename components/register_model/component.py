"""The step as KFP sees it."""

from kfp import dsl


@dsl.component(base_image="rollcall-train:0.1.0", install_kfp_package=False)
def register_model(
    champion: dsl.Input[dsl.Model],
    audit: dsl.Input[dsl.Artifact],
    registry: str,
) -> str:
    """Register the champion in MLflow.

    Args:
        champion: The model directory that compare_models chose.
        audit: What split_dataset found; it holds the fingerprint of the source.
        registry: MLflow URI.

    Returns:
        The number of the new version.
    """
    from pathlib import Path

    from components.artifacts import read_json
    from components.contracts import SOURCE_FILE
    from components.register_model.registry import register_champion

    source = read_json(Path(audit.path) / SOURCE_FILE)
    return register_champion(Path(champion.path), registry, source["fingerprint"])
