"""What passes between two steps: Arrow schemas, small values and their JSON.

Every table is Parquet (zstd). The files of a step's output directory are named here too, so that
the writer and the reader of a file cannot drift apart.
"""

from __future__ import annotations

import enum
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from components.errors import RollcallError

if TYPE_CHECKING:
    from collections.abc import Iterable


class Split(enum.StrEnum):
    """The side of the evaluation on which a frame stands."""

    TRAIN = "train"
    CALIBRATION = "calibration"
    TEST = "test"
    GAP = "gap"
    """Between two blocks of one clip; used by nobody."""
    NEAR_DUPLICATE = "near_duplicate"
    """Taken out of training or calibration, as it is nearly the same as a frame of another side."""


SIDES: Final = (Split.TRAIN, Split.CALIBRATION, Split.TEST)
"""Those that something is learnt or measured on; the other splits are what is left out."""


class Protocol(enum.StrEnum):
    """How frames are asked to be split; `split_dataset.assign` says what each does."""

    AUTO = "auto"
    BY_SESSION = "by_session"
    TIME_BLOCKS = "time_blocks"
    RANDOM_FRAMES = "random_frames"


class Pictures(enum.StrEnum):
    """Of which sides a dataset holds the frames themselves."""

    EVALUATION = "evaluation"
    """Calibration and test."""
    ALL = "all"
    """Training too, to train a backbone end to end."""


class Reason(enum.StrEnum):
    """Why a clip was rejected: one code a cause, so that rejects can be counted."""

    BAD_NAME = "bad_name"
    NOT_IN_ROSTER = "not_in_roster"
    CONSENT_MISSING = "consent_missing"
    CONSENT_EXPIRED = "consent_expired"
    EMPTY = "empty"
    UNREADABLE = "unreadable"
    NO_VIDEO = "no_video"
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    TOO_LARGE = "too_large"
    NOT_A_FILE = "not_a_file"
    DUPLICATE = "duplicate"
    CONFLICTING_PERSON = "conflicting_person"
    NO_FRAMES = "no_frames"
    UNSUPPORTED_CODEC = "unsupported_codec"
    DECODER_CRASHED = "decoder_crashed"
    DECODER_TOO_SLOW = "decoder_too_slow"
    DECODER_TOO_BIG = "decoder_too_big"
    CHANGED_SINCE_INGEST = "changed_since_ingest"


class EnrolmentProblem(enum.StrEnum):
    """Why a person has to record again; `split_dataset.enrolment` has the test for each."""

    NO_CONSENT = "no_consent"
    NONE_USABLE = "none_usable"
    TOO_DARK = "too_dark"
    TOO_BRIGHT = "too_bright"
    TOO_FEW_SHARP_FRAMES = "too_few_sharp_frames"
    HEAD_HARDLY_TURNED = "head_hardly_turned"
    CLIP_TOO_SHORT = "clip_too_short"
    ONLY_ONE_SESSION = "only_one_session"


GOOD_ENROLMENT: Final = "good"
"""The verdict on a person without any `EnrolmentProblem`."""

CLIPS: Final = pa.schema(
    [
        pa.field("clip_id", pa.string(), nullable=False),
        pa.field("uri", pa.string(), nullable=False),
        pa.field("etag", pa.string()),
        pa.field("bytes", pa.int64(), nullable=False),
        pa.field("person_id", pa.string(), nullable=False),
        pa.field("role", pa.string(), nullable=False),
        pa.field("session", pa.string(), nullable=False),
        pa.field("duration_s", pa.float64(), nullable=False),
        pa.field("fps", pa.float64()),
        pa.field("width", pa.int32(), nullable=False),
        pa.field("height", pa.int32(), nullable=False),
        pa.field("codec", pa.string(), nullable=False),
        pa.field("consent_expires_on", pa.date32()),
        pa.field("shard", pa.int32(), nullable=False),
    ]
)
"""One row a clip. `clip_id` is the first 16 hex digits of the SHA-256 of its content.

The stills of one session of a person make up one row too, an album: `codec` is STILLS_CODEC, `uri`
that of the folder, `etag` and `fps` are null, `bytes` is the sum over its stills and `width` and
`height` are the largest of them. Its `clip_id` is the first 16 hex digits of the SHA-256 over the
sorted ids (8 bytes each) of its stills."""

STILLS_CODEC: Final = "stills"
"""What stands as the codec of an album."""

SECONDS_A_STILL: Final = 0.2
"""An album counts as a clip that is sampled at five frames a second, the default: each still makes
it that much longer, and as a frame is shown that much after the one before, whatever rate clips are
sampled at. So it weighs in a shard what its frames cost, and can be cut into blocks of time."""

