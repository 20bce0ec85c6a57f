"""Models are converted for the edge in the tests' own process, which has TensorFlow already."""

from __future__ import annotations

import pytest

from components.edge import convert


@pytest.fixture(scope="module", autouse=True)
def _convert_here():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(convert, "_run", convert.convert)
        yield
