"""One seed of a run, and from it another for every purpose."""

from __future__ import annotations

import numpy as np


def generator_for(seed: int, backbone: str, purpose: str) -> np.random.Generator:
    """The random numbers of one purpose of one backbone.

    What one purpose draws changes nothing for another, and no two backbones draw alike: NumPy's
    SeedSequence mixes the three, after O'Neill, Developing a seed_seq Alternative, 2015.
    """
    words = f"{backbone}/{purpose}".encode()
    return np.random.default_rng(np.random.SeedSequence([seed, *words]))
