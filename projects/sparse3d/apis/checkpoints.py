"""Checkpoints read and given to a model, refused where they do not belong together."""
from __future__ import annotations

import pickle
import re
from collections import OrderedDict
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import sparse3d  # noqa: F401  (makes reading of training checkpoints safe and possible)
from sparse3d.errors import CheckpointError


def read_checkpoint(path: str | PathLike) -> dict:
    """Read a checkpoint of a model onto the CPU with PyTorch's safe loader.

    Raises:
        CheckpointError: if the file is missing, damaged, holds what the safe loader
            refuses, or is not a checkpoint.
    """
    checkpoint = read_any_checkpoint(path)
    if not isinstance(checkpoint, dict) or not _weights(checkpoint):
        raise CheckpointError(f'{path} holds no weights: it is not a checkpoint of a model')
    return checkpoint


def config_options_of(path: str | PathLike) -> dict[str, Any]:
    """Config options that a converted checkpoint asks for: the published quirks it has.

    Raises:
        CheckpointError: as :func:`read_checkpoint`.
    """
    meta = read_checkpoint(path).get('meta')
    options = meta.get('config_options') if isinstance(meta, dict) else None
    return dict(options or {})


def read_any_checkpoint(path: str | PathLike) -> Any:
    """Read a file of ``torch.save`` onto the CPU with PyTorch's safe loader.

    Raises:
        CheckpointError: if the file is missing, damaged or holds what the loader refuses.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f'checkpoint {path} does not exist')
    try:
        return torch.load(path, map_location='cpu')
    except pickle.UnpicklingError as error:
        raise CheckpointError(_unpickling_sentence(path, str(error))) from error
    except Exception as error:  # a damaged file can raise nearly everything
        raise CheckpointError(f'checkpoint {path} is damaged or cut short '
                              f'({path.stat().st_size:,} bytes)') from error


def load_weights(model: nn.Module, path: str | PathLike, allow_partial: bool = False) -> dict:
    """Give a model the weights of a checkpoint.

    Args:
        model: receives the weights.
        path: a checkpoint of a training, or a plain state_dict.
        allow_partial: take the weights that fit by name and shape and leave the
            rest of the model as it is.

    Returns:
        The checkpoint.

    Raises:
        CheckpointError: if it cannot be read, or names or shapes differ; with
            ``allow_partial`` only if nothing fits.
    """
    checkpoint = read_checkpoint(path)
    weights = _weights(checkpoint)
    misshapen = _misshapen(model, weights)
    fitting = _renamed(weights, {name: name for name in weights if name not in misshapen})
    missing, unexpected = model.load_state_dict(fitting, strict=False)
    missing = [name for name in missing if name not in misshapen]
    if len(fitting) == len(unexpected):
        raise CheckpointError(f'{path} is a checkpoint of another model: '
                              f'none of its {len(weights)} weights fits')
    if not allow_partial:
        _refuse_differences(path, missing, unexpected, misshapen)
    return checkpoint


def latest_checkpoint(work_dir: str | PathLike) -> Path | None:
    """The newest checkpoint in a working directory, or None.

    The one that the training noted last; if that is gone, the highest epoch or iteration.
    """
    work_dir = Path(work_dir)
    note = work_dir / 'last_checkpoint'
    if note.is_file():
        noted = note.read_text().strip()
        for path in (Path(noted), work_dir / Path(noted).name):  # the folder may have moved
            if noted and path.is_file():
                return path
    numbered = [(int(match[1]), path) for path in work_dir.glob('*.pth')
                if (match := re.fullmatch(r'(?:epoch|iter)_(\d+)\.pth', path.name))]
    return max(numbered)[1] if numbered else None


def _weights(checkpoint: dict) -> dict[str, Tensor]:
    state = checkpoint.get('state_dict', checkpoint)
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        return {}
    return _renamed(state, {name: name.removeprefix('module.') for name in state})


def _renamed(state: dict[str, Tensor], names: dict[str, str]) -> dict[str, Tensor]:
    """Chosen weights under new names, with the versions of the layers that wrote them.

    Layers convert older layouts by these versions (spconv's for one).
    """
    chosen = OrderedDict((new, state[old]) for old, new in names.items())
    versions = getattr(state, '_metadata', {})
    chosen._metadata = OrderedDict(
        (layer.removeprefix('module.') if layer != 'module' else '', version)
        for layer, version in versions.items() if layer or 'module' not in versions)
    return chosen


def _misshapen(model: nn.Module, weights: dict[str, Tensor]) -> list[str]:
    """Names whose shapes differ, as the model itself sees it when it loads.

    Layers may convert older layouts while loading, so that shapes are not compared here.
    """
    try:
        model.load_state_dict(weights, strict=False)
    except RuntimeError as error:
        names = re.findall(r'size mismatch for (\S+):', str(error))
        if not names:
            raise
        return names
    return []


def _refuse_differences(path: str | PathLike, missing: list[str], unexpected: list[str],
                        misshapen: list[str]) -> None:
    kinds = {'missing in the checkpoint': missing, 'unknown to the model': unexpected,
             'of another shape': misshapen}
    found = [f'{len(names)} {kind} ({_first(names)})' for kind, names in kinds.items() if names]
    if found:
        raise CheckpointError(f'{path} is a checkpoint of another model: {"; ".join(found)}; '
                              f'--allow-partial loads what fits')


def _first(names: list[str], count: int = 3) -> str:
    return ', '.join(names[:count]) + (', ...' if len(names) > count else '')


def _unpickling_sentence(path: Path, message: str) -> str:
    match = re.search(r'GLOBAL (\S+)', message)
    if match:
        return (f'checkpoint {path} contains an object of type {match[1]}, which is not '
                f'loaded for safety; save it with tensors and plain containers only')
    return f'checkpoint {path} is damaged or not a checkpoint'
