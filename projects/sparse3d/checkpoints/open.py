"""Checkpoints opened once: weights, options and meta, given to a model or refused."""
from __future__ import annotations

import os
import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.runner.checkpoint import CheckpointLoader
from torch import Tensor, nn

from sparse3d.checkpoints.hub import fetch_repository, is_hub_address
from sparse3d.checkpoints.layer_versions import with_layer_versions
from sparse3d.checkpoints.options import check_published_options
from sparse3d.checkpoints.renames import refuse_old_names
from sparse3d.checkpoints.safetensors_files import SUFFIX, read_with_meta
from sparse3d.checkpoints.shipped import is_shipped, shipped_files
from sparse3d.checkpoints.wrapper_names import bare_name, common_prefix, without_wrappers
from sparse3d.compat import checkpoint_loading
from sparse3d.compat.checkpoint_loading import load_checkpoint_file
from sparse3d.errors import CheckpointError, ConfigError, DataError
from sparse3d.remote_files import CACHE, local_copy
from sparse3d.remote_paths import is_remote, scheme_of
from sparse3d.stored_config import stored_config

checkpoint_loading.apply_patch()  # makes reading of training checkpoints safe and possible

OF_MMENGINE = ('http', 'https', 'torchvision', 'open-mmlab', 'openmmlab', 'mmcls', 'modelzoo',
               'local')
