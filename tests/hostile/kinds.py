"""The table of hostile clips: what each is, how it is made, and what has to become of it."""

from __future__ import annotations

import bz2
import os
import struct
import zlib
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Final

from components.contracts import Reason
from tests.hostile import ebml, makers
from tests.hostile.boxes import STBL, box, compressed, full, put, squeezed
from tests.hostile.makers import (
    avi_field,
    clip,
    cut,
    dropped,
    edited,
    good,
    good_at_front,
    link,
    mkv,
    randomness,
    raw,
    raw_mkv,
    rewritten,
    still,
    then,
    zeroed,
)
from tests.videos import TURNED, set_display_matrix, write_audio

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.hostile.makers import Make

GAVE_FRAMES: Final = "frames"
SLOW_TO_MAKE: Final = frozenset({"eight_k", "nine_k", "moov_bomb", "bzip_bomb", "zlib_bomb"})


@dataclass(frozen=True)
class Kind:
    """One thing that may lie among the clips.

    Attributes:
        name: what it is; also the person under which it lies.
        make: makes it at a path.
        right: what may become of it: GAVE_FRAMES, or reasons for its rejection.
        file: its path below the person's folder.
        between: what happens to it between ingest and extraction.
    """

    name: str
    make: Callable[[Path], object]
    right: frozenset[str]
    file: str = "clip.mp4"
    between: Callable[[Path], object] | None = None

    @property
    def is_slow(self) -> bool:
        """Whether only a limit on time ends it, or making it takes long."""
        return Reason.DECODER_TOO_SLOW in self.right or self.name in SLOW_TO_MAKE


def _of(*right: str, **makes: Make | tuple[Make, str]) -> Iterable[Kind]:
    """Kinds with the same right outcomes: a maker, or one and the file's name."""
    for name, given in makes.items():
        make, file = given if isinstance(given, tuple) else (given, "clip.mp4")
        yield Kind(name, make, frozenset(map(str, right)), file)


def _named(*right: str, **files: str) -> Iterable[Kind]:
    """Good clips with names that are not."""
    for name, file in files.items():
        yield Kind(name, good, frozenset(map(str, right)), file)


def _later(*right: str, **changes: Make) -> Iterable[Kind]:
    """Good clips that something befalls between ingest and extraction."""
    for name, between in changes.items():
        yield Kind(name, good, frozenset(map(str, right)), between=between)


def _turned(degrees: int) -> Make:
    def turn(path: Path) -> None:
        set_display_matrix(path, *TURNED[degrees])

    return then(good, turn)


avi = clip(codec="mpeg4", form="avi")
b_frames = clip(count=30, options={"bf": "3", "preset": "medium"})
fragmented = clip(muxing={"movflags": "frag_keyframe+empty_moov"})
fragments = clip(count=30, frames_per_key_frame=5, muxing={"movflags": "frag_keyframe+empty_moov"})
webm = clip(codec="libvpx", form="webm")
SMALL_AV1: Final = {"preset": "12", "svtav1-params": "lp=1"}
TEXT: Final = b"This is no video.\n"

ACCEPTED: Final = _of(
    GAVE_FRAMES,
    h264_mp4=good,
    h264_mov=(clip(form="mov"), "clip.mov"),
    h264_mkv=(clip(form="matroska"), "clip.mkv"),
    h264_avi=(clip(form="avi"), "clip.avi"),
    h264_3gp=clip(form="3gp"),
    h264_fragmented=fragmented,
    hevc_mp4=clip(codec="libx265"),
    hevc_mkv=(clip(codec="libx265", form="matroska"), "clip.mkv"),
    vp8_webm=(webm, "clip.webm"),
    vp9_webm=(clip(codec="libvpx-vp9", form="webm"), "clip.webm"),
    vp9_mp4=clip(codec="libvpx-vp9"),
    av1_mp4=clip(codec="libsvtav1", size=(64, 64), options=SMALL_AV1),
    av1_webm=(
        clip(codec="libsvtav1", size=(64, 64), options=SMALL_AV1, form="webm"),
        "clip.webm",
    ),
    still_avif=clip(codec="libsvtav1", count=1, form="avif", size=(64, 64), options=SMALL_AV1),
    mpeg4_mp4=(clip(codec="mpeg4"), "clip.m4v"),
    mpeg4_avi=(avi, "clip.avi"),
    mjpeg_mov=(clip(codec="mjpeg", form="mov", pix_fmt="yuvj420p"), "clip.mov"),
    mjpeg_avi=(clip(codec="mjpeg", form="avi", pix_fmt="yuvj422p"), "clip.avi"),
    mjpeg_mkv=(mkv(), "clip.mkv"),
    compressed_moov=makers.compressed_header,
    stripped_track=mkv(
        ebml.video_entry(ebml.compression(3, b"\xff\xd8\xff")), encode=lambda frame: frame[3:]
    ),
    attachment=mkv(more=[ebml.attachment(b"a.mp4", b"video/mp4", TEXT)]),
    linked_segment=mkv(next_file=b"file:///etc/passwd"),
    zlib_track=mkv(ebml.video_entry(ebml.compression(0)), encode=zlib.compress),
)

