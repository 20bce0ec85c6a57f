"""OpenVINO without its telemetry: nothing of a run over faces is told to anybody."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType


def load_openvino() -> ModuleType:
    """Import OpenVINO, which otherwise reports its use to its makers as soon as it is imported.

    It has no switch for that but a file in the home directory. Where the package openvino_telemetry
    cannot be imported it does without, and None in `sys.modules` makes Python say so.

    Raises:
        ImportError: OpenVINO is not installed.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino  # noqa: PLC0415 - slow, and not installed everywhere

    return openvino
