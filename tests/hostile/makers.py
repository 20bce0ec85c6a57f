"""Makes what a hostile or careless person could put among the clips."""

from __future__ import annotations

import os
import socket
import struct
import wave
import zlib
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Any

import av
import cv2
import numpy as np
from av.container.core import Flags

from tests.hostile import ebml
from tests.hostile.boxes import (
    STBL,
    box,
    boxes,
    changed,
    cmov,
    compressed,
    full,
    patch,
    patch_avi,
    put,
    repeat_last_sample,
    squeezed,
    without,
)
from tests.videos import noise, plain, write_audio, write_video

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tests.hostile.boxes import Change
    from tests.videos import Image

    Make = Callable[[Path], object]

os.environ.setdefault("SVT_LOG", "1")  # the AV1 encoder talks: errors alone

GOOD_NAME = "good.mp4"
NOT_LISTENING = 9
"""A port of this machine on which nothing answers."""


def seed_of(path: Path) -> int:
    return zlib.crc32(f"{path.parent.name}/{path.name}".encode(errors="surrogateescape"))


def pictures(path: Path, count: int = 12, size: tuple[int, int] = (64, 48)) -> list[Image]:
    """Frames that are like those of no other path."""
    return noise(count, size=size, seed=seed_of(path))


def clip(*, count: int = 12, size: tuple[int, int] = (64, 48), **more: Any) -> Make:
    """A maker of a clip as `write_video` writes it, in the usual pixel format."""
    settings = {"pix_fmt": "yuv420p", **more}
    return lambda path: write_video(path, pictures(path, count, size), **settings)


good = clip()
good_at_front = clip(muxing={"movflags": "faststart"})


def raw(content: bytes) -> Make:
    def make(path: Path) -> None:
        path.write_bytes(content)

    return make


def then(first: Make, *changes: Make) -> Make:
    """Make something, and change it."""

    def make(path: Path) -> None:
        for step in (first, *changes):
            step(path)

    return make


def edited(*edits: tuple[str, Change], base: Make = good) -> Make:
    """An MP4 with some boxes changed."""
    return then(base, *(partial(patch, where=where, change=change) for where, change in edits))


def dropped(where: str, kind: bytes, base: Make = good) -> Make:
    """An MP4 that lacks a kind of box."""
    return rewritten(lambda content: without(content, where, kind), base)


def rewritten(change: Change, base: Make = good) -> Make:
    """Some clip with its content changed."""

    def make(path: Path) -> None:
        base(path)
        before = path.read_bytes()
        after = change(before)
        assert before != after
        path.write_bytes(after)

    return make


def cut(start: float, end: float, base: Make) -> Make:
    """The part of a file from `start` to `end`, in parts of its length."""
    return rewritten(lambda all_: all_[round(start * len(all_)) : round(end * len(all_))], base)


def zeroed(start: float, end: float, base: Make) -> Make:
    def change(content: bytes) -> bytes:
        first, last = round(start * len(content)), round(end * len(content))
        return content[:first] + bytes(last - first) + content[last:]

    return rewritten(change, base)


def avi_field(chunk: bytes, offset: int, layout: str, *values: int, base: Make) -> Make:
    def change(path: Path) -> None:
        patch_avi(path, chunk, offset, layout, *values)

    return then(base, change)


def randomness(head: bytes) -> Make:
    return raw(head + np.random.default_rng(7).bytes(20_000))


def still(suffix: str) -> Make:
    return raw(cv2.imencode(suffix, noise(1)[0])[1].tobytes())


def sound_file(path: Path) -> None:
    with wave.open(str(path), "wb") as stream:
        stream.setnchannels(1)
        stream.setsampwidth(2)
        stream.setframerate(8000)
        stream.writeframes(bytes(32_000))


