"""The student learns to say of every view what the teacher says of the large ones.

After DINO's own code: the teacher's logits are centred by a moving mean of earlier batches and
sharpened; each view of the student is compared with the other large view of the teacher. (The
formulas printed in So-CBI's paper sum over samples where these sum over views, and centre features
by the present batch.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from socbi.encoders.devices import import_torch
from socbi.encoders.dino.settings import DinoSettings

__all__ = ["DinoLoss"]


class DinoLoss:
    """The loss, and the centre that it keeps.

    The teacher's targets of a batch use the centre of the batches before.
    """

    def __init__(self, settings: DinoSettings, device: Any) -> None:
        self._settings = settings
        self.centre = import_torch("dino").zeros(1, settings.out_dim, device=device)

    def targets(self, teacher_logits: Any) -> Any:
        """Return what the teacher says: probabilities, centred and sharpened."""
        return ((teacher_logits - self.centre) / self._settings.teacher_temperature).softmax(1)

    def __call__(self, student_logits: Sequence[Any], teacher_logits: Sequence[Any]) -> Any:
        """Return the mean cross-entropy over pairs of a large view and another view."""
        temperature = self._settings.student_temperature
        said = [(one / temperature).log_softmax(1) for one in student_logits]
        pairs = [
            -(self.targets(teacher) * said[view]).sum(1).mean()
            for place, teacher in enumerate(teacher_logits)
            for view in range(len(said))
            if view != place
        ]
        return sum(pairs) / len(pairs)

    def move_centre(self, teacher_logits: Sequence[Any]) -> None:
        """Take a batch into the centre."""
        mean = import_torch("dino").cat(list(teacher_logits)).mean(0, keepdim=True)
        kept = self._settings.centre_momentum
        self.centre = kept * self.centre + (1 - kept) * mean
