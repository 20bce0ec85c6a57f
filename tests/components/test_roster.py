"""The roster: what is read, what is refused, and when consent holds."""

from __future__ import annotations

from datetime import date

import pytest

from components import roster
from components.errors import RosterError
from components.model_directory import Role
from components.roster import Consent, Person, parse_roster

HEADER = "person_id,role,consent_given_on,consent_expires_on"
DAY = date(2025, 6, 15)


def roster_of(*rows: str, header: str = HEADER) -> bytes:
    return "\n".join([header, *rows, ""]).encode()


def refusal(content: bytes) -> str:
    with pytest.raises(RosterError) as caught:
        parse_roster(content)
    return str(caught.value)


def consent(given: str, expires: str, day: date = DAY) -> Consent:
    return parse_roster(roster_of(f"a,student,{given},{expires}"))["a"].consent_on(day)


def test_a_row_becomes_a_person() -> None:
    people = parse_roster(roster_of("x_-9,staff,2025-01-01,2025-12-31"))
    assert people == {"x_-9": Person("x_-9", Role.STAFF, date(2025, 1, 1), date(2025, 12, 31))}


def test_excel_s_byte_order_mark_and_line_ends_are_tolerated() -> None:
    content = b"\xef\xbb\xbf" + roster_of("a,student,2025-01-01,2025-12-31").replace(b"\n", b"\r\n")
    assert list(parse_roster(content)) == ["a"]


def test_columns_may_stand_in_any_order() -> None:
    content = roster_of(
        "staff,2025-12-31,a,2025-01-01",
        header="role,consent_expires_on,person_id,consent_given_on",
    )
    assert parse_roster(content)["a"].consent_expires_on == date(2025, 12, 31)


def test_blank_lines_and_spaces_around_values_do_not_matter() -> None:
    content = roster_of("", " a , student , 2025-01-01 , 2025-12-31 ", ",,,")
    assert list(parse_roster(content)) == ["a"]


@pytest.mark.parametrize("day", [date(2025, 1, 1), date(2025, 12, 31)])
def test_consent_holds_on_its_first_and_on_its_last_day(day: date) -> None:
    assert consent("2025-01-01", "2025-12-31", day) is Consent.VALID


def test_consent_is_over_the_day_after_it_expires() -> None:
    assert consent("2025-01-01", "2025-12-31", date(2026, 1, 1)) is Consent.EXPIRED


@pytest.mark.parametrize(
    ("given", "expires"),
    [("", ""), ("", "2025-12-31"), ("2025-01-01", ""), ("2025-06-16", "2025-12-31")],
    ids=["neither date", "never given", "without an end", "given tomorrow"],
)
def test_consent_is_missing(given: str, expires: str) -> None:
    assert consent(given, expires) is Consent.MISSING


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ("jane doe,student,2025-01-01,2025-12-31", "person_id"),
        ("../x,student,2025-01-01,2025-12-31", "person_id"),
        (f"{'a' * 65},student,2025-01-01,2025-12-31", "person_id"),
        ("é,student,2025-01-01,2025-12-31", "person_id"),
        ("a,teacher,2025-01-01,2025-12-31", "role"),
        ("a,student,01.02.2025,2025-12-31", "consent_given_on"),
        ("a,student,2025-W01-1,2025-12-31", "consent_given_on"),
        ("a,student,2025-01-01,2025-02-30", "consent_expires_on"),
        ("a,student,2025-01-01,2024-12-31", "consent_expires_on"),
        ("a,student,2025-01-01", "cells"),
    ],
)
def test_a_wrong_value_is_refused_by_row_and_column(row: str, column: str) -> None:
    message = refusal(roster_of("ok,student,2025-01-01,2025-12-31", row))
    assert f"row 3: {column}" in message or ("row 3" in message and column in message)


def test_all_problems_are_told_at_once() -> None:
    message = refusal(roster_of("a b,teacher,x,y"))
    assert all(column in message for column in HEADER.split(","))


def test_no_more_than_twenty_problems_are_spelt_out() -> None:
    message = refusal(roster_of(*(["a,teacher,,"] * 50)))
    assert message.count("row ") == 20
    assert "50 problem(s)" in message
    assert "30 more" in message


def test_a_message_does_not_repeat_a_pseudonym() -> None:
    rows = ("secret-id,teacher,,", "secret-id,student,,", "secret-id,student,,")
    assert "secret-id" not in refusal(roster_of(*rows))


def test_a_person_with_two_rows_is_refused() -> None:
    message = refusal(roster_of("a,student,,", "b,staff,,", "a,staff,,"))
    assert "row 4: person_id: the same as in row 2" in message


def test_a_missing_header_is_refused_without_repeating_the_row_in_its_place() -> None:
    message = refusal(b"secret-id,student,2025-01-01,2025-12-31\n")
    assert HEADER in message
    assert "secret-id" not in message


def test_semicolons_are_refused_with_the_remedy() -> None:
    assert "separated by commas" in refusal(roster_of(header=HEADER.replace(",", ";")))


def test_a_column_with_names_is_refused() -> None:
    content = roster_of("a,student,,,Name", header=HEADER + ",name")
    assert "nothing else about a person belongs in it" in refusal(content)


@pytest.mark.parametrize("content", [b"", HEADER.encode()], ids=["empty", "header only"])
def test_a_roster_of_nobody_is_refused(content: bytes) -> None:
    assert "roster.csv" in refusal(content)


def test_other_encodings_are_refused_with_the_remedy() -> None:
    assert "UTF-8" in refusal(roster_of("a,student,,").decode().encode("utf-16"))


def test_broken_quoting_is_refused_by_row() -> None:
    assert "row 2" in refusal(roster_of('"a"b,student,,'))


def test_a_huge_file_is_refused_before_it_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roster, "MAX_ROSTER_BYTES", 10)
    assert "larger" in refusal(roster_of("a,student,,"))


def test_too_many_people_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roster, "MAX_PEOPLE", 1)
    assert "more than 1 people" in refusal(roster_of("a,student,,", "b,student,,"))
