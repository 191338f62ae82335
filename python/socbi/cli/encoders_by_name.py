"""Encoders by name and parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from socbi.encoders import (
    ClipEncoder,
    DinoEncoder,
    Encoder,
    PixelEncoder,
    TableEncoder,
    TextEncoder,
    WordEncoder,
)
from socbi.errors import InvalidInputError, SessionError
from socbi.pool import Pool
from socbi.session.named import check_parameters, made_with, parameters_of, taken_apart

__all__ = ["begun_encoder", "check_encoder", "encoder_kind", "encoder_of", "kept_encoder"]

# Small, quick on a processor, and what many begin with; text:MODEL names another.
_TEXT_MODEL = "sentence-transformers/all-MiniLM-L6-v2"


def _dino(
    model: str = "vit_small_patch16_224.dino",
    *,
    file: str | None = None,
    image_size: int = 224,
    device: str | None = None,
) -> DinoEncoder:
    """Return the network of a file that a `DinoEncoder` was saved in, or one of timm."""
    if file is not None:
        return DinoEncoder.load(file, device=device)
    return DinoEncoder.from_timm(model, image_size=image_size, device=device)


def _text(
    model: str = _TEXT_MODEL,
    *,
    device: str | None = None,
    batch_size: int = 64,
    normalize: bool = True,
) -> TextEncoder:
    return TextEncoder(model, device=device, batch_size=batch_size, normalize=normalize)


ENCODERS: dict[str, Callable[..., Encoder]] = {
    "clip": ClipEncoder,
    "dino": _dino,
    "pixels": PixelEncoder,
    "table": TableEncoder,
    "text": _text,
    "words": WordEncoder,
}
# Those that learn from the samples of a campaign, and the file of its folder that keeps what.
_LEARNED: dict[str, tuple[type[WordEncoder] | type[TableEncoder], str]] = {
    "words": (WordEncoder, "words.npz"),
    "table": (TableEncoder, "table.json"),
}


def encoder_kind(choice: str | Mapping[str, Any] | None) -> str:
    """Return which of `ENCODERS` is meant.

    Examples
    --------
    >>> encoder_kind({"name": "pixels", "side": 14}), encoder_kind("text:models/mine")
    ('pixels', 'text')
    """
    return _checked(choice)[0]


def check_encoder(choice: str | Mapping[str, Any] | None) -> None:
    """Refuse an encoder or parameters that there are not, without loading a model."""
    _checked(choice)


def encoder_of(choice: str | Mapping[str, Any] | None, pool: Pool) -> Encoder:
    """Return the encoder that is named; one that learns from samples learns from the pool."""
    kind, parameters = _checked(choice)
    learned_from = {"pool": pool} if kind in _LEARNED else {}
    made: Encoder = made_with(ENCODERS[kind], f"the encoder {kind}", {**learned_from, **parameters})
    return made


def begun_encoder(choice: str | Mapping[str, Any] | None, pool: Pool, folder: Path) -> Encoder:
    """Return the encoder of a campaign that begins; what it learned is kept in its folder."""
    made = encoder_of(choice, pool)
    if isinstance(made, WordEncoder | TableEncoder):
        folder.mkdir(parents=True, exist_ok=True)
        made.save(folder / _LEARNED[encoder_kind(choice)][1])
    return made


def kept_encoder(choice: str | Mapping[str, Any] | None, pool: Pool, folder: Path) -> Encoder:
    """Return the encoder of a campaign that goes on, with what it had learned."""
    kind = encoder_kind(choice)
    if kind not in _LEARNED:
        return encoder_of(choice, pool)
    maker, name = _LEARNED[kind]
    path = folder / name
    if not path.exists():
        raise SessionError(
            f"{path} is missing, which has what the encoder {kind} learned from this campaign's "
            "samples: restore it from a copy"
        )
    return maker.load(path)


def _checked(choice: str | Mapping[str, Any] | None) -> tuple[str, dict[str, Any]]:
    if choice is None:
        raise InvalidInputError(
            f"say what makes embeddings: --encoder {'|'.join(ENCODERS)}, or give --embeddings FILE"
        )
    name, parameters = taken_apart(choice, "encoder")
    kind, _, model = name.partition(":")
    if kind not in ENCODERS or (model and kind != "text"):
        raise InvalidInputError(
            f"--encoder must be one of {', '.join(ENCODERS)}, or text:MODEL; got {name!r}"
        )
    if model:
        parameters = {"model": model, **parameters}
    known = parameters_of(ENCODERS[kind], without=["pool"])
    check_parameters(f"the encoder {kind}", parameters, known)
    return kind, parameters
