"""What a pipeline on a cluster is given is checked against its compiled YAML."""

from __future__ import annotations

import functools
import json
import tempfile
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from components.errors import RollcallError
from pipelines.compilation import COMPILED
from pipelines.options import FineTuningOptions, TrainingOptions
from pipelines.parameters import READERS, _read, arguments_for, parameters_of

SOURCE = "az://enrolment/2025"


@functools.cache
def interface(name: str) -> Path:
    """The part of a compiled pipeline that says what it takes; reading all of it takes a while."""
    root = next(yaml.safe_load_all((COMPILED / name).read_text(encoding="ascii")))["root"]
    path = Path(tempfile.mkdtemp()) / name
    path.write_text(yaml.safe_dump({"root": {"inputDefinitions": root["inputDefinitions"]}}))
    return path


def arguments(*params: str, source: str = SOURCE) -> dict:
    return arguments_for(interface("training.yaml"), TrainingOptions, source, params)


def refused(*params: str, **more) -> str:
    with pytest.raises(RollcallError) as raised:
        arguments(*params, **more)
    return str(raised.value)


def test_what_is_not_given_is_left_to_the_pipeline():
    assert arguments() == {"source": SOURCE}


@pytest.mark.parametrize(
    ("param", "value"),
    [
        ("workers=4", 4),
        ("gate_min_accuracy=0.9", 0.9),
        ("gate-min-accuracy= 1 ", 1.0),
        ("thumbnails=True", True),
        ("backbones=EfficientNetLite0, MobileNetV2", ["EfficientNetLite0", "MobileNetV2"]),
        ('backbones=["EfficientNetLite1"]', ["EfficientNetLite1"]),
        ("weights=/mnt/weights", "/mnt/weights"),
        ("registry=http://mlflow:5000/?a=b", "http://mlflow:5000/?a=b"),
        ("roster=/mnt/roster.csv", "/mnt/roster.csv"),
    ],
)
def test_a_value_is_read_as_its_kind(param: str, value: object):
    (name,) = set(given := arguments(param)) - {"source"}
    assert given[name] == value
    assert type(given[name]) is type(value)


@pytest.mark.parametrize(
    ("param", "told"),
    [
        ("workers", "write NAME=VALUE"),
        ("wokers=2", "is it workers?"),
        ("colour=red", "there are "),
        ("source=az://a/b", "--source"),
        ("workers=two", "a whole number"),
        ("workers=2.5", "a whole number"),
        ("seed=", "a whole number"),
        ("target_fpir=nan", "a number"),
        ("thumbnails=maybe", "true or false"),
        ("backbones=", "commas"),
        ('backbones=["x"', "commas"),
        ("backbones=MobilNetV2", "MobileNetV2"),
        ("protocol=by_day", "by_session"),
        ("crop=feet", "face"),
        ("workers=0", "from 1"),
        ("gate_min_accuracy=1.5", "from 0 to 1"),
    ],
)
def test_a_value_that_is_wrong_is_told_before_anything_is_sent(param: str, told: str):
    assert told in refused(param)


def test_a_parameter_is_given_once():
    assert "twice" in refused("workers=1", "workers=2")


def test_a_parameter_without_a_default_is_needed(tmp_path):
    kinds = {name: {"parameterType": "STRING"} for name in ("source", "school")}
    package = tmp_path / "pipeline.yaml"
    package.write_text(json.dumps({"root": {"inputDefinitions": {"parameters": kinds}}}))
    with pytest.raises(RollcallError, match="--param school=VALUE"):
        arguments_for(package, TrainingOptions, SOURCE, ())


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("https://school.blob.core.windows.net/c/p?sig=secret", "a query"),
        ("az://enrolment/2025?sig=secret", "a query"),
        ("https://me:secret@school.blob.core.windows.net/c", "a password"),
        ("cohort", "an absolute path"),
        ("~/cohort", "an absolute path"),
        ("", "an absolute path"),
    ],
)
def test_a_source_has_no_secret_and_is_seen_from_the_cluster(source: str, told: str):
    error = refused(source=source)
    assert told in error
    assert "secret" not in error


@pytest.mark.parametrize(
    "param", ["registry=http://me:secret@mlflow:5000", "roster=az://a/b?sig=x"]
)
def test_no_parameter_has_a_secret(param: str):
    assert param.partition("=")[2] not in refused(param)


@pytest.mark.parametrize("source", ["/mnt/cohort", "file:///mnt/cohort"])
def test_a_folder_on_the_cluster_need_not_be_here(source: str):
    assert arguments(source=source)["source"] == source


def test_fine_tuning_knows_its_own_parameters():
    package = interface("fine_tuning.yaml")
    given = arguments_for(package, FineTuningOptions, SOURCE, ["depth=20", "tuning_epochs=3"])
    assert (given["depth"], given["tuning_epochs"]) == ("20", 3)
    with pytest.raises(RollcallError, match="depth"):
        arguments_for(package, FineTuningOptions, SOURCE, ["depth=some"])


@pytest.mark.parametrize("name", ["training", "fine_tuning"])
def test_every_kind_of_a_compiled_pipeline_can_be_read(name: str):
    known = parameters_of(COMPILED / f"{name}.yaml")
    assert {each.kind for each in known.values()} <= set(READERS)
    assert [key for key, each in known.items() if not each.optional] == ["source"]


VALUES = {
    "STRING": st.text().map(str.strip),
    "NUMBER_INTEGER": st.integers(),
    "NUMBER_DOUBLE": st.floats(allow_nan=False, allow_infinity=False),
    "BOOLEAN": st.booleans(),
    "LIST": st.lists(st.one_of(st.integers(), st.text()), min_size=1),
    "STRUCT": st.dictionaries(st.text(), st.integers()),
}


@settings(max_examples=50)
@given(st.sampled_from(sorted(VALUES)).flatmap(lambda k: st.tuples(st.just(k), VALUES[k])))
def test_what_json_says_of_a_value_is_read_as_that_value(case: tuple[str, object]):
    kind, value = case
    assert _read("x", value if kind == "STRING" else json.dumps(value), kind) == value


@given(st.sampled_from(sorted(VALUES)), st.text())
def test_any_text_is_a_value_or_an_error_that_names_the_parameter(kind: str, text: str):
    try:
        _read("x", text, kind)
    except RollcallError as error:
        assert "--param x" in str(error)  # noqa: PT017
