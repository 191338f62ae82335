"""What near means: cosine, euclidean and inner product, as one matrix product and as exact pairs.

A blocked search compares *similarities*, float32 products of a left and a right matrix in which
the larger is the nearer; it then orders the few that remain by their *distance* in float64. So the
answer depends on the vectors alone: not on the blocks, the threads or the other queries.

===================  ====================  ==========================
metric               distance              similarity
===================  ====================  ==========================
``"cosine"``         ``1 - cos(q, x)``     ``q/|q| . x/|x|``
``"euclidean"``      ``|q - x|``           ``q . x - |x|**2 / 2``
``"inner_product"``  ``-(q . x)``          ``q . x``
===================  ====================  ==========================

A vector of zeros has no direction: its cosine with any other is taken as 0.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from socbi.errors import InvalidInputError

__all__ = ["FloatArray", "Metric", "MetricName", "metric_of"]

MetricName: TypeAlias = Literal["cosine", "euclidean", "inner_product"]
FloatArray: TypeAlias = npt.NDArray[np.float32]
_Doubles: TypeAlias = npt.NDArray[np.float64]

# Half of the distance from 1 to the next float32: the relative error of one operation.
_ROUNDING = 2.0**-24
# Half of its square is still a float32.
_LONGEST = 1e18


class Metric(ABC):
    """One meaning of near."""

    name: MetricName
    extra_columns = 0  # how many columns the matrices of the product have beyond the dimensions

    def norms(self, block: FloatArray) -> FloatArray:
        """Return the length of each row."""
        squares = np.einsum("nd,nd->n", block, block, dtype=np.float64)
        return np.asarray(np.sqrt(squares), np.float32)

    def check_lengths(self, norms: FloatArray, first: int) -> None:
        """Refuse rows with NaN, and with numbers whose squares leave float32."""
        bad = np.flatnonzero(~(norms < _LONGEST))
        if len(bad):
            raise InvalidInputError(
                f"the vector in row {first + bad[0]} has NaN, an infinity or a length beyond "
                f"{_LONGEST:g}; leave such rows out or scale the vectors"
            )

    @abstractmethod
    def left(self, queries: FloatArray) -> FloatArray:
        """Return the left matrix of the product."""  # (q, d + extra)

    @abstractmethod
    def right(self, block: npt.NDArray[np.generic], norms: FloatArray, out: FloatArray) -> None:
        """Write the right matrix of the product into ``out``."""  # (n, d + extra)

    @abstractmethod
    def distances(self, queries: FloatArray, rows: FloatArray) -> _Doubles:
        """Return the distance of each row of ``queries`` to the same row of ``rows``.

        The order of the sum depends on the number of dimensions alone, so equal vectors have equal
        distances wherever they stand.
        """  # (n, d), (n, d) -> (n,)

    @abstractmethod
    def scale(self, query_norms: FloatArray, longest: float) -> _Doubles:
        """Return a bound of the terms that a similarity adds up, for each query."""

    def slack(self, queries: FloatArray, longest: float) -> FloatArray:
        """Return how far two float32 similarities may be apart in the wrong order.

        The error of a sum of d products is at most d roundings of the sum of their sizes, in any
        order of summation (Higham, *Accuracy and Stability of Numerical Algorithms*, section 3.1);
        eight more cover the preparation of both sides, and both similarities may err.
        """
        roundings = (queries.shape[1] + 8) * _ROUNDING
        slack: FloatArray = (2 * roundings * self.scale(self.norms(queries), longest)).astype("f4")
        return slack


class _Cosine(Metric):
    name: MetricName = "cosine"

    def left(self, queries: FloatArray) -> FloatArray:
        directions: FloatArray = np.empty_like(queries)
        self.right(queries, self.norms(queries), directions)
        return directions

    def right(self, block: npt.NDArray[np.generic], norms: FloatArray, out: FloatArray) -> None:
        np.multiply(block, _inverse(norms)[:, None], out=out)

    def distances(self, queries: FloatArray, rows: FloatArray) -> _Doubles:
        wide = queries.astype(np.float64)
        other = rows.astype(np.float64)
        lengths = np.sqrt((wide * wide).sum(axis=1) * (other * other).sum(axis=1))
        products = (wide * other).sum(axis=1)
        cosines: _Doubles = np.zeros_like(products)
        np.divide(products, lengths, out=cosines, where=lengths > 0)
        return 1.0 - cosines

    def scale(self, query_norms: FloatArray, longest: float) -> _Doubles:
        return np.ones(len(query_norms))


class _Euclidean(Metric):
    name: MetricName = "euclidean"
    extra_columns = 1

    def left(self, queries: FloatArray) -> FloatArray:
        return np.hstack([queries, np.ones((len(queries), 1), np.float32)])

    def right(self, block: npt.NDArray[np.generic], norms: FloatArray, out: FloatArray) -> None:
        out[:, :-1] = block
        out[:, -1] = -0.5 * norms.astype(np.float64) ** 2

    def distances(self, queries: FloatArray, rows: FloatArray) -> _Doubles:
        difference = queries.astype(np.float64) - rows
        apart: _Doubles = np.sqrt((difference * difference).sum(axis=1))
        return apart

    def scale(self, query_norms: FloatArray, longest: float) -> _Doubles:
        return longest * query_norms.astype(np.float64) + longest * longest


class _InnerProduct(Metric):
    name: MetricName = "inner_product"

    def left(self, queries: FloatArray) -> FloatArray:
        return queries

    def right(self, block: npt.NDArray[np.generic], norms: FloatArray, out: FloatArray) -> None:
        out[:] = block

    def distances(self, queries: FloatArray, rows: FloatArray) -> _Doubles:
        products: _Doubles = (queries.astype(np.float64) * rows).sum(axis=1)
        return -products

    def scale(self, query_norms: FloatArray, longest: float) -> _Doubles:
        return longest * query_norms.astype(np.float64)


def _inverse(norms: FloatArray) -> FloatArray:
    return np.divide(1.0, norms, out=np.zeros_like(norms), where=norms > 0)


_METRICS: dict[str, Metric] = {
    metric.name: metric for metric in (_Cosine(), _Euclidean(), _InnerProduct())
}


def metric_of(name: str) -> Metric:
    """Return the metric of this name.

    Examples
    --------
    >>> metric_of("euclidean").distances(np.float32([[0, 0]]), np.float32([[3, 4]])).tolist()
    [5.0]
    """
    if name not in _METRICS:
        raise InvalidInputError(f"metric must be one of {', '.join(_METRICS)}, got {name!r}")
    return _METRICS[name]
