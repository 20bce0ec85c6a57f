"""The page: what it says, what it must not hold, and that it is sound HTML."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from components.artifacts import read_json, write_json
from components.compare_models.leaderboard import make_leaderboard
from components.compare_models.report import LEAKS, OPTIMISTIC, render_report
from components.contracts import SOURCE_FILE, Reason, Reject
from components.errors import ContractError
from components.model_directory import CONFUSION_FILE, CURVES_FILE, EVALUATION_FILE
from tests.components.compare_models.finished_run import (
    BY_SESSION,
    RANDOM_FRAMES,
    TIME_BLOCKS,
    confusion,
    curves,
    enrolled,
    evaluation,
    failed,
    succeeded,
    write_audit,
    write_costs,
    write_model,
    write_samples,
)

WITHOUT_SCORES = "frames|enrolment|rejects|time|sheet|made"
"""Sections that say nothing of how good a model is."""

VOID = {"meta", "br", "hr", "img", "input", "link"}
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>&\u202e{{ 7*7 }}"


class Page(HTMLParser):
    """The elements of a page; refuses tags that are not balanced."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.open, self.elements, self.text = [], [], []
        self.feed(html)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        assert len(dict(attrs)) == len(attrs), f"<{tag}> has an attribute twice"
        self.elements.append((tag, dict(attrs), list(self.open)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs), list(self.open)))

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data):
        if "style" not in self.open:
            self.text.append(data)

    def named(self, tag):
        return [attributes for name, attributes, _ in self.elements if name == tag]

    @property
    def words(self):
        return " ".join(" ".join(self.text).replace("\u202f", " ").split())


@pytest.fixture
def render(tmp_path):
    def _render(
        *models,
        protocol=BY_SESSION,
        rejects=(),
        people=4,
        enrolment=(),
        change=None,
        pictures=None,
    ):
        folders = {
            metrics["name"]: write_model(tmp_path / "models" / str(number), metrics, people)
            for number, metrics in enumerate(models)
        }
        audit = write_audit(tmp_path / "audit", protocol, rejects, enrolment)
        if change:
            change(folders, audit)
        board = make_leaderboard(folders.values(), {"protocol": protocol})
        costs = write_costs(tmp_path / "costs")
        return render_report(board, folders, audit, costs=costs, pictures=pictures)

    return _render


def words_of(html):
    return Page(html).words


def section(html, name):
    """The words of a section or of a part of one, by themselves."""
    start = html.index(f'<section aria-labelledby="{name}">')
    depth, end = 0, start
    for tag in re.finditer(r"</?section\b", html[start:]):
        depth += -1 if tag[0].startswith("</") else 1
        end = start + tag.end()
        if not depth:
            break
    return words_of(html[start:end] + ">")


def test_the_first_sentence_names_the_champion_its_score_its_latency_and_what_decided(render):
    words = words_of(render(succeeded("Slow", p50=80.0), succeeded("Quick", p50=8.1), failed("X")))
    assert "Quick is the champion" in words
    assert "named the right person in 19 of 20 test transactions (95.0 %)" in words
    assert "takes 8.10 ms an image" in words
    assert (
        "This test cannot tell 2 models apart in accuracy; of them it was chosen by "
        "latency (p50) on one thread . Slow, the next: 71.9 ms slower." in words
    )


def test_the_only_model_that_succeeded_had_no_rival(render):
    words = words_of(render(succeeded("A"), failed("B")))
    assert "It is the only model that could be tested" in words


def test_where_accuracy_decided_it_says_by_how_much_the_next_is_worse(render):
    words = words_of(render(succeeded("A", p50=80.0), succeeded("B", transaction=(5, 20))))
    assert "accuracy decided. B, the next, is worse by 70.0 points (" in words


def test_the_leaderboard_says_who_is_tied_and_what_each_lacked(render):
    models = succeeded("A"), succeeded("B", p50=9.0), succeeded("C", transaction=(5, 20))
    words = section(render(*models), "leaderboard")
    assert "1 A champion 95.0 %" in words
    assert "2 B 1.00 ms slower 95.0 %" in words
    assert "3 C worse by 70.0 points (" in words
    assert words.count("tied 87.5 %") == 2
    assert words.count("worse 87.5 %") == 1


