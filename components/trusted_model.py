"""Model directories that can be trusted: whole, unchanged, and of formats that run no code.

Trust runs in a chain. lineage.json holds the digests of what training wrote. A registered model has
a manifest.json, too: the digests of every file, lineage.json, card and SBOM included. The digest of
manifest.json is a tag of the version in the registry, and a signature covers it
(components/signing.py).

TensorFlow is imported only by what loads a model: a robot has none.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from components.artifacts import digests_of, read_json, verify_digests, write_json
from components.errors import ContractError, DigestError, TrustError
from components.model_directory import LINEAGE_FILE, MANIFEST_FILE, MODEL_FILE, SIGNATURE_FILE

if TYPE_CHECKING:
    from pathlib import Path

    import keras

UNSAFE_SUFFIXES: Final = frozenset(
    (".h5", ".hdf5", ".pkl", ".pickle", ".joblib", ".dill", ".pt", ".pth", ".ckpt")
)
"""Of pickles, and of HDF5, which Keras loads without its safe mode."""

_HEAD: Final = "head"
_MEMBERS: Final = {"metadata.json", "config.json", "model.weights.h5"}
"""What Keras writes for a model of its own layers; others would bring assets."""


def write_manifest(directory: Path) -> None:
    """Write the digests of every file that is there, but for a signature, which comes after it."""
    own = (MANIFEST_FILE, SIGNATURE_FILE)
    files = {name: digest for name, digest in digests_of(directory).items() if name not in own}
    write_json(directory / MANIFEST_FILE, {"sha256": files})


def verify_model(directory: Path) -> None:
    """Hold a model directory against its own digests: nothing changed, missing or added.

    Where there is no manifest.json, as while a run goes on, those of lineage.json have to do.

    Raises:
        DigestError: a file is not what was written, or nobody wrote it.
        TrustError: there is a file of a format that can run code.
        ContractError: there are no digests.
    """
    files = {
        path.relative_to(directory).as_posix()
        for path in directory.rglob("*")
        if path.is_symlink() or not path.is_dir()
    }
    if unsafe := sorted(name for name in files if _suffix(name) in UNSAFE_SUFFIXES):
        raise TrustError(
            f"{directory.name}: {', '.join(unsafe)} can run code when it is loaded. Only .keras "
            "and .tflite models are used: remove it, and find out who put it there"
        )
    listed = set()
    for papers in (LINEAGE_FILE, MANIFEST_FILE)[: 1 + (MANIFEST_FILE in files)]:
        digests = read_json(directory / papers).get("sha256")
        if not isinstance(digests, dict):
            raise ContractError(f"{directory.name}: {papers} holds no digests")
        verify_digests(directory, digests)
        listed |= {papers, *digests}
    if added := sorted(files - listed - {SIGNATURE_FILE}):
        raise DigestError(f"{directory.name}: nobody wrote {', '.join(added)}. Do not use it.")


def load_model(directory: Path) -> keras.Model:
    """Load model.keras of a model directory: its digests first, then Keras' safe mode.

    Raises:
        DigestError: as `verify_model`.
        TrustError: as `verify_model`, or it is no .keras archive, or holds code.
        ContractError: as `verify_model`.
    """
    verify_model(directory)
    path = directory / MODEL_FILE
    if not zipfile.is_zipfile(path):
        raise TrustError(f"{MODEL_FILE} is no .keras archive, whatever its name says")
    with zipfile.ZipFile(path) as archive:
        if others := sorted({member.filename for member in archive.infolist()} - _MEMBERS):
            raise TrustError(f"{MODEL_FILE} holds {', '.join(others)}, which no model needs")
    import keras  # noqa: PLC0415 - slow

    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except (TypeError, ValueError) as error:
        raise TrustError(f"{MODEL_FILE} cannot be loaded in Keras' safe mode: {error}") from error


@dataclass(frozen=True)
class Parts:
    """A model of pixels, taken apart: its backbone, and the head behind it."""

    backbone: keras.Model
    head: keras.Model


def parts_of(model: keras.Model) -> Parts:
    """Find backbone and head.

    Raises:
        ContractError: it is not a backbone and a head, each a model of its own.
    """
    import keras  # noqa: PLC0415 - slow

    models = [layer for layer in model.layers if isinstance(layer, keras.Model)]
    if len(models) != 2 or models[1].name != _HEAD:
        raise ContractError("the model is not a backbone with a head behind it")
    return Parts(*models)


def _suffix(name: str) -> str:
    return name[name.rfind(".") :].lower() if "." in name else ""
