"""The paper's self-supervised representation: teacher and student, without labels."""

from socbi.encoders.dino.encoder import DinoEncoder
from socbi.encoders.dino.settings import DinoSettings
from socbi.encoders.dino.trainer import DinoTrainer
from socbi.encoders.dino.watch import CollapseWarning, EpochRecord

__all__ = ["CollapseWarning", "DinoEncoder", "DinoSettings", "DinoTrainer", "EpochRecord"]
