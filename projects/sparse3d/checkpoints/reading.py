"""A published checkpoint read without running anything it contains."""
from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import Any

from torch import Tensor

from sparse3d.checkpoints.wrapper_names import without_wrappers
from sparse3d.errors import CheckpointError

# Where released files keep their weights: mmdet3d, OpenPCDet, timm, the bare dict.
WRAPPERS = ('state_dict', 'model_state', 'model')


class PublishedWeights(dict):
    """A state dict, and what stood beside it in its file.

    Attributes:
        about: the other entries, e.g. SparseBEV's ``version`` of the box convention.
    """

    def __init__(self, weights: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
        super().__init__(weights)
        self.about = dict(about)


def read_published(path: str | PathLike) -> PublishedWeights:
    """The state dict in a published checkpoint, without its wrapping.

    Raises:
        CheckpointError: if the file is missing, damaged, holds what the safe loader
            refuses, or no weights.
    """
    from sparse3d.checkpoints.open import instead, read_any_checkpoint
    whole = content = read_any_checkpoint(path)
    _refuse_converted(whole, path)
    about: dict[str, Any] = {}
    for wrapper in WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(wrapper), dict):
            about = {key: value for key, value in content.items() if key != wrapper}
            content = content[wrapper]
            break
    if not isinstance(content, dict) or not content \
            or not all(isinstance(name, str) and isinstance(value, Tensor)
                       for name, value in content.items()):
        raise CheckpointError(f'{path} holds no weights{instead(whole, WRAPPERS)}')
    bare = without_wrappers(content)
    return PublishedWeights({bare[name]: value for name, value in content.items()}, about)


def _refuse_converted(content: Any, path: str | PathLike) -> None:
    meta = content.get('meta') if isinstance(content, dict) else None
    if isinstance(meta, dict) and 'published' in meta:
        raise CheckpointError(f'{path} was converted already (from {meta["published"]}'
                              f'{_belongs(meta)}); use it as it is')


def _belongs(meta: Mapping[str, Any]) -> str:
    return f', for the config {meta["config"]}' if meta.get('config') else ''
