"""Splits made-up shards."""

from __future__ import annotations

import pytest

from components.split_dataset.assign import SplitOptions
from components.split_dataset.split import split_dataset
from tests.shards import people, write_shards


@pytest.fixture
def split(tmp_path):
    """Write shards, have them spoilt, split them; gives the dataset and the audit directory."""

    def run(clips=None, shards=2, spoil=None, pictures="evaluation", views=0, **options):
        folder = tmp_path / f"run{len(list(tmp_path.iterdir()))}"
        written = write_shards(folder, clips or people(), shards, views)
        if spoil:
            spoil(written)
        split_dataset(
            written.features,
            written.frames,
            written.clips,
            written.extractions,
            SplitOptions(**options),
            dataset=folder / "dataset",
            audit=folder / "audit",
            pictures=pictures,
        )
        return folder / "dataset", folder / "audit"

    return run