def test_where_nothing_is_ranked_the_leak_is_named_everywhere(render):
    html = render(succeeded("A"), succeeded("B", p50=1.0), protocol=RANDOM_FRAMES)
    page = Page(html)
    assert f"nothing was ranked, {LEAKS}</title>" in html
    assert "Nothing was ranked" in page.words
    assert "champion" not in page.words
    assert "no model is registered" in page.words
    assert OPTIMISTIC not in html
    for heading in re.findall(r"<h2.*?</h2>", html):
        scores = not re.search(f'id="({WITHOUT_SCORES})"', heading)
        assert (LEAKS in heading) == scores, heading


def test_every_model_is_a_row_and_a_failed_one_says_why(render):
    words = words_of(render(succeeded("A"), failed("B", "the weights are gone")))
    assert "Failed: the weights are gone" in words
    for figure in (
        "19 of 20",
        "n = 400",
        "87.5 %",
        "16.0 ms",
        "123",
        "2.50 s",
        "2.26 M",
        "9.01 MB",
    ):
        assert figure in words


def test_without_a_champion_the_page_says_so(render):
    words = words_of(render(failed("A", "one"), failed("B", "two")))
    assert "No champion" in words
    assert "Every model failed" in words
    assert "one" in words
    assert "two" in words


def test_a_test_side_without_anybody_is_not_measurable(render):
    words = words_of(render(succeeded("A", transaction=(None, 0), frame=(None, 0))))
    assert "No model could be tested" in words
    assert "not measurable" in words


def test_strangers_are_counted_with_the_rate_that_remains_possible(render):
    words = words_of(render(succeeded("A", strangers=(0, 60))))
    assert "0 of 60" in words
    assert "up to 5.0 %" in words  # 3 / 60


def change_evaluation(**changes):
    """Overwrite parts of evaluation.json."""

    def change(folders, audit):
        for folder in folders.values():
            write_json(folder / EVALUATION_FILE, {**evaluation(), **changes})

    return change


def test_without_strangers_their_rates_are_not_measurable(render):
    det = {"det": {"frame": None, "transaction": None}}
    html = render(succeeded("A", strangers=(0, 0)), change=change_evaluation(**det))
    words = section(html, "strangers")
    assert "A not measurable n = 0 not measurable n = 0 5.0 %" in words
    assert "Not measurable: there is no stranger on the test side" in words
    assert "none nothing to choose it from" in words
    assert "No threshold could be chosen" in words
    assert 'class="threshold"' not in html


def test_error_rates_at_the_threshold_stand_with_their_trials_and_bounds(render):
    words = section(render(succeeded("A", strangers=(1, 4))), "strangers")
    assert "25.0 % n = 4; up to 75.1 %" in words  # of Clopper and Pearson
    assert "0.500 from strangers" in words


def test_the_det_curve_has_both_units_and_says_the_rates_that_were_chosen(render):
    html = render(succeeded("A", strangers=(1, 4)))
    words = section(html, "det")
    assert "FPIR, % of strangers' trials" in words
    assert "Of transactions at the threshold 0.500: FPIR 25.0 % of 4, FNIR 5.0 % of 20." in words
    assert "transactions frames target FPIR, 1.0 %" in words
    assert re.findall(r'class="point-(\d) marked"', html) == ["1", "2"]


def test_scores_are_drawn_for_every_group_that_was_met(render):
    scores = {**evaluation()["scores"], "staff": [0, 0, 0, 0]}
    words = section(render(succeeded("A"), change=change_evaluation(scores=scores)), "scores")
    assert "Students % of 12 transactions" in words
    assert "Strangers % of 4 transactions" in words
    assert "Staff" not in words
    assert "threshold, 0.500" in words


def test_calibration_is_told_before_and_after_scaling(render):
    words = section(render(succeeded("A")), "trust")
    assert "85.0 % certain, 50.0 % right of 1" in words
    assert "A n = 200 20.0 % 3.4 % 4.20" in words


def test_without_anything_to_calibrate_by_it_says_so(render):
    nothing = {"reliability": {"before": [], "after": []}}
    html = render(succeeded("A"), change=change_evaluation(**nothing))
    assert "Not measurable" in section(html, "calibration")


