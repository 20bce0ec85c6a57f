"""The cluster's node pools: of what size their nodes are, and how much of one a step takes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from components.errors import RollcallError

if TYPE_CHECKING:
    from pipelines.placement import Placement

MOST_PODS: Final = 60
"""On a node (maxPods in manifests/infrastructure/aks.bicep); AKS keeps memory back for each."""

CPUS_RESERVED: Final = {2: 0.10, 4: 0.14, 8: 0.18, 16: 0.26, 32: 0.42, 64: 0.74}
"""Cores of a node -> those AKS keeps: learn.microsoft.com/azure/aks/node-resource-reservations."""

UNITS: Final = {"": 1, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "K": 10**3, "M": 10**6, "G": 10**9}


@dataclass(frozen=True)
class NodePool:
    """A pool of equal nodes.

    Attributes:
        sku: size of a node, as Azure names it.
        cpus: virtual cores of a node.
        memory_gib: of a node.
        always_on: nodes that run whether there is work or not.
        spot: whether its nodes may be taken away, and cost the spot price.
        gpu: whether a node has one, which a pod takes whole.
    """

    sku: str
    cpus: int
    memory_gib: int
    always_on: int = 0
    spot: bool = False
    gpu: bool = False

    @property
    def allocatable_cpus(self) -> float:
        """Cores of a node that are left for pods."""
        return self.cpus - CPUS_RESERVED[self.cpus]

    @property
    def allocatable_bytes(self) -> float:
        """Memory of a node that is left for pods.

        AKS keeps back the lesser of 20 MB for each pod that the node may hold and 50 MB more, and a
        quarter of the memory; and 100 MiB below which the kubelet evicts (the page of
        `CPUS_RESERVED`, for Kubernetes 1.29 and later).
        """
        memory = self.memory_gib * UNITS["Gi"]
        reserved = min((20 * MOST_PODS + 50) * UNITS["M"], 0.25 * memory)
        return memory - reserved - 100 * UNITS["Mi"]

    def share(self, row: Placement) -> float:
        """What part of a node a pod takes away from others, between 0 and 1.

        Its larger part of the two things it asks for, cores and memory: its dominant share in
        Ghodsi et al., Dominant Resource Fairness, NSDI 2011. A pod that asks for all of the memory
        leaves cores that nobody can use. One that has the GPU leaves a node that nobody can use.

        Raises:
            RollcallError: it asks for more than a whole node has.
        """
        cpus = quantity(row.cpu_request) / self.allocatable_cpus
        memory = quantity(row.memory_request) / self.allocatable_bytes
        if max(cpus, memory) > 1:
            raise RollcallError(
                f"{row.title} does not fit on {self.sku}: are the cluster's pools others than in "
                "pipelines/node_pools.py?"
            )
        return 1.0 if self.gpu else max(cpus, memory)


POOLS: Final = {
    "system": NodePool("Standard_D2ads_v5", 2, 8, always_on=2),
    "regular": NodePool("Standard_D4ads_v5", 4, 16, always_on=1),
    "spot": NodePool("Standard_E4ads_v5", 4, 32, spot=True),
    "gpu": NodePool("Standard_NC4as_T4_v3", 4, 28, spot=True, gpu=True),
}
"""By their label; as manifests/infrastructure has them, prod.bicepparam and aks.bicep."""


def quantity(text: str) -> float:
    """An amount in Kubernetes' notation as a number: cores, or bytes.

    Raises:
        ValueError: it is none.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(m|[KMG]i?|)", text)
    if not found:
        raise ValueError(f"{text!r} is no amount in Kubernetes' notation")
    number, unit = found.groups()
    return float(number) / 1000 if unit == "m" else float(number) * UNITS[unit]
