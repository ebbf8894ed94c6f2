"""A checkpoint of former names, written again under the present ones."""
from __future__ import annotations

from os import PathLike
from pathlib import Path

import torch

from sparse3d.atomic_files import atomic_file, refuse_same_file
from sparse3d.checkpoints.open import instead, read_any_checkpoint, weights_of
from sparse3d.checkpoints.renames import renamed
from sparse3d.checkpoints.written import refuse_safetensors_name
from sparse3d.errors import CheckpointError


def rewrite_checkpoint(source: str | PathLike, target: str | PathLike) -> list[str]:
    """Write a checkpoint again under the present names: weights, options, stored config.

    Args:
        source: of ``torch.save`` or ``safetensors``.
        target: what ``torch.save`` writes.

    Returns:
        what was renamed: ``'old -> new'``, each once.

    Raises:
        CheckpointError: if the file cannot be read, is none of a model, or has nothing to rename.
    """
    refuse_safetensors_name(target)
    refuse_same_file(source, target)
    content = read_any_checkpoint(source, all_texts=True)
    if not isinstance(content, dict) or not weights_of(content):
        raise CheckpointError(f'{source} holds no weights{instead(content)}')
    content, changes = renamed(content)
    if not changes:
        raise CheckpointError(f'{source} has the present names already; nothing was written')
    with atomic_file(Path(target)) as stream:
        torch.save(content, stream)
    return changes
