"""One call of `load`: where to look, what to do about problems, and what to say when files lack."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from socbi.errors import IntakeError, InvalidInputError
from socbi.pool.columns import Column
from socbi.pool.datasets.json_stream import json_items
from socbi.pool.intake import Intake
from socbi.pool.pool import Label, Modality, Pool
from socbi.pool.sample_ids import SampleId, SampleIds

__all__ = ["Request"]


@dataclass(frozen=True)
class Request:
    """What was asked for, and how readers find files and say what is wrong with them."""

    name: str
    root: Path
    split: str
    intake: Intake
    page: str
    """Where the set is to be had."""
    verify: bool = False
    check_images: bool = False

    # ---- files -----------------------------------------------------------------------------------

    def look(self, *candidates: str) -> Path | None:
        """Return the first of these paths below the root that is there, or None.

        One that ends with "/" must be a folder, any other a file.
        """
        for one in candidates:
            path = self.root / one
            if path.is_dir() if one.endswith("/") else path.is_file():
                return path
        return None

    def find(self, *candidates: str) -> Path:
        """Return the first of these paths below the root; raise where there is none."""
        found = self.look(*candidates)
        if found is None:
            raise self.missing(*candidates)
        return found

    def missing(self, *candidates: str) -> InvalidInputError:
        """Return the error of a file that is not there."""
        looked = candidates[0] + (f" (nor {', '.join(candidates[1:])})" if candidates[1:] else "")
        return InvalidInputError(
            f"{self.name}, split {self.split!r}, needs {looked} in {self.root}, and it is not "
            f"there; the set is to be had at {self.page}"
        )

    def damaged(self, path: Path | str, fault: object) -> IntakeError:
        """Return the error of a file that is there and cannot be read as what it should be.

        Raised whatever ``on_problem`` says: which samples such a file lacks cannot be listed.
        """
        return IntakeError(
            f"{path} cannot be read as a file of {self.name}: {fault}; get it again from "
            f"{self.page}"
        )

    def text(self, path: Path, encoding: str = "utf-8") -> str:
        """Return the content of a text file."""
        try:
            return path.read_text(encoding=encoding)
        except UnicodeDecodeError as error:
            raise self.damaged(path, error) from error

    def json_items(self, path: Path) -> Iterator[tuple[str, Any]]:
        """Return the items of a large JSON file one by one, see `json_stream.json_items`."""
        try:
            yield from json_items(path)
        except (ValueError, RecursionError) as error:
            raise self.damaged(path, error) from error

    # ---- checksums -------------------------------------------------------------------------------

    def check_file(self, path: Path, md5: str | None) -> None:
        """Compare a file with its published checksum, if that was asked for."""
        if self.verify:
            self._compare(path, _md5_of_file(path), md5)

    def check_content(self, path: Path, content: bytes, md5: str | None) -> None:
        """Compare what a file holds, unpacked, with the published checksum of that."""
        if self.verify:
            self._compare(path, hashlib.md5(content, usedforsecurity=False).hexdigest(), md5)

    def _compare(self, path: Path, found: str, published: str | None) -> None:
        if published is None:
            raise InvalidInputError(
                f"no checksum of {path.name} of {self.name} is known here; load it without verify"
            )
        if found != published:
            raise IntakeError(
                f"{path} has the md5 {found}, and {published} is published: it is damaged or "
                f"another edition; get it again from {self.page}"
            )

    # ---- the pool --------------------------------------------------------------------------------

    def pool(
        self,
        ids: Sequence[SampleId],
        columns: Mapping[Modality, Column],
        labels: Sequence[Label | None] | None,
    ) -> Pool:
        """Return the pool of what came in."""
        if not ids:
            raise InvalidInputError(
                f"nothing of {self.name}, split {self.split!r}, in {self.root} can be taken: "
                f"{self.intake}"
            )
        self.intake.taken = len(ids)
        return Pool(SampleIds(ids), columns, labels, intake=self.intake)


def _md5_of_file(path: Path) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()
