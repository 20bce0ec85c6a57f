"""Foreign text stays text, and a table a table."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.markdown import escape, table


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain, 1.5e-7 of p-1", "plain, 1.5e-7 of p-1"),
        ("a|b", r"a\|b"),
        ("<script>", r"\<script\>"),
        ("[x](y)", r"\[x\](y)"),
        ("two\nlines\r\n|", r"two lines \|"),
        ("\\", r"\\"),
        (12, "12"),
    ],
)
def test_nothing_in_a_value_is_markdown(value, text):
    assert escape(value) == text


def test_a_table_names_its_columns_and_sets_numbers_to_the_right():
    assert table(("Reason", "Clips"), [("too short", 2)]) == (
        "| Reason | Clips |\n| --- | ---: |\n| too short | 2 |\n"
    )


@given(st.lists(st.lists(st.text(), min_size=2, max_size=2), max_size=4))
def test_whatever_stands_in_its_cells_a_table_keeps_its_shape(rows):
    lines = table(("a", "b"), rows).split("\n")
    assert len(lines) == 2 + len(rows) + 1
    for line in lines[:-1]:
        unescaped = re.sub(r"\\.", "", line)
        assert unescaped.count("|") == 3


def test_a_row_of_another_length_is_refused():
    with pytest.raises(ValueError, match="as many cells"):
        table(("a", "b"), [("only one",)])
