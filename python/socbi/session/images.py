"""The images of a session as its learner sees them: pixels of one size, a row a sample.

They are read once and kept beside the embeddings, so that no round opens a file again, and so that
images that never were files of their own are there after a restart. How many rows count is
committed after they are synced, as it is for the embeddings.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from socbi.encoders.images import resized_images
from socbi.errors import InvalidInputError, SessionError
from socbi.pool import Pool, SampleIds
from socbi.pool.columns import FileImages
from socbi.session.database import Database
from socbi.session.learners_by_name import ImageForm
from socbi.session.samples import Samples
from socbi.session.vector_file import VectorFile

__all__ = ["Images", "check_images"]

META = "images"
# Images that are read before what there is of them is committed.
_ROWS = 2_048


class Images:
    """The pixels of all samples in one form, read where they are not there yet."""

    def __init__(self, folder: Path, form: ImageForm, *, progress: bool) -> None:
        self._folder = folder
        self._form = form
        self._progress = progress
        name = f"images-{form.side}x{form.channels}.bin"
        self._file = VectorFile(folder, int(np.prod(form.shape)), "uint8", name)

    def write(self, first: int, pool: Pool | None, positions: Sequence[int]) -> dict[str, Any]:
        """Write the images of these samples of a pool behind the first so many rows.

        Returned is what is to be committed for them to count.
        """
        check_images(pool)
        assert pool is not None
        rows = self._file.write_behind(first, self._read(pool, positions))
        return {"side": self._form.side, "channels": self._form.channels, "rows": rows}

    def counted(self, database: Database) -> int:
        """Return how many rows count."""
        kept = database.meta(META)
        if kept is None or (kept["side"], kept["channels"]) != (
            self._form.side,
            self._form.channels,
        ):
            return 0
        return int(kept["rows"])

    def mapped(self, database: Database, samples: Samples) -> npt.NDArray[np.uint8]:
        """Return the images of all samples, (n, channels, side, side), memory-mapped.

        Those that are missing, as a learner of images took over later, are read from the files that
        the samples are shown by, and an interruption loses a piece of them.
        """
        size = len(samples)
        for begin in range(self.counted(database), size, _ROWS):
            positions = range(begin, min(begin + _ROWS, size))
            value = self.write(begin, _pool_of_files(samples, positions), range(len(positions)))
            with database.writing("the images of samples"):
                database.put_meta(META, value)
        for other in self._folder.glob("images-*.bin"):
            if other != self._file.path:
                with contextlib.suppress(OSError):
                    other.unlink()
        return self._file.mapped(size).reshape(size, *self._form.shape)

    def _read(self, pool: Pool, positions: Sequence[int]) -> Iterator[npt.NDArray[np.uint8]]:
        from tqdm.auto import tqdm

        with tqdm(
            total=len(positions),
            desc="reading images",
            unit="image",
            disable=not self._progress,
            delay=2.0,
        ) as bar:
            for begin in range(0, len(positions), _ROWS):
                some = pool.subset(positions[begin : begin + _ROWS])
                try:
                    pixels = resized_images(some, self._form.side, self._form.channels, False)
                except (OSError, SyntaxError) as error:
                    raise InvalidInputError(
                        f"the learner needs the image of every sample, and one cannot be read: "
                        f"{error}; mend or remove it"
                    ) from error
                yield pixels.reshape(len(pixels), -1)
                bar.update(len(pixels))


def check_images(pool: object) -> None:
    """Refuse samples without images."""
    if not isinstance(pool, Pool) or "image" not in pool.modalities:
        raise InvalidInputError(
            "this learner learns from images: give a Pool whose samples have images, or a learner "
            "of embeddings, such as logistic"
        )


def _pool_of_files(samples: Samples, positions: Sequence[int]) -> Pool:
    contents = samples.contents(positions)
    for position, content in zip(positions, contents, strict=True):
        if "image" not in content:
            raise SessionError(
                "the learner of this session learns from images, and no image file is known of the "
                f"sample {samples.ids([position])[0]!r}: go on with a learner of embeddings, such "
                "as logistic, or begin a session with this learner"
            )
    paths = [Path(one["image"]) for one in contents]
    return Pool(SampleIds(samples.ids(positions)), {"image": FileImages(paths)})
