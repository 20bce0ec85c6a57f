"""How images are built and named. The engines are fakes here; tests/containers has a real one."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from components.errors import RollcallError
from pipelines import cli, images
from pipelines.images import Built, Engine, build_images, find_engine, installed_settings
from pipelines.placement import PLACEMENTS
from pipelines.revision import revision
from pipelines.settings import Settings

DIGEST = "sha256:" + "5" * 64
BUILT = Built("0.1.0", "abc", True, {name: f"host/{name}@{DIGEST}" for name in images.IMAGES})

FAKE = """#!{python}
# A fake: it notes what it was asked, and answers as the real one does.
import json, pathlib, sys
command = sys.argv[1:]
with open({log!r}, "a") as log:
    log.write(json.dumps([{name!r}, *command]) + "\\n")
if command[0] == {broken!r}:
    sys.exit("no daemon here")
for each in command:
    if each.startswith("--digestfile="):
        pathlib.Path(each.partition("=")[2]).write_text({digest!r})
print({answer!r})
"""


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """Puts a fake engine on the path, which has nothing else; gives what it was asked so far."""
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))

    def make(name, *, broken="", answer=DIGEST):
        log = tmp_path / f"{name}.jsonl"
        values = {"python": sys.executable, "log": str(log), "digest": DIGEST}
        program = programs / name
        program.write_text(FAKE.format(name=name, broken=broken, answer=answer, **values))
        program.chmod(0o755)
        return lambda: [json.loads(line) for line in log.read_text().splitlines()]

    return make


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A folder in which nothing was built."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(path, built=BUILT):
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(vars(built)))
    return path


class TestEngine:
    def test_a_docker_without_its_daemon_is_passed_over(self, fake):
        fake("docker", broken="info")
        fake("buildah")
        assert find_engine().name == "buildah"

    def test_the_error_says_of_each_why_it_cannot_be_used(self, fake):
        fake("docker", broken="info")
        with pytest.raises(RollcallError) as refused:
            find_engine()
        assert "no daemon here" in str(refused.value)
        assert "podman is not installed" in str(refused.value)
        assert "buildah is not installed" in str(refused.value)


def build(name="podman", **more):
    return build_images(Engine(name), tag="7", **more)


class TestBuild:
    def test_an_image_stands_on_the_base_that_is_named_and_says_of_which_revision_it_is(self, fake):
        asked = fake("podman")
        build(base="base:1")
        first = asked()[0]
        label = f"--label=org.opencontainers.image.revision={revision()}"
        assert {"--build-arg=BASE=base:1", label} < set(first)
        assert f"--file={images.ROOT / 'images' / 'data' / 'Dockerfile'}" in first

    @pytest.mark.parametrize("name", ["podman", "buildah"])
    def test_without_a_registry_the_digest_is_that_of_this_machine(self, fake, name):
        asked = fake(name)
        built = build(name)
        assert built.images["edge"] == f"localhost/rollcall-edge@{DIGEST}"
        assert not built.pushed
        assert not [command for command in asked() if command[1] == "push"]

    @pytest.mark.parametrize("name", ["podman", "buildah"])
    def test_with_a_registry_the_digest_is_that_of_the_registry(self, fake, name):
        asked = fake(name, answer="another digest")
        built = build(name, registry="school.io:5000/robots/")
        assert built.images["data"] == f"school.io:5000/robots/rollcall-data@{DIGEST}"
        assert built.pushed
        pushed = [command[-1] for command in asked() if command[1] == "push"]
        assert pushed == [f"school.io:5000/robots/rollcall-{each}:7" for each in images.IMAGES]

    def test_docker_tells_the_digest_of_what_it_pushed(self, fake):
        digests = [f"school.io/rollcall-{name}@{DIGEST}" for name in images.IMAGES]
        fake("docker", answer=json.dumps(["other/image@sha256:1", *digests]))
        assert list(build("docker", registry="school.io").images.values()) == digests

    def test_a_docker_that_knows_no_digest_of_what_it_pushed_is_an_error(self, fake):
        fake("docker", answer="null")
        with pytest.raises(RollcallError, match="does not know its digest"):
            build("docker", registry="school.io")

    def test_a_push_that_is_refused_ends_with_what_the_engine_said(self, fake):
        fake("podman", broken="push")
        with pytest.raises(RollcallError, match="no daemon here"):
            build(registry="school.io")

    @pytest.mark.usefixtures("elsewhere")
    def test_a_build_that_fails_writes_no_digests(self, fake):
        fake("podman", broken="build")
        with pytest.raises(RollcallError, match="cannot build images/data"):
            images.main([])
        assert not images.IMAGES_FILE.exists()

    @pytest.mark.usefixtures("elsewhere")
    def test_the_digests_are_printed_and_written(self, fake, capsys):
        fake("podman")
        images.main([])
        printed = capsys.readouterr().out
        built = Built.read(images.IMAGES_FILE)
        assert all(reference in printed for reference in built.images.values())
        assert "REGISTRY=" in printed


class TestSettings:
    def test_name_the_images_that_were_built_by_digest(self, elsewhere):
        write(elsewhere / images.IMAGES_FILE)
        settings = installed_settings()
        assert settings.data_image == f"host/data@{DIGEST}"
        assert settings.train_image == f"host/train@{DIGEST}"

    @pytest.mark.usefixtures("elsewhere")
    def test_stay_as_they_are_where_nothing_was_built(self):
        assert installed_settings() == Settings()

    def test_what_the_environment_names_is_not_replaced(self, elsewhere, monkeypatch):
        write(elsewhere / images.IMAGES_FILE)
        monkeypatch.setenv("ROLLCALL_DATA_IMAGE", "mine:1")
        assert installed_settings().data_image == "mine:1"
        assert installed_settings().train_image == f"host/train@{DIGEST}"

    def test_a_file_that_is_named_is_used_whatever_the_environment_says(
        self, elsewhere, monkeypatch
    ):
        monkeypatch.setenv("ROLLCALL_DATA_IMAGE", "mine:1")
        named = installed_settings(write(elsewhere / "other.json"))
        assert named.data_image == f"host/data@{DIGEST}"

    @pytest.mark.parametrize("content", ["", "[]", "{}", '{"images": {}}'])
    def test_a_file_that_is_none_says_how_to_make_one(self, elsewhere, content):
        (elsewhere / "other.json").write_text(content)
        with pytest.raises(RollcallError, match="make images"):
            installed_settings(elsewhere / "other.json")


def compile_pipelines(*arguments):
    return CliRunner().invoke(cli.app, ["compile", *map(str, arguments)])


class TestCompile:
    def test_with_an_output_every_step_refers_to_the_digest_of_its_image(self, elsewhere):
        write(elsewhere / images.IMAGES_FILE)
        assert compile_pipelines("--output", "out").exit_code == 0
        spec, _ = yaml.safe_load_all((elsewhere / "out" / "fine_tuning.yaml").read_text())
        found = {
            name.removeprefix("exec-").replace("-", "_"): executor["container"]["image"]
            for name, executor in spec["deploymentSpec"]["executors"].items()
        }
        assert found == {
            step: f"host/{placement.image}@{DIGEST}" for step, placement in PLACEMENTS.items()
        }

    def test_what_is_committed_does_not_depend_on_what_was_built_here(self, elsewhere):
        write(elsewhere / images.IMAGES_FILE)
        assert "current" in compile_pipelines("--check").output

    def test_images_without_an_output_are_refused(self, elsewhere):
        refused = compile_pipelines("--images", write(elsewhere / "other.json")).exception
        assert isinstance(refused, RollcallError)
        assert "--output" in str(refused)


def test_there_is_a_dockerfile_for_every_image_and_an_image_for_every_step():
    folders = {path.parent.name for path in Path(images.ROOT, "images").glob("*/Dockerfile")}
    assert folders == set(images.IMAGES)
    assert {placement.image for placement in PLACEMENTS.values()} <= folders
