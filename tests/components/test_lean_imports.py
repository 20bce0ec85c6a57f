"""What is slow and not needed is not imported."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from components.lean_imports import left_out, put_off


@pytest.fixture
def module(tmp_path, monkeypatch):
    (tmp_path / "slow_to_import.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    yield "slow_to_import"
    sys.modules.pop("slow_to_import", None)


def test_what_is_left_out_is_not_installed_for_a_while(module):
    with left_out(module), pytest.raises(ModuleNotFoundError, match="slow_to_import"):
        importlib.import_module(module)
    assert importlib.import_module(module)


def test_what_is_imported_already_is_there(module):
    importlib.import_module(module)
    with left_out(module):
        assert importlib.import_module(module)


def test_what_is_put_off_is_imported_by_its_package_when_it_is_asked_for():
    code = """
import sys
from components.lean_imports import put_off
with put_off("scipy.signal"):
    import scipy.signal
assert "scipy.signal" not in sys.modules
assert scipy.signal.get_window("boxcar", 2).tolist() == [1, 1]
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_what_is_imported_already_is_not_put_off(module):
    real = importlib.import_module(module)
    with put_off(module):
        assert sys.modules[module] is real
    assert sys.modules[module] is real


def test_arrow_does_not_look_for_pandas():
    code = """
import sys
import numpy
import components.parquet
import pyarrow
assert pyarrow.array(numpy.arange(3)).to_pylist() == [0, 1, 2]
assert "pandas" not in sys.modules
import pandas
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
