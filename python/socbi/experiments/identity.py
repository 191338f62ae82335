"""What a part of a study is, as text that is the same in every process and on every day."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from socbi.errors import InvalidTypeError
from socbi.strategies.parameters import Parameters

__all__ = ["identity"]


def identity(part: Any) -> str:
    """Return the text for a strategy, what makes a learner, or a parameter of either.

    Records are found again by it, so it holds all parameters; what has no name that lasts, such as
    a lambda, is refused.

    Examples
    --------
    >>> from socbi.strategies import CoverageMargin
    >>> identity(CoverageMargin())
    'socbi.strategies.coverage_margin.CoverageMargin(fade=0.8, switch=None)'
    """
    if isinstance(part, Parameters):
        return f"{_name(type(part))}({_pairs(part.get_params(deep=False))})"
    if isinstance(part, functools.partial):
        inside = [*map(identity, part.args), _pairs(part.keywords)]
        return f"{identity(part.func)}({', '.join(inside)})"
    if isinstance(part, np.ndarray) and not part.dtype.hasobject:
        content = hashlib.sha256(np.ascontiguousarray(part).tobytes()).hexdigest()
        return f"array({part.dtype.str}, {part.shape}, {content})"
    if isinstance(part, (list, tuple)):
        return f"[{', '.join(map(identity, part))}]"
    if isinstance(part, Mapping):
        return f"{{{_pairs({identity(key): value for key, value in part.items()})}}}"
    if part is None or isinstance(part, (bool, int, float, complex, str, bytes, np.generic)):
        return repr(part)
    if hasattr(part, "__qualname__") and "<" not in part.__qualname__:
        return _name(part)
    raise InvalidTypeError(
        f"the records of a study are found by what it is made of, and {part!r} has no name that "
        "lasts: give a class or function of a module, or functools.partial of one"
    )


def _pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={identity(value)}" for name, value in sorted(values.items()))


def _name(kind: Any) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"
