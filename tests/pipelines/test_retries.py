"""What is tried again on a cluster: what befell a pod, and nothing that the step did itself.

The patch of Argo's controller is merged with what the pipelines say of retries, and asked of every
way to fail. docs/operations.md tells people the same.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipelines.placement import PLACEMENTS
from tests.fake_argo import DEFAULTS, Attempt, is_retried, tasks_of, template_of

TASKS = {task.step: task for task in tasks_of("fine_tuning")}
STRATEGIES = {step: template_of(task)["retryStrategy"] for step, task in TASKS.items()}

DEADLINE = "Pod was active on the node longer than the specified deadline"

RETRIED: dict[str, list[Attempt]] = {
    "Eviction": [
        Attempt("Failed", "Pod was terminated in response to imminent node shutdown.", "137"),
        Attempt("Failed", "main: Error (exit code 143)", "143"),
        Attempt("Failed", "main: Error (exit code 137)", "137"),
        Attempt("Error", "wait: Error (exit code 137)", "0"),
    ],
    "Node lost": [
        Attempt("Error", "pod deleted"),
        Attempt("Failed", "pod failed: neither main nor wait container completed successfully"),
        Attempt(
            "Failed",
            "main: ContainerStatusUnknown (exit code 137): The container could not be located when "
            "the pod was terminated",
            "137",
        ),
    ],
    "Node short of memory or disk": [
        Attempt(
            "Failed",
            "The node was low on resource: memory. Threshold quantity: 750Mi, available: 600Mi.",
            "137",
        ),
        Attempt("Failed", "The node had condition: [DiskPressure]."),
    ],
    "Pod turned away": [
        Attempt("Failed", "Pod was rejected: Node is shutting down"),
        Attempt("Failed", "Preempted in order to admit critical pod"),
        Attempt(
            "Error", "Pod failed before main container starts due to ContainerCreating: ", "-1"
        ),
    ],
}
FINAL: dict[str, list[Attempt]] = {
    "OOMKilled": [Attempt("Failed", "main: OOMKilled (exit code 137)", "137")],
    "Temporary files too large": [
        Attempt("Failed", 'Usage of EmptyDir volume "tmp" exceeds the limit "16Gi".', "137"),
        Attempt(
            "Failed",
            "Pod ephemeral local storage usage exceeds the total limit of containers 32Gi.",
            "137",
        ),
    ],
    "Image pull": [Attempt("Failed", DEADLINE)],
    "Bad input": [Attempt("Failed", "main: Error (exit code 1)", "1")],
    "Code error": [
        Attempt("Failed", "main: Error (exit code 1)", "1"),
        Attempt("Failed", "main: Error (exit code 139)", "139"),
    ],
    "Hung step": [Attempt("Failed", DEADLINE, "143"), Attempt("Failed", DEADLINE, "137")],
}

cases = [
    pytest.param(attempt, failure in RETRIED, id=f"{failure}-{number}")
    for failure, attempts in {**RETRIED, **FINAL}.items()
    for number, attempt in enumerate(attempts)
]


@pytest.mark.parametrize(("attempt", "again"), cases)
def test_a_step_is_retried_if_its_pod_was_lost_and_else_fails(attempt, again):
    assert {is_retried(strategy, attempt) for strategy in STRATEGIES.values()} == {again}


@pytest.mark.parametrize("step", PLACEMENTS)
def test_a_step_is_retried_as_often_as_its_row_says(step):
    row, (lost, *_) = PLACEMENTS[step], RETRIED["Eviction"]
    answers = [
        is_retried(
            STRATEGIES[step],
            Attempt(lost.phase, lost.message, lost.exit_code, number, number * row.timeout_s),
        )
        for number in range(1, row.retries + 2)
    ]
    assert answers == [True] * row.retries + [False]


@pytest.mark.parametrize("message", ["child 'training-4fx-213' failed", "", "No more retries left"])
@pytest.mark.parametrize("phase", ["Failed", "Error"])
def test_a_group_of_steps_is_not_run_again_on_top_of_its_steps(phase, message):
    """Argo gives its defaults to groups, too: retries would multiply."""
    group = DEFAULTS["templateDefaults"]["retryStrategy"]
    assert not is_retried(group, Attempt(phase, message))


def test_a_lost_pod_of_kubeflows_own_is_retried_too():
    (lost, *_) = RETRIED["Node lost"]
    assert is_retried(DEFAULTS["templateDefaults"]["retryStrategy"], lost)


def test_a_step_whose_log_speaks_of_a_lost_pod_is_not_taken_for_one():
    quoted = "main: Error (exit code 1): pod deleted, main: Error (exit code 137)"
    assert not any(is_retried(each, Attempt("Failed", quoted, "1")) for each in STRATEGIES.values())


def documented() -> dict[str, list[str]]:
    """The rows of the matrix in docs/operations.md, by their first cell."""
    text = (Path(__file__).parents[2] / "docs/operations.md").read_text(encoding="utf-8")
    (table,) = re.findall(r"^\| failure \|.*\n\|[- |]+\n((?:\|.*\n)+)", text, re.MULTILINE)
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    return {row[0]: row for row in rows}


class TestDocumentation:
    """What docs/operations.md says of each way to fail."""

    def test_has_a_row_for_each_and_no_other(self):
        assert set(documented()) == {*RETRIED, *FINAL}

    @pytest.mark.parametrize("failure", [*RETRIED, *FINAL])
    def test_says_whether_it_is_retried(self, failure):
        assert documented()[failure][2] == ("yes" if failure in RETRIED else "no")

    @pytest.mark.parametrize("failure", [*RETRIED, *FINAL])
    def test_quotes_what_argo_says(self, failure):
        told = re.findall(r"`([^`]+)`", documented()[failure][1])
        messages = [each.message for each in {**RETRIED, **FINAL}[failure]]
        assert all(any(message.startswith(each) for each in told) for message in messages)

    @pytest.mark.parametrize("failure", [*RETRIED, *FINAL])
    def test_says_what_is_lost_and_what_to_do(self, failure):
        assert all(documented()[failure][3:])
