"""The KFP step that embeds one shard; the work is in embed.py."""

from kfp import dsl


@dsl.component(base_image="rollcall-data:0.1.0", install_kfp_package=False)
def embed_frames(
    shard: int,
    frames: dsl.Input[dsl.Dataset],
    exported: dsl.Input[dsl.Artifact],
    precision: str,
    seed: int,
    augment_views: int,
    features: dsl.Output[dsl.Dataset],
    metrics: dsl.Output[dsl.Metrics],
) -> None:
    """Turn the frames of one shard into the features of every backbone, decoding each frame once.

    Args:
        shard: Number of the shard.
        frames: What extract_frames wrote for it.
        exported: What export_backbones wrote.
        precision: auto (bf16 where the CPU computes it, else f32), bf16 or f32.
        seed: Of the choice of sample frames and of the views.
        augment_views: Augmented views of each frame that are embedded, too.
        features: Index, features of each backbone, samples, and embedding.json.
        metrics: Frames, images a second of each backbone, and what the step took.
    """
    from pathlib import Path

    from components.embed_frames.embed import embed_frames
    from components.metrics import publish

    embedded = embed_frames(
        Path(frames.path),
        Path(exported.path),
        Path(features.path),
        shard=shard,
        precision=precision,
        augment_views=augment_views,
        seed=seed,
    )
    publish(metrics, embedded.summary())
