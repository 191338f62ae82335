"""What encoders with a torch model have in common."""

from __future__ import annotations

import hashlib
from typing import Any

__all__ = ["ModelEncoder", "weights_hash"]


class ModelEncoder:
    """Knows its dimensions and its batch size."""

    _dim: int
    _batch_size: int

    @property
    def dim(self) -> int:
        """Return the number of dimensions."""
        return self._dim

    @property
    def batch_size(self) -> int:
        """Return how many samples are encoded together."""
        return self._batch_size


def weights_hash(model: Any) -> str:
    """Return a hash of the weights of a torch module, by name, type and value."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        plain = tensor.detach().cpu().contiguous()
        digest.update(f"{name} {plain.dtype} {tuple(plain.shape)}".encode())
        # Bytes, because numpy has no bfloat16.
        digest.update(plain.flatten().view(_bytes_type()).numpy().tobytes())
    return digest.hexdigest()[:16]


def _bytes_type() -> Any:
    import torch

    return torch.uint8
