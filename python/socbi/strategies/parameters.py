"""Hyper-parameters by name, as scikit-learn's tools read and set them."""

from __future__ import annotations

import copy
import inspect
from typing import Any, TypeVar

from socbi.errors import InvalidInputError, InvalidTypeError

__all__ = ["Parameters"]

_Self = TypeVar("_Self", bound="Parameters")


class Parameters:
    """What is made of hyper-parameters only, each in an attribute of its name, as it was given."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the hyper-parameters by name, as scikit-learn's tools ask for them.

        With ``deep`` those of strategies and pre-screens within, too, as ``outer__inner``. So
        ``sklearn.base.clone`` copies a strategy, and a grid search can vary it.
        """
        found: dict[str, Any] = {}
        for name in inspect.signature(type(self)).parameters:
            found[name] = value = getattr(self, name)
            if deep and isinstance(value, Parameters):
                found |= {f"{name}__{inner}": one for inner, one in value.get_params().items()}
        return found

    def set_params(self: _Self, **params: Any) -> _Self:
        """Change hyper-parameters in place, checked as the constructor does; return itself.

        A call that raises has changed nothing.
        """
        own = self.get_params(deep=False)
        within: dict[str, dict[str, Any]] = {}
        for name, value in params.items():
            outer, _, inner = name.partition("__")
            if outer not in own:
                raise InvalidInputError(
                    f"{type(self).__name__} has the parameters {', '.join(own) or 'none'}, "
                    f"got {outer!r}"
                )
            if inner:
                within.setdefault(outer, {})[inner] = value
            else:
                own[outer] = value
        for outer, values in within.items():
            if not isinstance(own[outer], Parameters):
                raise InvalidTypeError(
                    f"{outer} must be a strategy or a pre-screen to have the parameters "
                    f"{', '.join(values)}, got {own[outer]!r}"
                )
            own[outer] = copy.copy(own[outer]).set_params(**values)
        self.__dict__.update(type(self)(**own).__dict__)
        return self

    def __repr__(self) -> str:
        """Name the class and the hyper-parameters."""
        names = inspect.signature(type(self)).parameters
        inside = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
        return f"{type(self).__name__}({inside})"
