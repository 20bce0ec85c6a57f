"""The step `extract_frames` as Kubeflow sees it."""

from kfp import dsl


@dsl.component(base_image="rollcall-data:0.1.0", install_kfp_package=False)
def extract_frames(
    shard: int,
    clips: dsl.Input[dsl.Dataset],
    frames: dsl.Output[dsl.Dataset],
    extraction: dsl.Output[dsl.Artifact],
    frames_per_second: float = 5.0,
    min_sharpness: float = 5.0,
    near_duplicate_bits: int = 2,
    max_dark_share: float = 0.75,
    max_bright_share: float = 0.5,
) -> None:
    """Turn the clips of one shard into 224x224 JPEG frames with a measure of their quality.

    Frames that are under-exposed, over-exposed, blurred or near-duplicates are dropped and counted,
    each once, for the first of these reasons that applies. Where fewer than five of a clip would be
    left, the sharpest of those that were dropped stay too.

    Args:
        shard: Which shard of the clips.
        clips: What ingest_videos wrote.
        frames: Directory with frames.parquet, rejects.parquet and extract.json.
        extraction: The last two of them by themselves, for a step that wants no pixels.
        frames_per_second: How many frames of a second of video are kept, by their time stamps.
        min_sharpness: Frames whose Laplacian has a smaller variance are dropped as blurred. It
            depends on what is in the picture: the synthetic heads lie between 8 and 190, and at 2
            to 4 when blurred by 3 pixels. 0 keeps all.
        near_duplicate_bits: Frames whose 64-bit difference hash differs in fewer bits from that of
            a kept frame of the clip are dropped as near-duplicates. At 5 frames a second, 2 keeps
            86 % of synthetic heads that turn and 9 % of ones that hold still but for sensor noise
            and a pixel of sway (95 % and 18 % at 1, 73 % and 4 % at 3). 0 keeps all.
        max_dark_share: Frames of which a larger part is black (luma below 32) are dropped as
            under-exposed. Of the synthetic heads at most 0.15 is black, and 0.80 to 1 when they
            are exposed 6 stops less. 1 keeps all.
        max_bright_share: Frames of which a larger part is white (luma of 250 or more) are dropped
            as over-exposed. Of the synthetic heads at most 0.01 is white, and 0.11 to 0.83 (median
            0.55) when they are exposed 3 stops more. 1 keeps all.
    """
    import shutil
    from pathlib import Path

    from components.contracts import EXTRACT_FILE, REJECTS_FILE
    from components.extract_frames.extract import extract
    from components.extract_frames.selection import Limits
    from components.roster import utc_today

    extracted = extract(
        Path(clips.path),
        Path(frames.path),
        shard=shard,
        frames_per_second=frames_per_second,
        limits=Limits(min_sharpness, near_duplicate_bits, max_dark_share, max_bright_share),
        today=utc_today(),
    )
    frames.metadata.update(extracted.summary())
    Path(extraction.path).mkdir()
    for name in (REJECTS_FILE, EXTRACT_FILE):
        shutil.copy(Path(frames.path) / name, extraction.path)
