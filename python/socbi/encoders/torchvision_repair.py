"""A torchvision built for CUDA beside a torch without: import it all the same.

Such a pair, which pip makes easily, fails with "operator torchvision::nms does not exist" while
torchvision is imported, and open_clip and timm with it. Only detection needs those operators;
declaring them without a body lets everything else work, and they themselves stay unusable.
"""

from __future__ import annotations

import sys
from typing import Any

from socbi.errors import MissingExtraError

__all__ = ["declare_operators", "import_torchvision"]

# The operators that torchvision registers a fake of when it is imported, as it declares them.
_OPERATORS = {
    "nms": "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}
_declared: list[Any] = []  # a library is undone when it is collected


def import_torchvision() -> Any:
    """Return torchvision, imported in spite of missing operators."""
    try:
        import torchvision

        return torchvision
    except ImportError as error:
        raise MissingExtraError(
            "images as embeddings need torchvision: pip install -c constraints.txt 'socbi[clip]' "
            "(or 'socbi[dino]')"
        ) from error
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
    declare_operators()
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]
    import torchvision

    return torchvision


def declare_operators() -> None:
    """Declare those operators of torchvision that torch does not know."""
    import torch

    library = torch.library.Library("torchvision", "FRAGMENT")
    for name, schema in _OPERATORS.items():
        if not hasattr(torch.ops.torchvision, name):
            library.define(schema)
    _declared.append(library)
