"""Puts a notice into what chat programs take."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any, Final

from components.champions import PASSED
from components.notify.notice import Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from components.notify.notice import Model, Notice


def plain(notice: Notice) -> dict[str, Any]:
    """The notice itself."""
    return notice.to_json()


def slack(notice: Notice) -> dict[str, Any]:
    """A message for an incoming webhook of Slack, in Block Kit; `text` is what a phone shows.

    Of `&`, `<` and `>` Slack makes links and calls, so they are escaped
    (https://api.slack.com/reference/surfaces/formatting#escaping).
    """
    title = html.escape(title_of(notice), quote=False)
    lines = [f"*{name}:* {html.escape(value, quote=False)}" for name, value in facts_of(notice)]
    if notice.report:
        lines.append(f"<{html.escape(notice.report, quote=False)}|Open the run>")
    section = {"type": "mrkdwn", "text": "\n".join([f"*{title}*", *lines])[:3000]}
    return {"text": title, "blocks": [{"type": "section", "text": section}]}


def teams(notice: Notice) -> dict[str, Any]:
    """A message for a webhook of Teams' Workflows: an Adaptive Card as its one attachment."""
    facts = [{"title": name, "value": value} for name, value in facts_of(notice)]
    title = {"type": "TextBlock", "text": title_of(notice), "weight": "Bolder", "wrap": True}
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [title, {"type": "FactSet", "facts": facts}],
    }
    if notice.report:
        link = {"type": "Action.OpenUrl", "title": "Open the run", "url": notice.report}
        card["actions"] = [link]
    kind = "application/vnd.microsoft.card.adaptive"
    return {
        "type": "message",
        "attachments": [{"contentType": kind, "contentUrl": None, "content": card}],
    }


MESSAGES: Final[dict[str, Callable[[Notice], dict[str, Any]]]] = {
    "json": plain,
    "slack": slack,
    "teams": teams,
}
"""What `notify_format` may be."""


def title_of(notice: Notice) -> str:
    """The notice in one line."""
    own = notice.registered.own if notice.registered else None
    told = {
        Status.UNCHANGED: "nothing changed, so nothing was trained",
        Status.FAILED: f"the run failed in {notice.failed_step or 'a step that is not known'}",
        Status.UNKNOWN: "a run ended, and Kubeflow does not say how",
        Status.SUCCEEDED: "the run succeeded",
    }[notice.status]
    if notice.status is Status.SUCCEEDED and own:
        told = "a new champion" if own.gate == PASSED else "the model did not pass the gate"
    return f"Rollcall: {told}"


def facts_of(notice: Notice) -> list[tuple[str, str]]:
    """What is known, by name; what is not known is left out."""
    known = notice.registered
    own = known.own if known else None
    facts = [("Status", str(notice.status)), ("Failed step", notice.failed_step or "")]
    facts.append(("Error", notice.error or ""))
    if known is None:
        facts.append(("Registry", "it did not answer"))
    elif known.champion:
        facts += _facts_of_model("Champion", known.champion)
    else:
        facts.append(("Champion", "none"))
    if own and own.gate != PASSED:
        facts += _facts_of_model("Challenger", own)
        facts.append(("Why not champion", "; ".join(own.reasons)))
    return [(name, value) for name, value in facts if value]


def _facts_of_model(what: str, model: Model) -> list[tuple[str, str]]:
    return [
        (what, f"version {model.version}, {model.backbone}"),
        (f"Accuracy of the {what.lower()}", tell_accuracy(model.accuracy)),
    ]


def tell_accuracy(accuracy: dict[str, Any]) -> str:
    """E.g. `0.950 (0.900 to 1.000) of 20 clips`; empty where it was not measured."""
    if accuracy.get("value") is None:
        return ""
    interval = accuracy.get("interval")
    around = f" ({interval[0]:.3f} to {interval[1]:.3f})" if interval else ""
    optimistic = ", within-session (optimistic)" if accuracy.get("within_session") else ""
    return f"{accuracy['value']:.3f}{around} of {accuracy['trials']} clips{optimistic}"
