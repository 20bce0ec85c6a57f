"""A schedule on this machine: nothing changed, one new person, one person forgotten.

`make test-retraining` trains three times for it, which takes minutes; what is decided, on what real
steps found, is tested always. A whole run that ends early is in test_local_run.py, too.
"""

from __future__ import annotations

import io
import json
import os
from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest
from rich.console import Console

from components.artifacts import digests_of, read_json
from components.decide_retraining.decide import decide_retraining
from components.ingest_videos.ingest import ingest
from components.model_directory import CLASSES_FILE, Classes
from components.notify.webhook import WEBHOOK_VARIABLE
from components.registry import OPTIONS
from components.synthesize_cohort import CohortOptions, synthesize_cohort
from pipelines.forget import Request, find_traces, forget
from pipelines.local import RUN_LOG, local_registry, run_training
from tests.conftest import TODAY
from tests.registered import aliases, register, write_model
from tests.web_server import scripted_server


class TestDecision:
    """Ingest, the decision, and what takes a person away; nothing is trained."""

    @pytest.fixture
    def decide(self, cohort, registry, tmp_path):
        """Decide on a source whose champion was made from the clips of two people."""

        def decide(today: date = TODAY, **more: Any) -> str:
            ingest(str(cohort.folder), tmp_path / "clips", workers=2, today=today)
            written = tmp_path / "options"
            paths = {"clips": tmp_path / "clips", "written": written}
            values = {"options": {}, "registry": registry, "run": "r-1", "retrain": "when_changed"}
            return decide_retraining(**paths, **{**values, **more}).reason

        for person in ("p1", "p2"):
            cohort.person(person).clip(f"{person}/s1.mp4")
        decide(retrain="always")
        fingerprint = read_json(tmp_path / "clips" / "ingest.json")["fingerprint"]
        kept = {OPTIONS: (tmp_path / "options").read_text()}
        model = write_model(tmp_path / "model", people=("p1", "p2"))
        register(model, registry, fingerprint, **kept)
        return decide

    def test_the_same_source_is_unchanged(self, decide):
        assert "the same clips" in decide()

    def test_a_row_without_a_clip_changes_nothing(self, decide, cohort):
        cohort.person("p3")
        assert "the same clips" in decide()

    def test_a_new_person_makes_training_due(self, decide, cohort):
        cohort.person("p3").clip("p3/s1.mp4")
        assert "other clips" in decide()

    def test_a_person_whose_role_changed_makes_it_due(self, decide, cohort):
        cohort.rows[-1:] = []
        cohort.person("p2", "staff")
        assert "other clips" in decide()

    def test_consent_that_ran_out_makes_it_due(self, decide, cohort):
        cohort.rows[-1:] = []
        cohort.person("p2", expires="2025-06-30")
        assert "the same clips" in decide()
        assert "other clips" in decide(today=date(2025, 7, 1))

    def test_a_person_who_was_forgotten_makes_it_due(self, decide, cohort, registry, tmp_path):
        request = Request("p2", str(cohort.folder), tmp_path / "out", registry, delete_source=True)
        request.output.mkdir()
        forget(find_traces(request.checked()))
        assert aliases(registry) == {}
        assert decide() == "there is no champion"


@dataclass(frozen=True)
class Episode:
    """A run of a school, and what was so after it.

    Attributes:
        done: the run.
        told: what was posted at its end.
        known: whom the model in the output folder knows.
        aliases: of the registry.
        files: digests of the output folder.
    """

    done: Any
    told: dict[str, Any]
    known: set[str]
    aliases: dict[str, str]
    files: dict[str, str]


class School:
    """A cohort, a registry and an output folder, in which runs follow each other.

    Attributes:
        newcomer: a student whose clips lie there, but who is not in the roster at first.
        leaver: another student.
    """

    COHORT = CohortOptions(students=5, staff=2, visitors=4, seconds=3.0, size=160, fps=10)

    def __init__(self, folder, webhook):
        self.source, self.output = folder / "cohort", folder / "out"
        self.registry = local_registry(folder / "registry")
        self._webhook = webhook
        synthesize_cohort(self.source, self.COHORT)
        self._roster = self.source / "roster.csv"
        rows = self._roster.read_text(encoding="utf-8").splitlines()
        self._row, other = [row for row in rows if ",student," in row][:2]
        self.newcomer, self.leaver = (row.split(",")[0] for row in (self._row, other))
        rows.remove(self._row)
        self._roster.write_text("\n".join([*rows, ""]), encoding="utf-8")

    def enrol_the_newcomer(self):
        with self._roster.open("a", encoding="utf-8") as roster:
            roster.write(f"{self._row}\n")

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
        done = run_training(arguments, self.output, console, environment=environment)
        return Episode(
            done,
            self._webhook.bodies[-1],
            set(Classes.read(self.output / "champion" / CLASSES_FILE).people),
            aliases(self.registry),
            digests_of(self.output),
        )


@pytest.fixture(scope="module")
def school(tmp_path_factory):
    with scripted_server() as webhook:
        webhook.answer(200)
        school = School(tmp_path_factory.mktemp("school"), webhook)
        school.first = school.run()
        school.unchanged = school.run()
        school.enrol_the_newcomer()
        school.grown = school.run()
        school.forget_the_leaver()
        school.without = school.run()
        yield school


@pytest.mark.skipif(
    "ROLLCALL_TEST_RETRAINING" not in os.environ, reason="`make test-retraining` trains for it"
)
@pytest.mark.timeout(1800)
class TestSchool:
    def test_without_a_champion_the_first_run_trains_one(self, school):
        assert school.first.aliases == {"champion": "1"}
        assert school.first.told["status"] == "succeeded"
        assert school.newcomer not in school.first.known

    def test_where_nothing_changed_the_run_succeeds_and_says_so(self, school):
        assert "version 1" in school.unchanged.done.unchanged
        assert school.unchanged.told["status"] == "unchanged"
        assert school.unchanged.told["champion"] == school.first.told["champion"]

    def test_it_ran_no_step_that_costs_anything(self, school):
        steps = [step.step for step in school.unchanged.done.steps]
        assert steps == ["ingest_videos", "decide_retraining"]

    def test_it_registers_nothing_and_leaves_the_earlier_results_alone(self, school):
        assert school.unchanged.aliases == school.first.aliases
        before, after = ({**each.files, RUN_LOG: ""} for each in (school.first, school.unchanged))
        assert before == after

    def test_a_new_person_is_learnt_and_the_gate_decides(self, school):
        assert school.grown.known == school.first.known | {school.newcomer}
        assert school.grown.told["registered"]["version"] == "2"
        passed = school.grown.done.verdict["passed"]
        assert school.grown.aliases["champion"] == ("2" if passed else "1")

    def test_after_somebody_was_forgotten_a_model_without_them_is_champion(self, school):
        assert school.without.known == school.grown.known - {school.leaver}
        assert school.without.aliases == {"champion": "3"}
        assert school.without.told["champion"]["version"] == "3"

    def test_nobody_is_named_in_what_is_posted(self, school):
        told = json.dumps([school.first.told, school.unchanged.told, school.grown.told])
        assert not [person for person in school.grown.known if person in told]