PICTURES: Final = _of(
    GAVE_FRAMES,
    ten_bit=clip(pix_fmt="yuv420p10le"),
    ten_bit_422=clip(pix_fmt="yuv422p10le"),
    ten_bit_444=clip(pix_fmt="yuv444p10le"),
    eight_bit_444=clip(pix_fmt="yuv444p"),
    grey=clip(pix_fmt="gray"),
    grey_ten_bit=clip(pix_fmt="gray10le"),
    hevc_ten_bit=clip(codec="libx265", pix_fmt="yuv420p10le"),
    hevc_twelve_bit=clip(codec="libx265", pix_fmt="yuv422p12le"),
    vp9_alpha=clip(codec="libvpx-vp9", form="webm", pix_fmt="yuva420p"),
    gbr=clip(codec="libx265", pix_fmt="gbrp"),
    full_range=clip(pix_fmt="yuvj420p"),
    bt2020=clip(
        options={"x264-params": "colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc"}
    ),
    odd_matrix=clip(options={"x264-params": "colormatrix=YCgCo:range=pc"}),
    interlaced=makers.interlaced,
    rotated_90=_turned(90),
    rotated_180=_turned(180),
    rotated_270=_turned(270),
    matrix_of_zeros=edited(("moov/trak/tkhd", put(40, "9i", *[0] * 9))),
    anamorphic=clip(pixel_aspect=Fraction(4, 3)),
    silly_pixel_aspect=clip(pixel_aspect=Fraction(200, 1)),
    two_by_two=clip(size=(2, 2)),
    one_by_one=(mkv(shape=(1, 1)), "clip.mkv"),
    odd_size=clip(size=(63, 47), pix_fmt="yuv444p"),
    tall=clip(size=(16, 16_000), count=11),
    wide=clip(size=(16_000, 16), count=11),
    eight_k=makers.eight_k,
    resized_h264=makers.resized_h264,
    resized_vp8=makers.resized_vp8,
    grows_to_nine_k=(makers.grows_to_nine_k, "clip.mkv"),
    resized_jpeg=makers.mkv_in_two(1200, (640, 480)),
    wrong_size_stsd=edited((f"{STBL}/stsd", put(40, "HH", 16, 16))),
    wrong_size_stsd_16k=edited(
        (f"{STBL}/stsd", put(40, "HH", 16_000, 16_000)), base=clip(codec="mpeg4")
    ),
    wrong_size_avi=avi_field(b"strf", 4, "ii", 16, 16, base=avi),
    silent_streams=mkv(ebml.video_entry(), *(ebml.audio_entry(2 + n) for n in range(40))),
    two_videos=makers.two_streams("libx264", "libx264"),
    second_video_not_accepted=makers.two_streams("mpeg4", "mpeg2video"),
    cover_and_video=mkv(ebml.video_entry(), ebml.subtitle_entry(2)),
    title_of_a_megabyte=clip(title="x" * 1_000_000),
    title_of_other_bytes=rewritten(
        lambda content: content.replace(b"Muenchen", b"M\xfcnchen!"), clip(title="Muenchen")
    ),
)

