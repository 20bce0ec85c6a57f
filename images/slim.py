"""Takes out of an image's environment what no step ever opens, and says what that saved.

python3 images/slim.py SITE_PACKAGES
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

NEEDLESS: Final = {
    "**/tests": "test suites",
    "*/include": "headers",
    "**/*.a": "static libraries",
    "**/*.pyi": "types",
    "ai_edge_litert/libLiteRtWebGpuAccelerator.so": "for a GPU",
    "ai_edge_litert/tools/apply_plugin_main": "for an NPU",
    "ai_edge_litert/vendors": "for NPUs",
    "clang/native": "TensorFlow asks for it, and never loads it",
    "kubernetes": "KFP's client asks for it, and a step is none",
    "openvino/libs/cache.json": "for a GPU",
    "openvino/libs/libopenvino_intel_gpu_plugin.so": "for a GPU",
    "openvino/libs/libopenvino_intel_npu_plugin.so": "for an NPU",
    "openvino/libs/libopenvino_gguf_frontend.so.*": "models come from Keras and TFLite",
    "openvino/libs/libopenvino_jax_frontend.so.*": "the same",
    "openvino/libs/libopenvino_onnx_frontend.so.*": "the same",
    "openvino/libs/libopenvino_paddle_frontend.so.*": "the same",
    "openvino/libs/libopenvino_pytorch_frontend.so.*": "the same",
    "openvino/libs/libopenvino_tensorflow_frontend.so.*": "the same",
    "pyarrow/*flight*": "no step speaks Arrow Flight",
}
"""Pattern below site-packages -> why it is not needed."""

STRIPPED: Final = ("tensorflow/libtensorflow_cc.so.2", "tensorflow/libtensorflow_framework.so.2")
"""Libraries with a symbol table for debuggers, 200 MB of it."""


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files below a folder."""
    files = [path] if path.is_file() else path.rglob("*")
    return sum(file.lstat().st_size for file in files if not file.is_dir())


def remove(packages: Path, pattern: str) -> int:
    """Remove what matches; returns its bytes.

    Raises:
        SystemExit: the package of the pattern is there, and nothing in it matches.
    """
    found = [path for path in packages.glob(pattern) if path.exists()]
    package = pattern.partition("/")[0]
    if not found and (packages / package).is_dir():
        sys.exit(f"{package} has no {pattern} any more: correct the table in {Path(__file__).name}")
    removed = 0
    for path in found:
        if path.exists():  # a folder in one that is gone is gone
            removed += size_of(path)
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    return removed


def strip(library: Path) -> int:
    """Take the symbol table out of a library; returns the bytes saved."""
    before = library.stat().st_size
    subprocess.run(["strip", "--strip-unneeded", str(library)], check=True, timeout=300)
    return before - library.stat().st_size


def main(packages: Path) -> None:
    """Remove and strip, and print a line for each."""
    saved = {pattern: remove(packages, pattern) for pattern in NEEDLESS}
    libraries = (name for name in STRIPPED if (packages / name).is_file())
    saved |= {name: strip(packages / name) for name in libraries}
    for name, bytes_ in saved.items():
        if bytes_:
            print(f"{bytes_ / 1e6:7.1f} MB  {name}")
    print(f"{sum(saved.values()) / 1e6:7.1f} MB in all")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
