"""Pools of the images in a folder."""

from __future__ import annotations

import os
from pathlib import Path

from socbi.errors import InvalidInputError
from socbi.pool.columns import FileImages, pillow
from socbi.pool.intake import Intake, ProblemKind
from socbi.pool.pool import Label, Pool
from socbi.pool.sample_ids import SampleIds

__all__ = ["IMAGE_ENDINGS", "image_fault", "read_folder"]

IMAGE_ENDINGS = frozenset(
    (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".pgm", ".tif", ".tiff", ".webp")
)


def read_folder(folder: str | os.PathLike[str], intake: Intake, *, check_images: bool) -> Pool:
    """Return the images below a folder, sorted by path."""
    root = Path(folder)
    if not root.is_dir():
        raise InvalidInputError(f"{folder} is not a folder; give a folder of images")
    paths, ids, labels = [], [], list[Label | None]()
    for path in sorted(_images_below(root)):
        within = path.relative_to(root)
        if fault := image_fault(path, opened=check_images):
            intake.refuse(fault[0], str(within), fault[1])
            continue
        paths.append(path)
        ids.append(within.as_posix())
        labels.append(within.parts[0] if len(within.parts) > 1 else None)
    if not paths:
        raise InvalidInputError(
            f"{folder} has no image; files must end with one of {', '.join(sorted(IMAGE_ENDINGS))}"
        )
    intake.taken = len(paths)
    known = any(one is not None for one in labels)
    columns = {"image": FileImages(paths)}
    return Pool(SampleIds(ids), columns, labels if known else None, intake=intake)  # type: ignore[arg-type]


def _images_below(root: Path) -> list[Path]:
    return [
        Path(folder, name)
        for folder, _, names in os.walk(root)
        for name in names
        if Path(name).suffix.lower() in IMAGE_ENDINGS and not name.startswith(".")
    ]


def image_fault(path: Path, *, opened: bool) -> tuple[ProblemKind, str] | None:
    """Return what is wrong with an image: not there, or, when it is opened, not an image."""
    if not path.is_file():
        return "missing file", f"{path} is not there"
    if not opened:
        return None
    image = pillow()
    try:
        with image.open(path) as one:
            one.load()
    except (OSError, SyntaxError, ValueError, image.DecompressionBombError) as error:
        return "broken image", f"{path}: {error}"
    return None
