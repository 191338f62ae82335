"""The learner of a session: made when it is needed, fitted, asked, and remembered."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from socbi.errors import SessionError
from socbi.session.learners_by_name import LearnerMaker
from socbi.session.predictions import Predictions
from socbi.session.storing import storing
from socbi.session.training import learned
from socbi.types import IdArray

__all__ = ["Model"]

CHECKPOINT = "learning.checkpoint"


class Model:
    """What learns, with what it remembers of the round before where it starts warm.

    A learner that starts warm is given, in a new process, what it had learned in the last round
    that was committed. So it picks what it would have picked had nobody closed the session.
    """

    def __init__(self, folder: Path, maker: LearnerMaker, predictions: Predictions) -> None:
        self._folder = folder
        self._maker = maker
        self._predictions = predictions
        self._learner: Any = None
        self._size = 0  # how many samples it was made for

    def learn(
        self,
        number: int,
        before: int | None,
        labelled: tuple[IdArray, IdArray],
        shape: tuple[int, int],
        seen: Callable[[], npt.NDArray[Any]],
    ) -> npt.NDArray[Any]:
        """Return what a model of these labels says of all samples, kept for the round ``number``.

        ``before`` is the last round that has a model, ``shape`` how many samples and classes there
        are, and ``seen`` returns what the learner sees of the samples.
        """
        try:
            if self._learner is None or self._size != shape[0]:
                self._learner = self._maker.make(seen(), self._folder / CHECKPOINT)
                self._size = shape[0]
                self._recall(before)
            parts = learned(self._learner, *labelled, shape[1], shape[0])
            self._predictions.write(number, shape, parts)
            self._remember(number)
        except BaseException:
            self.forget()
            raise
        return self._predictions.read(number)

    def forget(self) -> None:
        """Drop what was learned for a round that was not committed."""
        self._learner = None

    def keep(self, number: int) -> None:
        """Delete what a fit left behind that is not of this round."""
        unneeded = [self._folder / CHECKPOINT, *self._folder.glob("learned-*")]
        for path in unneeded:
            if path != self._path(number):
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)

    def _recall(self, number: int | None) -> None:
        path = None if number is None else self._path(number)
        # There is none where the learner of that round started cold, or was another one.
        if path is None or not path.exists() or not hasattr(self._learner, "remember"):
            return
        try:
            with open(path, "rb") as file, np.load(file, allow_pickle=False) as arrays:
                state = dict(arrays)
            kind = str(state.pop("learner"))
        except (OSError, ValueError, EOFError, KeyError, BadZipFile) as error:
            raise SessionError(
                f"{path} cannot be read: {error}; restore it from a copy, or delete it for the "
                "learner to start anew"
            ) from error
        if kind == type(self._learner).__name__:
            self._learner.remember(state)

    def _remember(self, number: int) -> None:
        state = self._learner.remembered() if hasattr(self._learner, "remembered") else {}
        if not state:
            return
        path = self._path(number)
        beside = path.with_suffix(".part")
        with storing(f"{path}"):
            try:
                with open(beside, "wb") as file:
                    np.savez(file, learner=np.array(type(self._learner).__name__), **state)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(beside, path)
            except BaseException:
                with contextlib.suppress(OSError):
                    beside.unlink(missing_ok=True)
                raise

    def _path(self, number: int) -> Path:
        return self._folder / f"learned-{number:06}.npz"
