"""Where a torch model runs, and how many samples at a time."""

from __future__ import annotations

from typing import Any

from socbi.errors import InvalidInputError, MissingExtraError

__all__ = ["chosen_device", "import_torch", "usual_batch_size"]


def import_torch(extra: str) -> Any:
    """Return torch, or say which extra brings it."""
    try:
        import torch
    except ImportError as error:
        raise MissingExtraError(
            f"this needs torch: pip install -c constraints.txt 'socbi[{extra}]'"
        ) from error
    return torch


def chosen_device(torch: Any, device: str | None) -> Any:
    """Return the device asked for; a GPU if torch sees one, else the processor."""
    if device is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
        torch.ones(1, device=chosen)
    except (RuntimeError, AssertionError) as error:
        line = str(error).splitlines()[0]
        raise InvalidInputError(
            f"device must be one that torch has here, got {device!r}: {line}"
        ) from error
    return chosen


def usual_batch_size(torch: Any, device: Any, image_size: int) -> int:
    """Return how many images to encode together.

    A quarter of a GPU's free memory at a generous 600 bytes for each input number; on a processor
    more than 64 gains nothing.
    """
    if device.type != "cuda":
        return 64
    free, _ = torch.cuda.mem_get_info(device)
    fitting = int(free / 4 / (600 * 3 * image_size * image_size))
    power = max(fitting, 1).bit_length() - 1
    return max(16, min(512, 1 << power))
