"""The overlays as kustomize renders them; `python -m tests.manifests.rendered` counts objects."""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from tests.manifests.kubectl import run

if TYPE_CHECKING:
    from collections.abc import Iterator

MANIFESTS = Path(__file__).parents[2] / "manifests"
OVERLAYS = ("dev", "aks")
RUNS = {"pipelines.kubeflow.org/v2_component": "true"}
"""The label that KFP gives to every pod of a run."""

Object = dict[str, Any]


def render(folder: Path) -> list[Object]:
    """The objects of a kustomization, its secrets and placeholders as they stand in it."""
    return list(yaml.safe_load_all(run("kustomize", str(folder))))


@cache
def objects(overlay: str) -> list[Object]:
    """Of an overlay, rendered once."""
    return render(MANIFESTS / "overlays" / overlay)


def of_kind(overlay: str, kind: str) -> dict[str, Object]:
    """Those of a kind, by name."""
    return {each["metadata"]["name"]: each for each in objects(overlay) if each["kind"] == kind}


def pod_templates(overlay: str) -> Iterator[Object]:
    """The templates of the pods that the overlay starts itself."""
    yield from (each["spec"]["template"] for each in of_kind(overlay, "Deployment").values())


def main() -> None:
    """Print the numbers."""
    for overlay in OVERLAYS:
        counts = Counter(each["kind"] for each in objects(overlay))
        told = ", ".join(f"{number} {kind}" for kind, number in sorted(counts.items()))
        print(f"{overlay}: {counts.total()} objects: {told}")


if __name__ == "__main__":
    main()