TIMES: Final = _of(
    GAVE_FRAMES,
    variable_rate=clip(times_s=[0, 0.01, 0.02, 0.4, 0.41, 0.6, 0.7, 0.9, 1, 1.1, 1.2, 1.3]),
    negative_times=mkv(start_ms=0, step_ms=-100, seconds=1.2),
    standing_times=mkv(step_ms=0, seconds=1.2),
    backward_times=mkv(start_ms=1200, step_ms=-100),
    start_after_a_year=mkv(start_ms=31_536_000_000),
    jump_ahead_stated=makers.mkv_in_two(10**12, seconds=1.8),
    no_display_times=(avi, "clip.avi"),
    b_frames=b_frames,
    edit_list_empty=edited(("moov/trak/edts/elst", lambda _: full(0))),
    one_picture_for_five_seconds=edited(
        (f"{STBL}/stts", lambda _: full(1, 1, 50_000)),
        ("moov/trak/mdia/mdhd", put(12, "II", 10_000, 50_000)),
        base=dropped("moov/trak", b"edts", clip(count=1)),
    ),
    no_rate_avih=avi_field(b"avih", 0, "I", 0, base=avi),
    no_rate_avi=avi_field(b"strh", 20, "II", 0, 0, base=avi),
    no_time_scale=edited(("moov/trak/mdia/mdhd", put(12, "I", 0))),
    no_movie_time_scale=edited(("moov/mvhd", put(12, "I", 0))),
    steps_of_68_years=edited((f"{STBL}/stts", put(12, "I", 0x7FFFFFFF))),
    display_68_years_later=edited((f"{STBL}/ctts", put(12, "I", 0x7FFFFFFF)), base=b_frames),
    chunk_map_lies=edited((f"{STBL}/stsc", put(8, "III", 0xFFFFFFFF, 0, 0))),
    index_lies_avi=rewritten(lambda content: content[:-100] + b"\xff" * 100, avi),
    track_disabled=edited(("moov/trak/tkhd", put(0, "I", 0))),
    thousand_a_second=clip(count=1100, size=(16, 16), fps=1000),
)

DAMAGED: Final = _of(
    GAVE_FRAMES,
    half_mp4=cut(0, 0.5, good_at_front),
    nine_tenths_mp4=cut(0, 0.9, good_at_front),
    half_fragmented=cut(0, 0.5, fragments),
    half_mkv=(cut(0, 0.5, mkv(count=30)), "clip.mkv"),
    nine_tenths_webm=(cut(0, 0.9, webm), "clip.webm"),
    nine_tenths_avi=(cut(0, 0.9, avi), "clip.avi"),
    zeros_in_mp4=zeroed(0.4, 0.5, good),
    zeros_in_mkv=(zeroed(0.6, 0.7, mkv(count=30)), "clip.mkv"),
    zeros_in_webm=(zeroed(0.4, 0.5, webm), "clip.webm"),
    zeros_in_avi=(zeroed(0.8, 0.85, avi), "clip.avi"),
    megabyte_behind=rewritten(lambda content: content + bytes(1 << 20)),
    text_behind=rewritten(lambda content: content + makers.HTML),
)

DURATIONS: Final = (
    *_of(
        Reason.TOO_SHORT,
        one_picture=clip(count=1),
        one_picture_mkv=mkv(count=1),
        half_a_second=clip(count=5),
        duration_of_nothing=edited(("moov/trak/mdia/mdhd", put(16, "I", 1))),
        steps_back=edited((f"{STBL}/stts", put(12, "I", 0xFFFFFFF0))),
        no_sample_times=dropped(STBL, b"stts"),
        no_sample_sizes=dropped(STBL, b"stsz"),
    ),
    *_of(
        Reason.TOO_LONG,
        billion_seconds=edited(
            ("moov/mvhd", put(12, "II", 1, 10**9)), ("moov/trak/mdia/mdhd", put(12, "II", 1, 10**9))
        ),
        billion_seconds_mkv=mkv(seconds=1e9),
        jump_ahead=makers.mkv_in_two(10**12),
        ten_minutes=clip(count=600, fps=1, size=(16, 16)),
    ),
)