def mkv(
    *entries: bytes,
    count: int = 12,
    claims: tuple[int, int] | None = None,
    encode: Callable[[bytes], bytes] = bytes,
    start_ms: int = 0,
    step_ms: int = 100,
    seconds: float | None = None,
    next_file: bytes = b"",
    more: Sequence[bytes] = (),
    shape: tuple[int, int] = (64, 48),
    size: int | None = None,
) -> Make:
    """A Matroska of JPEGs of some `shape`, each of them `encode`d; `size` is what it states."""

    def make(path: Path) -> None:
        images = pictures(path, count, shape)
        frames = [encode(ebml.jpeg(image, claims=claims)) for image in images]
        written = ebml.segment(
            ebml.info(ebml.element(0x3E83BB, next_file), seconds=seconds),
            ebml.tracks(*(entries or (ebml.video_entry(size=shape),))),
            *more,
            ebml.cluster(frames, start_ms=start_ms, step_ms=step_ms),
            size=size,
        )
        path.write_bytes(written)

    return make


def mkv_in_two(
    second_start_ms: int, size: tuple[int, int] = (64, 48), seconds: float | None = None
) -> Make:
    """Two clusters: the second starts elsewhere, and may have pictures of another size."""

    def make(path: Path) -> None:
        first = [ebml.jpeg(image) for image in pictures(path)]
        second = [ebml.jpeg(image) for image in noise(6, size=size, seed=seed_of(path) + 1)]
        written = ebml.segment(
            ebml.info(seconds=seconds),
            ebml.tracks(ebml.video_entry()),
            ebml.cluster(first),
            ebml.cluster(second, start_ms=second_start_ms),
        )
        path.write_bytes(written)

    return make


def raw_mkv(*parts: bytes, size: int | None = None) -> Make:
    return raw(ebml.segment(*parts, size=size))


def bomb(width: int, height: int, count: int) -> Make:
    """An MP4 that shows one plain picture `count` times from the same few KB."""

    def make(path: Path) -> None:
        write_video(path, plain(1, size=(width, height)), pix_fmt="yuv420p")
        repeat_last_sample(path, count)

    return make


def vp8_claims(width: int, height: int) -> Make:
    """VP8 whose key frames state another size (RFC 6386, 9.1) than the container."""

    def claim(content: bytes) -> bytes:
        start = b"\x9d\x01\x2a"
        return content.replace(
            start + struct.pack("<HH", 64, 48), start + struct.pack("<HH", width, height)
        )

    return rewritten(claim, clip(codec="libvpx", form="webm"))


def bomb_behind_good_frames(path: Path) -> None:
    """Good pictures for longer than a row group of samples lasts, and then the bomb."""
    large = plain(1, size=(7680, 4320))
    _switching(path, "mjpeg", "mp4", [*[pictures(path, 75)] * 2, large])
    repeat_last_sample(path, 1000)


def eight_k(path: Path) -> None:
    large = [cv2.resize(image, (7680, 4320)) for image in pictures(path, 2)]
    write_video(path, large, pix_fmt="yuv420p", fps=1)


def nine_k(path: Path) -> None:
    write_video(path, plain(2, size=(8192, 4608)), pix_fmt="yuv420p", fps=1)


def interlaced(path: Path) -> None:
    options = {"x264-params": "tff=1"}
    write_video(path, pictures(path, size=(64, 64)), pix_fmt="yuv420p", options=options)


def resized_h264(path: Path) -> None:
    """H.264 with the parameter sets in the stream, whose pictures grow in the middle."""
    _switching(path, "libx264", "avi", [pictures(path, 8, (64, 48)), pictures(path, 8, (128, 96))])


def grows_to_nine_k(path: Path) -> None:
    _switching(path, "mjpeg", "matroska", [pictures(path), plain(2, size=(8192, 4608))])


def resized_vp8(path: Path) -> None:
    sizes = [(64, 48), (128, 96), (32, 32)]
    _switching(path, "libvpx", "webm", [pictures(path, 8, size) for size in sizes])


def _switching(path: Path, codec: str, form: str, parts: Sequence[Sequence[Image]]) -> None:
    """One stream of several parts, each of its own size."""
    pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    place = 0
    with path.open("wb") as target, av.open(target, "w", format=form) as container:
        container.flags |= Flags.bitexact.value
        stream: Any = container.add_stream(codec, rate=10)
        stream.height, stream.width = parts[0][0].shape[:2]
        stream.pix_fmt = pix_fmt
        for part in parts:
            encoder: Any = av.CodecContext.create(codec, "w")
            encoder.height, encoder.width = part[0].shape[:2]
            encoder.time_base, encoder.pix_fmt = Fraction(1, 10), pix_fmt
            encoder.options = {"bf": "0", "threads": "1"}
            for image in [*part, None]:
                frame = None if image is None else av.VideoFrame.from_ndarray(image, "rgb24")
                for packet in encoder.encode(frame):
                    packet.stream, packet.pts, packet.dts = stream, place, place
                    packet.time_base = encoder.time_base
                    container.mux(packet)
                    place += 1


