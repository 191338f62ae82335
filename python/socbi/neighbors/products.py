"""Similarities of a block of queries with a block of rows, and which of them are large enough.

On the processor with numpy's BLAS, or on a GPU with torch: the same four steps.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from socbi.errors import InvalidInputError, MissingExtraError
from socbi.neighbors.metrics import FloatArray

__all__ = [
    "Block",
    "NumpyProducts",
    "Passing",
    "Products",
    "ProductsMaker",
    "TorchProducts",
    "products_on",
]

Passing = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], FloatArray]  # query, row, similarity


@dataclass(frozen=True)
class Block:
    """A block of rows, and how the products with each become similarities."""

    vectors: FloatArray  # (b, d)
    scales: FloatArray | None  # (b,): the products are multiplied by these,
    offsets: FloatArray | None  # (b,): then these are added,
    dead: npt.NDArray[np.intp]  # and these rows are infinitely unlike


class Products(Protocol):
    """The similarities of one block of queries with one block of rows after the other."""

    def multiply(self, rows: Block) -> None:
        """Compute the similarities of all queries with a block of rows."""

    def kth_largest(self, k: int) -> FloatArray:
        """Return the k-th largest similarity of each query in the block."""
        ...

    def passing(self, floor: FloatArray) -> Passing:
        """Return query, row and similarity of all that reach their query's floor."""
        ...


class ProductsMaker(Protocol):
    """How products are made, and in which blocks they run best."""

    query_rows: int
    block_rows: int
    parallel: bool  # whether several threads may each make their own

    def __call__(self, queries: FloatArray) -> Products:
        """Begin with a block of queries."""
        ...


class NumpyProducts:
    """On the processor, one thread.

    256 queries by 4,096 rows are 4 MB of similarities: small enough to be read again from the
    cache, large enough for BLAS. Half and twice as many were up to 10% slower (2 cores, 128 and
    512 dimensions).
    """

    query_rows = 256
    block_rows = 4096
    parallel = True

    def __init__(self, queries: FloatArray) -> None:
        self._queries = queries
        self._room = np.empty((len(queries), self.block_rows), np.float32)
        self._block = self._room

    def multiply(self, rows: Block) -> None:
        """Compute the similarities of all queries with a block of rows."""
        shape = (len(self._queries), len(rows.vectors))
        self._block = self._room.reshape(-1)[: shape[0] * shape[1]].reshape(shape)
        np.matmul(self._queries, rows.vectors.T, out=self._block)
        if rows.scales is not None:
            self._block *= rows.scales
        if rows.offsets is not None:
            self._block += rows.offsets
        if len(rows.dead):
            self._block[:, rows.dead] = -np.inf

    def kth_largest(self, k: int) -> FloatArray:
        """Return the k-th largest similarity of each query in the block."""
        if k == 1:  # a quarter of the time; what finds nearest labels asks for nothing else
            nearest: FloatArray = self._block.max(axis=1)
            return nearest
        place = self._block.shape[1] - k
        largest: FloatArray = np.partition(self._block, place, axis=1)[:, place]
        return largest

    def passing(self, floor: FloatArray) -> Passing:
        """Return query, row and similarity of all that reach their query's floor."""
        block = self._block
        places = np.flatnonzero(block >= floor[:, None])
        queries, rows = np.divmod(places, block.shape[1])
        return queries, rows, block.reshape(-1)[places]


class TorchProducts:
    """On the device that torch calls by this name, one search at a time."""

    def __init__(self, device: str) -> None:
        self.query_rows = 4096
        self.block_rows = 16384
        self.parallel = False
        self._device = device

    def __call__(self, queries: FloatArray) -> Products:
        """Begin with a block of queries."""
        return _TorchBlock(queries, self._device)


class _TorchBlock:
    def __init__(self, queries: FloatArray, device: str) -> None:
        self._torch = _torch()
        self._device = device
        self._queries = self._there(queries)
        self._block: Any = None

    def _there(self, array: npt.NDArray[Any]) -> Any:
        return self._torch.from_numpy(np.ascontiguousarray(array)).to(self._device)

    def multiply(self, rows: Block) -> None:
        self._block = self._queries @ self._there(rows.vectors).T
        if rows.scales is not None:
            self._block *= self._there(rows.scales)
        if rows.offsets is not None:
            self._block += self._there(rows.offsets)
        if len(rows.dead):
            self._block[:, self._there(rows.dead)] = -np.inf

    def kth_largest(self, k: int) -> FloatArray:
        largest: FloatArray = self._torch.topk(self._block, k, dim=1).values[:, -1].cpu().numpy()
        return largest

    def passing(self, floor: FloatArray) -> Passing:
        found = self._torch.nonzero(self._block >= self._there(floor)[:, None], as_tuple=True)
        queries, rows = (one.cpu().numpy() for one in found)
        return queries, rows, self._block[found].cpu().numpy()


def products_on(device: str) -> ProductsMaker:
    """Return how products are made on a device.

    ``"auto"`` is a GPU where this program has imported torch already and torch sees one, and the
    processor otherwise; ``"cpu"`` is the processor with numpy; any other name is torch's.
    """
    if device == "cpu":
        return NumpyProducts
    if device == "auto":
        return TorchProducts("cuda") if _sees_gpu() else NumpyProducts
    torch = _torch()
    try:
        torch.ones(1, device=device).cpu()  # a device without numbers, such as "meta", fails here
    except (RuntimeError, AssertionError) as error:
        raise InvalidInputError(
            f"device must be 'auto', 'cpu' or a device that torch has here, got {device!r}: {error}"
        ) from error
    return TorchProducts(device)


def _sees_gpu() -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and bool(torch.cuda.is_available())


def _torch() -> Any:
    try:
        import torch
    except ImportError as error:
        raise MissingExtraError(
            "searching on a device needs torch; install it (pip install torch) or use device='cpu'"
        ) from error
    return torch
