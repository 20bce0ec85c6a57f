"""What is in the images, and what is not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from pipelines.images import IMAGES
from tests.containers.podman import podman

if TYPE_CHECKING:
    from pipelines.images import Built
    from tests.containers.replays import Run

MB = 10**6


def inspect(reference: str) -> dict[str, Any]:
    return json.loads(podman("image", "inspect", reference))[0]


def inside(reference: str, *command: object) -> str:
    """What a command prints in an image, as a pod runs it."""
    options = ("--rm", "--network=none", "--read-only", "--cap-drop=all", "--entrypoint=")
    return podman("run", *options, reference, *command)


@pytest.fixture(scope="module", params=IMAGES)
def image(request: pytest.FixtureRequest, built: Built) -> str:
    return built.images[request.param]


def test_its_user_is_a_number_and_not_root(image: str) -> None:
    assert inspect(image)["User"] == "10001:10001"
    assert inside(image, "id", "-u") == "10001"


def test_it_has_no_health_check_and_says_of_which_revision_it_is(image: str, built: Built) -> None:
    found = inspect(image)
    assert found.get("Healthcheck") in (None, {"Test": ["NONE"]})  # OCI's format has none at all
    labels = {
        key.removeprefix("org.opencontainers.image."): v for key, v in found["Labels"].items()
    }
    assert (labels["revision"], labels["version"]) == (built.revision, built.version)


@pytest.mark.parametrize("tool", ["gcc", "cc", "ld", "strip", "make", "git"])
def test_it_has_no_compiler(image: str, tool: str) -> None:
    assert inside(image, "sh", "-c", f"command -v {tool} || echo none") == "none"


def test_neither_pip_nor_apt_has_left_a_cache(image: str) -> None:
    left = "ls -A /root/.cache /var/lib/apt/lists /var/cache/apt 2>/dev/null | grep -c whl || true"
    assert inside(image, "sh", "-c", left) == "0"


def test_nothing_in_it_names_a_registry_or_a_certificate_of_the_machine_it_was_built_on(
    image: str,
) -> None:
    assert inside(image, "sh", "-c", "cat /etc/pip.conf 2>/dev/null | wc -c") == "0"


def test_its_bytecode_is_there(image: str) -> None:
    code = "import components.errors as e, pathlib; print(pathlib.Path(e.__cached__).exists())"
    assert inside(image, "python3", "-c", code) == "True"


@pytest.mark.parametrize("name", ["data", "edge"])
def test_only_the_image_that_trains_has_tensorflow(built: Built, name: str) -> None:
    code = "import importlib.util as u; print(u.find_spec('tensorflow'))"
    assert inside(built.images[name], "python3", "-c", code) == "None"


def test_the_robots_image_is_below_400_megabytes(built: Built) -> None:
    sizes = {name: inspect(reference)["Size"] / MB for name, reference in built.images.items()}
    print({name: f"{size:.0f} MB" for name, size in sizes.items()})
    assert sizes["edge"] < 400


def test_the_robots_image_names_people_with_a_registered_model(built: Built, run: Run) -> None:
    model = run.call("register_model").output("registered")
    clip = min(run.source.glob("videos/*/*.mp4"))
    options = ("--rm", "--network=none", "--read-only", "--read-only-tmpfs=false", "--cap-drop=all")
    volumes = (f"--volume={model}:/model:ro", f"--volume={clip}:/clip.mp4:ro")
    told = podman("run", *options, *volumes, built.images["edge"], "/model", "/clip.mp4", "--json")
    *decisions, summary = map(json.loads, told.splitlines())
    assert summary["decisions"] == len(decisions) > 0
