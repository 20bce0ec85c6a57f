"""What chat programs are sent."""

from __future__ import annotations

import json

import pytest

from components.notify.messages import MESSAGES, facts_of, tell_accuracy, title_of
from components.notify.notice import Model, Notice, Registered, Status

ACCURACY = {"value": 0.95, "interval": [0.9, 1.0], "trials": 20, "within_session": False}
CHAMPION = Model("3", "EfficientNetLite0", ACCURACY, "passed", ())
CHALLENGER = Model("4", "MobileNetV2", {}, "failed", ("size: too large",))
NEW = Notice("r-1", Status.SUCCEEDED, registered=Registered(CHAMPION, CHAMPION))
BEATEN = Notice("r-1", Status.SUCCEEDED, registered=Registered(CHAMPION, CHALLENGER))
SAME = Notice("r-1", Status.UNCHANGED, registered=Registered(CHAMPION, None, True))
BROKEN = Notice("r-1", Status.FAILED, "extract_frames", "SourceError: a <b> & c", None)
LINK = "https://kubeflow.example/#/runs/details/r-1"


@pytest.mark.parametrize(
    ("notice", "title"),
    [
        (NEW, "a new champion"),
        (BEATEN, "the model did not pass the gate"),
        (SAME, "nothing changed, so nothing was trained"),
        (BROKEN, "the run failed in extract_frames"),
        (Notice("r-1", Status.UNKNOWN), "a run ended, and Kubeflow does not say how"),
    ],
)
def test_the_title_says_what_matters(notice, title):
    assert title_of(notice) == f"Rollcall: {title}"


def test_the_champion_is_told_with_its_accuracy_and_the_interval():
    assert dict(facts_of(NEW)) == {
        "Status": "succeeded",
        "Champion": "version 3, EfficientNetLite0",
        "Accuracy of the champion": "0.950 (0.900 to 1.000) of 20 clips",
    }


def test_an_accuracy_from_one_session_is_marked_as_optimistic():
    told = tell_accuracy({**ACCURACY, "within_session": True})
    assert told.endswith("within-session (optimistic)")


def test_a_challenger_is_told_with_the_reasons():
    facts = dict(facts_of(BEATEN))
    assert facts["Champion"].startswith("version 3")
    assert facts["Challenger"] == "version 4, MobileNetV2"
    assert facts["Why not champion"] == "size: too large"


def test_a_registry_that_does_not_answer_is_told():
    assert dict(facts_of(BROKEN))["Registry"] == "it did not answer"


@pytest.mark.parametrize("notice", [NEW, BEATEN, SAME, BROKEN])
@pytest.mark.parametrize("form", MESSAGES)
def test_every_form_is_json_and_has_the_status_and_the_link(form, notice):
    text = json.dumps(MESSAGES[form](Notice(**{**vars(notice), "report": LINK})))
    assert str(notice.status) in text
    assert LINK in text


def test_slack_gets_a_text_and_blocks_and_nothing_that_it_takes_for_a_call():
    message = MESSAGES["slack"](BROKEN)
    assert message["text"] == "Rollcall: the run failed in extract_frames"
    (block,) = message["blocks"]
    assert block["type"] == "section"
    assert "SourceError: a &lt;b&gt; &amp; c" in block["text"]["text"]


def test_teams_gets_an_adaptive_card_as_the_one_attachment():
    message = MESSAGES["teams"](Notice(**{**vars(NEW), "report": LINK}))
    (attachment,) = message["attachments"]
    card = attachment["content"]
    assert message["type"] == "message"
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert (card["type"], [part["type"] for part in card["body"]]) == (
        "AdaptiveCard",
        ["TextBlock", "FactSet"],
    )
    assert card["actions"] == [{"type": "Action.OpenUrl", "title": "Open the run", "url": LINK}]
