"""Somebody whom one knows is found among digests; nobody else is read off them."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from components.pseudonyms import hide, holds
from components.roster import PERSON_ID

PEOPLE = st.sets(st.from_regex(PERSON_ID, fullmatch=True), max_size=5)
SALTS = st.text("0123456789abcdef", min_size=1, max_size=32)


@given(PEOPLE, PEOPLE, SALTS)
def test_exactly_those_are_held_who_were_hidden(hidden, others, salt):
    digests = hide(hidden, salt)
    assert {person for person in hidden | others if holds(digests, person)} == hidden


def test_no_pseudonym_can_be_read(tmp_path):
    assert "p-0ab9" not in json.dumps(hide(["p-0ab9"], "salt"))


def test_the_order_says_nothing():
    assert hide(["a", "b", "c"], "salt") == hide(["c", "a", "b"], "salt")


def test_another_salt_gives_other_digests():
    assert hide(["a"], "one")["digests"] != hide(["a"], "two")["digests"]
