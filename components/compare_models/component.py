"""The step as KFP sees it."""

from typing import List, Optional

from kfp import dsl


@dsl.component(base_image="rollcall-train:0.1.0", install_kfp_package=False)
def compare_models(
    models: dsl.Input[List[dsl.Model]],
    audit: dsl.Input[dsl.Artifact],
    dataset: dsl.Input[dsl.Dataset],
    ingest_metrics: dsl.Input[dsl.Metrics],
    export_metrics: dsl.Input[dsl.Metrics],
    extract_metrics: dsl.Input[List[dsl.Metrics]],
    embed_metrics: dsl.Input[List[dsl.Metrics]],
    split_metrics: dsl.Input[dsl.Metrics],
    train_metrics: dsl.Input[List[dsl.Metrics]],
    prefer: str,
    thumbnails: bool,
    leaderboard: dsl.Output[dsl.Artifact],
    report: dsl.Output[dsl.HTML],
    summary: dsl.Output[dsl.Markdown],
    metrics: dsl.Output[dsl.Metrics],
    champion: dsl.Output[dsl.Model],
    tuned: Optional[dsl.Input[List[dsl.Model]]] = None,
    tuned_metrics: Optional[dsl.Input[List[dsl.Metrics]]] = None,
) -> str:
    """Rank the models, write the report, choose the champion.

    Args:
        models: What train_model wrote, one a backbone.
        audit: What split_dataset found.
        dataset: What split_dataset gathered; looked into for thumbnails alone.
        ingest_metrics: What ingest_videos noted of itself.
        export_metrics: What export_backbones noted of itself.
        extract_metrics: What extract_frames noted of itself, one a shard.
        embed_metrics: What embed_frames noted of itself, one a shard.
        split_metrics: What split_dataset noted of itself.
        train_metrics: What train_model noted of itself, one a backbone.
        prefer: Of models that are tied in accuracy: latency, accuracy or size.
        thumbnails: Whether the report shows a frame of each person.
        leaderboard: leaderboard.json.
        report: Self-contained HTML.
        summary: The leaderboard in short.
        metrics: Those of the champion, and what the step took.
        champion: A copy of the best model's directory; the leaderboard alone if nothing is ranked.
        tuned: What fine_tune_model wrote, in a pipeline that has it.
        tuned_metrics: What fine_tune_model noted of itself.

    Returns:
        Name of the champion; empty if nothing is ranked, as the split leaks.
    """
    from pathlib import Path

    from components.artifacts import read_json
    from components.compare_models.compare import Outputs, compare_models
    from components.metrics import publish
    from components.model_directory import METRICS_FILE

    outputs = (leaderboard, report, summary, champion)
    name = compare_models(
        [Path(model.path) for model in [*models, *(tuned or [])]],
        Path(audit.path),
        Outputs(*[Path(output.path) for output in outputs]),
        costs={
            "ingest_videos": [Path(ingest_metrics.path)],
            "export_backbones": [Path(export_metrics.path)],
            "extract_frames": [Path(each.path) for each in extract_metrics],
            "embed_frames": [Path(each.path) for each in embed_metrics],
            "split_dataset": [Path(split_metrics.path)],
            "train_model": [Path(each.path) for each in train_metrics],
            "fine_tune_model": [Path(each.path) for each in tuned_metrics or []],
        },
        prefer=prefer,
        pictures=Path(dataset.path) if thumbnails else None,
    )
    publish(metrics, read_json(Path(champion.path) / METRICS_FILE) if name else {})
    return name
