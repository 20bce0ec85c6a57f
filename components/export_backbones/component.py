"""The KFP step that exports backbones; the work is in export.py."""

from kfp import dsl


@dsl.component(base_image="rollcall-train:0.1.0", install_kfp_package=False)
def export_backbones(
    backbones: list[str],
    weights: str,
    seed: int,
    exported: dsl.Output[dsl.Artifact],
    summary: dsl.Output[dsl.Markdown],
    metrics: dsl.Output[dsl.Metrics],
) -> None:
    """Build every backbone once and export it for embedding and training.

    Args:
        backbones: Names of the table of backbones.
        weights: Where the weights come from: imagenet, none (random), or a folder.
        seed: Seed of random weights.
        exported: A folder for each backbone, and backbones.json that says how each went.
        summary: Parameters, weights and licence of each.
        metrics: Parameters and length of the features of each, and what the step took.
    """
    from pathlib import Path

    from components.export_backbones.export import export_backbones
    from components.export_backbones.summary import summarize
    from components.metrics import publish

    known = export_backbones(backbones, weights, Path(exported.path), seed)
    Path(summary.path).write_text(summarize(known), encoding="utf-8")
    publish(metrics, {name: vars(backbone) for name, backbone in known.items()})
