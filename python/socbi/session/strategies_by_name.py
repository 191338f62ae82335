"""Strategies by name and parameters, as a session records them."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Mapping
from typing import Any, TypeAlias

from socbi import strategies
from socbi.errors import InvalidInputError
from socbi.session.named import Spec, check_parameters, made_with, parameters_of, taken_apart
from socbi.strategies import Strategy

__all__ = ["StrategyChoice", "strategy_names", "strategy_of", "strategy_spec"]

StrategyChoice: TypeAlias = Strategy | str | Spec


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
    name, parameters = taken_apart(choice, "strategy")
    maker = _strategies().get(_dashed(name))
    if maker is None:
        raise InvalidInputError(
            f"strategy must be one of {', '.join(strategy_names())}, got {name!r}"
        )
    check_parameters(f"the strategy {name}", parameters, parameters_of(maker))
    if lacking := sorted(set(_wanting(maker)) - set(parameters)):
        raise InvalidInputError(
            f"the strategy {name} needs {' and '.join(lacking)}: give a mapping of name and "
            f"parameters, or one of {', '.join(strategy_names())}"
        )
    inner = {key: _inner(maker, key, value) for key, value in parameters.items()}
    made: Strategy = made_with(maker, f"the strategy {name}", inner)
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


def _strategies() -> dict[str, type[Strategy]]:
    public = (getattr(strategies, name) for name in strategies.__all__)
    return {
        _dashed(one.__name__): one
        for one in public
        if inspect.isclass(one) and issubclass(one, Strategy) and not inspect.isabstract(one)
    }


def _inner(maker: type[Strategy], parameter: str, value: Any) -> Any:
    """Return what a parameter is given: a strategy within may be a name or a spec, too."""
    wants = str(inspect.signature(maker).parameters[parameter].annotation).startswith("Strategy")
    if (wants and isinstance(value, str)) or (isinstance(value, Mapping) and "name" in value):
        return strategy_of(value)
    return value


def _wanting(maker: type[Strategy]) -> list[str]:
    """Return the parameters that a strategy cannot be made without."""
    parameters = inspect.signature(maker).parameters.values()
    return [one.name for one in parameters if one.default is inspect.Parameter.empty]


def _dashed(name: str) -> str:
    """Return a class's name as it is written elsewhere: CoverageMargin is coverage-margin."""
    if name.isupper():
        return name.lower()
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower().replace("_", "-")
