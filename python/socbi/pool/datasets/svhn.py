"""SVHN, the cropped digits: one .mat file a split."""

from __future__ import annotations

import zlib

import numpy as np

from socbi.pool.columns import ArrayImages
from socbi.pool.datasets.data_set import DataSet
from socbi.pool.datasets.request import Request
from socbi.pool.pool import Label, Pool
from socbi.pool.sample_ids import SampleId

__all__ = ["SVHN_SETS"]

_MD5 = {
    "train": "e26dedcc434d2e4c54c9b2d4a06d8373",
    "test": "eb5a983be6a315427106f1b164d9cef3",
    "extra": "a93ce644f1a588dc4d68dda5feec44a7",
}


def _read(request: Request) -> Pool:
    """Return the pool of a split; labels are the digits, 0 being written as 10 in the files."""
    from scipy import io
    from scipy.io.matlab import MatReadError

    path = request.find(f"{request.split}_32x32.mat")
    request.check_file(path, _MD5[request.split])
    try:
        found = io.loadmat(path, variable_names=["X", "y"])
    except (
        MatReadError, OSError, EOFError, ValueError, TypeError, KeyError, IndexError,
        NotImplementedError, MemoryError, zlib.error,
    ) as error:  # fmt: skip
        raise request.damaged(path, error) from error
    if "X" not in found or "y" not in found:
        raise request.damaged(path, "it has no X and y")
    pixels, numbers = found["X"], found["y"].ravel()
    if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[2] != 3:
        raise request.damaged(path, f"X is {pixels.dtype} {pixels.shape}, not (32, 32, 3, n) bytes")
    if pixels.shape[3] != len(numbers):
        raise request.damaged(path, f"{len(numbers):,} labels and {pixels.shape[3]:,} images")
    ids, labels = list[SampleId](), list[Label | None]()
    for at, number in enumerate(numbers.tolist()):
        if number not in range(1, 11):
            request.intake.refuse(
                "unreadable row", f"{path.name} {at}", f"there is no label {number}"
            )
            continue
        ids.append(at)
        labels.append(int(number) % 10)
    # No copy: the file's order is by column, in which each image is in one piece.
    images = pixels.transpose(3, 0, 1, 2)
    kept = images if len(ids) == len(images) else images[ids]
    return request.pool(ids, {"image": ArrayImages(kept)}, labels)


SVHN_SETS = {
    "svhn": DataSet(
        ("train", "test", "extra"), "http://ufldl.stanford.edu/housenumbers/", _read, checksums=True
    )
}
