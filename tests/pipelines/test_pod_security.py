"""Every pod of a run, Kubeflow's own included, passes the "restricted" Pod Security Standard.

https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from __future__ import annotations

import json

import kfp_doctor.cli
import kubernetes_validate
import pytest
import yaml
from click.testing import CliRunner

from pipelines.placement import USER
from tests.fake_argo import driver_pod, pod_of, tasks_of, template_of

TASKS = {task.step: task for task in tasks_of("fine_tuning")}
PODS = {"driver": driver_pod(), **{step: pod_of(task) for step, task in TASKS.items()}}

on_every_pod = pytest.mark.parametrize("pod", PODS.values(), ids=PODS)

ALLOWED_VOLUMES = {
    *("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim"),
    *("projected", "secret"),
}


def containers(pod: dict) -> list[dict]:
    return [*pod["spec"]["initContainers"], *pod["spec"]["containers"]]


def in_effect(pod: dict, container: dict, field: str):
    """What holds for a container: its own word, or else its pod's."""
    return container["securityContext"].get(field, pod["spec"]["securityContext"].get(field))


@on_every_pod
class TestPod:
    def test_is_one_that_kubernetes_takes(self, pod):
        for version in ("1.30", kubernetes_validate.latest_version()):
            kubernetes_validate.validate(pod, version, strict=True)

    def test_has_no_container_that_may_gain_privileges(self, pod):
        contexts = [container["securityContext"] for container in containers(pod)]
        assert {context["allowPrivilegeEscalation"] for context in contexts} == {False}
        assert all(context["capabilities"] == {"drop": ["ALL"]} for context in contexts)
        assert not any(context.get("privileged") for context in contexts)

    @pytest.mark.parametrize(
        ("field", "value"), [("runAsNonRoot", True), ("seccompProfile", {"type": "RuntimeDefault"})]
    )
    def test_says_of_every_container_that_it_is_confined(self, pod, field, value):
        assert [in_effect(pod, each, field) for each in containers(pod)] == [value] * len(
            containers(pod)
        )

    def test_has_volumes_of_allowed_kinds_alone(self, pod):
        kinds = {kind for volume in pod["spec"].get("volumes", ()) for kind in volume} - {"name"}
        assert kinds <= ALLOWED_VOLUMES

    def test_shares_nothing_with_its_node(self, pod):
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod["spec"])

    def test_is_not_moved_by_the_autoscaler(self, pod):
        note = "cluster-autoscaler.kubernetes.io/safe-to-evict"
        assert pod["metadata"]["annotations"][note] == "false"


@pytest.mark.parametrize("step", TASKS)
def test_a_step_is_the_images_user_whose_group_its_volumes_belong_to(step):
    (main,) = (each for each in containers(PODS[step]) if each["name"] == "main")
    assert main["securityContext"]["runAsUser"] == USER
    assert PODS[step]["spec"]["securityContext"]["fsGroup"] == USER


def test_kfp_doctor_finds_nothing_in_the_templates_that_the_tasks_become(tmp_path):
    """It reads Argo's workflows, not the pipelines that Kubeflow makes them from."""
    templates = [template_of(task) for task in TASKS.values()]
    calls = [{"template": template["name"]} for template in templates]
    workflow = {"spec": {"templates": [{"name": "steps", "dag": {"tasks": calls}}, *templates]}}
    (tmp_path / "workflow.yaml").write_text(yaml.safe_dump(workflow))
    asked = ["--output", "json", "--output-file", str(tmp_path / "found.json")]
    CliRunner().invoke(kfp_doctor.cli.check, [str(tmp_path / "workflow.yaml"), *asked])
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["summary"]["components_scanned"] == len(TASKS)
    assert found["issues"] == []
