"""The step `extract_frames` as Kubeflow sees it."""

from kfp import dsl


@dsl.component(base_image="rollcall-data:0.1.0", install_kfp_package=False)
def extract_frames(
    shard: int,
    clips: dsl.Input[dsl.Dataset],
    frames: dsl.Output[dsl.Dataset],
    extraction: dsl.Output[dsl.Artifact],
    metrics: dsl.Output[dsl.Metrics],
    frames_per_second: float = 5.0,
    min_sharpness: float = 5.0,
    near_duplicate_bits: int = 2,
    max_dark_share: float = 0.9,
    max_bright_share: float = 0.5,
    crop: str = "face",
) -> None:
    """Turn the clips of one shard into 224x224 JPEG frames with a measure of their quality.

    Frames that are under-exposed, over-exposed, blurred or near-duplicates are dropped and counted,
    each once, for the first of these reasons that applies. Where fewer than five of a clip would be
    left, the sharpest of those that were dropped stay too.

    Args:
        shard: Which shard of the clips.
        clips: What ingest_videos wrote.
        frames: Directory with frames.parquet, rejects.parquet, clip_quality.parquet and
            extract.json.
        extraction: The last three of them by themselves, for a step that wants no pixels.
        metrics: Counts of clips and of frames kept and dropped, and what the step took.
        frames_per_second: How many frames of a second of video are kept, by their time stamps.
        min_sharpness: Frames whose Laplacian has a smaller variance are dropped as blurred. It
            depends on what is in the picture: the synthetic heads lie between 8 and 190, and at 2
            to 4 when blurred by 3 pixels. 0 keeps all.
        near_duplicate_bits: Frames whose 64-bit difference hash differs in fewer bits from that of
            a kept frame of the clip are dropped as near-duplicates. Of synthetic heads that turn,
            at 5 frames a second, 2 keeps 86 % in 6 s and 76 % in 10 s; of ones that hold still but
            for sensor noise and a pixel of sway 12 to 21 %, the five that always stay included. 1
            keeps 95 % and 90 % of the turning, but up to 43 % of the still where noise is strong; 3
            keeps 73 % and 57 %, and 10 to 12 %. 0 keeps all.
        max_dark_share: Frames are dropped as under-exposed when a larger part of their middle, half
            as wide and high as they are, is black (luma below 32). Of the synthetic heads at most
            0.35 is, dark hair being most of it. 0.9 drops 92 % of them when they are exposed 6
            stops less, 26 % at 5, none at 2. 1 keeps all.
        max_bright_share: Frames are dropped as over-exposed when a larger part of their middle is
            white (luma of 250 or more). Of the synthetic heads nothing is. 0.5 drops 75 % of them
            when they are exposed 4 stops more, 8 % at 2, none at 1. 1 keeps all.
        crop: face to cut out the head, with the whole square where no face is found, or none for
            the whole square throughout. What a model is asked about later has to be cut likewise.
    """
    import shutil
    from pathlib import Path

    from components.contracts import CLIP_QUALITY_FILE, EXTRACT_FILE, REJECTS_FILE
    from components.extract_frames.extract import extract
    from components.extract_frames.selection import Limits
    from components.metrics import publish
    from components.roster import utc_today

    extracted = extract(
        Path(clips.path),
        Path(frames.path),
        shard=shard,
        frames_per_second=frames_per_second,
        crop=crop,
        limits=Limits(min_sharpness, near_duplicate_bits, max_dark_share, max_bright_share),
        today=utc_today(),
    )
    frames.metadata.update(extracted.summary())
    Path(extraction.path).mkdir()
    for name in (REJECTS_FILE, CLIP_QUALITY_FILE, EXTRACT_FILE):
        shutil.copy(Path(frames.path) / name, extraction.path)
    publish(metrics, extracted.summary())
