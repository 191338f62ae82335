"""Encoders by name and parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from socbi.encoders import ClipEncoder, DinoEncoder, Encoder, PixelEncoder, TextEncoder
from socbi.errors import InvalidInputError
from socbi.session.named import check_parameters, made_with, parameters_of, taken_apart

__all__ = ["ENCODERS", "check_encoder", "encoder_kind", "encoder_of"]

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
    "text": _text,
}


def encoder_kind(choice: str | Mapping[str, Any]) -> str:
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


def encoder_of(choice: str | Mapping[str, Any] | None) -> Encoder:
    """Return the encoder that is named."""
    kind, parameters = _checked(choice)
    made: Encoder = made_with(ENCODERS[kind], f"the encoder {kind}", parameters)
    return made


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
    check_parameters(f"the encoder {kind}", parameters, parameters_of(ENCODERS[kind]))
    return kind, parameters
