"""The page: what it says, what it must not hold, and that it is sound HTML."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from components.artifacts import read_json, write_json
from components.compare_models.leaderboard import make_leaderboard
from components.compare_models.report import OPTIMISTIC, render_report
from components.contracts import SOURCE_FILE, Reason, Reject
from components.errors import ContractError
from components.model_directory import CONFUSION_FILE, CURVES_FILE
from tests.components.compare_models.finished_run import (
    BY_SESSION,
    TIME_BLOCKS,
    confusion,
    curves,
    enrolled,
    failed,
    succeeded,
    write_audit,
    write_model,
)

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
    def _render(*models, protocol=BY_SESSION, rejects=(), people=4, enrolment=(), change=None):
        folders = {
            metrics["name"]: write_model(tmp_path / "models" / str(number), metrics, people)
            for number, metrics in enumerate(models)
        }
        audit = write_audit(tmp_path / "audit", protocol, rejects, enrolment)
        if change:
            change(folders, audit)
        board = make_leaderboard(folders.values(), {"protocol": protocol})
        return render_report(board, folders, audit)

    return _render


def words_of(html):
    return Page(html).words


def test_the_first_sentence_names_the_champion_its_score_its_latency_and_what_decided(render):
    words = words_of(render(succeeded("Slow", p50=80.0), succeeded("Quick", p50=8.1), failed("X")))
    assert "Quick is the champion" in words
    assert "named the right person in 19 of 20 test transactions (95.0 %)" in words
    assert "takes 8.10 ms an image" in words
    assert (
        "equal to Slow in accuracy of transactions and in accuracy of frames, "
        "it was chosen by latency (p50) ." in words
    )


def test_the_only_model_that_succeeded_had_no_rival(render):
    assert "it is the only model that succeeded" in words_of(render(succeeded("A"), failed("B")))


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


def test_without_strangers_their_rate_is_not_measurable(render):
    html = render(succeeded("A", strangers=(0, 0)))
    strangers = html[html.index('id="strangers"') : html.index('id="leak"')]
    assert strangers.count("not measurable") == 2
    assert "n = 0" in strangers
    assert "0\u202f%" not in strangers.replace("95\u202f%", "")


def test_the_random_split_stands_beside_the_honest_one_and_is_called_a_leak(render):
    html = render(succeeded("A"))
    leak = words_of(
        "<p>"
        + html[html.index('<h2 id="leak"') : html.index('id="curves"')].rsplit("</section>", 1)[0]
        + "</p>"
    )
    assert "Random split (leaks)" in leak
    assert "87.5 %" in leak
    assert "99.8 %" in leak
    assert "+12.2" in leak or "+12.3" in leak
    assert "no model was ranked by it" in leak


def test_a_within_session_result_is_marked_wherever_it_shows(render):
    html = render(succeeded("A"), protocol=TIME_BLOCKS)
    page = Page(html)
    assert OPTIMISTIC in re.search(r"<title>(.*?)</title>", html).group(1)
    for heading in re.findall(r"<h2.*?</h2>", html):
        scores = not re.search('id="(leak|frames|enrolment|rejects|made)"', heading)
        assert (OPTIMISTIC in heading) == scores, heading
    assert "10 of 10 people have one session only" in page.words
    assert "The honest split is within-session (optimistic)" in page.words
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
    assert len(charts) == 1 + 2 * 2
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
    assert "95.0 % of 20 transactions" in page.words
    assert "at epoch 2, which was kept, of 3." in page.words


def test_the_matrix_of_people_is_shown_up_to_forty(render):
    words = words_of(render(succeeded("A"), people=40))
    assert "p039" in words
    assert "Right in 39 of 40 transactions" in words
    assert "p000 for p001 (1)" in words


def test_more_people_are_not_named(render):
    words = words_of(render(succeeded("A"), people=41))
    assert not re.search(r"\bp0\d\d\b", words)
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


def enrolment_section(html):
    """The words of the section, by themselves."""
    section = html[html.index('<section aria-labelledby="enrolment">') :]
    return words_of(section[: section.index("</section>") + len("</section>")])


def test_who_has_to_record_again_is_told_what_to_do_the_worst_first(render):
    people = [
        enrolled("one-bad", "too_dark"),
        enrolled("no-clip", "none_usable", sessions=0, sessions_good=0),
        enrolled("both-bad", "too_dark clip_too_short", sessions_good=0),
    ]
    words = enrolment_section(render(succeeded("A"), enrolment=people))
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
    words = enrolment_section(render(succeeded("A")))
    assert "1 of 1 person in the roster is enrolled well enough" in words
    assert "not yet" not in words
    assert "p0" not in words


def test_of_many_people_to_record_again_the_report_lists_fifty_and_counts_the_rest(render):
    people = [enrolled(f"x{number:03}", "too_dark") for number in range(120)]
    words = enrolment_section(render(succeeded("A"), enrolment=people))
    assert "The 50 worst; 70 more stand in enrolment.csv" in words
    assert len(set(re.findall(r"\bx\d{3}\b", words))) == 50


def test_the_sides_the_audit_and_the_options_are_shown(render):
    words = words_of(render(succeeded("A")))
    assert "Strangers, test 10 10 10 200" in words
    assert "Sessions on both sides 0" in words
    assert "gap_s 1.0" in words
    assert "12 frames in the gaps were used by nobody" in words


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
    assert render_report(board, folders, tmp_path / "audit") == first


def test_all_backbones_and_the_largest_matrix_stay_under_half_a_megabyte(render):
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
    assert len(html.encode()) < 500_000


def test_training_that_diverged_is_drawn_as_far_as_it_goes(render):
    broken = {**curves(), "loss": [1.0, float("nan"), float("inf"), 0.5]}

    def change(folders, audit):
        write_json(folders["A"] / CURVES_FILE, broken)

    html = render(succeeded("A"), change=change)
    points = re.findall(r'points="([^"]*)"', html)
    assert points
    assert not any("nan" in path or "inf" in path for path in points)


@pytest.mark.parametrize("name", [CURVES_FILE, CONFUSION_FILE])
def test_a_missing_file_is_refused_by_name(render, name):
    with pytest.raises(ContractError, match=name):
        render(succeeded("A"), change=lambda folders, audit: Path(folders["A"] / name).unlink())


def test_a_file_that_lacks_something_is_refused(render):
    def change(folders, audit):
        write_json(folders["A"] / CURVES_FILE, {"epoch": [0]})

    with pytest.raises(ContractError, match="lacks something"):
        render(succeeded("A"), change=change)
