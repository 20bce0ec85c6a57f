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
) -> None:
    """Turn the clips of one shard into 224x224 JPEG frames with a measure of their quality.

    Args:
        shard: Which shard of the clips.
        clips: What ingest_videos wrote.
        frames: Directory with frames.parquet, rejects.parquet and extract.json.
        extraction: The last two of them by themselves, for a step that wants no pixels.
        frames_per_second: How many frames of a second of video are kept, by their time stamps.
        min_sharpness: Frames whose Laplacian has a smaller variance are dropped as blurred, but
            the five sharpest of each clip always stay. It depends on what is in the picture: the
            synthetic heads lie between 8 and 190, and at 2 to 4 when blurred by 3 pixels. 0 keeps
            all.
    """
    import shutil
    from pathlib import Path

    from components.contracts import EXTRACT_FILE, REJECTS_FILE
    from components.extract_frames.extract import extract
    from components.roster import utc_today

    extracted = extract(
        Path(clips.path),
        Path(frames.path),
        shard=shard,
        frames_per_second=frames_per_second,
        min_sharpness=min_sharpness,
        today=utc_today(),
    )
    frames.metadata.update(extracted.summary())
    Path(extraction.path).mkdir()
    for name in (REJECTS_FILE, EXTRACT_FILE):
        shutil.copy(Path(frames.path) / name, extraction.path)
