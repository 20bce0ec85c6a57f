"""What the books say for people to look at; that nothing gets lost is held in test_split.py."""

from __future__ import annotations

from components.contracts import COPIES, COPIES_FILE
from components.parquet import read_table
from components.split_dataset import ledger
from components.split_dataset.ledger import write_copies
from tests.shards import people, write_shards


def test_of_many_copies_the_first_pairs_are_listed(tmp_path, monkeypatch):
    monkeypatch.setattr(ledger, "LISTED_PAIRS", 2)
    clips = people()
    ids = [clip.clip_id for clip in clips[:4]]
    written = write_shards(tmp_path, clips)
    write_copies(written.clips, [(ids[0], ids[1]), (ids[0], ids[2]), (ids[0], ids[3])], tmp_path)
    rows = read_table(tmp_path / COPIES_FILE, COPIES).to_pylist()
    assert [(row["pair"], row["clip_id"]) for row in rows] == [
        (1, ids[0]),
        (1, ids[1]),
        (2, ids[0]),
        (2, ids[2]),
    ]