STILLS: Final = pa.schema(
    [
        pa.field("clip_id", pa.string(), nullable=False),
        pa.field("index", pa.int32(), nullable=False),
        pa.field("uri", pa.string(), nullable=False),
        pa.field("etag", pa.string()),
        pa.field("bytes", pa.int64(), nullable=False),
    ]
)
"""One row a still of an album: the albums in the order of the clips table, the stills of each by
path, `index` counting from 0."""

FRAME_KEY: Final = pa.schema(
    [
        pa.field("clip_id", pa.string(), nullable=False),
        pa.field("person_id", pa.string(), nullable=False),
        pa.field("role", pa.string(), nullable=False),
        pa.field("session", pa.string(), nullable=False),
        pa.field("index", pa.int32(), nullable=False),
        pa.field("time_s", pa.float64(), nullable=False),
    ]
)
"""Which frame it is: `index` counts the sampled frames of a clip from 0, dropped ones included;
`time_s` counts seconds from the first frame of the clip."""

FRAMES: Final = pa.schema(
    [
        *FRAME_KEY,
        pa.field("jpeg", pa.binary(), nullable=False),
        pa.field("sharpness", pa.float32(), nullable=False),
        pa.field("brightness", pa.float32(), nullable=False),
        pa.field("dhash", pa.uint64(), nullable=False),
        pa.field(
            "face_box", pa.struct([(side, pa.float32()) for side in ("x", "y", "width", "height")])
        ),
    ]
)
"""One row a frame. `jpeg` is FRAME_SIZE square RGB; `sharpness` the variance of its Laplacian,
`brightness` its mean luma (0 to 255). `dhash` is that of the whole square in the middle of the
picture, and `face_box` where the face is in it, in parts of it; null where none was found or looked
for, and the frame shows all of the square."""

FRAME_INDEX: Final = pa.schema(
    [
        *FRAME_KEY,
        pa.field("sharpness", pa.float32(), nullable=False),
        pa.field("brightness", pa.float32(), nullable=False),
        pa.field("dhash", pa.uint64(), nullable=False),
    ]
)
"""One row a frame of a shard's features, in their row order: FRAMES without the pictures."""

