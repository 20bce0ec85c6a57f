"""The sample of a shard: bounded, seeded, and blind to how the shard is cut up."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from components.contracts import FRAMES
from components.embed_frames.spool import Samples
from tests.components.embed_frames.conftest import shard_rows


def shard(frames):
    clips = [(f"clip-{number}", range(frames // 4)) for number in range(4)]
    return pa.Table.from_pylist(shard_rows(clips, [b"jpeg"]), schema=FRAMES)


def sample(table, batch_size, *, seed=0, size=64):
    samples, row = Samples(seed, size), 0
    for batch in table.to_batches(max_chunksize=batch_size):
        samples.offer(batch, row)
        row += len(batch)
    return samples.table()


@settings(deadline=None, max_examples=30)
@given(frames=st.integers(0, 60), size=st.integers(1, 20), batch=st.integers(1, 70))
def test_the_cut_of_the_shard_does_not_matter(frames, size, batch):
    table = shard(frames * 4)
    one, other = (sample(table, cut, size=size) for cut in (batch, 1000))
    assert one.equals(other)
    assert len(one) == min(size, len(table))
    keys = list(zip(one["clip_id"].to_pylist(), one["index"].to_pylist(), strict=True))
    assert keys == sorted(set(keys))


def test_the_seed_chooses():
    table = shard(400)
    assert sample(table, 64).equals(sample(table, 64))
    assert not sample(table, 64, seed=1).equals(sample(table, 64, seed=2))


def test_every_clip_has_its_share():
    clips = sample(shard(4000), 256)["clip_id"].to_pylist()
    assert all(clips.count(f"clip-{number}") > 5 for number in range(4))
