"""The study from the times of runs to its files. The times are made up."""

from __future__ import annotations

import csv
import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from components.errors import RollcallError
from pipelines import scaling_study
from pipelines.options import LITES
from pipelines.scaling_model import (
    BACKBONE_STEPS,
    NEEDS,
    SHARD_STEPS,
    Amdahl,
    Cluster,
    TaskCost,
    predict,
    tasks_of,
)
from pipelines.scaling_report import BEGIN, END, facts_of, print_tables, render_page
from pipelines.scaling_study import (
    PARTS,
    PREDICTED,
    Run,
    TaskTime,
    analyse,
    check_counts,
    clips_of,
    fastest,
    fit_costs,
    write_docs,
    write_part,
    write_study,
)

CLIPS = (10.0,) * 32
COSTS = {
    **{step: TaskCost(1.0, 0.01) for step in NEEDS if step not in BACKBONE_STEPS},
    **{f"train_model {name}": TaskCost(15.0, 0.02) for name in LITES},
}
LAW = Amdahl(40.0, 60.0)


def fake_run(workers: int, cpus: int, clips: tuple[float, ...], seconds: float) -> Run:
    """What a run would take whose tasks cost COSTS exactly."""
    tasks = tuple(
        TaskTime(
            task.step,
            task.name.removeprefix(task.step).strip(),
            task.seconds,
            sum(clips) / (workers if task.step in SHARD_STEPS else 1),
        )
        for task in tasks_of(COSTS, clips, workers, LITES)
    )
    return Run(workers, cpus, clips, seconds, dict.fromkeys(NEEDS, seconds / len(NEEDS)), tasks)


@pytest.fixture(scope="module")
def study():
    measured = [fake_run(count, 1, CLIPS, LAW.seconds(count)) for count in (1, 2)]
    shared = fake_run(4, 1, CLIPS, 3 * LAW.seconds(2))
    alone = [fake_run(1, 2, CLIPS[::part], 1.0) for part in PARTS]
    options = {"processors": 2, "backbones": LITES, "repeats": 1, "cluster": Cluster()}
    return analyse([*measured, shared], alone, **options)


def test_the_law_is_fitted_to_the_runs_whose_workers_had_a_processor_each(study):
    assert study.law.serial_share == pytest.approx(LAW.serial_share)


def test_costs_are_fitted_to_tasks_of_several_sizes():
    costs = fit_costs([fake_run(1, 2, CLIPS[::part], 1.0) for part in PARTS])
    assert set(costs) == set(COSTS)
    for name, cost in costs.items():
        assert cost.fixed_seconds == pytest.approx(COSTS[name].fixed_seconds)
        assert cost.seconds_per_clip_second == pytest.approx(COSTS[name].seconds_per_clip_second)


def test_the_cohort_is_predicted_with_the_costs_that_were_found(study):
    for found, workers in zip(study.predictions["cohort"], PREDICTED, strict=True):
        wanted = predict(COSTS, CLIPS, workers, LITES, Cluster())
        assert found.seconds == pytest.approx(wanted.seconds)


def test_of_two_runs_alike_each_task_counts_at_its_fastest():
    slow, fast = (fake_run(2, 1, CLIPS, seconds) for seconds in (9.0, 8.0))
    late = replace(fast, tasks=tuple(replace(task, seconds=99.0) for task in fast.tasks))
    best = fastest(slow, late)
    assert (best.seconds, best.step_seconds, best.tasks) == (8.0, fast.step_seconds, slow.tasks)


def test_as_many_clips_as_the_originals_images_come_from():
    clips = clips_of(4840)
    assert (len(clips), sum(clips) * 5) == (97, pytest.approx(4840))


@pytest.mark.parametrize(("counts", "processors"), [([1], 2), ([1, 4], 2), ([2, 4, 8], 1)])
def test_a_law_that_cannot_be_fitted_is_refused_before_anything_is_measured(counts, processors):
    with pytest.raises(RollcallError, match="a processor each"):
        check_counts(counts, processors)


