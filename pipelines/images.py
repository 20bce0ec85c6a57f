"""Builds the images, and tells the pipelines by which digest to run them.

`make images` runs this module; what it built is written to build/images.json.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from components.artifacts import atomic_file, read_json, write_json
from components.errors import RollcallError
from pipelines.revision import revision
from pipelines.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT: Final = Path(__file__).parents[1]
IMAGES: Final = ("data", "train", "edge")
"""The folders of images/; the first two are those of the steps (placement.py)."""
IMAGES_FILE: Final = Path("build/images.json")
DEFAULT_BASE: Final = "docker.io/library/python:3.11-slim-bookworm"
ENGINES: Final = ("docker", "podman", "buildah")

LOOK_TIMEOUT_S: Final = 60
BUILD_TIMEOUT_S: Final = 3600


@dataclass(frozen=True)
class Built:
    """What was built: the content of build/images.json.

    Attributes:
        version: of this package.
        revision: of the repository; it ends in -dirty where something was not committed.
        pushed: whether the references are those of a registry, which a cluster can pull.
        images: reference by name, with the digest: HOST/PATH/rollcall-data@sha256:...
    """

    version: str
    revision: str
    pushed: bool
    images: dict[str, str]

    @classmethod
    def read(cls, path: Path) -> Built:
        """Read the file.

        Raises:
            RollcallError: it is missing, or is no such file.
        """
        try:
            built = cls(**read_json(path))
            built.images["data"], built.images["train"]
        except (RollcallError, TypeError, KeyError) as error:
            raise RollcallError(
                f"{path} does not say which images were built ({error}): run `make images`"
            ) from error
        return built


def installed_settings(images: Path | None = None) -> Settings:
    """The settings, with the images that `make images` built, by digest.

    Args:
        images: which file names them; else build/images.json does, if it is there, but for what the
            environment names (ROLLCALL_DATA_IMAGE, ROLLCALL_TRAIN_IMAGE).

    Raises:
        RollcallError: the file is not one of `make images`.
    """
    settings = Settings()
    if images is None and not IMAGES_FILE.exists():
        return settings
    built = Built.read(images or IMAGES_FILE).images
    named = {"data_image": built["data"], "train_image": built["train"]}
    kept = set() if images else settings.model_fields_set
    return settings.model_copy(update={key: named[key] for key in named.keys() - kept})


class Engine:
    """Docker, podman or buildah: what builds and pushes."""

    def __init__(self, name: str) -> None:
        self.name = name

    def call(self, *arguments: str, timeout_s: float = LOOK_TIMEOUT_S) -> str:
        """Run one of its commands and return what it prints.

        Raises:
            RollcallError: it fails or takes too long; the message has the end of what it said.
        """
        try:
            done = subprocess.run(
                [self.name, *arguments],
                capture_output=True,
                text=True,
                timeout=timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise RollcallError(
                f"{self.name} {arguments[0]} took over {timeout_s:.0f} s"
            ) from error
        if done.returncode:
            told = (done.stderr or done.stdout).strip()[-2000:]
            raise RollcallError(f"{self.name} {arguments[0]} failed:\n{told}")
        return done.stdout.strip()

    def build(
        self, folder: str, reference: str, base: str, labels: dict[str, str], more: Sequence[str]
    ) -> None:
        """Build the image of a folder of images/ under the name `reference`; show how it goes.

        Args:
            folder: its name.
            reference: HOST/PATH:TAG.
            base: reference of the image it stands on.
            labels: OCI's, without org.opencontainers.image. in front of their names.
            more: options of this engine's `build`.

        Raises:
            RollcallError: it fails or takes too long.
        """
        # Not as arguments of the Dockerfile: podman 4 keeps a layer whose label names an old value.
        told = [f"--label=org.opencontainers.image.{key}={labels[key]}" for key in labels]
        file = f"--file={ROOT / 'images' / folder / 'Dockerfile'}"
        given = (file, f"--tag={reference}", f"--build-arg=BASE={base}")
        command = [self.name, "build", *given, *told, *more, str(ROOT)]
        try:
            subprocess.run(command, check=True, timeout=BUILD_TIMEOUT_S, stdin=subprocess.DEVNULL)
        except subprocess.CalledProcessError as error:
            raise RollcallError(f"{self.name} cannot build images/{folder}: see above") from error
        except subprocess.TimeoutExpired as error:
            raise RollcallError(
                f"images/{folder} was not built in {BUILD_TIMEOUT_S // 60} minutes"
            ) from error

    def push(self, reference: str) -> str:
        """Push an image; returns its reference by the digest that the registry has.

        Raises:
            RollcallError: the registry refuses, or is not there.
        """
        repository = repository_of(reference)
        if self.name == "docker":
            self.call("push", "--quiet", reference, timeout_s=BUILD_TIMEOUT_S)
            if digest := self._docker_digest(reference):
                return digest
            raise RollcallError(f"docker pushed {reference}, and does not know its digest")
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "digest"
            self.call("push", f"--digestfile={file}", reference, timeout_s=BUILD_TIMEOUT_S)
            return f"{repository}@{file.read_text(encoding='ascii').strip()}"

    def local(self, reference: str) -> str:
        """The reference of an image that was built and not pushed, by digest if it has one.

        Docker's older image store gives digests to what is pushed alone.
        """
        if self.name == "docker":
            return self._docker_digest(reference) or reference
        form = "{{.Digest}}"
        if self.name == "podman":
            digest = self.call("image", "inspect", f"--format={form}", reference)
        else:
            digest = self.call("images", "--noheading", f"--format={form}", reference)
        return f"{repository_of(reference)}@{digest}"

    def _docker_digest(self, reference: str) -> str | None:
        told = self.call("image", "inspect", "--format={{json .RepoDigests}}", reference)
        start = f"{repository_of(reference)}@"
        return next((each for each in json.loads(told) or () if each.startswith(start)), None)


def find_engine(names: Sequence[str] = ENGINES) -> Engine:
    """The first engine that is installed and works.

    Raises:
        RollcallError: none does; the message says of each why.
    """
    told = []
    for name in names:
        if shutil.which(name) is None:
            told.append(f"{name} is not installed")
            continue
        try:
            Engine(name).call("info")
        except RollcallError as error:
            told.append(str(error))
        else:
            return Engine(name)
    reasons = "\n".join(f"  - {reason}" for reason in told)
    raise RollcallError(f"Images need docker, podman or buildah, and none works:\n{reasons}")


def repository_of(reference: str) -> str:
    """HOST:PORT/PATH of HOST:PORT/PATH:TAG."""
    path, _, name = reference.rpartition("/")
    return f"{path}/{name.partition(':')[0]}"


def build_images(
    engine: Engine,
    *,
    tag: str,
    registry: str = "",
    base: str = DEFAULT_BASE,
    more: Sequence[str] = (),
) -> Built:
    """Build all images, and push them if a registry is named.

    Args:
        engine: what builds.
        tag: of the images.
        registry: HOST/PATH; empty to keep them on this machine.
        base: reference of an image with Python 3.11.
        more: options of the engine's `build`.

    Raises:
        RollcallError: something cannot be built, pushed or named.
    """
    labels = {"version": version("rollcall"), "revision": revision()}
    references = {}
    for name in IMAGES:
        reference = f"{registry.rstrip('/') or 'localhost'}/rollcall-{name}:{tag}"
        engine.build(name, reference, base, labels, more)
        references[name] = engine.push(reference) if registry else engine.local(reference)
    return Built(**labels, pushed=bool(registry), images=references)


def main(arguments: Sequence[str] | None = None) -> None:
    """Build, print the digests, write the file."""
    parser = argparse.ArgumentParser("make images", description="Build the images.")
    parser.add_argument("--tag", default=version("rollcall"), help="(default: %(default)s)")
    parser.add_argument("--registry", default="", help="HOST/PATH to push to")
    parser.add_argument("--base", default=DEFAULT_BASE, help="(default: %(default)s)")
    parser.add_argument("--output", type=Path, default=IMAGES_FILE, help="(default: %(default)s)")
    parser.add_argument("options", nargs="*", help="of docker's, podman's or buildah's build")
    given: dict[str, Any] = vars(parser.parse_args(arguments))
    output, more = given.pop("output"), given.pop("options")
    built = build_images(find_engine(), **given, more=more)
    with atomic_file(output) as path:
        write_json(path, asdict(built))
    for reference in built.images.values():
        print(reference)
    if not built.pushed:
        print("Not pushed, so no cluster can pull them: give REGISTRY=HOST/PATH")


if __name__ == "__main__":
    try:
        main()
    except RollcallError as error:
        sys.exit(f"Error: {error}")
