"""Embedding a shard: the files, their order, and what a backbone that fails does to them."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.artifacts import read_json
from components.contracts import (
    EMBEDDING_FILE,
    FRAME_INDEX,
    FRAMES,
    FRAMES_FILE,
    SAMPLES_FILE,
    features_file,
    features_schema,
)
from components.embed_frames import engines, spool
from components.embed_frames.embed import embed_frames
from components.errors import BackboneError, ContractError
from components.exported_backbones import REIGNING, Status, read_exported, write_exported
from components.parquet import read_table, write_table
from tests.components.embed_frames.conftest import CLIPS, Means, jpeg, shard_rows, write_shard

LITE = "EfficientNetLite0"
KEYS = [(clip, index) for clip, indices in CLIPS for index in indices]


def features_of(directory, name):
    table = read_table(directory / features_file(name), features_schema(_dimension(name)))
    values = table["feature"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    return values.reshape(len(table), _dimension(name)).astype(np.float64)


def _dimension(name):
    return 1280 if name == LITE else 3


def keys_of(path):
    table = pq.read_table(path, columns=["clip_id", "index"])
    return list(zip(*table.to_pydict().values(), strict=True))


def row_groups(path):
    metadata = pq.ParquetFile(path).metadata
    return [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)]


# --- the real networks -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def embedded(shard, lite, tmp_path_factory):
    """The shard by each engine and precision that this machine has."""
    outputs = {}
    for engine, precision in (("keras", "f32"), ("openvino", "f32"), ("openvino", "auto")):
        output = tmp_path_factory.mktemp("embedded") / "features"
        embed_frames(shard, lite, output, engine=engine, precision=precision)
        outputs[engine, precision] = output
    return outputs


@pytest.mark.parametrize(("precision", "worst"), [("f32", 0.9999), ("auto", 0.99)])
def test_openvino_gives_the_features_of_keras(embedded, precision, worst):
    reference = features_of(embedded["keras", "f32"], LITE)
    ours = features_of(embedded["openvino", precision], LITE)
    norms = np.linalg.norm(reference, axis=1) * np.linalg.norm(ours, axis=1)
    assert np.min(np.sum(reference * ours, axis=1) / norms) > worst
    # Not only like each other: unlike from frame to frame.
    assert reference.std(axis=0).mean() > 0.1


def test_what_is_written(embedded, shard):
    output = embedded["openvino", "auto"]
    names = {FRAMES_FILE, SAMPLES_FILE, EMBEDDING_FILE, features_file(LITE)}
    assert {path.name for path in output.iterdir()} == names
    index = read_table(output / FRAMES_FILE, FRAME_INDEX)
    frames = read_table(shard / FRAMES_FILE, FRAMES)
    assert index.equals(frames.select(FRAME_INDEX.names))
    assert read_table(output / SAMPLES_FILE, FRAMES).equals(frames)  # 22 frames: all of them

    rows = read_json(output / EMBEDDING_FILE)
    assert rows[LITE]["status"] == "succeeded"
    assert rows[LITE]["engine"] == "openvino"
    assert rows[LITE]["precision"] in {"bf16", "f32"}
    assert rows[LITE]["frames"] == 22
    assert rows[LITE]["seconds"] > 0
    assert rows[LITE]["images_per_second"] > 1
    # What the export could not do stands here too, so that one file tells all.
    assert rows["MobileNet"]["status"] == "failed"
    assert "not exported: MobileNet: put MobileNet.weights.h5" in rows["MobileNet"]["reason"]
    assert rows["MobileNet"]["images_per_second"] is None


def test_the_order_of_the_frames_is_kept_and_a_clip_is_a_row_group(embedded):
    for output in embedded.values():
        for name in (FRAMES_FILE, features_file(LITE)):
            assert keys_of(output / name) == KEYS
            assert row_groups(output / name) == [7, 4, 11]


def test_no_framework_is_imported_with_openvino(shard, lite, tmp_path):
    code = (
        "import sys; from pathlib import Path\n"
        "from components.embed_frames.embed import embed_frames\n"
        f"paths = map(Path, {[str(shard), str(lite), str(tmp_path / 'out')]!r})\n"
        "embed_frames(*paths)\n"
        "assert not {'tensorflow', 'keras', 'torch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# --- with stand-ins for the networks ---------------------------------------------------------


def test_blocks_and_chunks_leave_no_seam(shard, fake, tmp_path, monkeypatch):
    whole, pieces = Means(), Means()
    embed_frames(shard, fake(A=whole, B=Means(2)), tmp_path / "whole")
    monkeypatch.setattr(spool, "SPOOL_FRAMES", 10)
    monkeypatch.setattr(spool, "BATCH_FRAMES", 5)
    monkeypatch.setattr(spool, "CHUNK_FRAMES", 4)
    embed_frames(shard, fake(A=pieces, B=Means(2)), tmp_path / "pieces")
    assert whole.chunks == [22]
    assert max(pieces.chunks) <= 4
    for name in ("A", "B"):
        expected = features_of(tmp_path / "whole", name)
        np.testing.assert_array_equal(features_of(tmp_path / "pieces", name), expected)
        assert keys_of(tmp_path / "pieces" / features_file(name)) == KEYS
    for name in (FRAMES_FILE, SAMPLES_FILE):
        one, other = (pq.read_table(tmp_path / out / name) for out in ("whole", "pieces"))
        assert one.equals(other)


def test_each_frame_is_decoded_once_for_all_backbones(shard, fake, tmp_path, monkeypatch):
    decoded, decode = [], cv2.imdecode
    monkeypatch.setattr(spool.cv2, "imdecode", lambda *a: decoded.append(1) or decode(*a))
    networks = {name: Means(1 + number) for number, name in enumerate("ABC")}
    result = embed_frames(shard, fake(**networks), tmp_path / "out")
    assert len(decoded) == result.frames == 22
    assert [row.frames for row in result.backbones.values()] == [22, 22, 22]
    assert all(network.closed for network in networks.values())


def test_colours_are_red_green_blue(fake, tmp_path):
    red = np.zeros((224, 224, 3), np.uint8)
    red[..., 0] = 255
    frames = write_shard(tmp_path / "red", shard_rows([("a", [0])], [jpeg(red)]))
    embed_frames(frames, fake(A=Means()), tmp_path / "out")
    np.testing.assert_allclose(features_of(tmp_path / "out", "A"), [[254, 0, 0]], atol=1.5)


def test_an_empty_shard_gives_empty_tables(lite, tmp_path):
    frames = write_shard(tmp_path / "shard", [])
    result = embed_frames(frames, lite, tmp_path / "out")
    assert (result.frames, result.samples) == (0, 0)
    assert len(features_of(tmp_path / "out", LITE)) == 0
    assert len(read_table(tmp_path / "out" / FRAMES_FILE, FRAME_INDEX)) == 0
    assert len(read_table(tmp_path / "out" / SAMPLES_FILE, FRAMES)) == 0
    row = read_json(tmp_path / "out" / EMBEDDING_FILE)[LITE]
    assert (row["status"], row["frames"], row["images_per_second"]) == ("succeeded", 0, None)


@pytest.mark.parametrize(
    ("network", "reason"),
    [
        (Means(float("nan")), "not finite"),
        (Means(float("inf")), "not finite"),
        (Means(1e4), "too large for float16"),
        (Means(1e-12), "too small for float16"),
        (RuntimeError("out of luck"), "RuntimeError: out of luck"),
        (BackboneError("no such file"), "no such file"),
    ],
)
@pytest.mark.parametrize("blocks", [1, 3])
def test_a_backbone_that_fails_is_a_row(
    network, reason, blocks, shard, fake, tmp_path, monkeypatch
):
    if blocks > 1:
        monkeypatch.setattr(spool, "SPOOL_FRAMES", 10)
        monkeypatch.setattr(spool, "BATCH_FRAMES", 10)
    result = embed_frames(shard, fake(Bad=network, Good=Means()), tmp_path / "out")
    assert result.backbones["Bad"].status is Status.FAILED
    assert reason in str(result.backbones["Bad"].reason)
    assert result.backbones["Bad"].frames == 0
    assert not (tmp_path / "out" / features_file("Bad")).exists()
    assert result.backbones["Good"].frames == 22
    assert len(features_of(tmp_path / "out", "Good")) == 22


def test_features_of_another_length_fail_their_backbone(shard, fake, tmp_path):
    class Short(Means):
        def infer(self, pixels):
            return super().infer(pixels)[:, :2]

    result = embed_frames(shard, fake(Bad=Short(), Good=Means()), tmp_path / "out")
    assert "3 were announced" in str(result.backbones["Bad"].reason)


def test_when_every_backbone_fails_nothing_is_written(shard, fake, tmp_path):
    with pytest.raises(BackboneError, match=r"(?s)no backbone gave features:\nA: .*\nB: "):
        embed_frames(shard, fake(A=RuntimeError("x"), B=Means(1e9)), tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["exported"]


def test_a_champion_on_one_of_the_backbones_is_not_embedded_again(shard, fake, tmp_path):
    exported = fake(One=Means())
    one = read_exported(exported)["One"]
    write_exported(exported, {"One": one, REIGNING: replace(one, same_as="One", version="1")})
    done = embed_frames(shard, exported, tmp_path / "out")
    assert list(done.backbones) == ["One"]


def test_a_full_disk_is_no_backbone_s_fault(shard, fake, tmp_path):
    with pytest.raises(OSError, match="No space"):
        embed_frames(shard, fake(A=OSError("No space left"), B=Means()), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_one_exported_for_keras_alone_is_a_row(shard, lite, tmp_path):
    assert set(read_exported(lite)) == {LITE, "MobileNet"}
    with pytest.raises(BackboneError, match=r"was exported without openvino\.xml"):
        engines.load(engines.EngineName.OPENVINO, engines.Precision.F32, tmp_path)


def test_openvino_takes_as_many_threads_as_the_step_may_use_processors(lite, monkeypatch):
    monkeypatch.setattr(engines, "usable_cpus", lambda: 1)
    directory = lite / LITE
    engine = engines.load(engines.EngineName.OPENVINO, engines.Precision.F32, directory)
    compiled = engine._queue[0].get_compiled_model()
    engine.close()
    assert compiled.get_property("INFERENCE_NUM_THREADS") == 1


# --- frames that are not as agreed -----------------------------------------------------------


def _replaced(pictures, number, data):
    return [data if at == number else picture for at, picture in enumerate(pictures)]


@pytest.mark.parametrize(
    "data", [b"", b"no picture", jpeg(np.zeros((100, 224, 3), np.uint8))], ids=["", "text", "size"]
)
def test_a_frame_that_is_no_picture_stops_the_step(data, pictures, fake, tmp_path):
    rows = shard_rows(CLIPS, _replaced(pictures, 9, data))
    frames = write_shard(tmp_path / "shard", rows)
    with pytest.raises(ContractError, match=r"frame 3 of clip a{16} is no JPEG of 224 x 224"):
        embed_frames(frames, fake(A=Means()), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("clips", "message"),
    [
        ([("a", [0]), ("b", [0]), ("a", [1])], "clip a do not stand together"),
        ([("a", [1, 0])], "clip a are not in order"),
        ([("a", [1, 1])], "clip a are not in order"),
    ],
)
def test_rows_out_of_order_stop_the_step(clips, message, pictures, fake, tmp_path):
    frames = write_shard(tmp_path / "shard", shard_rows(clips, pictures))
    with pytest.raises(ContractError, match=message):
        embed_frames(frames, fake(A=Means()), tmp_path / "out")


def test_a_table_of_other_columns_stops_the_step(fake, tmp_path):
    write_table(tmp_path / FRAMES_FILE, pa.table({"clip_id": ["a"]}))
    with pytest.raises(ContractError, match="other columns"):
        embed_frames(tmp_path, fake(A=Means()), tmp_path / "out")


# --- memory ----------------------------------------------------------------------------------


def test_memory_does_not_grow_with_the_shard(fake, tmp_path):
    """3,000 decoded frames are 450 MB, and so are their views; no more than a chunk is held."""
    grey = jpeg(np.full((224, 224, 3), 90, np.uint8))
    clips = [(f"{number:016x}", range(50)) for number in range(60)]
    frames = write_shard(tmp_path / "shard", shard_rows(clips, [grey]))
    code = (
        "from pathlib import Path\n"
        "from components import telemetry\n"
        "from components.embed_frames import embed, engines\n"
        "class Ones:\n"
        "    def infer(self, pixels): return embed.np.ones((len(pixels), 3), 'float32')\n"
        "    def close(self): pass\n"
        "engines.load = lambda *_: Ones()\n"
        f"paths = map(Path, {[str(frames), str(fake(A=Means())), str(tmp_path / 'out')]!r})\n"
        "assert embed.embed_frames(*paths, augment_views=1).frames == 3000\n"
        "print(telemetry.peak_memory_bytes())"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert int(done.stdout) < 400e6