def test_a_part_of_the_cohort_has_people_of_every_role(tmp_path):
    roster = tmp_path / "roster.csv"
    roles = ["student"] * 8 + ["staff"] * 2 + ["visitor"] * 6
    rows = [f"p{n},{role},2025-01-01,2026-01-01" for n, role in enumerate(roles)]
    header = "person_id,role,consent_given_on,consent_expires_on"
    roster.write_text("\n".join([header, *rows, ""]))
    with write_part(roster, 4, tmp_path).open() as stream:
        kept = [row["role"] for row in csv.DictReader(stream)]
    assert kept == ["student", "student", "staff", "visitor", "visitor"]


def test_efficiency_is_the_speed_up_for_each_worker(study):
    runs = {run["workers"]: run for run in facts_of(study)["measured"]}
    assert runs[1]["efficiency"] == 1
    assert runs[2]["speed_up"] == pytest.approx(LAW.speed_up(2))
    assert runs[2]["efficiency"] == pytest.approx(LAW.speed_up(2) / 2)


def test_the_study_is_written_whole(study, tmp_path):
    write_study(study, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(scaling_study.FILES)
    found = json.loads((tmp_path / "scaling.json").read_text())
    assert found["serial_share"] == pytest.approx(LAW.serial_share)
    assert [run["workers"] for run in found["measured"]] == [1, 2, 4]
    assert found["cluster"]["node_seconds"] == Cluster().node_seconds


def test_the_report_needs_nothing_else_and_runs_nothing(study, tmp_path):
    write_study(study, tmp_path)
    page = (tmp_path / "report.html").read_text()
    assert not re.search(r"<script|<link|src=|url\(|https?://", page)
    assert "4 on 2 workers" in page


def test_the_chart_is_an_image_of_its_own(study, tmp_path):
    write_study(study, tmp_path)
    root = ET.parse(tmp_path / "scaling.svg").getroot()  # noqa: S314 - our own
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert len(root.findall(".//{http://www.w3.org/2000/svg}polyline")) == 8


def test_the_figures_of_the_page_are_written_between_its_marks(study, tmp_path):
    (tmp_path / "scaling.md").write_text(f"before\n{BEGIN}old\n{END}after\n")
    write_docs(study, tmp_path)
    page = (tmp_path / "scaling.md").read_text()
    assert page.startswith(f"before\n{BEGIN}")
    assert page.endswith(f"{END}after\n")
    assert "old" not in page
    rows = [line.count("|") for line in page.splitlines() if line.startswith("|")]
    assert min(rows) > 2
    assert (tmp_path / "scaling.svg").is_file()


def test_a_page_without_marks_is_left_alone(study):
    with pytest.raises(RollcallError, match="lacks its marks"):
        render_page(study, "no marks")


def test_the_tables_show_each_number_of_workers(study):
    text = StringIO()
    print_tables(study, Console(file=text, width=160))
    printed = text.getvalue()
    assert "4 on 2" in printed
    assert f"{LAW.serial_share:.0%}" in printed


def test_what_was_measured_goes_into_the_files(study, tmp_path, monkeypatch):
    """From the command to its files, with runs that are made up."""
    runs = []

    def run_once(source, work, console, *, workers, cpus, backbones, roster, registry):
        with roster.open() as stream:
            people = sum(1 for _ in csv.DictReader(stream))
        runs.append((workers, cpus, people))
        return fake_run(workers, cpus, (10.0,) * people, LAW.seconds(workers))

    source = tmp_path / "source"
    source.mkdir()
    people = [f"p{n},student,2025-01-01,2026-01-01" for n in range(8)]
    (source / "roster.csv").write_text("\n".join(["person_id,role,a,b", *people, ""]))
    monkeypatch.setattr(scaling_study, "run_once", run_once)
    monkeypatch.setattr(scaling_study, "make_registry", lambda folder: folder)
    monkeypatch.setattr(scaling_study, "usable_cpus", lambda: 2)
    told = ["--workers", "1,2", "--source", str(source), "--output", str(tmp_path / "out")]
    scaling_study.main(told)
    assert runs == [(1, 1, 8), (2, 1, 8), (1, 2, 8), (1, 2, 4), (1, 2, 2)]
    found = json.loads((tmp_path / "out" / "scaling.json").read_text())
    assert found["law"] == pytest.approx({"serial_seconds": 40.0, "parallel_seconds": 60.0})
    assert not (tmp_path / "out" / ".study").exists()