@pytest.mark.parametrize(("passed", "told"), [(True, "passed"), (False, "failed")])
def test_the_negative_control_stands_beside_the_real_score(render, passed, told):
    model = succeeded("A")
    model["negative_control"]["passed"] = passed
    words = section(render(model), "control")
    assert f"A {told} 95.0 % n = 20 10.0 % n = 20 10.0 % 0 % to 25.0 %" in words
    assert "With the random split it fails, as it has to" in words


def test_a_control_of_nobody_is_not_measurable(render):
    model, nothing = succeeded("A"), dict.fromkeys(("identity_accuracy", "chance", "interval"))
    model["negative_control"].update(nothing, n=0, passed=False)
    assert "A not measurable" in section(render(model), "control")


def test_a_control_that_is_blind_to_the_leak_is_named(render):
    model = succeeded("A")
    model["negative_control"]["shows_leak"] = False
    words = section(render(model), "control")
    assert "It did not see the leak of the random split with A" in words


def test_the_random_split_stands_beside_the_honest_one_and_is_called_a_leak(render):
    leak = section(render(succeeded("A")), "leak")
    assert "Random split (leaks)" in leak
    assert "87.5 %" in leak
    assert "99.8 %" in leak
    assert "+12.2" in leak or "+12.3" in leak
    assert "no model was ranked by it" in leak


def test_roles_are_rows_with_their_interval(render):
    words = section(render(succeeded("A")), "confusion")
    assert "Student 12 people 12 75.0 % 50.0 % to 100 % 1" in words
    assert "Staff 0 people 0 not measurable 0" in words


def test_people_with_a_mistake_are_listed_the_worst_first(render):
    words = section(render(succeeded("A")), "confusion")
    assert "p007 student 0 of 2 1 p008" in words
    assert "1 of 2 people were named rightly every time" in words
    assert "p009" not in words


def test_of_many_people_with_a_mistake_thirty_are_listed_and_the_rest_counted(render):
    person = evaluation()["people"][0]
    many = [{**person, "person": f"x{number:03}"} for number in range(100)]
    words = section(render(succeeded("A"), change=change_evaluation(people=many)), "confusion")
    assert len(set(re.findall(r"\bx\d{3}\b", words))) == 30
    assert "The 30 worst; 70 more with a mistake stand in evaluation.json" in words


def test_every_precision_is_a_row_and_the_one_that_ships_is_marked(render):
    words = section(render(succeeded("A")), "edge")
    assert "A float32 36.0 MB 8.00 ms 16.0 ms 95.0 % 87.5 %" in words
    assert "A float16 ships 9.01 MB" in words
    assert "A int8 9.01 MB 8.00 ms 16.0 ms 25.0 %" in words
    assert "float16: int8 lost more than a point" in words


def test_steps_are_summed_over_their_tasks(render):
    words = section(render(succeeded("A")), "time")
    assert "Ingest videos 1 1.50 s 1.50 s 100 MB" in words
    assert "Embed frames 2 50.0 s 30.0 s 200 MB" in words
    assert "it and what comes after are not in it" in words


def test_without_thumbnails_there_is_no_picture(render):
    html = render(succeeded("A"))
    assert "<img" not in html
    assert "data:" not in html


def test_thumbnails_show_a_frame_of_each_person(render, tmp_path):
    dataset = write_samples(tmp_path / "dataset", ["p2", "p1"])
    page = Page(render(succeeded("A"), pictures=dataset))
    pictures = page.named("img")
    assert [picture["alt"] for picture in pictures] == [
        "Frame of p1, student",
        "Frame of p2, student",
    ]
    assert {picture["src"] for picture in pictures} == {
        f"data:image/jpeg;base64,{base64.b64encode(b'a picture').decode()}"
    }
    policy = next(meta for meta in page.named("meta") if "http-equiv" in meta)
    assert policy["content"] == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def test_of_many_people_sixty_are_pictured_and_the_rest_counted(render, tmp_path):
    dataset = write_samples(tmp_path / "dataset", [f"p{number}" for number in range(70)])
    page = Page(render(succeeded("A"), pictures=dataset))
    assert len(page.named("img")) == 60
    assert "10 more people are not shown" in page.words