REJECTS: Final = pa.schema(
    [
        pa.field("uri", pa.string(), nullable=False),
        pa.field("clip_id", pa.string()),
        pa.field("step", pa.string(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("detail", pa.string(), nullable=False),
    ]
)
"""One row a clip or a still that did not get through, with a `Reason`."""

COPIES: Final = pa.schema(
    [
        pa.field("pair", pa.int32(), nullable=False),
        pa.field("person_id", pa.string(), nullable=False),
        pa.field("session", pa.string(), nullable=False),
        pa.field("uri", pa.string(), nullable=False),
        pa.field("clip_id", pa.string(), nullable=False),
    ]
)
"""Two rows for each pair of clips that are one recording under two names."""

PEOPLE: Final = pa.schema(
    [
        pa.field("person_id", pa.string(), nullable=False),
        pa.field("role", pa.string(), nullable=False),
        pa.field("consent", pa.string(), nullable=False),
        pa.field("clips_accepted", pa.int32(), nullable=False),
        pa.field("clips_rejected", pa.int32(), nullable=False),
    ]
)
"""One row a person of the roster, in its order, those without a clip included. `consent` is a
`roster.Consent`; `clips_rejected` counts the files whose path names the person."""

_FRAME_COUNTS: Final = [
    pa.field(name, pa.int32())
    for name in (
        "frames_sampled",
        "frames",
        "frames_dropped_dark",
        "frames_dropped_bright",
        "frames_dropped_blurred",
        "frames_dropped_near_duplicate",
    )
]
_FRAME_MEASURES: Final = [
    pa.field(name, pa.float64())
    for name in (
        "blurred_share",
        "dark_share",
        "bright_share",
        "sharpness",
        "brightness",
        "spread",
        "flicker",
    )
]

CLIP_QUALITY: Final = pa.schema(
    [
        pa.field("clip_id", pa.string(), nullable=False),
        pa.field("person_id", pa.string(), nullable=False),
        pa.field("role", pa.string(), nullable=False),
        pa.field("session", pa.string(), nullable=False),
        pa.field("duration_s", pa.float64(), nullable=False),
        pa.field("seen_s", pa.float64(), nullable=False),
        pa.field("cut_short", pa.bool_(), nullable=False),
        *(field.with_nullable(False) for field in (*_FRAME_COUNTS, *_FRAME_MEASURES)),
    ]
)
"""One row a clip that gave frames; `extract_frames.clip_quality` says how each is measured."""

ENROLMENT: Final = pa.schema(
    [
        *PEOPLE,
        pa.field("sessions", pa.int32(), nullable=False),
        pa.field("sessions_good", pa.int32(), nullable=False),
        pa.field("session", pa.string()),
        pa.field("seen_s", pa.float64()),
        pa.field("cut_short", pa.bool_()),
        *_FRAME_COUNTS,
        *_FRAME_MEASURES,
        pa.field("verdict", pa.string(), nullable=False),
        pa.field("advice", pa.string(), nullable=False),
    ]
)
"""One row a person of the roster. From `session` to `flicker` it holds what was measured of the
session that decides, null where there is none; `verdict` is GOOD_ENROLMENT or `EnrolmentProblem`s
separated by blanks; `split_dataset.enrolment` says which session it is, and why. `clips_accepted`
are those that gave frames."""

INDEX: Final = pa.schema(
    [
        *FRAME_KEY,
        pa.field("split", pa.string(), nullable=False),
        pa.field("random_split", pa.string(), nullable=False),
        pa.field("transaction", pa.string(), nullable=False),
        pa.field("person", pa.int32(), nullable=False),
        pa.field("role_label", pa.int32(), nullable=False),
    ]
)
"""One row a frame of the dataset, in the row order of its feature files. `split` is the honest
side; `random_split` what a split of frames at random would have made of it, kept to show the leak.
`person` is an index into Classes.people, or STRANGER."""


TRANSACTIONS: Final = pa.schema(
    [
        pa.field("transaction", pa.string(), nullable=False),
        pa.field("split", pa.string(), nullable=False),
        pa.field("subject", pa.int32(), nullable=False),
        pa.field("person", pa.int32(), nullable=False),
        pa.field("role_label", pa.int32(), nullable=False),
        pa.field("predicted", pa.int32(), nullable=False),
        pa.field("score", pa.float32(), nullable=False),
        pa.field("predicted_role", pa.int32(), nullable=False),
        pa.field("student_score", pa.float32(), nullable=False),
        pa.field("frames", pa.int32(), nullable=False),
    ]
)
"""One row a transaction of the calibration and test sides, as the model that ships decides it.

`subject` numbers the people, strangers too, for resampling by person: it is the same for all models
of a dataset, and no pseudonym. `predicted` is the likeliest person whatever the `score`, which is
their pooled probability; `student_score` is that of the role student."""


def features_schema(dimension: int) -> pa.Schema:
    """Schema of one backbone's features: the frame's key and a float16 vector of `dimension`."""
    return pa.schema(
        [
            pa.field("clip_id", pa.string(), nullable=False),
            pa.field("index", pa.int32(), nullable=False),
            pa.field("feature", pa.list_(pa.float16(), dimension), nullable=False),
        ]
    )


def views_schema(dimension: int) -> pa.Schema:
    """Schema of the features of augmented views: `view` counts those of a frame from 0."""
    fields = list(features_schema(dimension))
    return pa.schema([*fields[:2], pa.field("view", pa.int32(), nullable=False), fields[2]])


# Names of the files inside the directories that pass between steps.
CLIPS_FILE: Final = "clips.parquet"
STILLS_FILE: Final = "stills.parquet"
INGEST_FILE: Final = "ingest.json"
EXTRACT_FILE: Final = "extract.json"
SOURCE_FILE: Final = "source.json"
PEOPLE_FILE: Final = "people.parquet"
CLIP_QUALITY_FILE: Final = "clip_quality.parquet"
ENROLMENT_FILE: Final = "enrolment.parquet"
FRAMES_FILE: Final = "frames.parquet"
REJECTS_FILE: Final = "rejects.parquet"
COPIES_FILE: Final = "copies.parquet"
INDEX_FILE: Final = "index.parquet"
SAMPLES_FILE: Final = "samples.parquet"
PICTURES_FILE: Final = "pictures.parquet"
"""The frames themselves (FRAMES) of some sides of a dataset, in the order of its index."""
AUDIT_FILE: Final = "audit.json"
BACKBONES_FILE: Final = "backbones.json"
EMBEDDING_FILE: Final = "embedding.json"
LEADERBOARD_FILE: Final = "leaderboard.json"


def features_file(backbone: str) -> str:
    """Name of the file that holds the features of `backbone`, in a shard or a dataset."""
    return f"features-{backbone}.parquet"


def views_file(backbone: str) -> str:
    """Name of the file that holds the features of augmented views, if there are any.

    As many rows a frame as there are views of it, in a shard of all frames, in a dataset of those
    to learn from; in the order of the frames.
    """
    return f"views-{backbone}.parquet"


@dataclass(frozen=True)
class Reject:
    """A clip that did not get through."""

    uri: str
    step: str
    reason: Reason
    detail: str
    clip_id: str | None = None


class ClipError(RollcallError):
    """A clip cannot be used. The step turns it into a `Reject`; it never ends a run.

    Attributes:
        reason: the code to count it under.
        detail: what is wrong, without a name or a path in it.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


def rejects_table(rejects: Iterable[Reject]) -> pa.Table:
    """Turn rejects into a table of schema REJECTS."""
    return pa.Table.from_pylist([asdict(reject) for reject in rejects], schema=REJECTS)
