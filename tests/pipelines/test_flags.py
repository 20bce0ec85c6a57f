"""The options of a run are flags of the command."""

from __future__ import annotations

from dataclasses import fields

import pytest
import typer
from typer.testing import CliRunner

from pipelines.flags import flags_of, from_flags, names, with_flags
from pipelines.options import DEFAULTS, TrainingOptions


@pytest.fixture
def parsed():
    """An app of one command, and what it was given."""
    app, given = typer.Typer(), {}

    @app.command()
    @with_flags(TrainingOptions)
    def run(source: str, **flags):
        given["source"] = source
        given["options"] = from_flags(TrainingOptions, flags)

    def parse(*arguments):
        result = CliRunner().invoke(app, arguments)
        return result, given

    return parse


def test_without_flags_every_option_has_its_default(parsed):
    assert parsed("x")[1] == {"source": "x", "options": DEFAULTS}


def test_each_option_has_a_flag_that_explains_itself():
    assert [flag.name for flag in flags_of(TrainingOptions)] == [
        each.name for each in fields(TrainingOptions)
    ]
    assert all(flag.annotation.__metadata__[0].help for flag in flags_of(TrainingOptions))


def test_what_is_given_arrives_in_its_type(parsed):
    _, given = parsed("x", "--epochs", "3", "--stranger-share", "0.25", "--backbones", "A, B")
    options = given["options"]
    assert (options.epochs, options.stranger_share, options.backbones) == (3, 0.25, ("A", "B"))


def test_a_value_out_of_range_is_refused(parsed):
    result, given = parsed("x", "--stranger-share", "2")
    assert result.exit_code == 2
    assert not given


def test_names_are_separated_by_commas_and_blanks_do_not_matter():
    assert names(" VGG16 ,MobileNet,") == ("VGG16", "MobileNet")
