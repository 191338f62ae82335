"""Samples that come one by one, each with its image in a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from socbi.pool.columns import Column, FileImages, Table, Texts
from socbi.pool.datasets.request import Request
from socbi.pool.folders import image_fault
from socbi.pool.pool import Label, Modality, Pool
from socbi.pool.sample_ids import SampleId

__all__ = ["Gathering", "SomeImages"]


@dataclass(frozen=True)
class SomeImages:
    """Images in files, of samples some of which have none."""

    paths: Sequence[Path | None]

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.paths)

    def __getitem__(self, position: int) -> Any:
        """Return the image, a PIL.Image, or None."""
        path = self.paths[position]
        return None if path is None else FileImages([path])[0]


class Gathering:
    """Takes samples in, refusing those twice there and those whose image is not."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._ids: dict[SampleId, None] = {}
        self._paths: list[Path | None] = []
        self._texts: list[str] = []
        self._labels: list[Label | None] = []

    @property
    def ids(self) -> list[SampleId]:
        """Return the ids so far."""
        return list(self._ids)

    def add(
        self,
        where: str,
        id: SampleId,
        *,
        image: Path | None = None,
        text: str = "",
        label: Label | None = None,
    ) -> bool:
        """Take a sample in; say whether it came in."""
        intake = self._request.intake
        if id in self._ids:
            intake.refuse("duplicate id", where, f"{id!r} was there before")
            return False
        if image is not None:
            fault = image_fault(image, opened=self._request.check_images)
            if fault is not None:
                intake.refuse(fault[0], where, fault[1])
                return False
        self._ids[id] = None
        self._paths.append(image)
        self._texts.append(text)
        self._labels.append(label)
        return True

    def pool(
        self,
        *,
        image: bool = True,
        text: bool = False,
        table: Mapping[str, Sequence[Any]] | None = None,
        labels: Sequence[Label | None] | None = None,
    ) -> Pool:
        """Return the pool of what came in; ``labels`` are those given to `add` unless given here.

        ``image`` and ``text`` say whether the set has such.
        """
        columns: dict[Modality, Column] = {}
        if image:
            whole = [path for path in self._paths if path is not None]
            columns["image"] = (
                FileImages(whole) if len(whole) == len(self._paths) else SomeImages(self._paths)
            )
        if text:
            columns["text"] = Texts(self._texts)
        if table:
            columns["table"] = Table(table)
        if labels is None and any(one is not None for one in self._labels):
            labels = self._labels
        return self._request.pool(self.ids, columns, labels)
