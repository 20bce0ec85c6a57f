"""OpenVINO tells nobody."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import sys
from components.silent_openvino import load_openvino
assert load_openvino().Core().available_devices
print([name for name in sys.modules if name.startswith("openvino_telemetry.")])
"""


def test_its_telemetry_is_not_even_imported():
    command = [sys.executable, "-c", SCRIPT]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "[]\n", done.stderr