def two_streams(first: str, second: str) -> Make:
    """Two video streams, by their encoders."""

    def make(path: Path) -> None:
        with path.open("wb") as target, av.open(target, "w", format="matroska") as container:
            container.flags |= Flags.bitexact.value
            streams: list[Any] = [container.add_stream(codec, rate=10) for codec in (first, second)]
            for stream in streams:
                stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
                stream.options = {"threads": "1"}
            for image in pictures(path):
                for stream in streams:
                    frame = av.VideoFrame.from_ndarray(image, format="rgb24")
                    container.mux(stream.encode(frame))
            for stream in streams:
                container.mux(stream.encode(None))

    return make


def cover_alone(path: Path) -> None:
    write_audio(path, cover=pictures(path, 1)[0])


SPARSE_HEAD = box(b"ftyp", b"isom\0\0\2\0isom")


def sparse(gigabytes: int) -> Make:
    def make(path: Path) -> None:
        path.write_bytes(SPARSE_HEAD)
        os.truncate(path, gigabytes << 30)

    return make


def lengthened(size: int) -> Make:
    return lambda path: os.truncate(path, size)


def deep_boxes(depth: int) -> bytes:
    content = b""
    for _ in range(depth):
        content = box(b"moov", content)
    return content


def deep_elements(depth: int) -> bytes:
    """Tags within tags within tags (SimpleTag)."""
    content = b""
    for _ in range(depth):
        content = ebml.element(0x67C8, content)
    return ebml.element(0x1254C367, ebml.element(0x7373, content))


def grown(path: Path) -> None:
    with path.open("ab") as stream:
        stream.write(bytes(1000))


def shortened(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def lock(path: Path) -> None:
    path.chmod(0)


def replaced(path: Path) -> None:
    """By another good clip."""
    status = path.stat()
    path.unlink()
    write_video(path, noise(12, seed=seed_of(path) + 1))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))


def becomes_a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def becomes_a_link_out(path: Path) -> None:
    path.unlink()
    link_out(path)


def hard_link(path: Path) -> None:
    """A second name of a good clip of the same person."""
    os.link(good_beside(path), path)


def elsewhere(path: Path) -> Path:
    """A folder beside the source."""
    folder = path.parents[3] / "elsewhere"
    folder.mkdir(exist_ok=True)
    return folder


def good_elsewhere(path: Path) -> Path:
    return write_video(elsewhere(path) / f"{path.parent.name}.mp4", pictures(path))


def link(target: str | Path) -> Make:
    return lambda path: path.symlink_to(target)


def link_out(path: Path) -> None:
    path.symlink_to(good_elsewhere(path))


def link_loop(path: Path) -> None:
    other = path.with_name(".hidden.mp4")
    other.symlink_to(path)
    path.symlink_to(other)


