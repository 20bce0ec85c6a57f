"""Turns the fields of an options class into flags of the command: one table for both."""

from __future__ import annotations

import inspect
from dataclasses import fields
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_type_hints

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
R = TypeVar("R")


def flags_of(options: type) -> list[inspect.Parameter]:
    """A keyword parameter for each field of a dataclass, as typer reads it; a tuple is a string."""
    kinds = get_type_hints(options)
    return [
        inspect.Parameter(
            each.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=",".join(each.default) if isinstance(each.default, tuple) else each.default,
            annotation=Annotated[
                str if isinstance(each.default, tuple) else kinds[each.name],
                typer.Option(**each.metadata),
            ],
        )
        for each in fields(options)
    ]


def with_flags(options: type) -> Callable[[Callable[..., R]], Callable[..., R]]:
    """Give a command, which takes `**flags`, a flag for each field of `options`."""

    def give(command: Callable[..., R]) -> Callable[..., R]:
        own = inspect.signature(command, eval_str=True).parameters.values()
        named = [each for each in own if each.kind is not inspect.Parameter.VAR_KEYWORD]
        command.__signature__ = inspect.Signature([*named, *flags_of(options)])  # type: ignore[attr-defined]
        return command

    return give


def from_flags(options: type[T], flags: dict[str, Any]) -> T:
    """Make options from what the command was given."""
    return options(
        **{
            each.name: names(flags[each.name])
            if isinstance(each.default, tuple)
            else flags[each.name]
            for each in fields(options)  # type: ignore[arg-type]
            if each.name in flags
        }
    )


def names(text: str) -> tuple[str, ...]:
    """Names that are separated by commas; blanks around them do not matter."""
    return tuple(name.strip() for name in text.split(",") if name.strip())
