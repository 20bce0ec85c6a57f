"""Keras is imported without what it would only plot with."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import sys
from components.lean_keras import NEEDLESS, load_keras
load_keras()
assert "keras" in sys.modules
assert not set(NEEDLESS) & set(sys.modules), sorted(set(NEEDLESS) & set(sys.modules))
import sklearn, pandas, matplotlib
"""


def test_keras_brings_none_of_what_is_needless_and_leaves_it_importable():
    subprocess.run([sys.executable, "-c", CODE], check=True, timeout=120)