def unix_socket(path: Path) -> None:
    here = os.open(path.parent, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as server:  # by way of /proc: addresses have 108 bytes
        server.bind(f"/proc/self/fd/{here}/{path.name}")
    os.close(here)


locked = then(good, lock)


def good_beside(path: Path) -> Path:
    """The good clip that lies beside every hostile one, for a maker that comes before it."""
    beside = path.parent / GOOD_NAME
    if not beside.exists():
        good(beside)
    return beside


def folder_of_clips(path: Path) -> None:
    path.mkdir()


def locked_folder(path: Path) -> None:
    path.mkdir(mode=0)


def external_data(path: Path) -> None:
    """A MOV whose pictures lie in another file; its reference has the full path of it."""
    good(path)
    target = elsewhere(path) / f"{path.parent.name}.data"
    target.write_bytes(path.read_bytes())  # at the same places as in the clip
    content = without(path.read_bytes(), "", b"mdat")
    reference = box(b"alis", bytes(4) + _alias(os.fsencode(target)))
    dref = struct.pack(">II", 0, 1) + reference
    path.write_bytes(changed(content, "moov/trak/mdia/minf/dinf/dref", lambda _: dref))


def _alias(target: bytes) -> bytes:
    """An alias record as FFmpeg's `mov_read_dref` takes it apart; 2 marks the absolute path."""
    volume, name = b"disk", target.rpartition(b"/")[2][:63]
    head = bytes(10) + bytes([len(volume)]) + volume.ljust(27, b"\0") + bytes(12)
    head += bytes([len(name)]) + name.ljust(63, b"\0") + bytes(16) + struct.pack(">hh", 0, 0)
    head += bytes(16)
    mac = b"disk:" + target.lstrip(b"/").replace(b"/", b":")
    even = mac + bytes(len(mac) % 2)
    path = struct.pack(">hh", 2, len(even)) + even
    return head + path + struct.pack(">hh", -1, 0)


def playlist(path: Path) -> None:
    """HLS with a segment that lies beside it and is as good as any."""
    segment = write_video(path.with_name(".segment.ts"), pictures(path), form="mpegts")
    path.write_bytes(hls(f"file://{segment}"))


def script(path: Path) -> None:
    """A script that plays the good clip beside it, which FFmpeg holds for safe."""
    path.write_bytes(f"ffconcat version 1.0\nfile '{GOOD_NAME}'\n".encode())


def hls(segment: str) -> bytes:
    head = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:10\n"
    return f"{head}#EXTINF:9.0,\n{segment}\n#EXT-X-ENDLIST\n".encode()


def scripts(port: int) -> dict[str, bytes]:
    """What makes FFmpeg connect to a port of this machine, if it may."""
    host = f"127.0.0.1:{port}"
    manifest = f"""<?xml version="1.0"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT9S"
 profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"><Period><AdaptationSet mimeType="video/mp4">
<Representation id="1" bandwidth="1000"><BaseURL>http://{host}/a.mp4</BaseURL></Representation>
</AdaptationSet></Period></MPD>"""
    sdp = (
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=a\nc=IN IP4 127.0.0.1\nt=0 0\n"
        f"m=video {port} TCP/RTP/AVP 96\na=rtpmap:96 H264/90000\n"
    )
    return {
        "hls_http": hls(f"http://{host}/a.ts"),
        "hls_tcp": hls(f"tcp://{host}"),
        "hls_nested": f"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nhttp://{host}/b.m3u8\n".encode(),
        "dash": manifest.encode(),
        "sdp": sdp.encode(),
        "concat_http": f"ffconcat version 1.0\nfile 'http://{host}/a.mp4'\n".encode(),
        "rtsp_redirect": f"[Reference]\nRef1=http://{host}/a.mp4\n".encode(),
    }


SUBFILE = b"subfile,,start,0,end,1000,,:/etc/passwd"
EDL = b"TITLE: a\nFCM: NON-DROP FRAME\n001 AX V C 00:00:00:00 00:00:09:00 00:00:00:00 00:00:09:00\n"
PDF = b"%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
ZIP = b"PK\x05\x06" + bytes(18)
HTML = b"<!doctype html><html><body><video src=http://127.0.0.1/a.mp4></video></body></html>"
ELF = b"\x7fELF\x02\x01\x01" + bytes(300)


def compressed_header(path: Path) -> None:
    """A sound MOV with a `moov` that is compressed."""
    good(path)
    content = path.read_bytes()
    header = next(box(kind, payload) for kind, payload in boxes(content) if kind == b"moov")
    path.write_bytes(without(content, "", b"moov") + cmov(header))


def sample_count(count: int) -> Make:
    return edited((f"{STBL}/stsz", put(8, "I", count)))


ONE_HIDDEN_EDIT = full(1, 1000, 0xFFFFFFFF, 1 << 16)
"""An edit list that shows nothing (media_time -1)."""
LATE_EDIT = full(1, 1000, 0x7FFFFFFF, 1 << 16)
"""An edit list that starts far behind the end."""

BOMB_OF_ZEROS = compressed(squeezed(300), 300 << 20)
