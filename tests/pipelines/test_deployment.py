"""What make, fill and delete the cluster: printed by default, run if asked, one after the other.

The programs behind it are fakes that write down how they were called (tests/fake_cloud_tools.py).
"""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from components.audit_log import DECLINED, read_log
from components.errors import RollcallError
from pipelines.deployment import (
    KUBEFLOW_VERSION,
    UNSET,
    Environment,
    app,
    deploy_commands,
)
from pipelines.images import Built
from pipelines.overlay import OVERLAY
from tests.fake_cloud_tools import FakeCloudTools

ROOT = Path(__file__).parents[2]
SUBSCRIPTION = "A school's"
RUN = ("--subscription", SUBSCRIPTION, "--run")
SIGNED_IN = ["az", "account", "show"]


@pytest.fixture(autouse=True)
def school(tmp_path, monkeypatch):
    """A checkout to be in, whose parameter files are filled in."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "manifests" / "infrastructure").mkdir(parents=True)
    for environment in Environment:
        text = (ROOT / environment.parameters).read_text()
        for mark in UNSET:
            text = text.replace(mark, mark.replace("0", "1"))
        environment.parameters.write_text(text)
    monkeypatch.setenv("ROLLCALL_AUDIT_LOG", str(tmp_path / "audit.jsonl"))
    return tmp_path


@pytest.fixture(autouse=True)
def tools(tmp_path_factory, monkeypatch):
    """Fakes, alone on the PATH beside the system's own."""
    folder = tmp_path_factory.mktemp("fake-cloud-tools")
    monkeypatch.setenv("PATH", os.pathsep.join([str(folder), "/usr/bin", "/bin"]))
    return FakeCloudTools(folder)


def call(*arguments, typed=""):
    """Call the command; gives what was printed, and the error if there was one."""
    result = CliRunner().invoke(app, arguments, input=typed)
    if result.exception and not isinstance(result.exception, (RollcallError, SystemExit)):
        raise result.exception
    return result.output, result.exception


def printed_commands(text):
    return [shlex.split(line) for line in text.splitlines() if not line.startswith("#")]


ACTIONS = (("up", "dev"), ("up", "prod"), ("down", "dev"), ("deploy", "prod"))


@pytest.mark.parametrize("action", ACTIONS)
def test_nothing_is_run_unless_asked(tools, action):
    printed, error = call(*action)
    assert error is None
    assert printed_commands(printed)
    assert tools.calls == []


@pytest.mark.parametrize("action", ACTIONS)
def test_every_command_of_az_names_its_subscription(action):
    printed, _ = call(*action, "--subscription", SUBSCRIPTION)
    of_az = [words for words in printed_commands(printed) if words[0] == "az"]
    assert of_az
    assert all(words[words.index("--subscription") + 1] == SUBSCRIPTION for words in of_az)


@pytest.mark.parametrize("action", ACTIONS)
def test_nothing_is_run_in_whichever_subscription_az_is_set_to(tools, action):
    _, error = call(*action, "--run")
    assert "SUBSCRIPTION=" in str(error)
    assert tools.calls == []


def test_up_looks_what_would_change_and_then_changes_it(tools):
    printed, error = call("up", "dev", *RUN)
    assert error is None
    assert tools.calls == printed_commands(printed)
    assert [words[1:4] for words in tools.calls] == [
        ["account", "show", "--output"],
        ["group", "create", "--name"],
        ["deployment", "group", "what-if"],
        ["deployment", "group", "create"],
    ]


def test_up_deploys_the_parameter_file_of_the_environment(tools):
    call("up", "prod", *RUN)
    words = tools.calls[-1]
    assert words[words.index("--parameters") + 1] == "manifests/infrastructure/prod.bicepparam"
    assert words[words.index("--resource-group") + 1] == "rollcall-prod"


@pytest.mark.parametrize("mark", UNSET)
def test_up_refuses_a_parameter_file_with_placeholders(tools, mark):
    with Environment.DEV.parameters.open("a") as file:
        file.write(f"// {mark}\n")
    _, error = call("up", "dev", *RUN)
    assert "operatorRanges" in str(error)
    assert tools.calls == []


def test_who_is_not_signed_in_is_told_so_and_nothing_else_is_run(tools):
    tools.refuse({"account show": "Please run 'az login' to setup account."})
    _, error = call("up", "dev", *RUN)
    assert "Run `az login`" in str(error)
    assert [words[:3] for words in tools.calls] == [SIGNED_IN]


def test_a_deployment_that_fails_says_that_it_goes_on_from_there(tools):
    tools.refuse({"deployment group create": "QuotaExceeded"})
    _, error = call("up", "dev", *RUN)
    assert "it goes on from there" in str(error)


