"""What becomes of a compiled pipeline on a cluster: a fake Kubeflow and a fake Argo.

No controller runs here. This says what theirs do, after their sources: of Kubeflow Pipelines the
backend's argocompiler (container.go, security_context.go) and driver (k8s.go), of Argo Workflows
operator.go and workflowpod.go. The retry expression is evaluated by the library that Argo uses.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from pipelines.compilation import COMPILED

MANIFEST: Final = Path(__file__).parents[1] / "manifests/argo/workflow-controller-configmap.yaml"
CONFIG: Final = {
    key: yaml.safe_load(text)
    for key, text in yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))["data"].items()
}
"""The keys of the controller's ConfigMap that Rollcall sets."""
DEFAULTS: Final = CONFIG["workflowDefaults"]["spec"]
ARGOS: Final = {"image": "argoexec", "securityContext": CONFIG["executor"]["securityContext"]}
"""Of Argo's own containers in every pod, but for their names."""

HARDENED: Final = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
"""What Kubeflow's compiler says of every container of a step."""
SCRATCH: Final = ("kfp-launcher", "gcs", "s3", "minio", "dot-local", "dot-cache", "dot-config")
"""Empty volumes that it mounts there, for its launcher, for artifacts and for tools."""


@dataclass(frozen=True)
class Task:
    """A task with a container, whatever loop or handler it stands in.

    Attributes:
        step: the name of its row in the placement table.
        task: of the pipeline's specification.
        container: of its executor.
        config: what the specification says of Kubernetes.
        arguments: the names that the task's DAG has for the pipeline's parameters.
        parameters: the pipeline's.
    """

    step: str
    task: dict[str, Any]
    container: dict[str, Any]
    config: dict[str, Any]
    arguments: dict[str, str]
    parameters: dict[str, dict[str, Any]]

    def given(self, source: dict[str, str]) -> str:
        """The pipeline's parameter that a setting comes from."""
        return self.arguments[source["componentInputParameter"]]

    def default(self, source: dict[str, str]) -> Any:
        """The same parameter's default."""
        return self.parameters[self.given(source)]["defaultValue"]


def tasks_of(pipeline: str, folder: Path = COMPILED) -> list[Task]:
    """Every task of a compiled pipeline, e.g. "training"."""
    text = (folder / f"{pipeline}.yaml").read_text(encoding="ascii")
    spec, platform = yaml.safe_load_all(text)
    executors = spec["deploymentSpec"]["executors"]
    configs = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    parameters = spec["root"]["inputDefinitions"]["parameters"]

    def walk(dag: dict[str, Any], arguments: dict[str, str]) -> list[Task]:
        found = []
        for task in dag["tasks"].values():
            component = spec["components"][task["componentRef"]["name"]]
            if "dag" in component:
                found += walk(component["dag"], _passed_on(task, arguments))
                continue
            label = component["executorLabel"]
            step = task["componentRef"]["name"].removeprefix("comp-").replace("-", "_")
            container, config = executors[label]["container"], configs[label]
            found.append(Task(step, task, container, config, arguments, parameters))
        return found

    return walk(spec["root"]["dag"], {name: name for name in parameters})


def _passed_on(task: dict[str, Any], arguments: dict[str, str]) -> dict[str, str]:
    sources = {
        name: source["componentInputParameter"]
        for name, source in task.get("inputs", {}).get("parameters", {}).items()
        if "componentInputParameter" in source
    }
    return {name: arguments[source] for name, source in sources.items() if source in arguments}


def template_of(task: Task) -> dict[str, Any]:
    """The Argo template of a task, with the controller's defaults."""
    policy = task.task["retryPolicy"]
    backoff = {
        "duration": policy["backoffDuration"],
        "factor": str(int(policy["backoffFactor"])),
        "maxDuration": policy["backoffMaxDuration"],
    }
    template = {
        "name": task.step,
        "metadata": task.config.get("podMetadata", {}),
        "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
        "retryStrategy": {"limit": str(policy["maxRetryCount"]), "backoff": backoff},
        "initContainers": [_launcher()],
        "container": _main(task),
    }
    return merge(DEFAULTS["templateDefaults"], template)


