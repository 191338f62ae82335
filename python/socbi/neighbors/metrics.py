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

A vector of zeros has no direction: its cosine with any other is taken as 0. The same holds for one
too short to divide by: below 8e-28 products with it leave the range in which float32 is exact.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from socbi.errors import InvalidInputError

__all__ = ["FloatArray", "Metric", "MetricName", "metric_of", "narrowed"]

MetricName: TypeAlias = Literal["cosine", "euclidean", "inner_product"]
FloatArray: TypeAlias = npt.NDArray[np.float32]
_Doubles: TypeAlias = npt.NDArray[np.float64]

# Half of the distance from 1 to the next float32: the relative error of one operation.
_ROUNDING = 2.0**-24
# Half of its square is still a float32, and so is the product of two.
_LONGEST = 1e18
# The smallest normal float32. Below it numbers lose digits, or become 0 where some library has
# switched that on for the whole process.
_TINY = float(np.finfo(np.float32).tiny)
# The shortest vector that has a direction: what _TINY hides is far less than a rounding of it.
_SHORTEST = 2.0**-90


class Metric(ABC):
    """One meaning of near."""

    name: MetricName

    def norms(self, block: FloatArray) -> FloatArray:
        """Return the length of each row."""
        squares = np.einsum("nd,nd->n", block, block, dtype=np.float64)
        return narrowed(np.sqrt(squares))

    def check_lengths(self, norms: FloatArray, first: int, what: str = "the vector in row") -> None:
        """Refuse rows with NaN, and with numbers whose squares leave float32."""
        bad = np.flatnonzero(~(norms < _LONGEST))
        if len(bad):
            raise InvalidInputError(
                f"{what} {first + bad[0]} has NaN, an infinity or a length beyond {_LONGEST:g}; "
                "leave it out or scale all vectors"
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

    def spread(self, query_norms: FloatArray, longest: float) -> _Doubles:
        """Return a bound of the similarities between equal distances, in units of two roundings."""
        return self.scale(query_norms, longest)

    def may_be_nearer(
        self, queries: FloatArray, rows: FloatArray, radius: FloatArray
    ) -> npt.NDArray[np.bool_]:
        """Return which rows may be nearer to a query than its radius; surely all that are.

        Like the candidates of a blocked search: float32 products, with room for their error.
        """  # (q, d), (n, d), (q,) -> (q, n)
        norms = self.norms(rows)
        similarities = self.prepared(queries) @ rows.T
        if (scales := self.scales(norms)) is not None:
            similarities *= scales
        if (offsets := self.offsets(norms)) is not None:
            similarities += offsets
        longest = float(norms.max()) if len(norms) else 0.0
        squares = np.einsum("qd,qd->q", queries, queries, dtype=np.float64)
        floor = self.similarity_at(radius.astype(np.float64), squares)
        floor -= self.slack(queries, longest)
        near: npt.NDArray[np.bool_] = similarities >= floor[:, None]
        return near

    @abstractmethod
    def similarity_at(self, distances: _Doubles, squares: _Doubles) -> _Doubles:
        """Return the similarity of rows so far from queries of these squared lengths."""

    def slack(self, queries: FloatArray, longest: float) -> FloatArray:
        """Return how far two float32 similarities may be apart in the wrong order.

        The error of a sum of d products is at most d roundings of the sum of their sizes, in any
        order of summation (Higham, *Accuracy and Stability of Numerical Algorithms*, section 3.1);
        eight more cover the preparation of both sides, and both similarities may err. Distances
        that are equal as float32 are ordered by the rows, so what rounds to the same distance must
        pass as well; and each operation may lose what lies below the smallest normal number.
        """
        norms, operations = self.norms(queries), queries.shape[1] + 8
        relative = operations * self.scale(norms, longest) + self.spread(norms, longest)
        return narrowed(2 * (_ROUNDING * relative + _TINY * operations))


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
        squares, other_squares = (wide * wide).sum(axis=1), (other * other).sum(axis=1)
        products = (wide * other).sum(axis=1)
        cosines: _Doubles = np.zeros_like(products)
        directed = np.minimum(squares, other_squares) >= _SHORTEST * _SHORTEST
        np.divide(products, np.sqrt(squares * other_squares), out=cosines, where=directed)
        return 1.0 - cosines

    def scale(self, query_norms: FloatArray, longest: float) -> _Doubles:
        return np.ones(len(query_norms))

    def similarity_at(self, distances: _Doubles, squares: _Doubles) -> _Doubles:
        return 1 - distances


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

    def similarity_at(self, distances: _Doubles, squares: _Doubles) -> _Doubles:
        return 0.5 * (squares - distances * distances)

    def spread(self, query_norms: FloatArray, longest: float) -> _Doubles:
        # Half of the difference of two squares: their sum, two distances at most, by half a step.
        farthest: _Doubles = query_norms.astype(np.float64) + longest
        return farthest * farthest


class _InnerProduct(Metric):
    name: MetricName = "inner_product"

    def distances(self, queries: FloatArray, rows: FloatArray) -> _Doubles:
        products: _Doubles = (queries.astype(np.float64) * rows).sum(axis=1)
        return -products

    def similarity_at(self, distances: _Doubles, squares: _Doubles) -> _Doubles:
        return -distances

    def scale(self, query_norms: FloatArray, longest: float) -> _Doubles:
        return longest * query_norms.astype(np.float64)


def _inverse(norms: FloatArray) -> FloatArray:
    return np.divide(1.0, norms, out=np.zeros_like(norms), where=norms >= _SHORTEST)


def narrowed(numbers: npt.NDArray[Any]) -> FloatArray:
    """Return float32; what is beyond it becomes infinite, for the checks to find."""
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(numbers, np.float32)


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
