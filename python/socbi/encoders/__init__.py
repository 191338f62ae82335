"""Samples to vectors, and from a pool to a store of embeddings."""

from socbi.encoders.embedding import Embedded, embed
from socbi.encoders.encoder import Encoder
from socbi.encoders.pixels import PixelEncoder

__all__ = ["Embedded", "Encoder", "PixelEncoder", "embed"]
