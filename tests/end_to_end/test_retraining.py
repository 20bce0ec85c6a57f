"""A schedule on this machine: nothing changed, one new person, one person forgotten."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from components.artifacts import digests_of
from components.model_directory import CLASSES_FILE, Classes
from components.notify.webhook import WEBHOOK_VARIABLE
from components.synthesize_cohort import CohortOptions, synthesize_cohort
from pipelines import cli
from pipelines.forget import Request, find_traces, forget
from pipelines.local import RUN_LOG, local_registry, run_training
from tests.registered import aliases
from tests.web_server import scripted_server

COHORT = CohortOptions(students=4, staff=1, visitors=3, seconds=2.0, size=96, fps=10)


class School:
    """A cohort, a registry and an output folder, in which runs follow each other.

    Attributes:
        newcomer: a student whose clips lie there, but who is not in the roster at first.
        leaver: another student.
    """

    def __init__(self, folder, webhook):
        self.source, self.output = folder / "cohort", folder / "out"
        self.registry = local_registry(folder / "registry")
        synthesize_cohort(self.source, COHORT)
        self._roster = self.source / "roster.csv"
        rows = self._roster.read_text(encoding="utf-8").splitlines()
        (self._row, other), *_ = [[row for row in rows if ",student," in row][:2]]
        self.newcomer, self.leaver = (row.split(",")[0] for row in (self._row, other))
        self._roster.write_text("\n".join(row for row in rows if row != self._row) + "\n")
        self._webhook = webhook

    def enrol_the_newcomer(self):
        with self._roster.open("a", encoding="utf-8") as roster:
            roster.write(self._row + "\n")

    def forget_the_leaver(self):
        request = Request(self.leaver, str(self.source), self.output, self.registry, True)
        forget(find_traces(request.checked()))

    def run(self):
        """A run as a schedule begins it."""
        arguments = {
            "source": str(self.source),
            "registry": self.registry,
            "backbones": ["EfficientNetLite0"],
            "epochs": 2,
            "min_sharpness": 0.0,
            "gate_min_accuracy": 0.0,
            "retrain": "when_changed",
        }
        environment = {WEBHOOK_VARIABLE: self._webhook.address}
        console = Console(file=io.StringIO())
        return run_training(arguments, self.output, console, environment=environment)

    @property
    def told(self):
        """What was posted at the end of the last run."""
        return self._webhook.bodies[-1]

    @property
    def known(self):
        """Whom the model in the output folder knows."""
        return set(Classes.read(self.output / "champion" / CLASSES_FILE).people)


@pytest.fixture(scope="module")
def school(tmp_path_factory):
    with scripted_server() as webhook:
        webhook.answer(200)
        yield School(tmp_path_factory.mktemp("school"), webhook)


def test_all(school):
    import time
    for what in (lambda: None, lambda: None, school.enrol_the_newcomer, school.forget_the_leaver):
        t = time.time()
        what()
        done = school.run()
        print(time.time() - t, done.seconds, done.version, done.unchanged, [(s.step, s.wall_seconds) for s in done.steps])
        print(json.dumps(school.told), aliases(school.registry), school.known, school.newcomer, school.leaver)
