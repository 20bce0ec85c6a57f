"""The metrics of a model in words, as Markdown, for whoever looks at one task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from components.markdown import table

if TYPE_CHECKING:
    from collections.abc import Mapping

UNITS = ("frame", "transaction")


def summarise(metrics: Mapping[str, Any]) -> str:
    """Tell what metrics.json holds.

    Args:
        metrics: of a model that succeeded or failed.
    """
    if metrics["status"] != "succeeded":
        # As code: nothing in an error's text is Markdown.
        reason = "\n".join(f"    {line}" for line in metrics["reason"].splitlines())
        return f"# {metrics['name']}\n\nIt failed:\n\n{reason}\n"
    return "\n".join(
        [
            f"# {metrics['name']}",
            "",
            *_rates(metrics),
            "",
            "FPIR: strangers taken for somebody. FNIR: known people not at rank 1, or below the",
            "threshold. FMR: others taken for students. FNMR: students not taken for such.",
            "In brackets: 95 % intervals over people, or what so few trials leave possible.",
            "",
            *_edge(metrics["edge"]),
            "",
            *_lines(metrics),
            "",
        ]
    )


def _rates(metrics: Mapping[str, Any]) -> list[str]:
    found = [metrics[unit] for unit in UNITS]
    rows = {
        "right person": [
            _between(each, "identity_accuracy", "identity_interval") for each in found
        ],
        "student or not": [_between(each, "role_accuracy", "role_interval") for each in found],
        "FPIR": [_at_most(each["open_set"], "fpir") for each in found],
        "FNIR": [_between(each["open_set"], "fnir", "fnir_interval") for each in found],
        "FMR": [_at_most(each["student"], "fmr") for each in found],
        "FNMR": [_between(each["student"], "fnmr", "fnmr_interval") for each in found],
        "threshold": [_threshold(each["open_set"]) for each in found],
        "trials of known people": [str(each["n"]) for each in found],
    }
    cells = [(name, *measured) for name, measured in rows.items()]
    return table(("", "frames", "transactions"), cells).splitlines()


def _edge(edge: Mapping[str, Any]) -> list[str]:
    columns = ("edge model", "MB", "ms (p50)", "ms (p99)", "right person, transactions")
    rows = [
        (
            f"{name} (default)" if name == edge["precision"] else name,
            f"{each['size_bytes'] / 1e6:.1f}",
            f"{each['latency_ms']['p50']:.1f}",
            f"{each['latency_ms']['p99']:.1f}",
            _percent(each["identity_accuracy"]),
        )
        for name, each in edge["precisions"].items()
    ]
    why = f"The default is {edge['precision']}: {edge['rule']}."
    return [*table(columns, rows).splitlines(), "", why]


def _lines(metrics: Mapping[str, Any]) -> list[str]:
    calibration, leaky = metrics["calibration"], metrics["random_split"]
    before, after = (_percent(calibration[f"ece_{side}"]) for side in ("before", "after"))
    leak = _percent(leaky["identity_accuracy"])
    lines = [
        f"- Calibration error: {before} before temperature scaling, {after} after.",
        f"- A random split of frames, which leaks, would say {leak} of frames.",
    ]
    if control := metrics.get("negative_control"):
        told = "passed" if control["passed"] else "**FAILED: something leaks**"
        lines.append(
            f"- Negative control {told}: {_percent(control['identity_accuracy'])} of "
            f"{control['n']} with permuted labels, where chance is {_percent(control['chance'])}."
        )
    return [*lines, *(f"- {note}." for note in metrics["notes"])]


def _between(rates: Mapping[str, Any], name: str, interval: str) -> str:
    if rates[name] is None:
        return _percent(None)
    low, high = rates[interval]
    return f"{_percent(rates[name])} ({low:.1%} to {high:.1%})"


def _at_most(rates: Mapping[str, Any], name: str) -> str:
    if rates[name] is None:
        return _percent(None)
    return f"{_percent(rates[name])} of {rates[f'{name}_n']} (up to {rates[f'{name}_upper']:.1%})"


def _threshold(rates: Mapping[str, Any]) -> str:
    if rates["threshold"] is None:
        return "none"
    return f"{rates['threshold']:.4f} ({rates['basis']})"


def _percent(share: float | None) -> str:
    return "not measurable" if share is None else f"{share:.1%}"
