"""The step as KFP sees it."""

from typing import List

from kfp import dsl


@dsl.component(base_image="rollcall-data:0.1.0", install_kfp_package=False)
def split_dataset(
    features: dsl.Input[List[dsl.Dataset]],
    frames: dsl.Input[List[dsl.Dataset]],
    clips: dsl.Input[dsl.Dataset],
    extractions: dsl.Input[List[dsl.Artifact]],
    stranger_share: float,
    seed: int,
    protocol: str,
    pictures: str,
    dataset: dsl.Output[dsl.Dataset],
    audit: dsl.Output[dsl.Artifact],
    metrics: dsl.Output[dsl.Metrics],
    summary: dsl.Output[dsl.Markdown],
) -> None:
    """Gather the shards and split them so that no session stands on both sides.

    Args:
        features: What embed_frames wrote, one a shard.
        frames: What extract_frames wrote, one a shard.
        clips: What ingest_videos wrote.
        extractions: What extract_frames noted, one a shard.
        stranger_share: Part of the visitors that is never trained on.
        seed: Of the choice of sessions and strangers.
        protocol: auto, by_session, time_blocks or random_frames.
        pictures: Of which sides the frames are copied, evaluation or all.
        dataset: Features of every backbone with split and labels, and frames.
        audit: How it was split, what was rejected and why, how well people are enrolled; small.
        metrics: What stands on each side.
        summary: The audit to read.
    """
    from pathlib import Path

    from components.metrics import publish
    from components.split_dataset.assign import SplitOptions
    from components.split_dataset.split import split_dataset
    from components.split_dataset.summary import markdown_of, metrics_of

    findings = split_dataset(
        [Path(shard.path) for shard in features],
        [Path(shard.path) for shard in frames],
        Path(clips.path),
        [Path(extraction.path) for extraction in extractions],
        SplitOptions(seed=seed, stranger_share=stranger_share, protocol=protocol),
        dataset=Path(dataset.path),
        audit=Path(audit.path),
        pictures=pictures,
    )
    publish(metrics, metrics_of(findings))
    Path(summary.path).write_text(markdown_of(findings), encoding="utf-8")