CONTAINERS: Final = _of(
    Reason.UNREADABLE,
    flv=clip(form="flv"),
    mpeg_ts=clip(form="mpegts"),
    mpeg_ps=clip(codec="mpeg2video", form="vob", fps=25, count=30),
    ogg=clip(codec="libvpx", form="ogg"),
    raw_h264=clip(form="h264"),
    raw_hevc=clip(codec="libx265", form="hevc"),
    raw_mjpeg=clip(codec="mjpeg", form="mjpeg", pix_fmt="yuvj420p"),
    ivf=clip(codec="libvpx", form="ivf"),
    nut=clip(form="nut"),
    asf=clip(codec="wmv2", form="asf"),
    mxf=clip(codec="mpeg2video", form="mxf", fps=25, count=30),
    swf=clip(codec="flv", form="swf"),
    gif=clip(codec="gif", form="gif", pix_fmt="rgb8"),
    apng=clip(codec="apng", form="apng", pix_fmt="rgb24"),
    webp=still(".webp"),
    wav=makers.sound_file,
    jpeg=still(".jpg"),
    png=still(".png"),
    tiff=still(".tiff"),
    bmp=still(".bmp"),
    text=raw(TEXT),
    html=raw(makers.HTML),
    pdf=raw(makers.PDF),
    zip=raw(makers.ZIP),
    elf=raw(makers.ELF),
    edl=raw(makers.EDL),
    subfile_script=raw(makers.SUBFILE),
    playlist_of_a_file=makers.playlist,
    script_of_a_file=makers.script,
    **{name: raw(content) for name, content in makers.scripts(makers.NOT_LISTENING).items()},
)

CODECS: Final = _of(
    Reason.UNSUPPORTED_CODEC,
    prores=(clip(codec="prores", form="mov", pix_fmt="yuv422p10le"), "clip.mov"),
    ffv1=(clip(codec="ffv1", form="matroska"), "clip.mkv"),
    rawvideo=(clip(codec="rawvideo", form="avi", count=12), "clip.avi"),
    huffyuv=(clip(codec="huffyuv", form="avi", pix_fmt="yuv422p"), "clip.avi"),
    utvideo=(clip(codec="utvideo", form="avi"), "clip.avi"),
    mpeg2=(clip(codec="mpeg2video", form="matroska", fps=25, count=30), "clip.mkv"),
    mpeg1=clip(codec="mpeg1video", fps=25, count=30),
    h261=(clip(codec="h261", size=(176, 144), form="avi"), "clip.avi"),
    h263=clip(codec="h263", size=(176, 144), form="3gp"),
    png_mov=(clip(codec="png", form="mov", pix_fmt="rgb24"), "clip.mov"),
    qtrle=(clip(codec="qtrle", form="mov", pix_fmt="rgb24"), "clip.mov"),
    cinepak=(clip(codec="cinepak", form="avi", pix_fmt="rgb24"), "clip.avi"),
    svq1=(clip(codec="svq1", form="mov", pix_fmt="yuv410p"), "clip.mov"),
    dnxhd=(
        clip(
            codec="dnxhd",
            form="mov",
            pix_fmt="yuv422p",
            options={"profile": "dnxhr_lb"},
            size=(256, 128),
        ),
        "clip.mov",
    ),
    msmpeg4=(clip(codec="msmpeg4", form="avi"), "clip.avi"),
    wmv2=(clip(codec="wmv2", form="avi"), "clip.avi"),
    flv1=(clip(codec="flv", form="avi"), "clip.avi"),
    snow=(clip(codec="snow", form="avi"), "clip.avi"),
    jpeg2000=(clip(codec="jpeg2000", form="mov", pix_fmt="rgb24"), "clip.mov"),
    magicyuv=(clip(codec="magicyuv", form="avi", pix_fmt="yuv422p"), "clip.avi"),
    zmbv=(clip(codec="zmbv", form="avi", pix_fmt="bgr0"), "clip.avi"),
    first_video_not_accepted=makers.two_streams("mpeg2video", "mpeg4"),
    codec_unknown=edited((f"{STBL}/stsd", lambda stsd: stsd.replace(b"avc1", b"zzzz"))),
    theora_mkv=mkv(ebml.video_entry(codec=b"V_THEORA"), seconds=1.2),
    vvc_mkv=mkv(ebml.video_entry(codec=b"V_MPEGI/ISO/VVC"), seconds=1.2),
    codec_unknown_mkv=mkv(ebml.video_entry(codec=b"V_NOBODY"), seconds=1.2),
    encrypted_mp4=edited((f"{STBL}/stsd", lambda stsd: stsd.replace(b"avc1", b"encv"))),
)