def test_a_within_session_result_is_marked_wherever_it_shows(render):
    html = render(succeeded("A"), protocol=TIME_BLOCKS)
    page = Page(html)
    assert OPTIMISTIC in re.search(r"<title>(.*?)</title>", html).group(1)
    for heading in re.findall(r"<h2.*?</h2>", html):
        scores = not re.search(f'id="({WITHOUT_SCORES})"', heading)
        assert (OPTIMISTIC in heading) == scores, heading
    assert "10 of 10 people are tested on a later part of the session" in page.words
    assert "Honest split within-session (optimistic)" in page.words
    assert f"latency, {OPTIMISTIC}</title>" in html


def test_a_result_across_sessions_is_not_marked(render):
    assert OPTIMISTIC not in render(succeeded("A")).lower()


def test_foreign_text_is_text(render):
    reject = Reject("file:///data/videos/p1/s1.mp4", "ingest_videos", Reason.UNREADABLE, HOSTILE)

    def change(folders, audit):
        matrix = confusion(2)
        matrix["people"]["labels"] = [HOSTILE, "p1"]
        for folder in folders.values():
            if (folder / CONFUSION_FILE).exists():
                write_json(folder / CONFUSION_FILE, matrix)

    models = succeeded(HOSTILE), failed("B" + HOSTILE, HOSTILE)
    html = render(*models, rejects=[reject], change=change)
    page = Page(html)
    assert not page.named("script")
    assert not page.named("img")
    assert not any(
        name.startswith("on") for _, attributes, _ in page.elements for name in attributes
    )
    assert "<script>alert(1)</script>" in page.words
    assert "{{ 7*7 }}" in page.words
    assert "\u202e" not in html


def test_a_long_reason_is_cut(render):
    html = render(succeeded("A"), failed("B", "word " * 10_000))
    assert len(html) < 100_000


@pytest.mark.parametrize("protocol", [BY_SESSION, TIME_BLOCKS])
def test_the_page_needs_nothing_else_and_runs_nothing(render, protocol):
    html = render(succeeded("A"), failed("B"), protocol=protocol)
    page = Page(html)
    assert not re.search(r"https?:|//[a-z]|url\(|@import|javascript:|data:", html)
    assert not {"script", "link", "img", "iframe", "object", "embed", "base", "form"} & {
        tag for tag, *_ in page.elements
    }
    assert not any(
        name in {"src", "href", "action"}
        for _, attributes, _ in page.elements
        for name in attributes
    )
    policy = next(meta for meta in page.named("meta") if "http-equiv" in meta)
    assert policy["content"] == "default-src 'none'; style-src 'unsafe-inline'"
    assert "prefers-color-scheme: dark" in html


