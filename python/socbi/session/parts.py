"""Strategies and learners by name and parameters, as a session records them."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy.typing as npt

from socbi import strategies
from socbi.errors import InvalidInputError, InvalidTypeError
from socbi.strategies import Strategy

__all__ = [
    "LearnerChoice",
    "Spec",
    "StrategyChoice",
    "learner_maker",
    "strategy_names",
    "strategy_of",
    "strategy_spec",
]

Spec: TypeAlias = Mapping[str, Any]
"""A name, and parameters beside it: ``{"name": "coverage-margin", "fade": 0.9}``."""

StrategyChoice: TypeAlias = Strategy | str | Spec
LearnerChoice: TypeAlias = Any
"""A name, a `Spec`, a learner, or a function that makes one of the embeddings."""

_LEARNERS = {"logistic": "LogisticLearner"}


def strategy_names() -> list[str]:
    """Return the names of the strategies that a name alone can make, sorted.

    Examples
    --------
    >>> "random" in strategy_names()
    True
    """
    return sorted(name for name, one in _strategies().items() if not _wanting(one))


def strategy_of(choice: StrategyChoice) -> Strategy:
    """Return the strategy that a name or a spec stands for.

    Examples
    --------
    >>> strategy_of("random")
    Random()
    """
    if isinstance(choice, Strategy):
        return choice
    name, parameters = _taken_apart(choice, "strategy")
    maker = _strategies().get(_dashed(name))
    if maker is None:
        raise InvalidInputError(
            f"strategy must be one of {', '.join(strategy_names())}, got {name!r}"
        )
    if lacking := sorted(set(_wanting(maker)) - set(parameters)):
        raise InvalidInputError(
            f"the strategy {name} needs {' and '.join(lacking)}: give a mapping of name and "
            f"parameters from Python, or one of {', '.join(strategy_names())}"
        )
    inner = {
        key: strategy_of(value) if isinstance(value, Mapping) and "name" in value else value
        for key, value in parameters.items()
    }
    made: Strategy = _called(maker, f"the strategy {name}", inner)
    return made


def strategy_spec(strategy: Strategy) -> dict[str, Any] | None:
    """Return name and parameters of one of this library's strategies, None of another.

    Examples
    --------
    >>> from socbi.strategies import Random
    >>> strategy_spec(Random())
    {'name': 'random'}
    """
    name = _dashed(type(strategy).__name__)
    if _strategies().get(name) is not type(strategy):
        return None
    spec: dict[str, Any] = {"name": name}
    for parameter in inspect.signature(type(strategy)).parameters:
        value = getattr(strategy, parameter)
        if isinstance(value, Strategy):
            value = strategy_spec(value)
            if value is None:
                return None
        spec[parameter] = value
    try:
        kept: dict[str, Any] = json.loads(json.dumps(spec))
    except TypeError:
        return None
    return kept


def learner_maker(
    choice: LearnerChoice,
) -> tuple[dict[str, Any] | None, Callable[[npt.NDArray[Any]], Any]]:
    """Return the spec of a learner, None of a foreign one, and how it is made of embeddings."""
    if isinstance(choice, (str, Mapping)):
        name, parameters = _taken_apart(choice, "learner")
        if name not in _LEARNERS:
            raise InvalidInputError(f"learner must be one of {', '.join(_LEARNERS)}, got {name!r}")
        return {"name": name, **parameters}, lambda rows: _learner(name, parameters, rows)
    if hasattr(choice, "fit") and hasattr(choice, "predict_proba"):
        return None, lambda rows: choice
    if callable(choice):
        return None, choice
    raise InvalidTypeError(
        "learner must be a name, a mapping with a name, a learner with fit and predict_proba, or a "
        f"function that makes one of the embeddings; got {type(choice).__name__}"
    )


def _learner(name: str, parameters: Mapping[str, Any], rows: npt.NDArray[Any]) -> Any:
    from socbi import learners

    maker = getattr(learners, _LEARNERS[name])
    return _called(lambda **given: maker(rows, **given), f"the learner {name}", parameters)


def _called(maker: Callable[..., Any], what: str, parameters: Mapping[str, Any]) -> Any:
    try:
        return maker(**parameters)
    except TypeError as error:
        raise InvalidInputError(
            f"{what} cannot be made with {dict(parameters)!r}: {error}"
        ) from error


def _strategies() -> dict[str, type[Strategy]]:
    public = (getattr(strategies, name) for name in strategies.__all__)
    return {
        _dashed(one.__name__): one
        for one in public
        if inspect.isclass(one) and issubclass(one, Strategy) and not inspect.isabstract(one)
    }


def _wanting(maker: type[Strategy]) -> list[str]:
    """Return the parameters that a strategy cannot be made without."""
    parameters = inspect.signature(maker).parameters.values()
    return [one.name for one in parameters if one.default is inspect.Parameter.empty]


def _taken_apart(choice: str | Spec, what: str) -> tuple[str, dict[str, Any]]:
    if isinstance(choice, str):
        return choice, {}
    if not isinstance(choice, Mapping) or not isinstance(choice.get("name"), str):
        raise InvalidTypeError(
            f"{what} must be a name, or a mapping with a name and parameters, got {choice!r}"
        )
    return choice["name"], {key: value for key, value in choice.items() if key != "name"}


def _dashed(name: str) -> str:
    """Return a class's name as it is written elsewhere: CoverageMargin is coverage-margin."""
    if name.isupper():
        return name.lower()
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower().replace("_", "-")