NO_PICTURES: Final = (
    *_of(
        Reason.NO_VIDEO,
        sound=write_audio,
        sound_and_cover=makers.cover_alone,
        handler_lies=edited(
            ("moov/trak/mdia/hdlr", lambda hdlr: hdlr.replace(b"vide", b"soun", 1))
        ),
        subtitles=raw_mkv(
            ebml.info(seconds=2), ebml.tracks(ebml.subtitle_entry()), ebml.cluster([b"a"])
        ),
    ),
    *_of(
        Reason.NO_FRAMES,
        pictures_missing=dropped("", b"mdat", good_at_front),
        data_in_another_file=(makers.external_data, "clip.mov"),
        zlib_bomb=mkv(
            ebml.video_entry(ebml.compression(0)), encode=lambda _: squeezed(50), seconds=1.2
        ),
        lzo_garbage=mkv(ebml.video_entry(ebml.compression(2)), seconds=1.2),
        edit_list_late=edited(("moov/trak/edts/elst", lambda _: makers.LATE_EDIT)),
        edit_list_hides_all=edited(("moov/trak/edts/elst", lambda _: makers.ONE_HIDDEN_EDIT)),
    ),
)

BROKEN: Final = (
    *_of(Reason.EMPTY, empty=raw(b"")),
    *_of(
        Reason.UNREADABLE,
        no_tracks_mkv=raw_mkv(ebml.info(seconds=2), ebml.tracks(), ebml.cluster([b"a"])),
        one_byte=raw(b"\0"),
        zeros=raw(bytes(100_000)),
        no_head=cut(0.2, 1, good),
        no_head_mkv=cut(0.02, 1, mkv()),
        no_head_avi=cut(0.02, 1, avi),
        no_tail=cut(0, 0.9, good),
        no_second_half=cut(0, 0.5, good),
        no_moov=dropped("", b"moov"),
        head_alone=cut(0, 0.01, good_at_front),
        random_mp4=randomness(box(b"ftyp", b"isom\0\0\2\0isom")),
        random_moov=randomness(
            box(b"ftyp", b"isom\0\0\2\0isom") + struct.pack(">I", 9999) + b"moov"
        ),
        random_mkv=randomness(ebml.HEADER),
        random_avi=randomness(b"RIFF\xff\xff\0\0AVI LIST"),
        box_of_4_gb=raw(makers.SPARSE_HEAD + b"\xff\xff\xff\xffmoov" + bytes(100)),
        box_of_2_to_63=raw(
            makers.SPARSE_HEAD + b"\0\0\0\1moov" + struct.pack(">Q", 1 << 63) + bytes(100)
        ),
        box_of_0=raw(makers.SPARSE_HEAD + b"\0\0\0\0free" + bytes(100)),
    ),
)

BOMBS: Final = (
    *_of(
        Reason.TOO_LARGE,
        nine_k=makers.nine_k,
        sparse_100_gb=makers.sparse(100),
    ),
    *_of(
        Reason.UNREADABLE,
        claims_65500=mkv(ebml.video_entry(size=(65_500, 65_500)), claims=(65_500, 65_500)),
        vp8_claims_nothing=(makers.vp8_claims(0, 0), "clip.webm"),
        jpeg_claims_65500=mkv(claims=(65_500, 65_500), seconds=1.2),
        vp8_claims_16383=(makers.vp8_claims(16_383, 16_383), "clip.webm"),
    ),
    *_of(
        Reason.UNREADABLE,
        moov_bomb=raw(makers.SPARSE_HEAD + makers.BOMB_OF_ZEROS),
        sparse_3_gb=makers.sparse(3),
        deep_boxes=raw(makers.SPARSE_HEAD + makers.deep_boxes(20_000)),
        many_boxes=raw(makers.SPARSE_HEAD + box(b"moov", box(b"free") * 1_000_000)),
        samples_4_billion=makers.sample_count(0xFFFFFFFF),
        track_name_of_2_to_55=raw_mkv(
            ebml.info(seconds=2), ebml.tracks(ebml.video_entry(ebml.element(0x536E, size=1 << 55)))
        ),
        deep_elements=raw_mkv(ebml.info(seconds=2), makers.deep_elements(2000)),
        fragment_of_4_billion=edited(("moof/traf/trun", put(4, "I", 0xFFFFFFFF)), base=fragmented),
    ),
    *_of(
        Reason.UNREADABLE,
        pictures_of_zeros=mkv(encode=lambda frame: bytes(len(frame)), seconds=1.2),
        bzip_bomb=mkv(
            ebml.video_entry(ebml.compression(1)),
            encode=lambda _: bz2.compress(bytes(50 << 20)),
            count=2,
            seconds=1.2,
        ),
        encrypted_mkv=mkv(
            ebml.video_entry(ebml.ENCRYPTION),
            encode=lambda frame: bytes(byte ^ 0x5A for byte in frame),
            seconds=1.2,
        ),
    ),
    *_of(
        GAVE_FRAMES,
        many_streams=mkv(ebml.video_entry(), *(ebml.audio_entry(2 + n) for n in range(120))),
        chunks_4_billion=edited((f"{STBL}/stco", put(4, "I", 0xFFFFFFFF))),
        void_of_2_to_55=mkv(more=[ebml.element(0xEC, size=1 << 55)]),
        segment_of_2_to_55=mkv(size=1 << 55),
        nothing_behind_for_256_mb=then(good, makers.lengthened(1 << 28)),
    ),
    *_of(
        Reason.DECODER_TOO_BIG,
        moov_claims_2_gb=raw(makers.SPARSE_HEAD + compressed(squeezed(1), 0x70000000)),
        many_tracks=raw(makers.SPARSE_HEAD + box(b"moov", box(b"trak") * 100_000)),
    ),
    *_of(
        Reason.DECODER_TOO_SLOW,
        eight_k_3000_times=makers.bomb(7680, 4320, 2900),
        bomb_behind_good_frames=makers.bomb_behind_good_frames,
    ),
)