def pod_of(task: Task) -> dict[str, Any]:
    """The pod that runs a task, under the pipeline's default parameters."""
    template, config = template_of(task), task.config
    volumes = [{"name": name, "emptyDir": {}} for name in SCRATCH]
    mounted = [
        *(_empty_dir(each) for each in config.get("emptyDirMounts", ())),
        *(_claim(each) for each in config.get("pvcMount", ())),
    ]
    main = template["container"]
    main["volumeMounts"] = [mount for _, mount in mounted]
    spec = {
        "securityContext": template["securityContext"],
        "initContainers": [{"name": "init", **ARGOS}, *template["initContainers"]],
        "containers": [{"name": "wait", **ARGOS}, main],
        "volumes": [*volumes, *(volume for volume, _ in mounted)],
        "nodeSelector": task.default(config["nodeSelector"]["nodeSelectorJson"]),
        "tolerations": [
            toleration
            for source in config.get("tolerations", ())
            for toleration in task.default(source["tolerationJson"])
        ],
        "activeDeadlineSeconds": int(config["activeDeadlineSeconds"]),
    }
    metadata = merge(DEFAULTS["podMetadata"], {"name": task.step.replace("_", "-")})
    metadata = merge(metadata, template["metadata"])
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def driver_pod() -> dict[str, Any]:
    """The pod of Kubeflow's own that comes before each task."""
    main = {"name": "main", "image": "kfp-driver", "securityContext": _system()}
    context = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    spec = {
        "securityContext": merge(DEFAULTS["templateDefaults"]["securityContext"], context),
        "initContainers": [{"name": "init", **ARGOS}],
        "containers": [{"name": "wait", **ARGOS}, main],
    }
    metadata = merge(DEFAULTS["podMetadata"], {"name": "driver"})
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def merge(under: Any, over: Any) -> Any:
    """As Kubernetes merges a patch strategically, as far as it is needed: maps key by key."""
    if not (isinstance(under, dict) and isinstance(over, dict)):
        return over
    return {
        **under,
        **{key: merge(under[key], value) if key in under else value for key, value in over.items()},
    }


@dataclass(frozen=True)
class Attempt:
    """How a pod ended, as Argo sees it.

    Attributes:
        phase: "Failed" or "Error".
        message: what Argo notes.
        exit_code: of the step's container; "-1" if it has none.
        number: of the attempt, from 1.
        after_s: seconds since the first one started.
    """

    phase: str
    message: str
    exit_code: str = "-1"
    number: int = 1
    after_s: int = 0


def is_retried(strategy: dict[str, Any], attempt: Attempt) -> bool:
    """Whether Argo tries again (processNodeRetries)."""
    window = strategy.get("backoff", {}).get("maxDuration")
    if window and attempt.after_s > int(window.removesuffix("s")):
        return False
    expression = strategy.get("expression", "")
    policy = strategy.get("retryPolicy", "Always" if expression else "OnFailure")
    if policy not in {"Always", {"Failed": "OnFailure", "Error": "OnError"}[attempt.phase]}:
        return False
    if attempt.number > int(strategy["limit"]):
        return False
    last = {
        "exitCode": attempt.exit_code,
        "status": attempt.phase,
        "message": attempt.message,
    }
    return not expression or _evaluate(expression, {"lastRetry": last})


def _evaluate(expression: str, scope: dict[str, Any]) -> bool:
    return _engine().eval_bool(expression, scope)


@cache
def _engine() -> Any:
    golem = pytest.importorskip("golem", reason="expr-lang is locked for Linux on x86-64 alone")
    return golem.Engine(strict_vars=False)  # a map is declared by being given


def _launcher() -> dict[str, Any]:
    return {"name": "kfp-launcher", "image": "kfp-launcher", "securityContext": _system()}


def _system() -> dict[str, Any]:
    return {**HARDENED, "runAsNonRoot": True}


def _main(task: Task) -> dict[str, Any]:
    asked = task.config.get("securityContext", {})
    # Not every driver of 2.17 hands on runAsNonRoot: it has to hold without.
    identity = {name: int(asked[name]) for name in ("runAsUser", "runAsGroup") if name in asked}
    resources = task.container["resources"]
    return {
        "name": "main",
        "image": task.container["image"],
        "env": task.container.get("env", []),
        "resources": {
            kind + "s": {
                "cpu": resources[f"resourceCpu{kind.title()}"],
                "memory": resources[f"resourceMemory{kind.title()}"],
            }
            for kind in ("request", "limit")
        },
        "securityContext": {**HARDENED, **identity},
    }


def _empty_dir(mount: dict[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    volume = {"name": mount["volumeName"], "emptyDir": {"sizeLimit": mount["sizeLimit"]}}
    return volume, {"name": mount["volumeName"], "mountPath": mount["mountPath"]}


def _claim(mount: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    name = mount["constant"]
    volume = {"name": name, "persistentVolumeClaim": {"claimName": name}}
    return volume, {"name": name, "mountPath": mount["mountPath"]}
