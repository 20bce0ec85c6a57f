"""A person stays the same; a session does not."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.model_directory import Role
from components.synthesize_cohort.face import Expression, make_face
from components.synthesize_cohort.hair import CUTS, make_hair
from components.synthesize_cohort.identity import (
    BeardStyle,
    GlassesStyle,
    HairStyle,
    draw_identity,
)
from components.synthesize_cohort.people import Person
from components.synthesize_cohort.session import Backdrop, draw_session

PEOPLE = st.builds(Person, st.integers(0, 2**32), st.sampled_from(list(Role)), st.integers(0, 1000))
CROWD = [draw_identity(np.random.default_rng(seed)) for seed in range(120)]


@given(PEOPLE)
def test_identity_persists(person):
    assert draw_identity(person.generator()) == draw_identity(person.generator())


@given(PEOPLE)
def test_two_sessions_of_a_person_differ_in_light_camera_clothes_and_motion(person):
    first, second = (draw_session(person.session_generator(number)) for number in (0, 1))
    same = [
        name
        for name in ("lighting", "camera", "clothes", "motion", "expression", "seed")
        if getattr(first, name) == getattr(second, name)
    ]
    assert same == []


@given(PEOPLE)
def test_the_same_number_in_another_role_is_another_person(person):
    others = {
        astuple(draw_identity(Person(person.seed, role, person.index).generator())) for role in Role
    }
    assert len(others) == len(Role)


@pytest.mark.parametrize(
    ("kinds", "kind_of"),
    [
        (HairStyle, lambda identity: identity.hair.style),
        (BeardStyle, lambda identity: identity.hair.beard),
        (GlassesStyle, lambda identity: identity.glasses.style),
    ],
    ids=["hair", "beard", "glasses"],
)
def test_a_crowd_shows_every_kind_of(kinds, kind_of):
    assert {kind_of(identity) for identity in CROWD} == set(kinds)


def test_sessions_show_every_backdrop():
    shown = {draw_session(np.random.default_rng(seed)).backdrop for seed in range(60)}
    assert shown == set(Backdrop)


def test_every_hair_style_has_a_cut():
    assert set(CUTS) == set(HairStyle)


@given(st.integers(0, 2**32))
@settings(max_examples=8, deadline=None)
def test_a_drawn_face_has_finite_geometry(seed):
    face = make_face(draw_identity(np.random.default_rng(seed)), Expression())
    assert np.isfinite(face.skin.vertices).all()


@given(st.integers(0, 2**32))
@settings(max_examples=8, deadline=None)
def test_the_nose_is_the_foremost_part_of_a_face(seed):
    face = make_face(draw_identity(np.random.default_rng(seed)), Expression())
    tip = face.skin.vertices[np.argmax(face.skin.vertices[:, 2])]
    assert np.abs(tip[0]) < 0.15


def test_a_smile_lifts_the_corners_of_the_mouth_without_moving_the_skull():
    identity = CROWD[0]
    sad, glad = (make_face(identity, Expression(smile=smile)) for smile in (-1.0, 1.0))
    moved = np.abs(sad.skin.vertices - glad.skin.vertices).max(axis=1) > 1e-4
    assert sad.skin.vertices[moved, 1].max() < identity.eyes.height


def test_two_people_have_different_shapes():
    first, second = (make_face(identity, Expression()) for identity in CROWD[:2])
    assert np.abs(first.skin.vertices - second.skin.vertices).max() > 0.03


@pytest.mark.parametrize("style", list(HairStyle))
def test_hair_covers_the_crown_of_all_but_the_bald(style):
    import dataclasses

    identity = CROWD[1]
    hair = dataclasses.replace(identity.hair, style=style)
    cap = make_hair(dataclasses.replace(identity, hair=hair))[0]
    highest = cap.vertices[:, 1].max()
    assert (highest > identity.skull.upper) == (style is not HairStyle.BALD)