THINGS: Final = (
    *_of(
        Reason.NOT_A_FILE,
        pipe=os.mkfifo,
        unix_socket=makers.unix_socket,
        zeros_of_the_system=link("/dev/zero"),
        memory_of_the_process=link("/proc/self/mem"),
        folder_named_like_a_clip=makers.folder_of_clips,
        link_out=makers.link_out,
        link_nowhere=link("nothing.mp4"),
        link_loop=makers.link_loop,
        link_to_itself=link("clip.mp4"),
        link_to_a_folder=link("."),
        locked_folder=(makers.locked_folder, "day1"),
        locked_folder_named_like_a_clip=makers.locked_folder,
    ),
    *_of(Reason.UNREADABLE, locked=makers.locked),
    *_of(
        Reason.DUPLICATE,
        hard_link=(makers.hard_link, "later.mp4"),
        link_beside=(link(makers.GOOD_NAME), "later.mp4"),
    ),
    *_later(
        Reason.CHANGED_SINCE_INGEST,
        grows=makers.grown,
        is_replaced=makers.replaced,
        is_deleted=Path.unlink,
        becomes_a_pipe=makers.becomes_a_pipe,
        becomes_a_link_out=makers.becomes_a_link_out,
        loses_its_tail=makers.shortened,
    ),
    *_later(Reason.UNREADABLE, is_locked=makers.lock),
)

NAMES: Final = (
    *_named(
        GAVE_FRAMES,
        name_newline="day1/a\nb.mp4",
        name_emoji="day1/\N{GRINNING FACE}.mp4",
        name_right_to_left="day1/\u202e4pm.\u05d0.mp4",
        name_of_255_bytes=f"day1/{'x' * 251}.mp4",
        name_dash="day1/-rf.mp4",
        name_percent="day1/img%03d.mp4",
        name_glob="day1/*[0-9]?.mp4",
        name_escaped="day1/%2e%2e%2f#?&.mp4",
        name_pipe="day1/pipe:0.mp4",
        name_concat="day1/concat:a.mp4|b.mp4",
        name_subfile="day1/subfile,,start,0,end,9,,:a.mp4",
        name_spaces="day1/ a  b .mp4",
        name_quotes="day1/'\"`$(id);.mp4",
        name_no_utf8="day1/\udcff\udcfe.mp4",
        name_upper="day1.MP4",
    ),
    *_named(
        Reason.BAD_NAME,
        wrong_extension="clip.txt",
        no_extension="clip",
        subtitle_extension="clip.srt",
        too_deep="a/b/c.mp4",
        session_newline="a\nb.mp4",
        session_emoji="\N{GRINNING FACE}.mp4",
        session_no_utf8="\udcff.mp4",
        session_too_long=f"{'x' * 65}.mp4",
        session_percent="img%03d.mp4",
    ),
)

KINDS: Final[tuple[Kind, ...]] = (
    *(*ACCEPTED, *PICTURES, *TIMES, *DAMAGED, *DURATIONS, *CONTAINERS, *CODECS),
    *(*NO_PICTURES, *BROKEN, *BOMBS, *THINGS, *NAMES),
)
