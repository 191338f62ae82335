"""A backbone trained by self-distillation, as an encoder."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pickle import PickleError
from typing import Any

import numpy as np

from socbi.encoders.devices import chosen_device, import_torch, usual_batch_size
from socbi.encoders.dino.network import feature_dim, import_timm, made_backbone
from socbi.encoders.dino.settings import DinoSettings
from socbi.encoders.encoder import Vectors
from socbi.encoders.images import resized, squared
from socbi.encoders.model import ModelEncoder, weights_hash
from socbi.encoders.whole_file import writing_whole
from socbi.errors import InvalidInputError
from socbi.pool import Fingerprint, Sample

__all__ = ["DinoEncoder", "settings_from"]


class DinoEncoder(ModelEncoder):
    """Images to features of a self-distilled network: of a `DinoTrainer`, a file, or timm.

    Parameters
    ----------
    settings
        Those that it was trained with.
    state
        The weights of the backbone.
    device
        As torch calls it; a GPU where torch sees one by default.
    """

    def __init__(
        self,
        settings: DinoSettings,
        state: dict[str, Any] | None = None,
        *,
        device: str | None = None,
        batch_size: int | None = None,
    ) -> None:
        backbone = made_backbone(settings)
        if state is not None:
            backbone.load_state_dict(state)
        self._become(settings, backbone, device, batch_size)

    def _become(
        self, settings: DinoSettings, backbone: Any, device: str | None, batch_size: int | None
    ) -> None:
        torch = import_torch("dino")
        self._settings = settings
        self._device = chosen_device(torch, device)
        self._dim = feature_dim(backbone, settings)
        self._backbone = backbone.to(self._device).eval()
        self._hash = weights_hash(self._backbone)
        self._batch_size = batch_size or usual_batch_size(torch, self._device, settings.image_size)

    @classmethod
    def from_timm(
        cls,
        name: str = "vit_small_patch16_224.dino",
        *,
        pretrained: bool = True,
        image_size: int = 224,
        device: str | None = None,
    ) -> DinoEncoder:
        """Return a network of timm, with the weights that timm fetches for it."""
        timm = import_timm()
        try:
            backbone = timm.create_model(name, pretrained=pretrained, num_classes=0)
        except Exception as error:  # what a hub raises has no class in common
            raise InvalidInputError(
                f"timm can neither find nor fetch {name!r}: "
                f"{(str(error).splitlines() or [type(error).__name__])[0]}; check the name and the "
                "network"
            ) from error
        found = cls.__new__(cls)
        settings = DinoSettings(image_size=image_size, local_size=image_size, backbone=name)
        found._become(settings, backbone, device, None)
        return found

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write settings and weights into a file: beside, and then renamed."""
        content = {
            "settings": json.dumps(asdict(self._settings)),
            "backbone": {name: one.cpu() for name, one in self._backbone.state_dict().items()},
        }
        with writing_whole(path) as file:
            import_torch("dino").save(content, file)

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, device: str | None = None) -> DinoEncoder:
        """Open what `save` wrote."""
        try:
            content = import_torch("dino").load(path, map_location="cpu", weights_only=True)
            settings = settings_from(json.loads(content["settings"]))
            return cls(settings, content["backbone"], device=device)
        except (OSError, RuntimeError, LookupError, TypeError, ValueError, PickleError) as error:
            if isinstance(error, FileNotFoundError):
                raise
            raise InvalidInputError(
                f"{path} is no saved DINO encoder: {(str(error).splitlines() or [''])[0]}"
            ) from error

    @property
    def fingerprint(self) -> Fingerprint:
        """Return what tells this encoder from every other."""
        side, channels = self._settings.image_size, self._settings.channels
        form = f"{side} x {side}, {channels} channels"
        return Fingerprint(f"dino {self._settings.backbone}", self._hash, form, self._dim)

    def prepare(self, sample: Sample) -> Sample:
        """Return the sample with its image at the size of the network."""
        return squared(sample, self._settings.image_size, self._settings.channels)

    def encode(self, batch: Sequence[Sample]) -> Vectors:
        """Return the features of each image."""
        torch = import_torch("dino")
        side, channels = self._settings.image_size, self._settings.channels
        pixels = np.stack([resized(sample, side, channels) for sample in batch])
        with torch.inference_mode():
            images = torch.from_numpy(pixels).to(self._device).float() / 255
            features = self._backbone((images - 0.5) / 0.25)
        return np.asarray(features.float().cpu().numpy(), np.float32)


def settings_from(given: dict[str, Any]) -> DinoSettings:
    """Return settings that were written as JSON, which knows no tuples."""
    plain: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in given.items()
    }
    return DinoSettings(**plain)
