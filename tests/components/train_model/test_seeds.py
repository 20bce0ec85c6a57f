"""One seed of a run gives another for every purpose."""

from __future__ import annotations

import itertools

from components.train_model.seeds import generator_for


def test_the_same_purpose_draws_the_same():
    first, second = (generator_for(3, "MobileNetV2", "head").random(4) for _ in range(2))
    assert first.tolist() == second.tolist()


def test_no_two_seeds_backbones_or_purposes_draw_alike():
    names = [*itertools.product((0, 1, 2**40), ("A", "AB"), ("head", "control"))]
    assert len({generator_for(*name).random() for name in names}) == len(names)
