"""Samples to vectors, and from a pool to a store of embeddings."""

from socbi.encoders.clip import ClipEncoder
from socbi.encoders.dino import DinoEncoder, DinoSettings, DinoTrainer
from socbi.encoders.embedding import Embedded, embed
from socbi.encoders.encoder import Encoder
from socbi.encoders.fused import FusedEncoder
from socbi.encoders.pixels import PixelEncoder
from socbi.encoders.table import TableEncoder
from socbi.encoders.text import TextEncoder
from socbi.encoders.words import WordEncoder

__all__ = [
    "ClipEncoder",
    "DinoEncoder",
    "DinoSettings",
    "DinoTrainer",
    "Embedded",
    "Encoder",
    "FusedEncoder",
    "PixelEncoder",
    "TableEncoder",
    "TextEncoder",
    "WordEncoder",
    "embed",
]
