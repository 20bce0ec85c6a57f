"""The model card: what the model is for, how it did, and what is not known of it.

After Mitchell and others, Model Cards for Model Reporting, FAT* 2019. It holds counts, and no
pseudonym or clip id.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import jinja2

from components.errors import ContractError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from components.model_directory import Classes
    from components.register_model.gate import Verdict

_TEMPLATE: Final = "model_card.md.jinja"
_UNKNOWN: Final = "not measured"

_RATES: Final = (
    ("the right person", "identity_accuracy", "identity_interval", "n"),
    ("student or not", "role_accuracy", "role_interval", "n"),
    ("others taken for students (FMR)", "student.fmr", "student.fmr_upper", "student.fmr_n"),
    ("students not taken for it (FNMR)", "student.fnmr", "student.fnmr_interval", "student.fnmr_n"),
    ("strangers accepted (FPIR)", "open_set.fpir", "open_set.fpir_upper", "open_set.fpir_n"),
    ("known people rejected (FNIR)", "open_set.fnir", "open_set.fnir_interval", "open_set.fnir_n"),
)
"""What is told, and of the metrics of a unit the rate, its interval or upper bound, its trials."""
_UNITS: Final = ("transaction", "frame")


@dataclass(frozen=True)
class Facts:
    """What a card is made from; each is the JSON object of the file of that name.

    Attributes:
        metrics: of the model.
        lineage: of the model.
        lineage_sha256: digest of lineage.json, which holds those of the files.
        classes: whom the model knows.
        audit: of the run.
        source: what was made of the source.
        evaluation: of the model; empty where there is none.
        verdict: of the gate.
    """

    metrics: Mapping[str, Any]
    lineage: Mapping[str, Any]
    lineage_sha256: str
    classes: Classes
    audit: Mapping[str, Any]
    source: Mapping[str, Any]
    evaluation: Mapping[str, Any]
    verdict: Verdict


def render_card(facts: Facts) -> str:
    """The card in Markdown.

    Raises:
        ContractError: something that a card cannot do without is missing.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=False,  # noqa: S701 - Markdown, of our own numbers and names
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["cell"] = lambda text: str(text).replace("|", "\\|").replace("\n", " ")
    counts = Counter(facts.classes.roles[role] for role in facts.classes.role_of_person)
    try:
        return environment.get_template(_TEMPLATE).render(
            facts=facts,
            people=[(role, counts[role]) for role in facts.classes.roles],
            rates=[
                (told, *(tell_rate(facts.metrics.get(unit, {}), *where) for unit in _UNITS))
                for told, *where in _RATES
            ],
            roles=[_tell_role(row) for row in facts.evaluation.get("roles") or ()],
        )
    except (KeyError, TypeError, jinja2.UndefinedError) as error:
        raise ContractError(f"the model card lacks something in its inputs: {error!r}") from error


def tell_rate(metrics: Mapping[str, Any], value: str, bound: str, trials: str) -> str:
    """A rate with its interval or upper bound and its trials, e.g. `0.750 (0.550 to 0.900), n=20`.

    Args:
        metrics: nested; the other arguments are dotted names in it.
        value: of the rate; where there is none, that is what is told.
        bound: of its interval, two numbers, or of its upper bound, one.
        trials: of how many it is the rate.
    """
    rate, limits, n = (_at(metrics, name) for name in (value, bound, trials))
    if rate is None:
        return _UNKNOWN
    if isinstance(limits, list):
        around = f" ({limits[0]:.3f} to {limits[1]:.3f})"
    else:
        around = "" if limits is None else f" (at most {limits:.3f})"
    return f"{rate:.3f}{around}, n={n}"


def _tell_role(row: Mapping[str, Any]) -> tuple[str, Any, str, Any]:
    told = tell_rate(row, "identity_accuracy", "identity_interval", "n")
    return row["role"], row["people"], told, row.get("rejected", _UNKNOWN)


def _at(values: Any, name: str) -> Any:  # noqa: ANN401 - JSON
    for part in name.split("."):
        values = values.get(part) if isinstance(values, dict) else None
    return values
