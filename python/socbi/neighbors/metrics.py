"""What near means: cosine, euclidean and inner product, as one matrix product and as exact pairs.

A blocked search compares *similarities*, float32 products of queries and rows, scaled or moved by a
number for each row, of which the larger is the nearer; it then orders the few that remain by their
*distance* in float64. So the answer depends on the vectors alone: not on the blocks, the threads or
the other queries.

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

    def prepared(self, queries: FloatArray) -> FloatArray:
        """Return the queries as they are multiplied with rows."""
        return queries

    def scales(self, norms: FloatArray) -> FloatArray | None:
        """Return what the products with each row are multiplied by; None for nothing."""
        return None

    def offsets(self, norms: FloatArray) -> FloatArray | None:
        """Return what is then added to them; None for nothing."""
        return None

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

    def prepared(self, queries: FloatArray) -> FloatArray:
        directions: FloatArray = queries * _inverse(self.norms(queries))[:, None]
        return directions

    def scales(self, norms: FloatArray) -> FloatArray | None:
        return _inverse(norms)

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

    def offsets(self, norms: FloatArray) -> FloatArray | None:
        halves: FloatArray = (-0.5 * norms.astype(np.float64) ** 2).astype(np.float32)
        return halves

    def distances(self, queries: FloatArray, rows: FloatArray) -> _Doubles:
        difference = queries.astype(np.float64) - rows
        apart: _Doubles = np.sqrt((difference * difference).sum(axis=1))
        return apart

    def scale(self, query_norms: FloatArray, longest: float) -> _Doubles:
        return longest * query_norms.astype(np.float64) + longest * longest


class _InnerProduct(Metric):
    name: MetricName = "inner_product"

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
