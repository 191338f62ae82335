"""Every set by its name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from socbi.errors import InvalidInputError
from socbi.pool.datasets.cifar import CIFAR_SETS
from socbi.pool.datasets.coco import COCO_SETS
from socbi.pool.datasets.data_set import DataSet
from socbi.pool.datasets.hateful_memes import HATEFUL_MEMES_SETS
from socbi.pool.datasets.idx import IDX_SETS
from socbi.pool.datasets.mirflickr import MIRFLICKR_SETS
from socbi.pool.datasets.nus_wide import NUS_WIDE_SETS
from socbi.pool.datasets.petfinder import PETFINDER_SETS
from socbi.pool.datasets.request import Request
from socbi.pool.datasets.scikit_learn import SCIKIT_LEARN_SETS
from socbi.pool.datasets.sentences import SENTENCE_SETS
from socbi.pool.datasets.svhn import SVHN_SETS
from socbi.pool.datasets.tiny_imagenet import TINY_IMAGENET_SETS
from socbi.pool.datasets.uci import UCI_SETS
from socbi.pool.datasets.visual_genome import VISUAL_GENOME_SETS
from socbi.pool.intake import Intake, OnProblem
from socbi.pool.pool import Label, Pool

__all__ = ["class_names", "load", "names", "splits"]

_SETS: dict[str, DataSet] = {
    **CIFAR_SETS,
    **COCO_SETS,
    **HATEFUL_MEMES_SETS,
    **IDX_SETS,
    **MIRFLICKR_SETS,
    **NUS_WIDE_SETS,
    **PETFINDER_SETS,
    **SCIKIT_LEARN_SETS,
    **SENTENCE_SETS,
    **SVHN_SETS,
    **TINY_IMAGENET_SETS,
    **UCI_SETS,
    **VISUAL_GENOME_SETS,
}


def load(
    name: str,
    root: str | os.PathLike[str] | None = None,
    split: str | None = None,
    on_problem: OnProblem = "raise",
    *,
    verify: bool = False,
    check_images: bool = False,
) -> Pool:
    r"""Return the pool of a published data set, from the files as they are published.

    Nothing is downloaded, and nothing is unpacked to the disk. Ids are those of the set where it
    has such, else the number of the sample in its split; labels are what the files say, numbers or
    names (`class_names` has the names of numbers). Where samples have several labels the pool has
    the rarest of them as the label and all of them as table columns of 0 and 1.

    Parameters
    ----------
    name
        One of `names`.
    root
        The folder with the files; those of scikit-learn need none.
    split
        One of `splits`; by default ``"train"``, or ``"all"`` for sets without official splits.
    on_problem
        ``"raise"`` at the first sample that cannot be taken, or ``"skip"`` it; `Pool.intake` then
        counts and lists what was left out. A file that is missing, cut off or of another form
        raises in any case.
    verify
        Compare the files with their published md5 first.
    check_images
        Open every image file, and not only see that it is there.

    Raises
    ------
    InvalidInputError
        A file is missing; the message says which, and where the set is to be had. Or there is no
        such set or split, or no checksum to verify by.
    IntakeError
        A file is damaged or has not its published checksum, or a sample cannot be taken.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as root:
    ...     _ = Path(root, "uci").mkdir()
    ...     _ = Path(root, "uci", "iris.tsv").write_text("petal-length\ttarget\n5.2\t2\n1.4\t0\n")
    ...     pool = load("uci_iris", Path(root, "uci"))
    >>> pool
    <Pool: 2 samples of table, 2 classes>
    >>> pool[0].row, pool[0].label
    ({'petal-length': 5.2}, 2)
    """
    data_set, request = _request(name, root, split, on_problem, verify, check_images)
    return data_set.read(request)


def names() -> tuple[str, ...]:
    """Return the names of the sets that `load` knows.

    Examples
    --------
    >>> [name for name in names() if name.startswith("cifar")]
    ['cifar10', 'cifar100', 'cifar100_coarse']
    """
    return tuple(sorted(_SETS))


def splits(name: str) -> tuple[str, ...]:
    """Return the official splits of a set, the one that is loaded by default first.

    Examples
    --------
    >>> splits("svhn"), splits("mirflickr25k")
    (('train', 'test', 'extra'), ('all',))
    """
    return _data_set(name).splits


def class_names(name: str, root: str | os.PathLike[str] | None = None) -> Mapping[Label, str]:
    """Return what labels that are numbers or codes are called; empty where they speak themselves.

    Examples
    --------
    >>> class_names("fashion_mnist")[9]
    'Ankle boot'
    """
    data_set = _data_set(name)
    if data_set.class_names is None:
        return {}
    _, request = _request(name, root or Path(), None, "raise", False, False)
    return data_set.class_names(request)


def _request(
    name: str,
    root: str | os.PathLike[str] | None,
    split: str | None,
    on_problem: OnProblem,
    verify: bool,
    check_images: bool,
) -> tuple[DataSet, Request]:
    data_set = _data_set(name)
    if split is None:
        split = data_set.splits[0]
    if split not in data_set.splits:
        raise InvalidInputError(
            f"{name} has the splits {', '.join(data_set.splits)}, and no {split!r}"
        )
    if verify and not data_set.checksums:
        raise InvalidInputError(f"no checksums of {name} are known here; load it without verify")
    if root is None and data_set.needs_root:
        raise InvalidInputError(
            f"say in which folder the files of {name} are: root=; the set is to be had at "
            f"{data_set.page}"
        )
    folder = Path(root) if root is not None else Path()
    intake = Intake(on_problem)
    return data_set, Request(name, folder, split, intake, data_set.page, verify, check_images)


def _data_set(name: str) -> DataSet:
    if name not in _SETS:
        raise InvalidInputError(f"there is no set {name!r}, only {', '.join(names())}")
    return _SETS[name]