RESULTS = ('.json', '.csv', '.npz', '.feather', '.txt')  # of stored detections; never weights
PARTIAL = '--allow-partial of train, test and visualize loads what fits'
SUFFIXES = ('.pth', '.pt', '.ckpt', SUFFIX)  # by which a file is taken for a checkpoint


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that was opened; see :func:`open_checkpoint`.

    Attributes:
        path: the file or address.
        content: all that is in it.
        weights: state dict of the model.
        options: dotted config keys and values: the published quirks that the weights need.
        meta: what was noted beside, as mmengine does.
    """

    path: str
    content: dict[str, Any]
    weights: dict[str, Tensor]
    options: dict[str, Any]
    meta: dict[str, Any]

    def config(self) -> dict[str, Any]:
        """What the config stored in it says of the model; see :func:`stored_config`.

        Raises:
            CheckpointError: if there is none, or it is more than data.
        """
        text = self.meta.get('cfg')
        if not isinstance(text, str):
            raise CheckpointError(f'{self.path} holds no config; name the one it belongs to')
        try:
            return stored_config(text)
        except ConfigError as error:
            raise CheckpointError(f'{self.path}: {error}') from error


def open_checkpoint(path: str | PathLike | Checkpoint) -> Checkpoint:
    """Open a checkpoint of a model on the CPU, with PyTorch's safe loader.

    Args:
        path: a file, an address that mmengine knows (``https://``, ``torchvision://``), a
            repository of a hub (``hf://organization/name``), weights that come with Sparse3D
            (``'anywhere'``), or a checkpoint that is open already.

    Raises:
        CheckpointError: if the file is missing, damaged, holds what the safe loader
            refuses, sets config keys that no installed plug-in names, has names that were changed
            since, or is not a checkpoint.
    """
    if isinstance(path, Checkpoint):
        return path
    if is_hub_address(path) or is_shipped(path):
        files = shipped_files(str(path)) if is_shipped(path) else fetch_repository(str(path))
        opened = open_checkpoint(files.weights)
        return replace(opened, path=str(path), meta={**opened.meta, 'cfg': files.config})
    content = read_any_checkpoint(path)
    if isinstance(content, dict) and 'model_state' in content:
        raise CheckpointError(f'{path} is a checkpoint of OpenPCDet; convert it first with '
                              f'"sparse3d convert-checkpoint"')
    weights = weights_of(content) if isinstance(content, dict) else {}
    if not weights:
        raise CheckpointError(f'{path} holds no weights{instead(content)}')
    refuse_old_names(content, str(path))
    meta = content.get('meta')
    meta = meta if isinstance(meta, dict) else {}
    options = check_published_options(meta.get('config_options') or {}, str(path))
    return Checkpoint(str(path), content, weights, options, meta)


def read_any_checkpoint(path: str | PathLike, all_texts: bool = False) -> Any:
    """Read a file of ``torch.save`` or ``safetensors`` onto the CPU; nothing in it is run.

    Args:
        path: a file, or an address that mmengine knows.
        all_texts: keep texts of configs that are more than data, too; nobody may run them.

    Raises:
        CheckpointError: if the file is missing, damaged or holds what the loader refuses.
    """
    if is_remote(path) and not _is_for_mmengine(path):
        return _read_from_server(path)
    if '://' in str(path):
        try:
            return CheckpointLoader.load_checkpoint(str(path), map_location='cpu')
        except (OSError, KeyError, ValueError, ImportError) as error:
            raise CheckpointError(f'{path} cannot be fetched: '
                                  f'{str(error).splitlines()[0] if str(error) else "no answer"}'
                                  ) from error
    path = Path(path).expanduser()
    if path.is_dir():
        latest = latest_checkpoint(path)
        raise CheckpointError(f'{path} is a folder, not a checkpoint'
                              + (f'; give {latest}' if latest else ''))
    if not path.is_file():
        raise CheckpointError(f'checkpoint {path} does not exist')
    if path.suffix.lower() in RESULTS:
        raise CheckpointError(f'{path} is a {path.suffix.lower()} file, no checkpoint; stored '
                              f'detections stand alone: sparse3d track {path.name} --infos '
                              f'INFOS.pkl')
    if path.suffix.lower() == SUFFIX:
        weights, note = read_with_meta(path)
        return {'state_dict': weights, 'meta': note} if note else weights
    return load_checkpoint_file(path, 'cpu', all_texts)


def _is_for_mmengine(path: str | PathLike) -> bool:
    """Catalogs of names, and web servers unless the cache of Sparse3D is asked for."""
    scheme = scheme_of(path)
    return scheme in OF_MMENGINE and not (scheme in ('http', 'https') and CACHE in os.environ)


def _read_from_server(path: str | PathLike) -> Any:
    try:
        with local_copy(path) as copy:
            return read_any_checkpoint(copy)
    except DataError as error:
        raise CheckpointError(str(error)) from error


def load_weights(model: nn.Module, path: str | PathLike | Checkpoint,
                 allow_partial: bool = False) -> dict:
    """Give a model the weights of a checkpoint.

    Args:
        model: receives the weights.
        path: a checkpoint of a training, or a plain state_dict, with the versions of layers or
            without, in half precision too; opened or not.
        allow_partial: take the weights that fit by name and shape and leave the
            rest of the model as it is.

    Returns:
        The content of the checkpoint.

    Raises:
        CheckpointError: if it cannot be read, holds NaN, or names or shapes differ; with
            ``allow_partial`` the last only if nothing fits.
    """
    checkpoint = open_checkpoint(path)
    path, weights = checkpoint.path, _without_prefix(model, checkpoint.weights)
    weights = with_layer_versions(model, weights)
    _refuse_other_kinds(model, path, weights)
    misshapen = _misshapen(model, weights)
    fitting = _renamed(weights, {name: name for name in weights if name not in misshapen})
    missing, unexpected = model.load_state_dict(fitting, strict=False)
    missing = [name for name in missing if name not in misshapen]
    if len(fitting) == len(unexpected):
        raise CheckpointError(f'{path} is a checkpoint of another model: '
                              f'none of its {len(weights)} weights fits')
    _refuse_non_finite(model, path, fitting)
    refuse_zeros(fitting, path)
    if not allow_partial:
        _refuse_differences(path, missing, unexpected, misshapen)
    return checkpoint.content


def latest_checkpoint(work_dir: str | PathLike) -> Path | None:
    """The newest checkpoint in a working directory, or None.

    The one that the training noted last; if that is gone, the highest epoch or iteration.
    """
    work_dir = Path(work_dir)
    note = work_dir / 'last_checkpoint'
    if note.is_file():
        noted = note.read_text().strip()
        # Its own first: the folder may be a copy, or have moved.
        for path in (work_dir / Path(noted).name, Path(noted)):
            if noted and path.is_file():
                return path
    numbered = [(int(match[1]), path) for path in work_dir.glob('*.pth')
                if (match := re.fullmatch(r'(?:epoch|iter)_(\d+)\.pth', path.name))]
    return max(numbered)[1] if numbered else None


def refuse_zeros(weights: Mapping[str, Tensor], path: str) -> None:
    """Refuse weights that are all zero: a place that was never filled.

    Raises:
        CheckpointError: naming their number.
    """
    learned = [value for name, value in weights.items() if value.is_floating_point()
               and not name.endswith(('running_mean', 'running_var'))]
    if len(learned) > 1 and not any(bool(value.any()) for value in learned):
        raise CheckpointError(f'{path}: all of its {len(learned)} weights are zero, so nothing '
                              f'would be found; it was written before they were filled in')


def _without_prefix(model: nn.Module, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    prefix = common_prefix(weights, set(model.state_dict()))
    if not prefix:
        return weights
    bare = OrderedDict((name.removeprefix(prefix), value) for name, value in weights.items())
    bare._metadata = OrderedDict(
        (layer.removeprefix(prefix), version)
        for layer, version in getattr(weights, '_metadata', {}).items()
        if layer.startswith(prefix))
    return bare


def weights_of(checkpoint: dict) -> dict[str, Tensor]:
    """The state dict in the content of a checkpoint, without wrappers; empty if there is none."""
    state = checkpoint.get('state_dict', checkpoint)
    if not isinstance(state, dict) or not all(
            isinstance(name, str) and isinstance(v, Tensor) for name, v in state.items()):
        return {}
    names = without_wrappers(state)
    if 'n_averaged' in names and all(name != bare for name, bare in names.items()
                                     if name != 'n_averaged'):
        del names['n_averaged']  # PyTorch's AveragedModel counts there what it has averaged
    return _renamed(state, names)


def instead(content: Any, wrappers: Sequence[str] = ('state_dict', )) -> str:
    """What a file without weights holds, for the error.

    Args:
        content: of the file.
        wrappers: keys under which weights are looked for.
    """
    if not isinstance(content, dict):
        return f': it is not a checkpoint of a model but a {type(content).__name__}'
    inside = next((content[key] for key in wrappers if isinstance(content.get(key), dict)),
                  content)
    if inside and all(isinstance(value, np.ndarray) for value in inside.values()):
        return (': its weights are NumPy arrays; save them as tensors, '
                'torch.save({name: torch.from_numpy(array), ...}, ...)')
    wrapped = [str(key) for key, value in content.items() if isinstance(value, dict)
               and key not in wrappers
               and value and all(isinstance(each, Tensor) for each in value.values())]
    if wrapped:
        return (f' under {" or ".join(wrappers)}, but some under {a_few(wrapped)}: save those as a '
                f'state dict of their own, or go through "sparse3d convert-checkpoint"')
    return (f': it is not a checkpoint of a model, its entries are '
            f'{a_few(list(map(str, content))) or "none"}')


def _refuse_other_kinds(model: nn.Module, path: str, weights: dict[str, Tensor]) -> None:
    """Refuse what PyTorch would copy into a number of another kind, or not at all."""
    wanted = model.state_dict()
    for name, value in weights.items():
        if value.layout != torch.strided or value.is_meta or value.is_quantized:
            kind = 'has no numbers' if value.is_meta else 'is sparse or quantized'
            raise CheckpointError(f'{path}: {name} {kind}; save the weights as plain tensors')
        if name in wanted and wanted[name].is_floating_point() and not value.is_floating_point():
            raise CheckpointError(f'{path}: {name} is of {str(value.dtype).removeprefix("torch.")} '
                                  f'where the model has real numbers (quantized?); save the '
                                  f'weights as float32 or float16')


def _refuse_non_finite(model: nn.Module, path: str, weights: dict[str, Tensor]) -> None:
    """A detector of them finds nothing, and says nothing of it. Buffers may hold infinity."""
    learned = {name for name, _ in model.named_parameters()}
    broken = [name for name, value in weights.items() if value.is_floating_point()
              and (value.isnan().any() or name in learned and value.isinf().any())]
    negative = [name for name, value in weights.items()
                if name.endswith('running_var') and bool((value < 0).any())]
    if negative:
        raise CheckpointError(f'{path} holds negative variances in {len(negative)} of its layers '
                              f'({a_few(negative)}), so nothing would be found; it is damaged, or '
                              f'was averaged or converted wrongly')
    if broken:
        raise CheckpointError(f'{path} holds NaN or infinity in {len(broken)} of its '
                              f'{len(weights)} weights ({a_few(broken)}): the training that wrote '
                              f'it diverged, or numbers left the range of half precision; take an '
                              f'earlier checkpoint')


def _renamed(state: dict[str, Tensor], names: dict[str, str]) -> dict[str, Tensor]:
    """Chosen weights under new names, with the versions of the layers that wrote them.

    Layers convert older layouts by these versions (spconv's for one).
    """
    chosen = OrderedDict((new, state[old]) for old, new in names.items())
    versions = getattr(state, '_metadata', {})
    # The wrapper's own layer comes before the wrapped one, which takes its place.
    chosen._metadata = OrderedDict(
        (bare_name(f'{layer}.').removesuffix('.'), version) for layer, version in versions.items())
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


def _refuse_differences(path: str, missing: list[str], unexpected: list[str],
                        misshapen: list[str]) -> None:
    kinds = {'missing in the checkpoint': missing, 'unknown to the model': unexpected,
             'of another shape': misshapen}
    found = [f'{len(names)} {kind} ({a_few(names)})' for kind, names in kinds.items() if names]
    if found:
        raise CheckpointError(f'{path} is a checkpoint of another model: {"; ".join(found)}; '
                              + PARTIAL)


def a_few(names: list[str], count: int = 3) -> str:
    return ', '.join(names[:count]) + (', ...' if len(names) > count else '')
