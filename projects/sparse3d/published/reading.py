"""A published checkpoint read without running anything it contains."""
from __future__ import annotations

from os import PathLike

from torch import Tensor

from sparse3d.errors import CheckpointError

# Where released files keep their weights: mmdet3d, OpenPCDet, timm, the bare dict.
WRAPPERS = ('state_dict', 'model_state', 'model')


def read_published(path: str | PathLike) -> dict[str, Tensor]:
    """The state dict in a published checkpoint, without its wrapping.

    Raises:
        CheckpointError: if the file is missing, damaged, holds what the safe loader
            refuses, or no weights.
    """
    from sparse3d.apis.checkpoints import read_any_checkpoint
    content = read_any_checkpoint(path)
    for wrapper in WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(wrapper), dict):
            content = content[wrapper]
            break
    if not isinstance(content, dict) or not content \
            or not all(isinstance(value, Tensor) for value in content.values()):
        raise CheckpointError(f'{path} holds no weights: none of {", ".join(WRAPPERS)} is there')
    return {name.removeprefix('module.'): value for name, value in content.items()}
