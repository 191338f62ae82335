"""Parts by name and parameters: what there is of them, and how they are made of it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from socbi.errors import InvalidInputError, InvalidTypeError

__all__ = ["Spec", "check_parameters", "made_with", "parameters_of", "taken_apart"]

Spec: TypeAlias = Mapping[str, Any]
"""A name, and parameters beside it: ``{"name": "coverage-margin", "fade": 0.9}``."""


def taken_apart(choice: str | Spec, what: str) -> tuple[str, dict[str, Any]]:
    """Return name and parameters of what is given as a name or a spec.

    Examples
    --------
    >>> taken_apart({"name": "resnet18", "epochs": 10}, "learner")
    ('resnet18', {'epochs': 10})
    """
    if isinstance(choice, str):
        return choice, {}
    if not isinstance(choice, Mapping) or not isinstance(choice.get("name"), str):
        raise InvalidTypeError(
            f"{what} must be a name, or a mapping with a name and parameters, got {choice!r}"
        )
    return choice["name"], {key: value for key, value in choice.items() if key != "name"}


def parameters_of(maker: Callable[..., Any], *, without: Sequence[str] = ()) -> list[str]:
    """Return the names of the parameters that a maker takes.

    A class that passes ``**settings`` on to its base takes those of the base as well.

    Examples
    --------
    >>> from socbi.learners import LogisticLearner
    >>> parameters_of(LogisticLearner, without=["embeddings"])
    ['strength', 'start']
    """
    found: list[str] = []
    kinds = inspect.Parameter
    for one in inspect.signature(maker).parameters.values():
        if one.kind is kinds.VAR_KEYWORD and inspect.isclass(maker):
            found += [name for name in parameters_of(maker.__mro__[1]) if name not in found]
        elif one.kind not in (kinds.VAR_KEYWORD, kinds.VAR_POSITIONAL):
            found.append(one.name)
    return [name for name in found if name not in without]


def check_parameters(what: str, given: Mapping[str, Any], known: Sequence[str]) -> None:
    """Refuse parameters that a part does not have, and name those that it has.

    Examples
    --------
    >>> check_parameters("the learner logistic", {"epochs": 3}, ["strength"])
    Traceback (most recent call last):
    ...
    socbi.errors.InvalidInputError: the learner logistic has no parameter 'epochs'; it has strength
    """
    for name in given:
        if name not in known:
            there = f"it has {', '.join(known)}" if known else "it takes none"
            raise InvalidInputError(f"{what} has no parameter {name!r}; {there}")


def made_with(maker: Callable[..., Any], what: str, parameters: Mapping[str, Any]) -> Any:
    """Return what a maker makes; a value of a wrong type is told as a wrong parameter."""
    try:
        return maker(**parameters)
    except TypeError as error:
        raise InvalidInputError(
            f"{what} cannot be made with {dict(parameters)!r}: {error}"
        ) from error
