"""Texts as vectors, by a sentence-transformers model."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np

from socbi.encoders.encoder import Vectors
from socbi.encoders.model import ModelEncoder, weights_hash
from socbi.encoders.torchvision_repair import import_torchvision
from socbi.errors import InvalidInputError, MissingExtraError
from socbi.pool import Fingerprint, Sample

__all__ = ["TextEncoder"]


class TextEncoder(ModelEncoder):
    """A sentence-transformers model, by its name or the folder that it was saved in.

    Parameters
    ----------
    model
        A name that is known on the Hugging Face hub, a folder, or a SentenceTransformer.
    device
        As torch calls it; a GPU where torch sees one by default.
    normalize
        Give vectors the length 1.

    Notes
    -----
    Needs ``pip install -c constraints.txt 'socbi[text]'``. Names are fetched once from the hub;
    without a network give a folder.
    """

    def __init__(
        self,
        model: Any,
        *,
        device: str | None = None,
        batch_size: int = 64,
        normalize: bool = True,
    ) -> None:
        if batch_size < 1:
            raise InvalidInputError(f"batch_size must be 1 or more, got {batch_size}")
        self._name = model if isinstance(model, str) else type(model).__name__
        self._model = _loaded(model, device) if isinstance(model, str) else model
        self._batch_size = batch_size
        self._normalize = normalize
        self._hash = weights_hash(self._model)
        self._dim = int(self._model.encode(["a"], show_progress_bar=False).shape[1])

    @property
    def fingerprint(self) -> Fingerprint:
        """Return what tells this encoder from every other."""
        form = "length 1" if self._normalize else "as they come"
        length = getattr(self._model, "max_seq_length", None)
        return Fingerprint(f"text {self._name}", self._hash, f"{form}, {length} tokens", self._dim)

    def encode(self, batch: Sequence[Sample]) -> Vectors:
        """Return a vector for each text."""
        texts = []
        for sample in batch:
            if sample.text is None:
                raise InvalidInputError(f"sample {sample.id!r} has no text; this encoder needs one")
            texts.append(sample.text)
        found = self._model.encode(
            texts,
            batch_size=self._batch_size,
            normalize_embeddings=self._normalize,
            show_progress_bar=False,
            convert_to_numpy=True,
        )
        return np.asarray(found, np.float32)


def _loaded(name: str, device: str | None) -> Any:
    if find_spec("torchvision") is not None:
        import_torchvision()  # transformers imports it where it is there, and fails with it
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError as error:
        raise MissingExtraError(
            "TextEncoder needs sentence-transformers: pip install -c constraints.txt 'socbi[text]'"
        ) from error
    try:
        return SentenceTransformer(name, device=device)
    except (OSError, ValueError) as error:
        raise InvalidInputError(
            f"the text model {name!r} can neither be read as a folder nor fetched: "
            f"{str(error).splitlines()[0]}; check the name, the network, or give a folder"
        ) from error
