"""What the models of the last rounds said of every sample, a file a round."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from socbi.errors import SessionError
from socbi.session.storing import storing

__all__ = ["Predictions"]


class Predictions:
    """A folder of probabilities; a file counts when its round is committed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "predictions"

    def write(
        self, round_number: int, shape: tuple[int, int], parts: Iterable[npt.NDArray[Any]]
    ) -> None:
        """Keep the probabilities of a round, over those of an interrupted one of its number.

        They are kept as float32, and memory need not hold all of them.
        """
        path = self._path(round_number)
        beside = path.with_suffix(".part")
        with storing(f"{path}"):
            self._folder.mkdir(exist_ok=True)
            try:
                with open(beside, "wb") as file:
                    header = {"descr": "<f4", "fortran_order": False, "shape": shape}
                    np.lib.format.write_array_header_1_0(file, header)
                    for part in parts:
                        file.write(np.ascontiguousarray(part, "<f4").data)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(beside, path)
            except BaseException:
                with contextlib.suppress(OSError):
                    beside.unlink(missing_ok=True)
                raise
            _sync(self._folder)

    def read(self, round_number: int) -> npt.NDArray[Any]:
        """Return the probabilities of a round, memory-mapped."""
        path = self._path(round_number)
        try:
            found: npt.NDArray[Any] = np.load(path, mmap_mode="r")
        except (OSError, ValueError, EOFError) as error:
            raise SessionError(
                f"{path} cannot be read: {error}; restore it from a copy, or submit a label and "
                "call step()"
            ) from error
        return found

    def has(self, round_number: int) -> bool:
        """Say whether there is a file of this round."""
        return self._path(round_number).exists()

    def keep(self, rounds: set[int]) -> None:
        """Delete what is not of these rounds."""
        for path in self._folder.glob("*"):
            if path not in {self._path(one) for one in rounds}:
                with contextlib.suppress(OSError):
                    path.unlink()

    def _path(self, round_number: int) -> Path:
        return self._folder / f"{round_number:06}.npy"


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
