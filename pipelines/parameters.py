"""What a pipeline on a cluster is given, checked against its compiled YAML before it is sent."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final

import yaml

from components.backbones import Weights
from components.blob_address import refuse_extras
from components.errors import RollcallError
from components.sources import is_blob
from pipelines.flags import names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from pipelines.options import TrainingOptions

SOURCE: Final = "source"


@dataclass(frozen=True)
class Parameter:
    """A parameter of a compiled pipeline.

    Attributes:
        kind: KFP's name of its type, e.g. NUMBER_INTEGER.
        optional: whether it has a default.
    """

    kind: str
    optional: bool


def parameters_of(package: Path) -> dict[str, Parameter]:
    """The parameters of a compiled pipeline by name."""
    with package.open(encoding="ascii") as stream:
        spec = next(yaml.load_all(stream, _LOADER))
    found = spec["root"]["inputDefinitions"]["parameters"]
    return {
        name: Parameter(each["parameterType"], each.get("isOptional", False))
        for name, each in found.items()
    }


def arguments_for(
    package: Path, options: type[TrainingOptions], source: str, given: Iterable[str]
) -> dict[str, Any]:
    """Read `NAME=VALUE` as the arguments of a compiled pipeline.

    Lists are given with commas, or in JSON. What a name or a number may be is known of the options
    of `rollcall run`; files and folders lie on the cluster, so they are not looked for.

    Args:
        package: the compiled pipeline.
        options: those of the pipeline.
        source: where the videos are.
        given: what else the user said.

    Raises:
        RollcallError: a parameter is unknown, missing or given twice, its value is none of its
            kind, or holds a secret, which Kubeflow would store and show.
    """
    known = parameters_of(package)
    arguments: dict[str, Any] = {SOURCE: _checked_source(source)}
    for each in given:
        name, (_, equals, text) = name_of(each), each.partition("=")
        if not equals:
            raise RollcallError(f"--param {each} has no value: write NAME=VALUE")
        if name == SOURCE:
            raise RollcallError("the source has an option of its own: --source")
        if name not in known:
            raise RollcallError(_unknown(name, known))
        if name in arguments:
            raise RollcallError(f"--param {name} is given twice")
        arguments[name] = _read(name, text, known[name].kind)
    missing = [name for name, each in known.items() if not each.optional and name not in arguments]
    if missing:
        raise RollcallError(f"the pipeline needs --param {missing[0]}=VALUE")
    _refuse_secrets(arguments)
    _check_values(options, arguments)
    return arguments


def name_of(given: str) -> str:
    """The name in NAME=VALUE; with hyphens it is a flag's."""
    return given.partition("=")[0].strip().replace("-", "_")


def _checked_source(source: str) -> str:
    if not is_blob(source) and not PurePosixPath(source.removeprefix("file://")).is_absolute():
        raise RollcallError(
            "--source has to be in Azure Blob (az:// or https://) or an absolute path: a cluster "
            "does not see the folders of this machine"
        )
    return source


def _refuse_secrets(arguments: dict[str, Any]) -> None:
    for name, value in arguments.items():
        if isinstance(value, str) and _USER_IN_URI.search(value):
            raise RollcallError(
                f"--param {name} has a user or a password in it, which Kubeflow would store and "
                "show: give it to the steps as a Secret"
            )
    for name in (SOURCE, "roster"):
        if is_blob(arguments.get(name, "")):
            refuse_extras(arguments[name])


def _check_values(options: type[TrainingOptions], arguments: dict[str, Any]) -> None:
    """Have the options look at the values, with those of this machine in the place of paths."""
    known = {each.name: each for each in fields(options)}
    chosen: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in arguments.items()
        if name in known
    }
    for name, value in chosen.items():
        least, most = (known[name].metadata.get(end) for end in ("min", "max"))
        if (least is not None and value < least) or (most is not None and value > most):
            limits = f"from {least}" if most is None else f"from {least} to {most}"
            raise RollcallError(f"--param {name} is {value}; it has to be {limits}")
    if chosen.get("weights") not in set(Weights) - {Weights.FOLDER}:
        chosen.pop("weights", None)
    chosen.pop("roster", None)
    replace(options(), **chosen).checked()


def _unknown(name: str, known: Iterable[str]) -> str:
    known = sorted(set(known) - {SOURCE})
    close = get_close_matches(name, known, n=1)
    hint = f"is it {close[0]}?" if close else f"there are {', '.join(known)}"
    return f"the pipeline has no parameter {name}: {hint}"


def _read(name: str, text: str, kind: str) -> Any:  # noqa: ANN401 - what JSON has
    wanted, read = READERS[kind]
    try:
        return read(text.strip())
    except (ValueError, KeyError, TypeError):
        raise RollcallError(f"--param {name} is {text!r}; it has to be {wanted}") from None


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError
    return value


def _boolean(text: str) -> bool:
    return {"true": True, "false": False}[text.lower()]


def _list(text: str) -> list[Any]:
    value = json.loads(text) if text.startswith("[") else list(names(text))
    if not isinstance(value, list) or not value:
        raise ValueError
    return value


def _struct(text: str) -> dict[str, Any]:
    value = json.loads(text)
    if not isinstance(value, dict):
        raise TypeError
    return value


READERS: Final[dict[str, tuple[str, Callable[[str], Any]]]] = {
    "STRING": ("text", str),
    "NUMBER_INTEGER": ("a whole number", int),
    "NUMBER_DOUBLE": ("a number", _number),
    "BOOLEAN": ("true or false", _boolean),
    "LIST": ("values with commas between them, or a list in JSON", _list),
    "STRUCT": ("an object in JSON", _struct),
}
"""KFP's name of a type -> what it is called here, and what reads it."""

_USER_IN_URI: Final = re.compile(r"//[^/@\s]+@")
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