def test_without_az_it_says_what_to_install(monkeypatch):
    monkeypatch.setenv("PATH", "/no-such-folder")
    _, error = call("up", "dev", *RUN)
    assert "az is not installed: install the Azure CLI" in str(error)


class TestDown:
    def down(self, *options, typed="rollcall-dev"):
        return call("down", "dev", *RUN, *options, typed=typed)

    @pytest.mark.parametrize("typed", ["", "yes\n", "rollcall-prod\n"])
    def test_nothing_is_deleted_unless_its_name_is_typed(self, tools, typed):
        _, error = self.down(typed=typed)
        assert "nothing was deleted" in str(error)
        assert tools.calls == []

    def test_the_cluster_alone_is_deleted(self, tools):
        self.down()
        signed_in, delete = tools.calls
        assert signed_in[:3] == SIGNED_IN
        assert delete[1:3] == ["aks", "delete"]

    def test_all_of_it_is_deleted_if_that_is_said(self, tools):
        self.down("--everything")
        assert tools.calls[-1][1:3] == ["group", "delete"]

    def test_it_says_before_it_asks_that_recordings_stay(self):
        printed, _ = self.down()
        told, _ = re.sub(r"\n?# ", " ", printed).split("Type rollcall-dev")
        assert "Keeps the storage account (recordings and checkpoints)" in told

    def test_it_says_before_it_asks_that_recordings_go(self):
        printed, _ = self.down("--everything")
        told, _ = re.sub(r"\n?# ", " ", printed).split("Type rollcall-dev")
        assert "with every recording" in told

    def test_it_is_on_record(self, school):
        self.down(typed="no\n")
        outcomes = [entry.get("outcome") for entry in read_log(school / "audit.jsonl")]
        assert outcomes == [None, DECLINED]


@pytest.fixture
def filled(school):
    """The checkout with all that a deployment takes; the command that renders is the real one."""
    overlay = Path("manifests") / OVERLAY
    overlay.mkdir(parents=True)
    for name in ("installation.env", "kustomization.yaml"):
        (overlay / name).write_bytes((ROOT / overlay / name).read_bytes())
    Path("public.pem").write_text("-----BEGIN PUBLIC KEY-----\n")
    images = {name: f"HOST/rollcall-{name}@sha256:0" for name in ("data", "train")}
    Path("build").mkdir()
    built = Built("0.1.0", "abc", True, images)
    Path("build/images.json").write_text(json.dumps(vars(built)))
    Path(".venv/bin").mkdir(parents=True)
    Path(".venv/bin/rollcall").symlink_to(Path(sys.executable).with_name("rollcall"))
    return school


def test_deploy_goes_from_the_outputs_to_what_runs(filled, tools):
    _, error = call("deploy", "dev", *RUN)
    assert error is None
    order = (
        "az account show",
        "az deployment group show",
        "az aks get-credentials",
        "kubelogin convert-kubeconfig",
        "auth can-i",
        "cluster-scoped-resources?ref=2.17",
        "condition=established",
        "env/platform-agnostic?ref=2.17",
        "delete rolebinding pipeline-runner-binding",
        "manifests/overlays/aks",
        "rollout restart deployment workflow-controller",
        "condition=available",
    )
    for words, part in zip(tools.calls, order, strict=True):
        assert part in " ".join(words)
    rendered = filled / "build/deploy/dev/manifests" / OVERLAY / "installation.env"
    assert "STORAGE_ACCOUNT=schoolrecordings\n" in rendered.read_text()


def test_the_version_of_kubeflow_is_the_documented_one():
    text = (ROOT / "docs/kubernetes.md").read_text()
    assert set(re.findall(r"\?ref=([\d.]+)", text)) == {KUBEFLOW_VERSION}


def test_the_own_kubeconfig_is_not_touched():
    printed, _ = call("deploy", "dev")
    of_kubectl = [words for words in printed_commands(printed) if words[0] == "kubectl"]
    assert of_kubectl
    for words in of_kubectl:
        assert words[1:3] == ["--kubeconfig", "build/deploy/dev/kubeconfig"]


def test_every_wait_of_kubectl_ends_before_it_is_stopped():
    commands = deploy_commands(Environment.DEV, SUBSCRIPTION, Path("k"), Path("i"))
    waits = {
        command: int(found[1])
        for command in commands
        if (found := re.search(r"--timeout=(\d+)s", command.lines))
    }
    assert waits
    assert all(seconds < command.timeout_s for command, seconds in waits.items())