def test_every_chart_has_a_title_a_description_and_units(render):
    html = render(succeeded("A"), succeeded("B", p50=90.0))
    charts = re.findall(r'<svg role="img" aria-labelledby="(\S+) (\S+)"', html)
    assert len(charts) == 1 + 1 + 4 + 1 + 2 * 2  # trade-off, DET, scores, reliability, epochs
    for title, description in charts:
        assert re.search(rf'<title id="{title}">[^<]+</title>', html)
        assert re.search(rf'<desc id="{description}">[^<]+</desc>', html)
    page = Page(html)
    ids = [attributes["id"] for _, attributes, _ in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    referred = {
        name
        for _, attributes, _ in page.elements
        for name in (attributes.get("aria-labelledby") or "").split()
    }
    assert referred <= set(ids)
    assert "Latency (p50), ms an image, logarithmic" in page.words
    assert "Right person, % of test transactions" in page.words
    assert "Loss, nats" in page.words
    assert "FNIR, % of known people's trials" in page.words
    assert "Score: pooled probability of the likeliest person" in page.words
    assert "Confidence, mean % of the bin" in page.words
    assert "Right person, % of the bin" in page.words
    assert "95.0 % of 20 transactions" in page.words
    assert "at epoch 2, which was kept, of 3." in page.words


def test_the_matrix_of_people_is_shown_up_to_forty(render):
    words = words_of(render(succeeded("A"), people=40))
    assert "p039" in words
    assert "Right in 39 of 40 transactions" in words
    assert "p000 for p001 (1)" in words


def test_more_people_are_not_put_into_a_matrix(render):
    html = render(succeeded("A"), people=41)
    words = words_of(html)
    assert "matrix people" not in html
    assert "41 people are too many" in words
    assert "Of 41 transactions 40 were given to the right person" in words


def test_the_matrix_of_roles_says_the_worst_mistake(render):
    words = words_of(render(succeeded("A")))
    assert "Right in 16 of 20 transactions. Most often mistaken: visitor for student, 3." in words


def rejected(reason, number, detail="some detail"):
    return Reject(f"file:///data/videos/p{number}/s1.mp4", "ingest_videos", reason, detail)


def test_it_says_what_became_of_the_sampled_frames(render):
    words = words_of(render(succeeded("A")))
    assert "6 000 frames sampled, 4 321 kept" in words
    assert "Under-exposed 12 Over-exposed 0 Blurred 345" in words
    assert "Near-duplicate of a kept frame of the clip 1 322" in words


def test_frames_that_show_the_whole_square_are_said_to(render):
    assert "crop=none : they show the whole square" in words_of(render(succeeded("A")))


def test_frames_that_show_the_head_are_counted_and_those_without_a_face(render):
    def crop(_, audit):
        source = read_json(audit / SOURCE_FILE)
        source["extraction"].update(frames_cropped=4300, frames_without_face=21)
        write_json(audit / SOURCE_FILE, source)

    words = words_of(render(succeeded("A"), change=crop))
    assert "crop=face : 4 300 of the frames kept show the head alone; in 21 no face" in words


def test_a_source_that_does_not_say_what_became_of_its_frames_is_refused(render):
    def forget(_, audit):
        write_json(audit / SOURCE_FILE, {"fingerprint": "ab" * 32, "clips_used": 1})

    with pytest.raises(ContractError, match="lacks something"):
        render(succeeded("A"), change=forget)


def test_rejects_are_counted_whole_and_listed_in_part(render):
    many = [rejected(Reason.TOO_SHORT, number) for number in range(1200)]
    html = render(succeeded("A"), rejects=[*many, rejected(Reason.EMPTY, 9999)])
    words = words_of(html)
    assert "1 201 clips did not get through; 1 234 were used" in words
    assert "Too short 1 200" in words
    assert "1 151 more stand in rejects.parquet" in words
    assert len(re.findall(r"<code>p\d+/s1.mp4</code>", html)) == 50
    assert "p9999/s1.mp4" in words, "every reason has an example in the list"


def test_a_few_rejects_are_all_listed(render):
    words = words_of(render(succeeded("A"), rejects=[rejected(Reason.TOO_SHORT, 3)]))
    assert "1 clip did not get through" in words
    assert "All of them" in words
    assert "more stand in" not in words


def test_without_rejects_all_clips_were_used(render):
    assert "None: all 1 234 clips were used" in words_of(render(succeeded("A")))


def test_a_reject_shows_neither_a_name_nor_a_key_nor_the_folders_above(render):
    rejects = [
        Reject(
            "file:///srv/private/videos/Given%20Family.mp4", "ingest_videos", Reason.BAD_NAME, "x"
        ),
        Reject(
            "file:///srv/private/videos/GivenFamily/a.mp4", "ingest_videos", Reason.BAD_NAME, "x"
        ),
        Reject("file:///srv/private/videos/Giv%C3%ABn.mp4", "ingest_videos", Reason.EMPTY, "x"),
        Reject(
            "https://account.example/c/videos/p7/s1.mp4?sig=SECRET",
            "extract_frames",
            Reason.UNREADABLE,
            "x",
        ),
        Reject("file:///srv/private/images/p8/s1/1.png", "extract_frames", Reason.UNREADABLE, "x"),
    ]
    html = render(succeeded("A"), rejects=rejects)
    for secret in ("Given", "Family", "Giv\u00ebn", "private", "SECRET", "account"):
        assert secret not in html
    assert html.count("name withheld") == 3
    assert "<code>p7/s1.mp4</code>" in html
    assert "<code>p8/s1/1.png</code>" in html


def test_who_has_to_record_again_is_told_what_to_do_the_worst_first(render):
    people = [
        enrolled("one-bad", "too_dark"),
        enrolled("no-clip", "none_usable", sessions=0, sessions_good=0),
        enrolled("both-bad", "too_dark clip_too_short", sessions_good=0),
    ]
    words = section(render(succeeded("A"), enrolment=people), "enrolment")
    assert "1 of 4 people in the roster is enrolled well enough" in words
    assert "3 are not yet" in words
    assert "None usable 1 Too dark 2 Clip too short 1" in words
    assert (
        "no-clip student none none usable Advice on none_usable. "
        "both-bad student 0 of 2 too dark, clip too short Advice on too_dark clip_too_short. "
        "one-bad student 1 of 2 too dark Advice on too_dark."
    ) in words
    assert "p0" not in words


def test_where_everybody_is_enrolled_well_nobody_is_named(render):
    words = section(render(succeeded("A")), "enrolment")
    assert "1 of 1 person in the roster is enrolled well enough" in words
    assert "not yet" not in words
    assert "p0" not in words


def test_of_many_people_to_record_again_the_report_lists_fifty_and_counts_the_rest(render):
    people = [enrolled(f"x{number:03}", "too_dark") for number in range(120)]
    words = section(render(succeeded("A"), enrolment=people), "enrolment")
    assert "The 50 worst; 70 more stand in enrolment.csv" in words
    assert len(set(re.findall(r"\bx\d{3}\b", words))) == 50


def test_the_sides_the_audit_and_the_options_are_shown(render):
    words = words_of(render(succeeded("A")))
    assert "Strangers, test 10 10 10 200" in words
    assert "Sessions on both sides 0" in words
    assert "gap_s 1.0" in words
    assert "12 frames in the gaps were used by nobody" in words
    assert "Near-duplicates taken out of training 17" in words
    assert "Thresholds: bits 3 share 0.5" in words


def test_clip_ids_stay_out_of_the_page(render):
    assert "00c0ffee00c0ffee" not in render(succeeded("A"))


def test_the_same_inputs_give_the_same_bytes(render, tmp_path):
    models = [succeeded("A"), succeeded("B", p50=3.0), failed("C")]
    first = render(*models)
    folders = {
        metrics["name"]: write_model(tmp_path / "again" / metrics["name"], metrics)
        for metrics in reversed(models)
    }
    board = make_leaderboard(folders.values(), {"protocol": BY_SESSION})
    costs = write_costs(tmp_path / "costs again")
    assert render_report(board, folders, tmp_path / "audit", costs=costs) == first


def test_all_backbones_and_the_largest_matrix_stay_under_six_hundred_kilobytes(render):
    long_curves = {name: (values * 10)[:40] for name, values in curves().items()}
    long_curves["epoch"] = list(range(40))

    def change(folders, audit):
        for folder in folders.values():
            write_json(folder / CURVES_FILE, long_curves)

    models = [
        succeeded(f"Backbone{number}", p50=1 + number, transaction=(20 - number % 7, 20))
        for number in range(43)
    ]
    rejects = [rejected(Reason.TOO_SHORT, number, "a detail " * 20) for number in range(500)]
    html = render(*models, people=40, rejects=rejects, change=change)
    Page(html)
    assert len(html.encode()) < 600_000


def test_training_that_diverged_is_drawn_as_far_as_it_goes(render):
    broken = {**curves(), "loss": [1.0, float("nan"), float("inf"), 0.5]}

    def change(folders, audit):
        write_json(folders["A"] / CURVES_FILE, broken)

    html = render(succeeded("A"), change=change)
    points = re.findall(r'points="([^"]*)"', html)
    assert points
    assert not any("nan" in path or "inf" in path for path in points)


@pytest.mark.parametrize("name", [CURVES_FILE, CONFUSION_FILE, EVALUATION_FILE])
def test_a_missing_file_is_refused_by_name(render, name):
    with pytest.raises(ContractError, match=name):
        render(succeeded("A"), change=lambda folders, audit: Path(folders["A"] / name).unlink())


def test_a_file_that_lacks_something_is_refused(render):
    def change(folders, audit):
        write_json(folders["A"] / CURVES_FILE, {"epoch": [0]})

    with pytest.raises(ContractError, match="lacks something"):
        render(succeeded("A"), change=change)
